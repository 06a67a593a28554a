#include "FragmentedPotentialForceProxy.h"
#include "FragmentedPotentialForce.h"
#include "StrictNode.h"
#include "openmm/OpenMMException.h"
#include "openmm/System.h"
#include "openmm/serialization/SerializationNode.h"
#include "pluginbridge.h"
#include <algorithm>
#include <initializer_list>
#include <iomanip>
#include <locale>
#include <memory>
#include <sstream>

using namespace PluginBridge;
using namespace OpenMM;
using namespace std;

namespace {

const int formatVersion = 1;

/** A child by name, NULL if there is none. */
const SerializationNode* findChild(const SerializationNode& node, const string& name) {
    for (const auto& child : node.getChildren())
        if (child.getName() == name)
            return &child;
    return nullptr;
}

void checkChildNames(const SerializationNode& node, initializer_list<const char*> names) {
    for (const auto& child : node.getChildren())
        if (find(names.begin(), names.end(), child.getName()) == names.end())
            throw OpenMMException("FragmentedPotentialForce: <" + node.getName() +
                                  "> has an unknown child <" + child.getName() + ">");
}

/** Calls read for each child of the list of that name. */
template <class Read>
void readList(const SerializationNode& node, const string& listName, const char* itemName, Read read) {
    const SerializationNode* list = findChild(node, listName);
    if (list == nullptr)
        return;
    checkChildNames(*list, {itemName});
    for (const auto& item : list->getChildren())
        read(item);
}

/** Radii are in angstrom in a scheme's text and nm elsewhere. */
string schemeText(const FragmentedPotentialForce& force) {
    double inner, outer;
    force.getPairRadii(inner, outer);
    ostringstream text;
    text.imbue(locale::classic());
    text << setprecision(15) << FragmentedPotentialForce::getSchemeName(force.getScheme());
    if (outer > 0 && force.getScheme() >= FragmentedPotentialForce::Window2Pairs)
        text << ":" << 10 * inner << "-" << 10 * outer;
    return text.str();
}

void readScheme(const string& text, FragmentedPotentialForce& force) {
    force.setScheme(FragmentedPotentialForce::findScheme(text.substr(0, text.find(':'))));
    int32_t scheme;
    double inner, outer;
    if (pb_scheme_parse(text.c_str(), &scheme, &inner, &outer) != PB_OK)
        throw OpenMMException(string("FragmentedPotentialForce: ") + pb_last_error());
    force.setPairRadii(inner, outer);
}

void readOptions(const StrictNode& node, FragmentedPotentialForce& force) {
    int group = node.getInt("forceGroup", 0);
    if (group < 0 || group > 31)
        throw OpenMMException("FragmentedPotentialForce: forceGroup must be between 0 and 31");
    force.setForceGroup(group);
    force.setName(node.getString("name", force.getName()));
    force.setModelHash(node.getString("modelHash", ""));
    readScheme(node.getString("scheme", "whole"), force);
    force.setLambdaName(node.getString("lambdaName", FragmentedPotentialForce::DefaultLambdaName()));
    force.setDefaultLambda(node.getDouble("lambdaDefault", 1.0));
    force.setAddLambdaDerivative(node.getBool("addLambdaDerivative", false));
    if (node.has("totalCharge"))
        force.setTotalCharge(node.getInt("totalCharge"));
    force.setNumUnpairedElectrons(node.getInt("unpairedElectrons", 0));
    force.setNumThreads(node.getInt("threads", 0));
    force.setUseDoublePrecision(node.getBool("doublePrecision", false));
    force.setUsesPeriodicBoundaryConditions(node.getBool("periodic", false));
    force.setUseHostTerms(node.getBool("useHostTerms", true));
}

} // namespace

FragmentedPotentialForceProxy::FragmentedPotentialForceProxy()
    : SerializationProxy("FragmentedPotentialForce") {}

void FragmentedPotentialForceProxy::serialize(const void* object, SerializationNode& node) const {
    const auto& force = *reinterpret_cast<const FragmentedPotentialForce*>(object);
    node.setIntProperty("version", formatVersion);
    node.setStringProperty("name", force.getName());
    node.setIntProperty("forceGroup", force.getForceGroup());
    node.setStringProperty("model", force.getModel());
    node.setStringProperty("modelHash", force.getModelHash());
    node.setStringProperty("scheme", schemeText(force));
    node.setStringProperty("lambdaName", force.getLambdaName());
    node.setDoubleProperty("lambdaDefault", force.getDefaultLambda());
    node.setBoolProperty("addLambdaDerivative", force.getAddLambdaDerivative());
    if (force.hasTotalCharge())
        node.setIntProperty("totalCharge", force.getTotalCharge());
    node.setIntProperty("unpairedElectrons", force.getNumUnpairedElectrons());
    node.setIntProperty("threads", force.getNumThreads());
    node.setBoolProperty("doublePrecision", force.getUseDoublePrecision());
    node.setBoolProperty("periodic", force.usesPeriodicBoundaryConditions());
    node.setBoolProperty("useHostTerms", force.getUseHostTerms());

    SerializationNode& residues = node.createChildNode("Residues");
    for (int i = 0; i < force.getNumResidues(); i++) {
        string name, number, chain;
        force.getResidue(i, name, number, chain);
        residues.createChildNode("Residue")
            .setStringProperty("name", name)
            .setStringProperty("number", number)
            .setStringProperty("chain", chain);
    }
    SerializationNode& atoms = node.createChildNode("Atoms");
    for (int i = 0; i < force.getNumAtoms(); i++) {
        int particle, atomicNumber, residue;
        string name;
        bool inRegion;
        force.getAtom(i, particle, atomicNumber, name, residue, inRegion);
        atoms.createChildNode("Atom")
            .setIntProperty("particle", particle)
            .setIntProperty("element", atomicNumber)
            .setStringProperty("name", name)
            .setIntProperty("residue", residue)
            .setBoolProperty("region", inRegion);
    }
    SerializationNode& bonds = node.createChildNode("Bonds");
    for (int i = 0; i < force.getNumBonds(); i++) {
        int atom1, atom2;
        force.getBond(i, atom1, atom2);
        bonds.createChildNode("Bond").setIntProperty("a", atom1).setIntProperty("b", atom2);
    }
    if (force.getRegionSystem())
        node.createChildNode("RegionSystem", force.getRegionSystem().get());
}

void* FragmentedPotentialForceProxy::deserialize(const SerializationNode& serialized) const {
    int version = serialized.getIntProperty("version", -1);
    if (version != formatVersion)
        throw OpenMMException("FragmentedPotentialForce: the XML has format version " + to_string(version) +
                              "; this version of the plugin reads " + to_string(formatVersion));
    StrictNode node(serialized,
                    {"type", "version", "openmmVersion", "name", "forceGroup", "model", "modelHash", "scheme",
                     "lambdaName", "lambdaDefault", "totalCharge", "addLambdaDerivative", "threads",
                     "doublePrecision", "periodic", "useHostTerms", "unpairedElectrons"});
    checkChildNames(serialized, {"Residues", "Atoms", "Bonds", "RegionSystem"});
    auto force = make_unique<FragmentedPotentialForce>(node.getString("model"));
    readOptions(node, *force);
    readList(serialized, "Residues", "Residue", [&](const SerializationNode& item) {
        StrictNode residue(item, {"name", "number", "chain"});
        force->addResidue(residue.getString("name"), residue.getString("number"), residue.getString("chain"));
    });
    readList(serialized, "Atoms", "Atom", [&](const SerializationNode& item) {
        StrictNode atom(item, {"particle", "element", "name", "residue", "region"});
        force->addAtom(atom.getInt("particle"), atom.getInt("element"), atom.getString("name", ""),
                       atom.getInt("residue", -1), atom.getBool("region", true));
    });
    readList(serialized, "Bonds", "Bond", [&](const SerializationNode& item) {
        StrictNode bond(item, {"a", "b"});
        force->addBond(bond.getInt("a"), bond.getInt("b"));
    });
    if (const SerializationNode* regionSystem = findChild(serialized, "RegionSystem"))
        force->setRegionSystem(shared_ptr<const System>(regionSystem->decodeObject<System>()));
    return force.release();
}
