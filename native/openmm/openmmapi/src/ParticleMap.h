#ifndef PLUGINBRIDGE_OPENMM_PARTICLEMAP_H_
#define PLUGINBRIDGE_OPENMM_PARTICLEMAP_H_

#include "FragmentedPotentialForce.h"
#include "openmm/System.h"
#include <string>
#include <vector>

namespace PluginBridge {

/** What a FragmentedPotentialForce makes of the particles of its System. */
struct ParticleMap {
    ParticleMap(const OpenMM::System& system, const FragmentedPotentialForce& force)
        : atom(system.getNumParticles(), -1), isInRegion(system.getNumParticles(), false) {
        for (int i = 0; i < force.getNumAtoms(); i++) {
            int particle, atomicNumber, residue;
            std::string name;
            bool inRegion;
            force.getAtom(i, particle, atomicNumber, name, residue, inRegion);
            atom.at(particle) = i;
            isInRegion.at(particle) = inRegion;
        }
    }

    /** Atom of each particle, or -1. */
    std::vector<int> atom;
    /** Whether each particle is in the region. */
    std::vector<bool> isInRegion;
};

} // namespace PluginBridge

#endif
