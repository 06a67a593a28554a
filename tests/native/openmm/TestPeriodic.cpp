// FragmentedPotentialForce in a periodic box.
#include "DirectEvaluation.h"
#include "TestSupport.h"
#include "openmm/LangevinMiddleIntegrator.h"
#include "openmm/MonteCarloBarostat.h"
#include "openmm/Platform.h"
#include <cmath>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

/** Moves some particles by whole box vectors. */
vector<Vec3> shift(const Fixture& fixture, int first, int last, int a, int b, int c) {
    Vec3 box[3];
    fixture.system->getDefaultPeriodicBoxVectors(box[0], box[1], box[2]);
    auto positions = fixture.positions;
    for (int i = first; i < last; i++)
        positions[i] += box[0] * a + box[1] * b + box[2] * c;
    return positions;
}

/** Molecules, or even single atoms, may lie in different images. */
void testImagesDoNotMatter(Platform& platform) {
    Fixture fixture("pair");
    fixture.force->setUseDoublePrecision(true);
    Simulation simulation(fixture, platform);
    double energy = simulation.getEnergy(ourGroup);
    auto forces = simulation.getForces(ourGroup);
    int numAtoms = fixture.force->getNumAtoms();
    vector<pair<string, vector<Vec3>>> cases = {
        {"both chains moved", shift(fixture, 0, numAtoms, 3, -2, 1)},
        {"second chain moved", shift(fixture, numAtoms / 2, numAtoms, 1, 2, -1)},
        {"chain broken across the box", shift(fixture, 17, 40, -1, 0, 1)},
    };
    for (const auto& [name, positions] : cases) {
        simulation.context.setPositions(positions);
        requireClose(simulation.getEnergy(ourGroup), energy,
                     (isDouble(platform) ? 1e-8 : 1e-4) * fabs(energy), name);
        requireClose(simulation.getForces(ourGroup), forces,
                     (isDouble(platform) ? 1e-7 : 1e-4) * findLargest(forces), name);
    }
}

/** The pair lies well inside a cutoff, so a box that separates it must change the energy. */
void testChainsInteract(Platform& platform) {
    Fixture fixture("pair");
    fixture.force->setUseDoublePrecision(true);
    Simulation simulation(fixture, platform);
    double together = simulation.getEnergy(ourGroup);
    auto positions = fixture.positions;
    int half = fixture.force->getNumAtoms() / 2;
    Vec3 box[3];
    fixture.system->getDefaultPeriodicBoxVectors(box[0], box[1], box[2]);
    for (size_t i = half; i < positions.size(); i++)
        positions[i] += Vec3(0, 0, 0.35);
    simulation.context.setPositions(positions);
    require(fabs(simulation.getEnergy(ourGroup) - together) > 1e-3 * fabs(together),
            "the chains do not interact");
}

void testAgainstDirectEvaluation(Platform& platform) {
    Fixture fixture("pair");
    fixture.force->setUseDoublePrecision(true);
    Simulation simulation(fixture, platform);
    Vec3 box[3];
    fixture.system->getDefaultPeriodicBoxVectors(box[0], box[1], box[2]);
    DirectEvaluation direct(*fixture.force, fixture.positions, false, box);
    requireClose(simulation.getEnergy(ourGroup), direct.energy, loosen(1e-9, platform) * fabs(direct.energy),
                 "energy");
    requireClose(simulation.getForces(ourGroup), direct.forces,
                 loosen(1e-9, platform) * findLargest(direct.forces), "forces");
}

/** A changed box reaches the library: chains that stay where they are get closer through the boundary. */
void testBoxChange(Platform& platform) {
    Fixture fixture("pair");
    fixture.force->setUseDoublePrecision(true);
    Simulation simulation(fixture, platform);
    double before = simulation.getEnergy(ourGroup);
    Vec3 box[3];
    fixture.system->getDefaultPeriodicBoxVectors(box[0], box[1], box[2]);
    box[2] -= Vec3(0, 0, 0.45);
    simulation.context.setPeriodicBoxVectors(box[0], box[1], box[2]);
    double after = simulation.getEnergy(ourGroup);
    require(fabs(after - before) > 1e-4 * fabs(before), "the box has no effect");
    DirectEvaluation direct(*fixture.force, fixture.positions, false, box);
    requireClose(after, direct.energy, loosen(1e-9, platform) * fabs(direct.energy), "energy in the new box");
}

/** Barostats wrap molecules as they scale them. */
void testBarostat(Platform& platform) {
    Fixture fixture("water");
    auto* barostat = new MonteCarloBarostat(1.0, 300.0, 2);
    barostat->setRandomNumberSeed(7);
    fixture.system->addForce(barostat);
    LangevinMiddleIntegrator integrator(300.0, 5.0, 0.001);
    integrator.setRandomNumberSeed(8);
    Context context(*fixture.system, integrator, platform);
    context.setPositions(fixture.positions);
    context.applyConstraints(1e-6);
    context.setVelocitiesToTemperature(300.0, 9);
    double volume = context.getState(0).getPeriodicBoxVolume();
    // The Reference platform is meant for checks, not speed.
    bool isSlow = platform.getName() == "Reference";
    bool boxChanged = false;
    for (int i = 0; i < (isSlow ? 2 : 20); i++) {
        integrator.step(isSlow ? 4 : 10);
        State state = context.getState(State::Positions | State::Energy | State::Forces, false, ourGroup);
        require(isfinite(state.getPotentialEnergy()) && findLargest(state.getForces()) < 1e6,
                "the run is stable");
        boxChanged |= state.getPeriodicBoxVolume() != volume;
        Vec3 box[3];
        state.getPeriodicBoxVectors(box[0], box[1], box[2]);
        DirectEvaluation direct(*fixture.force, state.getPositions(), false, box);
        requireClose(state.getPotentialEnergy(), direct.energy, loosen(1e-6, platform) * fabs(direct.energy),
                     "energy");
        // The same energy from positions that OpenMM has wrapped molecule by molecule
        State wrapped = context.getState(State::Positions, true);
        DirectEvaluation fromWrapped(*fixture.force, wrapped.getPositions(), false, box);
        requireClose(fromWrapped.energy, direct.energy, 1e-4 * fabs(direct.energy),
                     "energy of wrapped positions");
    }
    require(boxChanged, "the barostat changed the box");
}

void testSeveralMoleculesNeedPeriodicForce(Platform& platform) {
    Fixture fixture("pair");
    fixture.force->setUsesPeriodicBoundaryConditions(false);
    requireThrows([&] { Simulation simulation(fixture, platform); },
                  {"several molecules", "setUsesPeriodicBoundaryConditions(true)"});
}

int main(int argc, char* argv[]) {
    return run(argc, argv,
               {{"images do not matter", testImagesDoNotMatter},
                {"chains interact", testChainsInteract},
                {"agrees with the C interface", testAgainstDirectEvaluation},
                {"box change", testBoxChange},
                {"barostat", testBarostat},
                {"several molecules need a periodic force", testSeveralMoleculesNeedPeriodicForce}});
}
