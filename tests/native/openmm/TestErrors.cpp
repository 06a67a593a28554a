// Wrong input ends in an OpenMMException that names the culprit, and the program goes on.
#include "TestSupport.h"
#include "openmm/Platform.h"
#include "openmm/VirtualSite.h"
#include <cmath>
#include <limits>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

void createContext(Fixture& fixture, Platform& platform) {
    Simulation simulation(fixture, platform);
}

void testModelHash(Platform& platform) {
    Fixture fixture("peptide");
    string hash = FragmentedPotentialForce::computeModelHash(fixture.force->getModel());
    require(hash.size() == 64, "a SHA-256 in hex");
    fixture.force->setModelHash(hash);
    createContext(fixture, platform);
    hash[5] = hash[5] == '0' ? '1' : '0';
    fixture.force->setModelHash(hash);
    requireThrows([&] { createContext(fixture, platform); }, {"correction.safetensors", hash});
}

void testMissingModel(Platform& platform) {
    Fixture fixture("peptide");
    fixture.force->setModel("no-such-model");
    requireThrows([&] { createContext(fixture, platform); }, {"no-such-model"});
    fixture.force->setModel(findFixture("no-such-file.safetensors"));
    requireThrows([&] { createContext(fixture, platform); }, {"no-such-file.safetensors"});
}

/** A Context outlives a failed evaluation. */
void testNotANumber(Platform& platform) {
    Fixture fixture("peptide");
    Simulation simulation(fixture, platform);
    double energy = simulation.getEnergy(ourGroup);
    auto positions = fixture.positions;
    positions[7][1] = numeric_limits<double>::quiet_NaN();
    simulation.context.setPositions(positions);
    // The CPU platform checks positions itself, before any force is computed.
    int particle, element, residue;
    string name;
    bool inRegion;
    fixture.force->getAtom(7, particle, element, name, residue, inRegion);
    vector<string> parts = {name, "not a number"};
    if (platform.getName() == "CPU")
        parts = {"Particle coordinate"};
    requireThrows([&] { simulation.getEnergy(ourGroup); }, parts);
    requireThrows([&] { simulation.getForces(ourGroup); }, parts);
    simulation.context.setPositions(fixture.positions);
    requireClose(simulation.getEnergy(ourGroup), energy, 1e-9 * fabs(energy), "energy afterwards");
    simulation.integrator.step(2);
}

void testTopology(Platform& platform) {
    int particle, element, residue;
    string name;
    bool inRegion;
    auto change = [&](function<void(FragmentedPotentialForce&)> action, const vector<string>& parts) {
        Fixture fixture("peptide");
        fixture.force->getAtom(4, particle, element, name, residue, inRegion);
        action(*fixture.force);
        requireThrows([&] { createContext(fixture, platform); }, parts);
    };
    using Force = FragmentedPotentialForce;
    change([&](Force& force) { force.setAtom(4, 100000, element, name, residue, true); },
           {name + " of", "particle 100000"});
    change([&](Force& force) { force.setAtom(4, 3, element, name, residue, true); }, {"same particle"});
    change([&](Force& force) { force.setAtom(4, 4, 0, name, residue, true); }, {"atomic number 0"});
    change([&](Force& force) { force.setAtom(4, 4, 9, name, residue, true); }, {name});
    change([&](Force& force) { force.setAtom(4, 4, element, name, 99, true); }, {"residue 99"});
    change([&](Force& force) { force.addBond(0, 100000); }, {"bond", "100000"});
    change([&](Force& force) { force.setTotalCharge(3); }, {"charge"});
    change(
        [&](Force& force) {
            for (int i = 0; i < force.getNumAtoms(); i++) {
                force.getAtom(i, particle, element, name, residue, inRegion);
                force.setAtom(i, particle, element, name, residue, false);
            }
        },
        {"region"});
    Fixture fixture("peptide");
    fixture.system->addForce(new Force(fixture.force->getModel()));
    requireThrows([&] { createContext(fixture, platform); }, {"no atoms"});
}

void testVirtualSite(Platform& platform) {
    Fixture fixture("peptide");
    fixture.system->setParticleMass(5, 0);
    fixture.system->setVirtualSite(5, new TwoParticleAverageSite(0, 1, 0.5, 0.5));
    requireThrows([&] { createContext(fixture, platform); },
                  {"virtual site", fixture.force->describeAtom(5)});
}

void testSetters(Platform&) {
    FragmentedPotentialForce force("visnet-gfn2");
    requireThrows([&] { force.setLambdaName(""); }, {"lambda"});
    requireThrows([&] { force.setNumThreads(-1); }, {"threads"});
    requireThrows([&] { force.setNumUnpairedElectrons(-1); }, {"unpaired"});
    requireThrows([&] { FragmentedPotentialForce::findScheme("window9"); }, {"window9", "window3"});
    requireThrows([&] { force.setScheme(static_cast<FragmentedPotentialForce::Scheme>(17)); }, {"17"});
    requireThrows([&] { force.describeAtom(0); }, {"Index out of range"});
}

int main(int argc, char* argv[]) {
    return run(argc, argv,
               {{"model hash", testModelHash},
                {"missing model", testMissingModel},
                {"NaN", testNotANumber},
                {"topology", testTopology},
                {"virtual site", testVirtualSite},
                {"setters", testSetters}});
}
