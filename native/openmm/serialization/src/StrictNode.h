#ifndef PLUGINBRIDGE_OPENMM_STRICTNODE_H_
#define PLUGINBRIDGE_OPENMM_STRICTNODE_H_

#include "openmm/serialization/SerializationNode.h"
#include <initializer_list>
#include <string>

namespace PluginBridge {

/**
 * Reads a SerializationNode's attributes and throws an OpenMMException naming element and attribute where one
 * is missing, unknown or not a number (SerializationNode itself reads "true" and "O" as 0).
 */
class StrictNode {
public:
    /** @param attributes  all that the element may have */
    StrictNode(const OpenMM::SerializationNode& node, std::initializer_list<const char*> attributes);

    bool has(const std::string& attribute) const;
    std::string getString(const std::string& attribute) const;
    std::string getString(const std::string& attribute, const std::string& defaultValue) const;
    int getInt(const std::string& attribute) const;
    int getInt(const std::string& attribute, int defaultValue) const;
    double getDouble(const std::string& attribute, double defaultValue) const;
    bool getBool(const std::string& attribute, bool defaultValue) const;

private:
    [[noreturn]] void refuse(const std::string& attribute, const std::string& expected) const;

    const OpenMM::SerializationNode& node;
};

} // namespace PluginBridge

#endif
