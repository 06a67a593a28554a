#ifndef PLUGINBRIDGE_OPENMM_HOSTNONBONDED_H_
#define PLUGINBRIDGE_OPENMM_HOSTNONBONDED_H_

#include "ParticleMap.h"
#include "openmm/NonbondedForce.h"
#include "openmm/System.h"
#include <cstdint>
#include <vector>

namespace PluginBridge {

/**
 * Charges, Lennard-Jones parameters and exceptions of a System's NonbondedForces among the atoms of a
 * FragmentedPotentialForce. Two NonbondedForces are merged where one has only the charges and the other only
 * the Lennard-Jones parameters; other sums of pair interactions have no parameters of their own and are
 * refused.
 */
struct HostNonbonded {
    HostNonbonded(const OpenMM::System& system, const FragmentedPotentialForce& force,
                  const ParticleMap& particles);

    /** Charge (e), sigma (nm), epsilon (kJ/mol) [atoms][3]; empty without a NonbondedForce. */
    std::vector<double> particleParameters;
    /** [exceptions][2] */
    std::vector<int32_t> exceptionAtoms;
    /** Charge product (e^2), sigma (nm), epsilon (kJ/mol) [exceptions][3] */
    std::vector<double> exceptionParameters;
};

/**
 * Refuses NonbondedForces that leave out a part of the region's Coulomb energy (plain cutoffs, no direct
 * space) or change with a Context parameter there.
 */
void checkNonbonded(const OpenMM::System& system, const FragmentedPotentialForce& force);

} // namespace PluginBridge

#endif
