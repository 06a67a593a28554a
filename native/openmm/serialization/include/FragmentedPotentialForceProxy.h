#ifndef OPENMM_FRAGMENTEDPOTENTIALFORCEPROXY_H_
#define OPENMM_FRAGMENTEDPOTENTIALFORCEPROXY_H_

#include "internal/windowsExportPluginBridge.h"
#include "openmm/serialization/SerializationProxy.h"

namespace PluginBridge {

/** Writes and reads FragmentedPotentialForce; the XML is described in serialization/README.md. */
class OPENMM_EXPORT_PLUGINBRIDGE FragmentedPotentialForceProxy : public OpenMM::SerializationProxy {
public:
    FragmentedPotentialForceProxy();
    void serialize(const void* object, OpenMM::SerializationNode& node) const override;
    void* deserialize(const OpenMM::SerializationNode& node) const override;
};

} // namespace PluginBridge

#endif
