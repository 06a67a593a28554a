// What FragmentedPotentialForce reads of the System's own forces.
#include "DirectEvaluation.h"
#include "TestSupport.h"
#include "openmm/CustomCVForce.h"
#include "openmm/CustomExternalForce.h"
#include "openmm/CustomNonbondedForce.h"
#include "openmm/HarmonicAngleForce.h"
#include "openmm/HarmonicBondForce.h"
#include "openmm/NonbondedForce.h"
#include "openmm/PeriodicTorsionForce.h"
#include "openmm/Platform.h"
#include <cmath>

using namespace OpenMM;
using namespace PluginBridge;
using namespace std;
using namespace test;

Simulation simulate(Fixture& fixture, Platform& platform) {
    return Simulation(fixture, platform);
}

/** The peptide with a network of E_QM: E_host + E is then the network's energy, whatever the host's force
 * field. */
struct AbsoluteFixture : Fixture {
    AbsoluteFixture() : Fixture("peptide") {
        force->setModel(findFixture("absolute.safetensors"));
        force->setUseDoublePrecision(true);
    }
};

/** In vacuo, with the region being the whole System, the host's energy must cancel to the last term. */
void testAbsolutePotentialReplacesHost(Platform& platform) {
    AbsoluteFixture fixture, changed;
    changeForceField(*changed.system);
    DirectEvaluation expected(*fixture.force, fixture.positions, true);
    // The CPU platform's own forces are in single precision.
    bool isReference = platform.getName() == "Reference";
    double forceTolerance =
        (isReference ? 1e-7 : 1e-4) * findLargest(expected.forces) + (isReference ? 0 : 0.05);
    for (Fixture* each : {static_cast<Fixture*>(&fixture), static_cast<Fixture*>(&changed)}) {
        Simulation simulation(*each, platform);
        requireClose(simulation.getEnergy(), expected.energy, isReference ? 1e-4 : 0.05, "energy");
        requireClose(simulation.getForces(), expected.forces, forceTolerance, "forces");
    }
    Simulation original(fixture, platform), other(changed, platform);
    require(fabs(original.getEnergy(hostGroups) - other.getEnergy(hostGroups)) > 10, "the hosts differ");
}

/** The terms read of an ff14SB host must give the same E_base as the library's own ff14SB, fragment by
 * fragment. */
void testPartOfChain(Platform& platform) {
    for (auto scheme : {FragmentedPotentialForce::Whole, FragmentedPotentialForce::Dipeptide,
                        FragmentedPotentialForce::Window2, FragmentedPotentialForce::Window3})
        for (bool wholeChain : {true, false}) {
            AbsoluteFixture fixture;
            fixture.force->setScheme(scheme);
            for (int i = 0; i < fixture.force->getNumAtoms(); i++) {
                int particle, element, residue;
                string name;
                bool inRegion;
                fixture.force->getAtom(i, particle, element, name, residue, inRegion);
                inRegion = wholeChain || (residue >= 2 && residue <= 4);
                fixture.force->setAtom(i, particle, element, name, residue, inRegion);
            }
            Simulation simulation(fixture, platform);
            DirectEvaluation direct(*fixture.force, fixture.positions, false);
            string what =
                FragmentedPotentialForce::getSchemeName(scheme) + (wholeChain ? ", whole chain" : ", a part");
            requireClose(simulation.getEnergy(ourGroup), direct.energy,
                         isDouble(platform) ? 1e-7 * fabs(direct.energy) : 0.01, what);
            requireClose(simulation.getForces(ourGroup), direct.forces,
                         loosen(1e-7, platform) * findLargest(direct.forces), what);
        }
}

/** Charges in one NonbondedForce, Lennard-Jones in another, bonds in two forces: still the same host. */
void testSplitForcesAreMerged(Platform& platform) {
    for (bool absolute : {false, true}) {
        Fixture fixture("peptide"), split("peptide");
        for (Fixture* each : {&fixture, &split}) {
            each->force->setUseDoublePrecision(true);
            if (absolute)
                each->force->setModel(findFixture("absolute.safetensors"));
        }
        auto& charges = split.findForce<NonbondedForce>();
        auto* lennardJones = new NonbondedForce(charges);
        for (int i = 0; i < charges.getNumParticles(); i++) {
            double charge, sigma, epsilon;
            charges.getParticleParameters(i, charge, sigma, epsilon);
            charges.setParticleParameters(i, charge, 1, 0);
            lennardJones->setParticleParameters(i, 0, sigma, epsilon);
        }
        for (int i = 0; i < charges.getNumExceptions(); i++) {
            int p1, p2;
            double chargeProd, sigma, epsilon;
            charges.getExceptionParameters(i, p1, p2, chargeProd, sigma, epsilon);
            charges.setExceptionParameters(i, p1, p2, chargeProd, 1, 0);
            lennardJones->setExceptionParameters(i, p1, p2, 0, sigma, epsilon);
        }
        split.system->addForce(lennardJones);
        auto& bonds = split.findForce<HarmonicBondForce>();
        auto* first = new HarmonicBondForce();
        auto* second = new HarmonicBondForce();
        for (int i = 0; i < bonds.getNumBonds(); i++) {
            int p1, p2;
            double length, k;
            bonds.getBondParameters(i, p1, p2, length, k);
            (i % 3 == 0 ? first : second)->addBond(p1, p2, length, k);
        }
        for (int i = 0; i < split.system->getNumForces(); i++)
            if (&split.system->getForce(i) == &bonds) {
                split.system->removeForce(i);
                break;
            }
        split.system->addForce(first);
        split.system->addForce(second);
        Simulation simulation(fixture, platform), splitSimulation(split, platform);
        double energy = simulation.getEnergy(ourGroup);
        requireClose(splitSimulation.getEnergy(ourGroup), energy, 1e-9 * fabs(energy),
                     "energy of the correction");
    }
}

void testTwoChargeSetsAreRefused(Platform& platform) {
    Fixture fixture("peptide");
    fixture.system->addForce(new NonbondedForce(fixture.findForce<NonbondedForce>()));
    requireThrows([&] { simulate(fixture, platform); }, {"two NonbondedForces"});
}

void testOtherChargeIsNamed(Platform& platform) {
    Fixture fixture("peptide");
    auto& nonbonded = fixture.findForce<NonbondedForce>();
    double charge, sigma, epsilon;
    nonbonded.getParticleParameters(20, charge, sigma, epsilon);
    nonbonded.setParticleParameters(20, charge + 0.01, sigma, epsilon);
    int particle, element, residue;
    string name, residueName, number, chain;
    bool inRegion;
    fixture.force->getAtom(20, particle, element, name, residue, inRegion);
    fixture.force->getResidue(residue, residueName, number, chain);
    requireThrows([&] { simulate(fixture, platform); }, {name, residueName, number, "charge"});
    fixture.force->setUseHostTerms(false);
    simulate(fixture, platform).getEnergy();
}

void testOtherBondIsNamed(Platform& platform) {
    Fixture fixture("peptide");
    auto& bonds = fixture.findForce<HarmonicBondForce>();
    int p1, p2;
    double length, k;
    bonds.getBondParameters(11, p1, p2, length, k);
    bonds.setBondParameters(11, p1, p2, length, 1.1 * k);
    int particle, element, residue;
    string name1, name2;
    bool inRegion;
    fixture.force->getAtom(p1, particle, element, name1, residue, inRegion);
    fixture.force->getAtom(p2, particle, element, name2, residue, inRegion);
    requireThrows([&] { simulate(fixture, platform); }, {name1, name2, "bond"});
}

/** Constrained bonds have no bond term in the System: the correction brings it back. */
void testConstrainedHostIsAccepted(Platform& platform) {
    Fixture fixture("rigid"), flexible("pair");
    require(fixture.system->getNumConstraints() > 0 && flexible.system->getNumConstraints() == 0,
            "only one fixture has constraints");
    double energy = simulate(flexible, platform).getEnergy(-1);
    requireClose(simulate(fixture, platform).getEnergy(-1), energy, loosen(1e-7, platform) * fabs(energy),
                 "energy without the constraints' terms");
    while (fixture.system->getNumConstraints() > 0)
        fixture.system->removeConstraint(0);
    requireThrows([&] { simulate(fixture, platform); }, {"bond"});
}

void testCutoffIsRefused(Platform& platform) {
    Fixture fixture("peptide");
    auto& nonbonded = fixture.findForce<NonbondedForce>();
    nonbonded.setNonbondedMethod(NonbondedForce::CutoffNonPeriodic);
    requireThrows([&] { simulate(fixture, platform); }, {"reaction field", "PME"});
    nonbonded.setNonbondedMethod(NonbondedForce::NoCutoff);
    nonbonded.setIncludeDirectSpace(false);
    requireThrows([&] { simulate(fixture, platform); }, {"direct-space"});
}

void testParameterOffsets(Platform& platform) {
    Fixture fixture("water");
    auto& nonbonded = fixture.findForce<NonbondedForce>();
    nonbonded.addGlobalParameter("scale", 0.0);
    nonbonded.addParticleParameterOffset("scale", fixture.system->getNumParticles() - 1, 0.1, 0, 0);
    simulate(fixture, platform);
    nonbonded.addParticleParameterOffset("scale", 3, 0.1, 0, 0);
    requireThrows([&] { simulate(fixture, platform); }, {"scale", fixture.force->describeAtom(3)});
}

/** Restraints act on top; so does a CustomNonbondedForce that does not act between atoms of the region. */
void testCustomForces(Platform& platform) {
    Fixture fixture("water");
    double energy = simulate(fixture, platform).getEnergy(ourGroup);
    auto* restraint = new CustomExternalForce("10*(x^2+y^2+z^2)");
    restraint->addParticle(4);
    fixture.system->addForce(restraint);
    auto* repulsion = new CustomNonbondedForce("1e-6/r^6");
    repulsion->setNonbondedMethod(CustomNonbondedForce::CutoffPeriodic);
    repulsion->setCutoffDistance(0.8);
    for (int i = 0; i < fixture.system->getNumParticles(); i++)
        repulsion->addParticle();
    auto& nonbonded = fixture.findForce<NonbondedForce>();
    for (int i = 0; i < nonbonded.getNumExceptions(); i++) {
        int p1, p2;
        double chargeProd, sigma, epsilon;
        nonbonded.getExceptionParameters(i, p1, p2, chargeProd, sigma, epsilon);
        repulsion->addExclusion(p1, p2);
    }
    int numParticles = fixture.system->getNumParticles();
    repulsion->addInteractionGroup({0, 1, 2}, {numParticles - 1, numParticles - 2});
    fixture.system->addForce(repulsion);
    requireClose(simulate(fixture, platform).getEnergy(ourGroup), energy, 1e-9 * fabs(energy), "energy");
    repulsion->addInteractionGroup({0, 1, 2}, {numParticles - 1, 30});
    requireThrows([&] { simulate(fixture, platform); }, {"CustomNonbondedForce", "setUseHostTerms(false)"});
}

/** An absolute potential cannot take away terms that are wrapped in a CustomCVForce; a correction need not.
 */
void testWrappedForcesAreRefused(Platform& platform) {
    for (bool nested : {false, true}) {
        AbsoluteFixture fixture;
        auto* wrapper = new CustomCVForce("0.5*inner");
        Force* inner = new HarmonicAngleForce(fixture.findForce<HarmonicAngleForce>());
        if (nested) {
            auto* middle = new CustomCVForce("inner");
            middle->addCollectiveVariable("inner", inner);
            inner = middle;
        }
        wrapper->addCollectiveVariable("inner", inner);
        fixture.system->addForce(wrapper);
        requireThrows([&] { simulate(fixture, platform); },
                      {"CustomCVForce", "'inner'", "HarmonicAngleForce", "twice"});
    }
    AbsoluteFixture fixture;
    auto* wrapper = new CustomCVForce("charges");
    wrapper->addCollectiveVariable("charges", new NonbondedForce(fixture.findForce<NonbondedForce>()));
    fixture.system->addForce(wrapper);
    requireThrows([&] { simulate(fixture, platform); }, {"NonbondedForce"});

    Fixture correction("peptide");
    double energy = simulate(correction, platform).getEnergy(ourGroup);
    auto* bias = new CustomCVForce("0.5*inner");
    bias->addCollectiveVariable("inner",
                                new PeriodicTorsionForce(correction.findForce<PeriodicTorsionForce>()));
    correction.system->addForce(bias);
    requireClose(simulate(correction, platform).getEnergy(ourGroup), energy, 1e-9 * fabs(energy), "energy");
}

int main(int argc, char* argv[]) {
    return run(argc, argv,
               {{"an absolute potential replaces the host", testAbsolutePotentialReplacesHost},
                {"a part of a chain, all schemes", testPartOfChain},
                {"split forces are merged", testSplitForcesAreMerged},
                {"two sets of charges are refused", testTwoChargeSetsAreRefused},
                {"another charge is named", testOtherChargeIsNamed},
                {"another bond is named", testOtherBondIsNamed},
                {"a constrained host is accepted", testConstrainedHostIsAccepted},
                {"cutoffs are refused", testCutoffIsRefused},
                {"parameter offsets", testParameterOffsets},
                {"custom forces", testCustomForces},
                {"wrapped forces are refused", testWrappedForcesAreRefused}});
}
