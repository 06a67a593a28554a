#pragma once

#include "FragmentedPotentialForce.h"
#include "openmm/Vec3.h"
#include <vector>

namespace test {

/** Energy and forces that the C interface gives for a force's atoms, with no host terms. */
struct DirectEvaluation {
    /**
     * @param positions   of every particle
     * @param total       the correction plus the library's own ff14SB energy in vacuo
     * @param boxVectors  (optional) a, b, c, for a periodic force
     */
    DirectEvaluation(const PluginBridge::FragmentedPotentialForce& force,
                     const std::vector<OpenMM::Vec3>& positions, bool total,
                     const OpenMM::Vec3* boxVectors = nullptr);
    double energy;
    /** Per particle. */
    std::vector<OpenMM::Vec3> forces;
};

} // namespace test
