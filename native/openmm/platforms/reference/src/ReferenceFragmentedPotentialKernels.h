#ifndef OPENMM_REFERENCEFRAGMENTEDPOTENTIALKERNELS_H_
#define OPENMM_REFERENCEFRAGMENTEDPOTENTIALKERNELS_H_

#include "FragmentedPotentialKernels.h"

namespace PluginBridge {

/** FragmentedPotentialForce on the Reference platform and those derived from it (CPU). */
class ReferenceCalcFragmentedPotentialForceKernel : public CalcFragmentedPotentialForceKernel {
public:
    using CalcFragmentedPotentialForceKernel::CalcFragmentedPotentialForceKernel;
    void initialize(const FragmentedPotentialForce& force,
                    std::shared_ptr<CorrectionEvaluator> evaluator) override;
    double execute(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy) override;

private:
    std::string lambdaName;
    bool addLambdaDerivative = false;
    std::shared_ptr<CorrectionEvaluator> evaluator;
};

} // namespace PluginBridge

#endif
