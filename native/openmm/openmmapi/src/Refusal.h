#ifndef PLUGINBRIDGE_OPENMM_REFUSAL_H_
#define PLUGINBRIDGE_OPENMM_REFUSAL_H_

#include "openmm/OpenMMException.h"
#include <string>

namespace PluginBridge {

/** Throws an OpenMMException that names the force. */
[[noreturn]] inline void refuse(const std::string& reason) {
    throw OpenMM::OpenMMException("FragmentedPotentialForce: " + reason);
}

} // namespace PluginBridge

#endif
