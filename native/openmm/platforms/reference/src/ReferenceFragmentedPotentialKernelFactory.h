#ifndef OPENMM_REFERENCEFRAGMENTEDPOTENTIALKERNELFACTORY_H_
#define OPENMM_REFERENCEFRAGMENTEDPOTENTIALKERNELFACTORY_H_

#include "openmm/KernelFactory.h"

namespace PluginBridge {

/** Creates the kernels of this plugin for the Reference platform and those derived from it. */
class ReferenceFragmentedPotentialKernelFactory : public OpenMM::KernelFactory {
public:
    OpenMM::KernelImpl* createKernelImpl(std::string name, const OpenMM::Platform& platform,
                                         OpenMM::ContextImpl& context) const override;
};

} // namespace PluginBridge

#endif
