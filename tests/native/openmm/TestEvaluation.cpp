// Energy, forces and lambda of FragmentedPotentialForce.
#include "DirectEvaluation.h"
#include "TestSupport.h"
#include "openmm/Platform.h"
#include <cmath>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

using Scheme = FragmentedPotentialForce::Scheme;

const vector<Scheme> schemes = {Scheme::Whole,   Scheme::Dipeptide,    Scheme::Window2,
                                Scheme::Window3, Scheme::Window2Pairs, Scheme::Window3Pairs};

void testAgainstDirectEvaluation(Platform& platform) {
    for (Scheme scheme : schemes) {
        string name = FragmentedPotentialForce::getSchemeName(scheme);
        Fixture fixture("peptide");
        fixture.force->setScheme(scheme);
        fixture.force->setUseDoublePrecision(true);
        Simulation simulation(fixture, platform);
        DirectEvaluation direct(*fixture.force, fixture.positions, false);
        require(fabs(direct.energy) > 1, name + ": the test's correction is not zero");
        requireClose(simulation.getEnergy(ourGroup), direct.energy,
                     loosen(1e-9, platform) * fabs(direct.energy), name + " energy");
        requireClose(simulation.getForces(ourGroup), direct.forces,
                     loosen(1e-9, platform) * findLargest(direct.forces), name + " forces");
    }
}

void testFiniteDifferences(Platform& platform) {
    if (!isDouble(platform))
        return; // energies of rounded positions have no smooth differences
    const double step = 2e-5;
    for (Scheme scheme : schemes) {
        Fixture fixture("peptide");
        fixture.force->setScheme(scheme);
        fixture.force->setUseDoublePrecision(true);
        Simulation simulation(fixture, platform);
        auto forces = simulation.getForces(ourGroup);
        double tolerance = 1e-6 * findLargest(forces);
        // Atoms move one by one, each in a direction of its own: another third of them in each scheme.
        for (size_t i = scheme % 3; i < forces.size(); i += 3) {
            Vec3 direction(cos(i), sin(2.0 * i), 0.3);
            direction /= sqrt(direction.dot(direction));
            auto displaced = [&](double distance) {
                auto positions = fixture.positions;
                positions[i] += direction * distance;
                simulation.context.setPositions(positions);
                return simulation.getEnergy(ourGroup);
            };
            // Fourth-order central difference
            double slope =
                (8 * (displaced(step) - displaced(-step)) - displaced(2 * step) + displaced(-2 * step)) /
                (12 * step);
            requireClose(forces[i].dot(direction), -slope, tolerance,
                         FragmentedPotentialForce::getSchemeName(scheme) + ", particle " + to_string(i));
        }
    }
}

void testLambdaIsLinear(Platform& platform) {
    Fixture fixture("peptide");
    fixture.force->setUseDoublePrecision(true);
    Simulation simulation(fixture, platform);
    double energy = simulation.getEnergy(ourGroup);
    auto forces = simulation.getForces(ourGroup);
    for (double lambda : {0.25, 2.0, -1.0, 0.0}) {
        simulation.setLambda(lambda);
        requireClose(simulation.getEnergy(ourGroup), lambda * energy, loosen(1e-12, platform) * fabs(energy),
                     "energy");
        auto expected = forces;
        for (auto& force : expected)
            force *= lambda;
        requireClose(simulation.getForces(ourGroup), expected, loosen(1e-12, platform) * findLargest(forces),
                     "forces");
    }
}

void testDefaultLambdaAndName(Platform& platform) {
    Fixture fixture("peptide");
    fixture.force->setLambdaName("coupling");
    fixture.force->setDefaultLambda(0.5);
    Simulation simulation(fixture, platform);
    requireClose(simulation.context.getParameter("coupling"), 0.5, 0, "lambda in a new Context");
    double half = simulation.getEnergy(ourGroup);
    simulation.context.setParameter("coupling", 1.0);
    requireClose(half, 0.5 * simulation.getEnergy(ourGroup), 1e-9 * fabs(half),
                 "energy at the default lambda");
}

/** The host must not notice a force that is switched off. */
void testLambdaZeroLeavesHostUntouched(Platform& platform) {
    Fixture fixture("peptide"), plain("peptide");
    fixture.force->setDefaultLambda(0);
    plain.system->removeForce(plain.system->getNumForces() - 1);
    Simulation simulation(fixture, platform), plainSimulation(plain, platform);
    // The CPU platform adds up its threads' forces in a changing order.
    double tolerance = platform.getName() == "Reference" ? 0 : 1e-2;
    requireClose(simulation.getForces(), plainSimulation.getForces(), tolerance, "forces");
    requireClose(simulation.getEnergy(), plainSimulation.getEnergy(), tolerance, "energy");
    simulation.integrator.step(20);
    plainSimulation.integrator.step(20);
    requireClose(simulation.context.getState(State::Positions).getPositions(),
                 plainSimulation.context.getState(State::Positions).getPositions(), tolerance, "positions");
}

void testLambdaDerivative(Platform& platform) {
    Fixture fixture("peptide");
    fixture.force->setAddLambdaDerivative(true);
    if (!isDouble(platform)) {
        requireThrows([&] { Simulation simulation(fixture, platform); }, {"getCorrectionEnergy()"});
        return;
    }
    Simulation simulation(fixture, platform);
    double energy = simulation.getEnergy(ourGroup);
    const string& name = FragmentedPotentialForce::DefaultLambdaName();
    for (double lambda : {1.0, 0.3, 0.0}) {
        simulation.setLambda(lambda);
        for (int types : {int(State::ParameterDerivatives), State::ParameterDerivatives | State::Energy}) {
            auto derivatives = simulation.context.getState(types).getEnergyParameterDerivatives();
            requireClose(derivatives.at(name), energy, 1e-9 * fabs(energy), "dE/dlambda");
        }
        auto derivatives = simulation.context.getState(State::ParameterDerivatives, false, hostGroups)
                               .getEnergyParameterDerivatives();
        requireClose(derivatives[name], 0, 0, "dE/dlambda of the host's groups");
    }
}

void testCorrectionEnergy(Platform& platform) {
    Fixture fixture("peptide");
    Simulation simulation(fixture, platform);
    double energy = simulation.getEnergy(ourGroup);
    for (double lambda : {0.5, 0.0}) {
        simulation.setLambda(lambda);
        requireClose(fixture.force->getCorrectionEnergy(simulation.context), energy,
                     loosen(1e-9, platform) * fabs(energy), "correction energy");
    }
    Fixture other("peptide");
    requireThrows([&] { other.force->getCorrectionEnergy(simulation.context); },
                  {"not present in the Context"});
}

void testTwoForcesWithOwnLambdas(Platform& platform) {
    Fixture fixture("peptide"), other("peptide");
    auto* second = new FragmentedPotentialForce(*other.force);
    second->setLambdaName("second");
    second->setForceGroup(2);
    second->setScheme(Scheme::Dipeptide);
    fixture.system->addForce(second);
    Simulation simulation(fixture, platform);
    double first = simulation.getEnergy(ourGroup), both = simulation.getEnergy(ourGroup | 1 << 2);
    simulation.setLambda(0);
    requireClose(simulation.getEnergy(ourGroup | 1 << 2), both - first, 1e-6 * fabs(both),
                 "the second alone");
    simulation.context.setParameter("second", 0);
    requireClose(simulation.getEnergy(ourGroup | 1 << 2), 0, 0, "none");
}

void testForceGroups(Platform& platform) {
    Fixture fixture("peptide");
    Simulation simulation(fixture, platform);
    double ours = simulation.getEnergy(ourGroup), host = simulation.getEnergy(hostGroups);
    requireClose(simulation.getEnergy(), ours + host, 1e-5 * fabs(host), "sum of energies");
    auto sum = simulation.getForces(hostGroups);
    auto forces = simulation.getForces(ourGroup);
    for (size_t i = 0; i < sum.size(); i++)
        sum[i] += forces[i];
    requireClose(simulation.getForces(), sum, 1e-5 * findLargest(sum), "sum of forces");
}

/** The energy alone must not disturb forces that were computed before. */
void testEnergyWithoutForces(Platform& platform) {
    Fixture fixture("peptide");
    Simulation simulation(fixture, platform);
    State both = simulation.context.getState(State::Energy | State::Forces, false, ourGroup);
    requireClose(simulation.getEnergy(ourGroup), both.getPotentialEnergy(),
                 1e-9 * fabs(both.getPotentialEnergy()), "energy alone");
    requireClose(simulation.getForces(ourGroup), both.getForces(), 1e-9 * findLargest(both.getForces()),
                 "forces");
}

void testReinitializePreservesState(Platform& platform) {
    Fixture fixture("peptide");
    Simulation simulation(fixture, platform);
    simulation.setLambda(0.4);
    double energy = simulation.getEnergy(ourGroup);
    simulation.context.reinitialize(true);
    requireClose(simulation.getEnergy(ourGroup), energy, 1e-9 * fabs(energy), "energy after reinitialize");
    fixture.force->setScheme(Scheme::Window2);
    simulation.context.reinitialize(true);
    require(fabs(simulation.getEnergy(ourGroup) - energy) > 1e-3, "reinitialize sees the force's new scheme");
}

void testThreadsDoNotMatter(Platform& platform) {
    Fixture fixture("peptide"), threaded("peptide");
    fixture.force->setNumThreads(1);
    threaded.force->setNumThreads(2);
    Simulation simulation(fixture, platform), threadedSimulation(threaded, platform);
    requireClose(simulation.getEnergy(ourGroup), threadedSimulation.getEnergy(ourGroup), 0, "energy");
    requireClose(simulation.getForces(ourGroup), threadedSimulation.getForces(ourGroup), 0, "forces");
}

int main(int argc, char* argv[]) {
    return run(argc, argv,
               {{"agrees with the C interface", testAgainstDirectEvaluation},
                {"forces are the energy's gradient", testFiniteDifferences},
                {"lambda is linear", testLambdaIsLinear},
                {"lambda's name and default", testDefaultLambdaAndName},
                {"lambda 0 leaves the host untouched", testLambdaZeroLeavesHostUntouched},
                {"dE/dlambda", testLambdaDerivative},
                {"correction energy", testCorrectionEnergy},
                {"two forces with their own lambdas", testTwoForcesWithOwnLambdas},
                {"force groups", testForceGroups},
                {"energy without forces", testEnergyWithoutForces},
                {"reinitialize", testReinitializePreservesState},
                {"threads do not matter", testThreadsDoNotMatter}});
}
