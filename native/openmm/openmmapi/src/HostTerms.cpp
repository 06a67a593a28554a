#include "HostTerms.h"
#include "HostNonbonded.h"
#include "openmm/CMAPTorsionForce.h"
#include "openmm/CustomNonbondedForce.h"
#include "openmm/HarmonicAngleForce.h"
#include "openmm/HarmonicBondForce.h"
#include "openmm/NonbondedForce.h"
#include "openmm/OpenMMException.h"
#include "openmm/PeriodicTorsionForce.h"
#include "openmm/RBTorsionForce.h"
#include "openmm/serialization/SerializationProxy.h"
#include <algorithm>
#include <set>
#include <typeinfo>

using namespace OpenMM;
using namespace std;

namespace PluginBridge {

namespace {

/** Forces whose energy inside the region would belong to E_base but has no place in pb_host_terms. */
const set<string> unreadableForces = {"AmoebaMultipoleForce", "AmoebaTorsionTorsionForce",
                                      "AmoebaVdwForce",       "DrudeForce",
                                      "GayBerneForce",        "HippoNonbondedForce"};

/** The class name of a force, known through its serialization proxy even if the class belongs to a plugin. */
string getTypeName(const Force& force) {
    try {
        return SerializationProxy::getProxy(typeid(force)).getTypeName();
    } catch (const OpenMMException&) {
        return typeid(force).name();
    }
}

/** Whether a CustomNonbondedForce has a pair of region particles among its interactions. */
bool actsInside(const CustomNonbondedForce& force, const vector<bool>& isInRegion) {
    if (force.getNumInteractionGroups() == 0)
        return count(isInRegion.begin(), isInRegion.end(), true) > 1;
    for (int i = 0; i < force.getNumInteractionGroups(); i++) {
        set<int> set1, set2;
        force.getInteractionGroupParameters(i, set1, set2);
        for (int particle1 : set1)
            if (isInRegion.at(particle1))
                for (int particle2 : set2)
                    if (particle1 != particle2 && isInRegion.at(particle2))
                        return true;
    }
    return false;
}

} // namespace

HostTerms::HostTerms(const System& system, const FragmentedPotentialForce& force, bool isAbsolute)
    : force(force), particleMap(system, force) {
    refuseUnreadable(system);
    if (isAbsolute)
        for (int i = 0; i < system.getNumForces(); i++)
            if (auto wrapper = dynamic_cast<const CustomCVForce*>(&system.getForce(i)))
                refuseWrapped(*wrapper);
    for (int i = 0; i < system.getNumForces(); i++)
        readBonded(system.getForce(i));
    readNonbonded(system);
    readConstraints(system);
}

void HostTerms::refuseUnreadable(const System& system) const {
    for (int i = 0; i < system.getNumForces(); i++) {
        string type = getTypeName(system.getForce(i));
        auto custom = dynamic_cast<const CustomNonbondedForce*>(&system.getForce(i));
        if (unreadableForces.count(type) > 0 ||
            (custom != nullptr && actsInside(*custom, particleMap.isInRegion)))
            throw OpenMMException(
                "FragmentedPotentialForce: the System's " + type +
                " acts between atoms of the region, and its energy cannot be read as part of the force "
                "field that the model replaces. Hand over the region alone on the host's force field "
                "(setRegionSystem); if it is an addition of yours, restrict it to other atoms (interaction "
                "groups), or, with the region on AMBER ff14SB, call setUseHostTerms(false)");
    }
}

void HostTerms::refuseWrapped(const CustomCVForce& wrapper) const {
    for (int i = 0; i < wrapper.getNumCollectiveVariables(); i++) {
        const Force& wrapped = wrapper.getCollectiveVariable(i);
        if (auto nested = dynamic_cast<const CustomCVForce*>(&wrapped))
            refuseWrapped(*nested);
        else if (hasTermsInside(wrapped))
            throw OpenMMException(
                "FragmentedPotentialForce: the System has a CustomCVForce whose collective variable '" +
                wrapper.getCollectiveVariableName(i) + "' is a " + getTypeName(wrapped) +
                " that acts between atoms of the region. The model replaces the force field there and cannot "
                "take away what is inside a CustomCVForce, so it would be counted twice. Add the " +
                getTypeName(wrapped) +
                " to the System itself, or, if it is a bias, write it as a Custom*Force");
    }
}

bool HostTerms::hasTermsInside(const Force& hostForce) const {
    int p1, p2, p3, p4, periodicity, map, b1, b2, b3, b4;
    double a, b, c[6];
    if (auto nonbonded = dynamic_cast<const NonbondedForce*>(&hostForce))
        return nonbonded->getNumParticles() > 0 &&
               count(particleMap.isInRegion.begin(), particleMap.isInRegion.end(), true) > 1;
    if (auto bonds = dynamic_cast<const HarmonicBondForce*>(&hostForce)) {
        for (int i = 0; i < bonds->getNumBonds(); i++) {
            bonds->getBondParameters(i, p1, p2, a, b);
            if (isInside({p1, p2}))
                return true;
        }
    } else if (auto angles = dynamic_cast<const HarmonicAngleForce*>(&hostForce)) {
        for (int i = 0; i < angles->getNumAngles(); i++) {
            angles->getAngleParameters(i, p1, p2, p3, a, b);
            if (isInside({p1, p2, p3}))
                return true;
        }
    } else if (auto torsions = dynamic_cast<const PeriodicTorsionForce*>(&hostForce)) {
        for (int i = 0; i < torsions->getNumTorsions(); i++) {
            torsions->getTorsionParameters(i, p1, p2, p3, p4, periodicity, a, b);
            if (isInside({p1, p2, p3, p4}))
                return true;
        }
    } else if (auto torsions = dynamic_cast<const RBTorsionForce*>(&hostForce)) {
        for (int i = 0; i < torsions->getNumTorsions(); i++) {
            torsions->getTorsionParameters(i, p1, p2, p3, p4, c[0], c[1], c[2], c[3], c[4], c[5]);
            if (isInside({p1, p2, p3, p4}))
                return true;
        }
    } else if (auto cmap = dynamic_cast<const CMAPTorsionForce*>(&hostForce)) {
        for (int i = 0; i < cmap->getNumTorsions(); i++) {
            cmap->getTorsionParameters(i, map, p1, p2, p3, p4, b1, b2, b3, b4);
            if (isInside({p1, p2, p3, p4, b1, b2, b3, b4}))
                return true;
        }
    }
    return false;
}

bool HostTerms::isInside(initializer_list<int> particles) const {
    return all_of(particles.begin(), particles.end(), [this](int p) { return particleMap.isInRegion.at(p); });
}

bool HostTerms::findAtoms(initializer_list<int> particles, vector<int32_t>& atoms) const {
    for (int particle : particles)
        if (particleMap.atom.at(particle) < 0)
            return false;
    for (int particle : particles)
        atoms.push_back(particleMap.atom[particle]);
    return true;
}

void HostTerms::readBonded(const Force& hostForce) {
    int p1, p2, p3, p4;
    if (auto bonds = dynamic_cast<const HarmonicBondForce*>(&hostForce)) {
        for (int i = 0; i < bonds->getNumBonds(); i++) {
            double length, k;
            bonds->getBondParameters(i, p1, p2, length, k);
            if (findAtoms({p1, p2}, bondAtoms))
                bondParameters.insert(bondParameters.end(), {length, k});
        }
    } else if (auto angles = dynamic_cast<const HarmonicAngleForce*>(&hostForce)) {
        for (int i = 0; i < angles->getNumAngles(); i++) {
            double angle, k;
            angles->getAngleParameters(i, p1, p2, p3, angle, k);
            if (findAtoms({p1, p2, p3}, angleAtoms))
                angleParameters.insert(angleParameters.end(), {angle, k});
        }
    } else if (auto torsions = dynamic_cast<const PeriodicTorsionForce*>(&hostForce)) {
        for (int i = 0; i < torsions->getNumTorsions(); i++) {
            int periodicity;
            double phase, k;
            torsions->getTorsionParameters(i, p1, p2, p3, p4, periodicity, phase, k);
            if (findAtoms({p1, p2, p3, p4}, torsionAtoms)) {
                torsionPeriodicities.push_back(periodicity);
                torsionParameters.insert(torsionParameters.end(), {phase, k});
            }
        }
    } else if (auto torsions = dynamic_cast<const RBTorsionForce*>(&hostForce)) {
        for (int i = 0; i < torsions->getNumTorsions(); i++) {
            double c[6];
            torsions->getTorsionParameters(i, p1, p2, p3, p4, c[0], c[1], c[2], c[3], c[4], c[5]);
            if (findAtoms({p1, p2, p3, p4}, rbTorsionAtoms))
                rbTorsionParameters.insert(rbTorsionParameters.end(), c, c + 6);
        }
    } else if (auto cmap = dynamic_cast<const CMAPTorsionForce*>(&hostForce)) {
        int firstMap = cmapSizes.size();
        for (int i = 0; i < cmap->getNumMaps(); i++) {
            int size;
            vector<double> energy;
            cmap->getMapParameters(i, size, energy);
            cmapSizes.push_back(size);
            cmapEnergies.insert(cmapEnergies.end(), energy.begin(), energy.end());
        }
        for (int i = 0; i < cmap->getNumTorsions(); i++) {
            int map, b1, b2, b3, b4;
            cmap->getTorsionParameters(i, map, p1, p2, p3, p4, b1, b2, b3, b4);
            vector<int32_t> atoms = {firstMap + map};
            if (findAtoms({p1, p2, p3, p4, b1, b2, b3, b4}, atoms))
                cmapTorsions.insert(cmapTorsions.end(), atoms.begin(), atoms.end());
        }
    }
}

void HostTerms::readNonbonded(const System& system) {
    HostNonbonded terms(system, force, particleMap);
    nonbonded = terms.particleParameters;
    exceptionAtoms = terms.exceptionAtoms;
    exceptionParameters = terms.exceptionParameters;
}

void HostTerms::readConstraints(const System& system) {
    for (int i = 0; i < system.getNumConstraints(); i++) {
        int p1, p2;
        double distance;
        system.getConstraintParameters(i, p1, p2, distance);
        findAtoms({p1, p2}, constraintAtoms);
    }
}

pb_host_terms HostTerms::view() const {
    pb_host_terms terms = {};
    terms.struct_size = sizeof(terms);
    terms.bond_count = bondAtoms.size() / 2;
    terms.bond_atoms = bondAtoms.data();
    terms.bond_parameters = bondParameters.data();
    terms.angle_count = angleAtoms.size() / 3;
    terms.angle_atoms = angleAtoms.data();
    terms.angle_parameters = angleParameters.data();
    terms.torsion_count = torsionAtoms.size() / 4;
    terms.torsion_atoms = torsionAtoms.data();
    terms.torsion_periodicities = torsionPeriodicities.data();
    terms.torsion_parameters = torsionParameters.data();
    terms.rb_torsion_count = rbTorsionAtoms.size() / 4;
    terms.rb_torsion_atoms = rbTorsionAtoms.data();
    terms.rb_torsion_parameters = rbTorsionParameters.data();
    terms.cmap_count = cmapSizes.size();
    terms.cmap_sizes = cmapSizes.data();
    terms.cmap_energies = cmapEnergies.data();
    terms.cmap_torsion_count = cmapTorsions.size() / 9;
    terms.cmap_torsions = cmapTorsions.data();
    terms.nonbonded = nonbonded.empty() ? nullptr : nonbonded.data();
    terms.exception_count = exceptionAtoms.size() / 2;
    terms.exception_atoms = exceptionAtoms.data();
    terms.exception_parameters = exceptionParameters.data();
    terms.constraint_count = constraintAtoms.size() / 2;
    terms.constraint_atoms = constraintAtoms.data();
    return terms;
}

} // namespace PluginBridge
