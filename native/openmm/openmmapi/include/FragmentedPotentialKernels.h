#ifndef OPENMM_FRAGMENTEDPOTENTIALKERNELS_H_
#define OPENMM_FRAGMENTEDPOTENTIALKERNELS_H_

#include "FragmentedPotentialForce.h"
#include "openmm/KernelImpl.h"
#include "openmm/internal/ContextImpl.h"
#include <memory>
#include <string>

namespace PluginBridge {

class CorrectionEvaluator;

/** Computes a FragmentedPotentialForce (OpenMM before 8.1). */
class CalcFragmentedPotentialForceKernel : public OpenMM::KernelImpl {
public:
    static std::string Name() { return "CalcFragmentedPotentialForce"; }
    CalcFragmentedPotentialForceKernel(const std::string& name, const OpenMM::Platform& platform)
        : OpenMM::KernelImpl(name, platform) {}

    /**
     * @param force      the force that the kernel computes
     * @param evaluator  shared with the ForceImpl
     */
    virtual void initialize(const FragmentedPotentialForce& force,
                            std::shared_ptr<CorrectionEvaluator> evaluator) = 0;

    /** Adds lambda times the correction's forces and returns lambda times its energy. */
    virtual double execute(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy) = 0;
};

} // namespace PluginBridge

#endif
