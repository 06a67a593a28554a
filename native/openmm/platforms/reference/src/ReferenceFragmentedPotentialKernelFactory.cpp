#include "ReferenceFragmentedPotentialKernelFactory.h"
#include "ReferenceFragmentedPotentialKernels.h"
#include "internal/windowsExportPluginBridge.h"
#include "openmm/OpenMMException.h"
#include "openmm/reference/ReferencePlatform.h"

using namespace PluginBridge;
using namespace OpenMM;
using namespace std;

/** OpenMM looks these two up by name in each plugin that it loads. */
extern "C" OPENMM_EXPORT_PLUGINBRIDGE void registerPlatforms() {}

extern "C" OPENMM_EXPORT_PLUGINBRIDGE void registerKernelFactories() {
    for (int i = 0; i < Platform::getNumPlatforms(); i++) {
        Platform& platform = Platform::getPlatform(i);
        // The factory belongs to its platform, so there is one for each, and loading the plugin twice adds
        // none.
        if (dynamic_cast<ReferencePlatform*>(&platform) != nullptr &&
            !platform.supportsKernels({CalcFragmentedPotentialForceKernel::Name()}))
            platform.registerKernelFactory(CalcFragmentedPotentialForceKernel::Name(),
                                           new ReferenceFragmentedPotentialKernelFactory());
    }
}

KernelImpl* ReferenceFragmentedPotentialKernelFactory::createKernelImpl(string name, const Platform& platform,
                                                                        ContextImpl&) const {
    if (name == CalcFragmentedPotentialForceKernel::Name())
        return new ReferenceCalcFragmentedPotentialForceKernel(name, platform);
    throw OpenMMException("Tried to create a kernel with an unknown name: '" + name + "'");
}
