#include "FragmentedPotentialForce.h"
#include "FragmentedPotentialForceProxy.h"
#include <typeinfo>

namespace {

/** Runs when the library is loaded, be it as a plugin or as a dependency. */
struct Registration {
    Registration() {
        OpenMM::SerializationProxy::registerProxy(typeid(PluginBridge::FragmentedPotentialForce),
                                                  new PluginBridge::FragmentedPotentialForceProxy());
    }
} registration;

} // namespace
