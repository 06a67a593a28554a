#ifndef PLUGINBRIDGE_OPENMM_REGIONHOST_H_
#define PLUGINBRIDGE_OPENMM_REGIONHOST_H_

#include "FragmentedPotentialForce.h"
#include "openmm/Context.h"
#include "openmm/System.h"
#include "openmm/Vec3.h"
#include "openmm/VerletIntegrator.h"
#include <memory>
#include <utility>
#include <vector>

namespace PluginBridge {

/**
 * The region alone in vacuo on the host's force field: the energy that a correction takes away from a host
 * that is not on the library's own force field. An inner Context computes it; see
 * FragmentedPotentialForce::setRegionSystem().
 */
class RegionHost {
public:
    /**
     * Throws an OpenMMException where the region's System does not fit the force.
     * @param hostPlatform  the Context's: the inner one uses Reference for Reference, else CPU if it can
     * @param threads       of the CPU platform
     */
    RegionHost(const FragmentedPotentialForce& force, const OpenMM::Platform& hostPlatform, int threads);

    /**
     * @param atomPositions  [3 * atoms], of all atoms of the force, nm
     * @param boxVectors     a, b, c (nm), NULL without a box: molecules are made whole, and put into the
     *                       periodic images in which they touch
     * @param atomForces     (optional) [3 * atoms], the region's forces are taken away from it, kJ/mol/nm
     * @return the region's energy, kJ/mol
     */
    double subtract(const std::vector<double>& atomPositions, const OpenMM::Vec3* boxVectors,
                    double* atomForces);

private:
    void createContext(const OpenMM::Platform& hostPlatform, int threads);
    void findMolecules(const FragmentedPotentialForce& force);
    void makeWhole(const OpenMM::Vec3* boxVectors);
    void joinMolecules(const OpenMM::Vec3* boxVectors);

    std::shared_ptr<const OpenMM::System> system;
    OpenMM::VerletIntegrator integrator;
    std::unique_ptr<OpenMM::Context> context;
    std::vector<int> atoms; // the region's atoms, in the order of its System's particles
    std::vector<bool> isHeavy;
    std::vector<std::vector<std::pair<int, int>>>
        molecules;                                  // particles and the one each is bonded to, root first
    std::vector<std::vector<int>> contactParticles; // of each molecule: its heavy atoms, if it has any
    std::vector<OpenMM::Vec3> positions;
};

} // namespace PluginBridge

#endif
