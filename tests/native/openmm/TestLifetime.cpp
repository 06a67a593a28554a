// Contexts in several threads, and Contexts that come and go.
#include "TestSupport.h"
#include "openmm/LocalEnergyMinimizer.h"
#include "openmm/OpenMMException.h"
#include "openmm/Platform.h"
#include <cmath>
#include <exception>
#include <fstream>
#include <iostream>
#include <thread>
#include <unistd.h>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

/** Resident memory of this process, MiB. */
double measureMemory() {
    ifstream statm("/proc/self/statm");
    double size, resident;
    statm >> size >> resident;
    return resident * sysconf(_SC_PAGESIZE) / (1 << 20);
}

/** Each thread steps its own Context; the trajectories must be those of Contexts that run one after the
 * other. */
void testTwoContextsInTwoThreads(Platform& platform) {
    const int numSteps = 30;
    Fixture first("peptide"), second("peptide");
    second.force->setScheme(FragmentedPotentialForce::Window2);
    for (Fixture* fixture : {&first, &second})
        fixture->force->setNumThreads(1);
    auto collect = [&](Simulation& simulation, vector<double>& energies) {
        for (int i = 0; i < numSteps; i++) {
            simulation.integrator.step(1);
            energies.push_back(simulation.getEnergy(ourGroup));
        }
    };
    vector<double> expected[2], actual[2];
    Fixture* fixtures[] = {&first, &second};
    for (int i = 0; i < 2; i++) {
        Simulation simulation(*fixtures[i], platform);
        collect(simulation, expected[i]);
    }
    // OpenMM's CPU platform makes Contexts one at a time only.
    Simulation simulations[] = {{first, platform}, {second, platform}};
    exception_ptr errors[2];
    vector<thread> threads;
    for (int i = 0; i < 2; i++)
        threads.emplace_back([&, i] {
            try {
                collect(simulations[i], actual[i]);
            } catch (...) {
                errors[i] = current_exception();
            }
        });
    for (auto& thread : threads)
        thread.join();
    for (auto& error : errors)
        if (error)
            rethrow_exception(error);
    // The CPU platform's sums over its threads differ in the last digits from run to run, and trajectories
    // with them.
    double tolerance = platform.getName() == "Reference" ? 0 : 1e-3;
    for (int i = 0; i < 2; i++)
        for (int step = 0; step < numSteps; step++)
            requireClose(actual[i][step], expected[i][step], tolerance * fabs(expected[i][step]),
                         "step " + to_string(step));
}

/** An error in one thread is that thread's own. */
void testErrorsStayInTheirThread(Platform& platform) {
    Fixture fixture("peptide");
    Simulation good(fixture, platform), bad(fixture, platform);
    auto positions = fixture.positions;
    positions[3][0] = NAN;
    bad.context.setPositions(positions);
    double expected = good.getEnergy(ourGroup);
    int numErrors = 0;
    thread other([&] {
        for (int i = 0; i < 50; i++)
            try {
                bad.getEnergy(ourGroup);
            } catch (const OpenMMException&) {
                numErrors++;
            }
    });
    bool same = true;
    for (int i = 0; i < 50; i++)
        same &= good.getEnergy(ourGroup) == expected;
    other.join();
    require(numErrors == 50, "each bad evaluation throws");
    require(same, "the good Context is not disturbed");
}

/** Models, systems and workspaces are freed with their Context; evaluations keep nothing. */
void testNoLeak(Platform& platform) {
    Fixture fixture("peptide");
    auto createAndUse = [&](int times) {
        for (int i = 0; i < times; i++) {
            Simulation simulation(fixture, platform);
            simulation.getForces(ourGroup);
        }
    };
    createAndUse(30); // heaps reach their working size
    double before, grown = 8;
    // A heap may grow once more, a leak grows every time.
    for (int round = 0; round < 3 && grown >= 8; round++) {
        before = measureMemory();
        createAndUse(100);
        grown = measureMemory() - before;
        cout << "100 Contexts leave " << grown << " MiB" << endl;
    }
    require(grown < 8, "100 Contexts leave " + to_string(grown) + " MiB");

    Simulation simulation(fixture, platform);
    for (int i = 0; i < 50; i++)
        simulation.getForces(ourGroup);
    before = measureMemory();
    for (int i = 0; i < 500; i++)
        simulation.getForces(ourGroup);
    grown = measureMemory() - before;
    cout << "500 evaluations leave " << grown << " MiB" << endl;
    require(grown < 4, "500 evaluations leave " + to_string(grown) + " MiB");
}

void testMinimize(Platform& platform) {
    Fixture fixture("peptide");
    Simulation simulation(fixture, platform);
    simulation.setLambda(0.1); // random weights attract atoms of an angle to each other
    double before = simulation.getEnergy();
    LocalEnergyMinimizer::minimize(simulation.context, 10, 50);
    require(simulation.getEnergy() < before, "the minimiser lowers the energy");
}

int main(int argc, char* argv[]) {
    return run(argc, argv,
               {{"two Contexts in two threads", testTwoContextsInTwoThreads},
                {"errors stay in their thread", testErrorsStayInTheirThread},
                {"no leak", testNoLeak},
                {"minimiser", testMinimize}});
}
