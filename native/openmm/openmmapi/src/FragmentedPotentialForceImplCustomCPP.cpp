// OpenMM 8.1 and later: CustomCPPForceImpl brings positions and forces to and from every platform.
#include "CorrectionEvaluator.h"
#include "internal/FragmentedPotentialForceImpl.h"
#include "openmm/OpenMMException.h"
#include "openmm/internal/ContextImpl.h"
#include "openmm/reference/ReferencePlatform.h"
#include <algorithm>
#include <exception>

using namespace PluginBridge;
using namespace OpenMM;
using namespace std;

namespace {

/** Where energy parameter derivatives are summed up, or NULL on a platform that has them on a device. */
map<string, double>* findParameterDerivatives(ContextImpl& context) {
    if (dynamic_cast<ReferencePlatform*>(&context.getPlatform()) == nullptr)
        return nullptr;
    return reinterpret_cast<ReferencePlatform::PlatformData*>(context.getPlatformData())
        ->energyParameterDerivatives;
}

} // namespace

FragmentedPotentialForceImpl::FragmentedPotentialForceImpl(const FragmentedPotentialForce& owner)
    : CustomCPPForceImpl(owner), owner(owner), correctionEnergy(0) {}

void FragmentedPotentialForceImpl::initialize(ContextImpl& context) {
    if (owner.getAddLambdaDerivative() && findParameterDerivatives(context) == nullptr)
        throw OpenMMException(
            "FragmentedPotentialForce: the " + context.getPlatform().getName() +
            " platform has no energy parameter derivative for this force. Call "
            "setAddLambdaDerivative(false) and getCorrectionEnergy(), which is the derivative");
    evaluator = make_shared<CorrectionEvaluator>(owner, context.getSystem(), context.getPlatform(),
                                                 chooseThreads(context));
    CustomCPPForceImpl::initialize(context);
}

double FragmentedPotentialForceImpl::calcForcesAndEnergy(ContextImpl& context, bool includeForces,
                                                         bool includeEnergy, int groups) {
    bool addDerivative = owner.getAddLambdaDerivative();
    if (!isIncluded(groups) || (context.getParameter(owner.getLambdaName()) == 0 && !addDerivative))
        return 0;
    double energy = CustomCPPForceImpl::calcForcesAndEnergy(context, includeForces, includeEnergy, groups);
    if (addDerivative)
        (*findParameterDerivatives(context))[owner.getLambdaName()] += correctionEnergy;
    return energy;
}

double FragmentedPotentialForceImpl::computeForce(ContextImpl& context, const vector<Vec3>& positions,
                                                  vector<Vec3>& forces) {
    fill(forces.begin(), forces.end(), Vec3());
    // GPU platforms call this for each evaluation, on a thread that only survives an OpenMMException.
    try {
        double lambda = context.getParameter(owner.getLambdaName());
        if (lambda == 0 && !owner.getAddLambdaDerivative())
            return 0;
        Vec3 box[3];
        context.getPeriodicBoxVectors(box[0], box[1], box[2]);
        correctionEnergy = evaluator->evaluate(positions, box, lambda != 0);
        if (lambda == 0)
            return 0;
        const auto& particles = evaluator->getParticles();
        for (size_t i = 0; i < particles.size(); i++)
            forces[particles[i]] = lambda * evaluator->getForce(i);
        return lambda * correctionEnergy;
    } catch (const OpenMMException&) {
        throw;
    } catch (const exception& error) {
        throw OpenMMException(string("FragmentedPotentialForce: ") + error.what());
    }
}
