// XML of FragmentedPotentialForce.
#include "TestSupport.h"
#include "openmm/Platform.h"
#include "openmm/serialization/XmlSerializer.h"
#include <cmath>
#include <sstream>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

string serialize(const FragmentedPotentialForce& force) {
    stringstream xml;
    XmlSerializer::serialize<Force>(&force, "Force", xml);
    return xml.str();
}

unique_ptr<FragmentedPotentialForce> deserialize(const string& xml) {
    stringstream stream(xml);
    return unique_ptr<FragmentedPotentialForce>(
        dynamic_cast<FragmentedPotentialForce*>(XmlSerializer::deserialize<Force>(stream)));
}

void requireSame(const FragmentedPotentialForce& a, const FragmentedPotentialForce& b) {
    require(a.getName() == b.getName(), "name");
    require(a.getForceGroup() == b.getForceGroup(), "force group");
    require(a.getModel() == b.getModel(), "model");
    require(a.getModelHash() == b.getModelHash(), "model hash");
    require(a.getScheme() == b.getScheme(), "scheme");
    double radii[2][2];
    a.getPairRadii(radii[0][0], radii[0][1]);
    b.getPairRadii(radii[1][0], radii[1][1]);
    for (int i = 0; i < 2; i++)
        requireClose(radii[0][i], radii[1][i], 1e-14, "radii of pairs");
    require(a.getLambdaName() == b.getLambdaName(), "lambda name");
    require(a.getDefaultLambda() == b.getDefaultLambda(), "default lambda");
    require(a.getAddLambdaDerivative() == b.getAddLambdaDerivative(), "lambda derivative");
    require(a.hasTotalCharge() == b.hasTotalCharge() && a.getTotalCharge() == b.getTotalCharge(),
            "total charge");
    require(a.getNumUnpairedElectrons() == b.getNumUnpairedElectrons(), "unpaired electrons");
    require(a.getNumThreads() == b.getNumThreads(), "threads");
    require(a.getUseDoublePrecision() == b.getUseDoublePrecision(), "double precision");
    require(a.getUseHostTerms() == b.getUseHostTerms(), "host terms");
    require(a.usesPeriodicBoundaryConditions() == b.usesPeriodicBoundaryConditions(), "periodic");
    require(a.getNumResidues() == b.getNumResidues(), "number of residues");
    string text[2][3];
    int number[2][4];
    bool flag[2];
    for (int i = 0; i < a.getNumResidues(); i++) {
        a.getResidue(i, text[0][0], text[0][1], text[0][2]);
        b.getResidue(i, text[1][0], text[1][1], text[1][2]);
        require(equal(begin(text[0]), end(text[0]), begin(text[1])), "residue " + to_string(i));
    }
    require(a.getNumAtoms() == b.getNumAtoms(), "number of atoms");
    for (int i = 0; i < a.getNumAtoms(); i++) {
        a.getAtom(i, number[0][0], number[0][1], text[0][0], number[0][2], flag[0]);
        b.getAtom(i, number[1][0], number[1][1], text[1][0], number[1][2], flag[1]);
        require(equal(number[0], number[0] + 3, number[1]) && text[0][0] == text[1][0] && flag[0] == flag[1],
                "atom " + to_string(i));
    }
    require(a.getNumBonds() == b.getNumBonds(), "number of bonds");
    for (int i = 0; i < a.getNumBonds(); i++) {
        a.getBond(i, number[0][0], number[0][1]);
        b.getBond(i, number[1][0], number[1][1]);
        require(equal(number[0], number[0] + 2, number[1]), "bond " + to_string(i));
    }
}

FragmentedPotentialForce createUnusualForce() {
    FragmentedPotentialForce force("models/of mine.safetensors");
    force.setName("protein <1> & \"2\"");
    force.setForceGroup(17);
    force.setModelHash(string(64, 'a'));
    force.setScheme(FragmentedPotentialForce::Window3);
    force.setLambdaName("lambda_qm");
    force.setDefaultLambda(1.0 / 3);
    force.setAddLambdaDerivative(true);
    force.setTotalCharge(-2);
    force.setNumUnpairedElectrons(1);
    force.setNumThreads(3);
    force.setUseDoublePrecision(true);
    force.setUsesPeriodicBoundaryConditions(true);
    force.setUseHostTerms(false);
    force.addResidue("GLY", "12A", "");
    force.addResidue("HIE", "13", "'");
    force.addAtom(40, 7, "N", 0, true);
    force.addAtom(41, 6, "C\"'", 1, false);
    force.addAtom(7, 1, "", 1, true);
    force.addBond(1, 0);
    return force;
}

void testRoundTrip(Platform&) {
    auto force = createUnusualForce();
    auto copy = deserialize(serialize(force));
    require(copy != nullptr, "a FragmentedPotentialForce");
    requireSame(force, *copy);
    require(serialize(*copy) == serialize(force), "the same XML");
    force.setScheme(FragmentedPotentialForce::Window3Pairs);
    require(serialize(force).find("scheme=\"window3+pairs\"") != string::npos, "no radii, as none are set");
    force.setPairRadii(0.35, 0.45);
    require(serialize(force).find("scheme=\"window3+pairs:3.5-4.5\"") != string::npos, "radii in angstrom");
    copy = deserialize(serialize(force));
    requireSame(force, *copy);
    require(serialize(*copy) == serialize(force), "the same XML with radii");
    FragmentedPotentialForce plain("visnet-gfn2");
    plain.addAtom(3, 6);
    requireSame(plain, *deserialize(serialize(plain)));
}

/** Attributes that are absent take the defaults of a new force. */
void testDefaults(Platform&) {
    auto force =
        deserialize("<Force type=\"FragmentedPotentialForce\" version=\"1\" model=\"visnet-gfn2\"/>");
    requireSame(*force, FragmentedPotentialForce("visnet-gfn2"));
}

void testInSystem(Platform& platform) {
    Fixture fixture("peptide");
    Simulation simulation(fixture, platform);
    stringstream xml;
    XmlSerializer::serialize<System>(fixture.system.get(), "System", xml);
    unique_ptr<System> copy(XmlSerializer::deserialize<System>(xml));
    Simulation copied(*copy, fixture.positions, platform);
    double energy = simulation.getEnergy(ourGroup);
    requireClose(copied.getEnergy(ourGroup), energy, 1e-9 * fabs(energy), "energy of the copy");
}

void testWrongXml(Platform&) {
    auto replace = [](const string& from, const string& to) {
        string xml = serialize(createUnusualForce());
        size_t position = xml.find(from);
        require(position != string::npos, "the XML has " + from);
        return xml.replace(position, from.size(), to);
    };
    requireThrows([&] { deserialize(replace(" version=\"1\"", " version=\"2\"")); }, {"version 2"});
    requireThrows([&] { deserialize(replace(" version=\"1\"", "")); }, {"version"});
    requireThrows([&] { deserialize(replace("model=", "modell=")); }, {"modell"});
    requireThrows([&] { deserialize(replace("scheme=\"window3\"", "scheme=\"window\"")); },
                  {"'window'", "dipeptide"});
    requireThrows([&] { deserialize(replace("scheme=\"window3\"", "scheme=\"window3:4-5\"")); },
                  {"window3:4-5", "pairs"});
    requireThrows([&] { FragmentedPotentialForce("x").setPairRadii(0.5, 0.4); }, {"larger outer radius"});
    requireThrows([&] { deserialize(replace("periodic=\"1\"", "periodic=\"true\"")); }, {"periodic", "true"});
    requireThrows([&] { deserialize(replace("threads=\"3\"", "threads=\"all\"")); }, {"threads", "all"});
    requireThrows([&] { deserialize(replace("particle=\"40\"", "particle=\"4O\"")); }, {"particle", "4O"});
    requireThrows([&] { deserialize(replace("element=\"7\"", "symbol=\"N\"")); }, {"Atom", "symbol"});
    requireThrows([&] { deserialize(replace("<Residues>", "<Chains/><Residues>")); }, {"Chains"});
    requireThrows([&] { deserialize(replace("forceGroup=\"17\"", "forceGroup=\"32\"")); }, {"forceGroup"});
}

int main(int argc, char* argv[]) {
    return run(argc, argv,
               {{"round trip", testRoundTrip},
                {"defaults", testDefaults},
                {"in a System", testInSystem},
                {"wrong XML", testWrongXml}});
}
