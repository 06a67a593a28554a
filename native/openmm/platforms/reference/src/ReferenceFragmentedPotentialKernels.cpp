#include "ReferenceFragmentedPotentialKernels.h"
#include "CorrectionEvaluator.h"
#include "openmm/reference/ReferencePlatform.h"

using namespace PluginBridge;
using namespace OpenMM;
using namespace std;

void ReferenceCalcFragmentedPotentialForceKernel::initialize(const FragmentedPotentialForce& force,
                                                             shared_ptr<CorrectionEvaluator> evaluator) {
    lambdaName = force.getLambdaName();
    addLambdaDerivative = force.getAddLambdaDerivative();
    this->evaluator = evaluator;
}

double ReferenceCalcFragmentedPotentialForceKernel::execute(ContextImpl& context, bool includeForces, bool) {
    double lambda = context.getParameter(lambdaName);
    if (lambda == 0 && !addLambdaDerivative)
        return 0;
    auto& data = *reinterpret_cast<ReferencePlatform::PlatformData*>(context.getPlatformData());
    bool addForces = includeForces && lambda != 0;
    double energy = evaluator->evaluate(*data.positions, data.periodicBoxVectors, addForces);
    if (addForces) {
        const auto& particles = evaluator->getParticles();
        for (size_t i = 0; i < particles.size(); i++)
            (*data.forces)[particles[i]] += lambda * evaluator->getForce(i);
    }
    if (addLambdaDerivative)
        (*data.energyParameterDerivatives)[lambdaName] += energy;
    return lambda * energy;
}
