#ifndef PLUGINBRIDGE_OPENMM_CORRECTIONEVALUATOR_H_
#define PLUGINBRIDGE_OPENMM_CORRECTIONEVALUATOR_H_

#include "FragmentedPotentialForce.h"
#include "RegionHost.h"
#include "openmm/Platform.h"
#include "openmm/System.h"
#include "openmm/Vec3.h"
#include "pluginbridge.h"
#include <memory>
#include <vector>

namespace PluginBridge {

/**
 * dE/dlambda for one Context: the correction sum_f c_f * delta(f), or, with a region System, the region's
 * total energy less that of the region alone on the host's force field. Hands particles' positions to the C
 * interface and keeps what it returns. Not thread-safe; Contexts share nothing but the model.
 */
class CorrectionEvaluator {
public:
    /**
     * Loads the model and prepares the region; throws an OpenMMException for what the model or the library
     * refuses.
     * @param platform  the Context's
     * @param threads   of one evaluation, at least 1
     */
    CorrectionEvaluator(const FragmentedPotentialForce& force, const OpenMM::System& system,
                        const OpenMM::Platform& platform, int threads);

    /**
     * @param positions   of every particle of the System, nm
     * @param boxVectors  a, b, c (nm), used if the force is periodic
     * @param wantForces  whether to compute getForce()
     * @return the energy, kJ/mol
     */
    double evaluate(const std::vector<OpenMM::Vec3>& positions, const OpenMM::Vec3* boxVectors,
                    bool wantForces);

    /**
     * How far the members of an ensemble are apart; throws an OpenMMException if the model is none.
     * @param positions     as for evaluate()
     * @param boxVectors    likewise
     * @param forceSpreads  receives that of each atom, kJ/mol/nm
     * @param forceErrors   receives the expected error of each atom's force, kJ/mol/nm; empty without a
     * calibration
     * @return the spread of the energy, kJ/mol
     */
    double evaluateUncertainty(const std::vector<OpenMM::Vec3>& positions, const OpenMM::Vec3* boxVectors,
                               std::vector<double>& forceSpreads, std::vector<double>& forceErrors);

    /** Particle of each atom. */
    const std::vector<int>& getParticles() const;

    /** Force on an atom in the last evaluation that wanted forces, kJ/mol/nm. */
    OpenMM::Vec3 getForce(int atom) const;

private:
    /** Energy at positions; the optional outputs as in the C interface. */
    double evaluate(const std::vector<OpenMM::Vec3>& positions, const OpenMM::Vec3* boxVectors,
                    double* forces, pb_uncertainty* uncertainty);

    std::vector<int> particles;
    bool periodic, started;
    std::shared_ptr<pb_model> model;
    std::unique_ptr<pb_system, decltype(&pb_system_free)> system;
    std::unique_ptr<pb_workspace, decltype(&pb_workspace_free)> workspace;
    std::unique_ptr<RegionHost> regionHost;
    std::vector<double> atomPositions, atomForces;
};

} // namespace PluginBridge

#endif
