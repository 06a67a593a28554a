// The spread of an ensemble's members, against forces that evaluate the members one by one.
#include "TestSupport.h"
#include "openmm/Platform.h"
#include <cmath>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

const vector<string> members = {"correction.safetensors", "member-2.safetensors", "member-3.safetensors"};

struct Uncertainty {
    Uncertainty(const Fixture& fixture, Simulation& simulation) {
        fixture.force->getUncertainty(simulation.context, energySpread, forceSpreads, forceErrors);
    }
    double energySpread = 0;
    vector<double> forceSpreads, forceErrors;
};

void useModel(Fixture& fixture, const string& file, FragmentedPotentialForce::Scheme scheme) {
    fixture.force->setModel(findFixture(file));
    fixture.force->setScheme(scheme);
    fixture.force->setUseDoublePrecision(true);
}

void testAgainstMembers(const string& name, FragmentedPotentialForce::Scheme scheme, Platform& platform) {
    vector<double> energies;
    vector<vector<Vec3>> forces;
    for (const string& member : members) {
        Fixture fixture(name);
        useModel(fixture, member, scheme);
        Simulation simulation(fixture, platform);
        energies.push_back(simulation.getEnergy(ourGroup));
        forces.push_back(simulation.getForces(ourGroup));
    }
    double mean = (energies[0] + energies[1] + energies[2]) / 3, squares = 0;
    for (double energy : energies)
        squares += (energy - mean) * (energy - mean);
    double energySpread = sqrt(squares / 2);
    require(energySpread > 0.1, "the test's members differ");

    Fixture fixture(name);
    useModel(fixture, "ensemble.json", scheme);
    Simulation simulation(fixture, platform);
    double scale = findLargest(forces[0]);
    requireClose(simulation.getEnergy(ourGroup), mean, loosen(1e-9, platform) * fabs(mean), "mean energy");
    auto meanForces = simulation.getForces(ourGroup);
    for (double lambda : {1.0, 0.0}) {
        simulation.setLambda(lambda);
        Uncertainty found(fixture, simulation);
        requireClose(found.energySpread, energySpread, loosen(1e-7, platform) * fabs(mean), "energy spread");
        require(static_cast<int>(found.forceSpreads.size()) == fixture.force->getNumAtoms(), "spreads");
        require(found.forceErrors.size() == found.forceSpreads.size(), "errors");
        for (int atom = 0; atom < fixture.force->getNumAtoms(); atom++) {
            int particle, element, residue;
            string atomName;
            bool inRegion;
            fixture.force->getAtom(atom, particle, element, atomName, residue, inRegion);
            Vec3 average = (forces[0][particle] + forces[1][particle] + forces[2][particle]) / 3;
            requireClose({meanForces[particle]}, {average}, loosen(1e-9, platform) * scale, "mean force");
            double sum = 0;
            for (const auto& member : forces)
                sum += (member[particle] - average).dot(member[particle] - average);
            double spread = sqrt(sum / 2), tolerance = loosen(1e-7, platform) * scale;
            requireClose(found.forceSpreads[atom], spread, tolerance, fixture.force->describeAtom(atom));
            requireClose(found.forceErrors[atom], sqrt(4.0 + 2.25 * spread * spread), 2 * tolerance,
                         "error of " + fixture.force->describeAtom(atom));
        }
    }
}

void testSchemes(Platform& platform) {
    testAgainstMembers("peptide", FragmentedPotentialForce::Whole, platform);
    testAgainstMembers("peptide", FragmentedPotentialForce::Dipeptide, platform);
}

/** Atoms in other periodic images; particles of the solvent are no atoms of the force. */
void testPeriodic(Platform& platform) {
    testAgainstMembers("water", FragmentedPotentialForce::Whole, platform);
    Fixture fixture("pair"), moved("pair");
    useModel(fixture, "ensemble.json", FragmentedPotentialForce::Whole);
    useModel(moved, "ensemble.json", FragmentedPotentialForce::Whole);
    Vec3 a, b, c;
    moved.system->getDefaultPeriodicBoxVectors(a, b, c);
    for (size_t i = 0; i < moved.positions.size(); i += 2)
        moved.positions[i] += b - a;
    Simulation simulation(fixture, platform), movedSimulation(moved, platform);
    Uncertainty found(fixture, simulation), movedFound(moved, movedSimulation);
    double scale = findLargest(simulation.getForces(ourGroup));
    for (size_t i = 0; i < found.forceSpreads.size(); i++)
        requireClose(found.forceSpreads[i], movedFound.forceSpreads[i], loosen(1e-7, platform) * scale,
                     "spread in another image");
}

/** A force that only watches must leave the simulation as it is. */
void testWatching(Platform& platform) {
    Fixture plain("peptide"), watched("peptide");
    auto* watcher = new FragmentedPotentialForce(*watched.force);
    watcher->setModel(findFixture("ensemble.json"));
    watcher->setLambdaName("watcher");
    watcher->setDefaultLambda(0);
    watcher->setForceGroup(2);
    watched.system->addForce(watcher);
    Simulation simulation(plain, platform), watchedSimulation(watched, platform);
    double tolerance = platform.getName() == "Reference" ? 0 : 1e-2;
    double energySpread, before = 0;
    vector<double> spreads, errors;
    for (int step = 0; step < 3; step++) {
        simulation.integrator.step(5);
        watchedSimulation.integrator.step(5);
        watcher->getUncertainty(watchedSimulation.context, energySpread, spreads, errors);
        require(energySpread > 0 && energySpread != before, "the spread follows the positions");
        before = energySpread;
    }
    requireClose(simulation.context.getState(State::Positions).getPositions(),
                 watchedSimulation.context.getState(State::Positions).getPositions(), tolerance, "positions");
}

void testUncalibrated(Platform& platform) {
    Fixture fixture("peptide");
    useModel(fixture, "uncalibrated.json", FragmentedPotentialForce::Whole);
    Simulation simulation(fixture, platform);
    Uncertainty found(fixture, simulation);
    require(found.forceSpreads[0] > 0 && found.forceErrors.empty(), "spreads without errors");
}

void testRefusals(Platform& platform) {
    Fixture single("peptide"), wrong("peptide");
    Simulation simulation(single, platform);
    requireThrows([&] { Uncertainty(single, simulation); }, {"'correction'", "no ensemble"});
    requireThrows([&] { Uncertainty(wrong, simulation); }, {"not present in the Context"});
    string hash = FragmentedPotentialForce::computeModelHash(findFixture("ensemble.json"));
    require(hash.size() == 64, "a SHA-256 in hex");
    wrong.force->setModel(findFixture("ensemble.json"));
    wrong.force->setModelHash(hash);
    Simulation fits(wrong, platform);
    wrong.force->setModel(findFixture("uncalibrated.json"));
    requireThrows([&] { Simulation other(wrong, platform); }, {"uncalibrated.json", hash});
}

int main(int argc, char* argv[]) {
    return run(argc, argv,
               {{"agrees with the members", testSchemes},
                {"in a box", testPeriodic},
                {"watching changes nothing", testWatching},
                {"without a calibration", testUncalibrated},
                {"refusals", testRefusals}});
}
