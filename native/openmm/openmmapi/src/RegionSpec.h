#ifndef PLUGINBRIDGE_OPENMM_REGIONSPEC_H_
#define PLUGINBRIDGE_OPENMM_REGIONSPEC_H_

#include "FragmentedPotentialForce.h"
#include "openmm/System.h"
#include "pluginbridge.h"
#include <cstdint>
#include <string>
#include <vector>

namespace PluginBridge {

/** The topology of a FragmentedPotentialForce in the layout of pb_system_spec. */
class RegionSpec {
public:
    /** Throws an OpenMMException where the force does not fit the System or itself. */
    RegionSpec(const FragmentedPotentialForce& force, const OpenMM::System& system);

    /**
     * The topology for the C interface; valid while this object and hostTerms live.
     * @param hostTerms  (optional)
     */
    pb_system_spec view(const pb_host_terms* hostTerms) const;

    /** Particle of each atom. */
    const std::vector<int>& getParticles() const;

private:
    void readAtoms(const FragmentedPotentialForce& force, const OpenMM::System& system);
    void readResidues(const FragmentedPotentialForce& force);
    void readBonds(const FragmentedPotentialForce& force);
    void checkImages(const FragmentedPotentialForce& force, const OpenMM::System& system) const;

    std::vector<int> particles;
    std::vector<int32_t> atomicNumbers, bonds, region, atomResidues;
    std::vector<std::string> residueNames, residueNumbers, residueChains, atomNames;
    std::vector<const char*> residueNameTexts, residueNumberTexts, residueChainTexts, atomNameTexts;
    int32_t totalCharge, numUnpairedElectrons, scheme;
    double pairInner, pairOuter;
};

} // namespace PluginBridge

#endif
