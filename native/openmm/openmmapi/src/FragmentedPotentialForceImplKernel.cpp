// OpenMM before 8.1: the force is computed by a kernel, which each platform has to provide.
#include "CorrectionEvaluator.h"
#include "FragmentedPotentialKernels.h"
#include "internal/FragmentedPotentialForceImpl.h"
#include "openmm/Platform.h"
#include "openmm/internal/ContextImpl.h"

using namespace PluginBridge;
using namespace OpenMM;
using namespace std;

FragmentedPotentialForceImpl::FragmentedPotentialForceImpl(const FragmentedPotentialForce& owner)
    : owner(owner) {}

void FragmentedPotentialForceImpl::initialize(ContextImpl& context) {
    evaluator = make_shared<CorrectionEvaluator>(owner, context.getSystem(), context.getPlatform(),
                                                 chooseThreads(context));
    kernel = context.getPlatform().createKernel(CalcFragmentedPotentialForceKernel::Name(), context);
    kernel.getAs<CalcFragmentedPotentialForceKernel>().initialize(owner, evaluator);
}

double FragmentedPotentialForceImpl::calcForcesAndEnergy(ContextImpl& context, bool includeForces,
                                                         bool includeEnergy, int groups) {
    if (!isIncluded(groups))
        return 0;
    return kernel.getAs<CalcFragmentedPotentialForceKernel>().execute(context, includeForces, includeEnergy);
}

vector<string> FragmentedPotentialForceImpl::getKernelNames() {
    return {CalcFragmentedPotentialForceKernel::Name()};
}
