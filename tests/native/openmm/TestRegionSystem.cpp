// FragmentedPotentialForce on a host of another force field, with the region alone on it.
#include "TestSupport.h"
#include "openmm/NonbondedForce.h"
#include "openmm/Platform.h"
#include "openmm/serialization/XmlSerializer.h"
#include <cmath>
#include <fstream>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

/** The peptide, which is all of its System, on a changed force field; the region alone on the same. */
struct OtherHost : Fixture {
    OtherHost() : Fixture("peptide") {
        ifstream file(findFixture("peptide.system.xml"));
        alone.reset(XmlSerializer::deserialize<System>(file));
        changeForceField(*system);
        changeForceField(*alone);
        force->setRegionSystem(alone);
        force->setUseDoublePrecision(true);
    }

    shared_ptr<System> alone;
};

/** Of the host nothing is left: what the plain correction makes of ff14SB. */
void testHostIsReplaced(Platform& platform) {
    Fixture plain("peptide");
    plain.force->setUseDoublePrecision(true);
    OtherHost other;
    // The CPU platform's own forces are in single precision.
    double tolerance = loosen(platform.getName() == "Reference" ? 1e-7 : 1e-5, platform);
    Simulation expected(plain, platform), simulation(other, platform);
    requireClose(simulation.getEnergy(), expected.getEnergy(), tolerance * fabs(expected.getEnergy()),
                 "energy");
    auto forces = expected.getForces();
    requireClose(simulation.getForces(), forces, 10 * tolerance * findLargest(forces), "forces");
    require(fabs(simulation.getEnergy(hostGroups) - expected.getEnergy(hostGroups)) > 10, "the hosts differ");
}

/** Lambda leads from the host to the model. */
void testLambda(Platform& platform) {
    OtherHost fixture;
    Simulation simulation(fixture, platform);
    double full = simulation.getEnergy(ourGroup);
    simulation.setLambda(0.25);
    requireClose(simulation.getEnergy(ourGroup), 0.25 * full, loosen(1e-9, platform) * fabs(full), "lambda");
    simulation.setLambda(0);
    require(simulation.getEnergy(ourGroup) == 0, "nothing is added");
}

void testRefusals(Platform& platform) {
    auto refused = [&](const function<void(OtherHost&)>& change, const vector<string>& parts) {
        OtherHost fixture;
        change(fixture);
        requireThrows([&] { Simulation simulation(fixture, platform); }, parts);
    };
    refused(
        [](OtherHost& host) {
            findForce<NonbondedForce>(*host.system).setNonbondedMethod(NonbondedForce::CutoffNonPeriodic);
        },
        {"plain cutoff"});
    refused(
        [](OtherHost& host) {
            auto& nonbonded = findForce<NonbondedForce>(*host.system);
            nonbonded.addGlobalParameter("scale", 1);
            nonbonded.addParticleParameterOffset("scale", 0, 0.1, 0, 0);
        },
        {"Context parameter 'scale'", "ACE"});
    refused(
        [](OtherHost& host) {
            findForce<NonbondedForce>(*host.alone).setNonbondedMethod(NonbondedForce::CutoffNonPeriodic);
        },
        {"region's System", "with a cutoff"});
    refused([](OtherHost& host) { host.force->setRegionSystem(make_shared<System>()); }, {"0 particles"});
}

int main(int argc, char* argv[]) {
    return run(
        argc, argv,
        {{"the host is replaced", testHostIsReplaced}, {"lambda", testLambda}, {"refusals", testRefusals}});
}
