#ifndef PLUGINBRIDGE_OPENMM_HOSTTERMS_H_
#define PLUGINBRIDGE_OPENMM_HOSTTERMS_H_

#include "ParticleMap.h"
#include "openmm/CustomCVForce.h"
#include "openmm/System.h"
#include "pluginbridge.h"
#include <cstdint>
#include <vector>

namespace PluginBridge {

/**
 * The terms of a System's own force field among the atoms of a FragmentedPotentialForce, in the layout of
 * pb_host_terms. Atom indices are those of the force.
 */
class HostTerms {
public:
    /**
     * Reads the forces of a System. Forces of one kind are concatenated. Throws an OpenMMException for a
     * force that acts inside the region in a way that cannot be read.
     * @param isAbsolute  whether the model replaces these terms, rather than being compared with them: then
     *                    none of them may be inside a CustomCVForce
     */
    HostTerms(const OpenMM::System& system, const FragmentedPotentialForce& force, bool isAbsolute);

    /** The terms for the C interface; valid while this object lives. */
    pb_host_terms view() const;

private:
    void readBonded(const OpenMM::Force& force);
    void readNonbonded(const OpenMM::System& system);
    void readConstraints(const OpenMM::System& system);
    void refuseUnreadable(const OpenMM::System& system) const;
    void refuseWrapped(const OpenMM::CustomCVForce& wrapper) const;
    bool hasTermsInside(const OpenMM::Force& hostForce) const;
    bool isInside(std::initializer_list<int> particles) const;

    /** Translates particles to the force's atoms; false if one of them is not among those. */
    bool findAtoms(std::initializer_list<int> particles, std::vector<int32_t>& atoms) const;

    const FragmentedPotentialForce& force;
    ParticleMap particleMap;
    std::vector<int32_t> bondAtoms, angleAtoms, torsionAtoms, torsionPeriodicities, rbTorsionAtoms, cmapSizes,
        cmapTorsions, exceptionAtoms, constraintAtoms;
    std::vector<double> bondParameters, angleParameters, torsionParameters, rbTorsionParameters, cmapEnergies,
        nonbonded, exceptionParameters;
};

} // namespace PluginBridge

#endif
