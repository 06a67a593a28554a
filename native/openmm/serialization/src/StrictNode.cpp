#include "StrictNode.h"
#include "openmm/OpenMMException.h"
#include <algorithm>
#include <charconv>

using namespace OpenMM;
using namespace std;

namespace PluginBridge {

StrictNode::StrictNode(const SerializationNode& node, initializer_list<const char*> attributes) : node(node) {
    for (const auto& property : node.getProperties())
        if (find(attributes.begin(), attributes.end(), property.first) == attributes.end())
            throw OpenMMException("FragmentedPotentialForce: <" + node.getName() +
                                  "> has an unknown attribute '" + property.first + "'");
}

bool StrictNode::has(const string& attribute) const {
    return node.hasProperty(attribute);
}

string StrictNode::getString(const string& attribute) const {
    if (!has(attribute))
        throw OpenMMException("FragmentedPotentialForce: <" + node.getName() + "> lacks the attribute '" +
                              attribute + "'");
    return node.getStringProperty(attribute);
}

string StrictNode::getString(const string& attribute, const string& defaultValue) const {
    return has(attribute) ? getString(attribute) : defaultValue;
}

int StrictNode::getInt(const string& attribute) const {
    string text = getString(attribute);
    int value = 0;
    auto [end, error] = from_chars(text.data(), text.data() + text.size(), value);
    if (error != errc() || end != text.data() + text.size())
        refuse(attribute, "an integer");
    return value;
}

int StrictNode::getInt(const string& attribute, int defaultValue) const {
    return has(attribute) ? getInt(attribute) : defaultValue;
}

double StrictNode::getDouble(const string& attribute, double defaultValue) const {
    if (!has(attribute))
        return defaultValue;
    string text = getString(attribute);
    double value = 0;
    auto [end, error] = from_chars(text.data(), text.data() + text.size(), value);
    if (error != errc() || end != text.data() + text.size())
        refuse(attribute, "a number");
    return value;
}

bool StrictNode::getBool(const string& attribute, bool defaultValue) const {
    if (!has(attribute))
        return defaultValue;
    string text = getString(attribute);
    if (text != "0" && text != "1")
        refuse(attribute, "0 or 1");
    return text == "1";
}

void StrictNode::refuse(const string& attribute, const string& expected) const {
    throw OpenMMException("FragmentedPotentialForce: <" + node.getName() + " " + attribute + "=\"" +
                          node.getStringProperty(attribute) + "\">: expected " + expected);
}

} // namespace PluginBridge
