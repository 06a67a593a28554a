#ifndef OPENMM_FRAGMENTEDPOTENTIALFORCEIMPL_H_
#define OPENMM_FRAGMENTEDPOTENTIALFORCEIMPL_H_

#include "../FragmentedPotentialForce.h"
#include "openmm/Kernel.h"
#include "openmm/internal/ForceImpl.h"
#include <memory>
#include <utility>
#ifdef OPENMM_HAS_CUSTOMCPPFORCEIMPL
#include "openmm/internal/CustomCPPForceImpl.h"
#endif

namespace PluginBridge {

class CorrectionEvaluator;

/** From OpenMM 8.1 on, one implementation serves all platforms; before, there are kernels for Reference and
 * CPU. */
#ifdef OPENMM_HAS_CUSTOMCPPFORCEIMPL
using FragmentedPotentialForceImplBase = OpenMM::CustomCPPForceImpl;
#else
using FragmentedPotentialForceImplBase = OpenMM::ForceImpl;
#endif

/** The internal implementation of FragmentedPotentialForce. */
class FragmentedPotentialForceImpl : public FragmentedPotentialForceImplBase {
public:
    explicit FragmentedPotentialForceImpl(const FragmentedPotentialForce& owner);
    ~FragmentedPotentialForceImpl() override;
    void initialize(OpenMM::ContextImpl& context) override;
    const FragmentedPotentialForce& getOwner() const override;
    void updateContextState(OpenMM::ContextImpl& context, bool& forcesInvalid) override;
    double calcForcesAndEnergy(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy,
                               int groups) override;
    std::map<std::string, double> getDefaultParameters() override;
    std::vector<std::pair<int, int>> getBondedParticles() const override;

    /** dE/dlambda (kJ/mol) at the Context's positions, computed afresh. */
    double computeCorrectionEnergy(OpenMM::ContextImpl& context);

    /** FragmentedPotentialForce::getUncertainty. */
    void computeUncertainty(OpenMM::ContextImpl& context, double& energySpread,
                            std::vector<double>& forceSpreads, std::vector<double>& forceErrors);

#ifdef OPENMM_HAS_CUSTOMCPPFORCEIMPL
    double computeForce(OpenMM::ContextImpl& context, const std::vector<OpenMM::Vec3>& positions,
                        std::vector<OpenMM::Vec3>& forces) override;
#else
    std::vector<std::string> getKernelNames() override;
#endif

private:
    bool isIncluded(int groups) const;
    /** The force's own number of threads, the platform's, or all processors. */
    int chooseThreads(OpenMM::ContextImpl& context) const;

    const FragmentedPotentialForce& owner;
    std::shared_ptr<CorrectionEvaluator> evaluator;
#ifdef OPENMM_HAS_CUSTOMCPPFORCEIMPL
    double correctionEnergy;
#else
    OpenMM::Kernel kernel;
#endif
};

} // namespace PluginBridge

#endif
