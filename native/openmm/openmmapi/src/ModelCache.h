#ifndef PLUGINBRIDGE_OPENMM_MODELCACHE_H_
#define PLUGINBRIDGE_OPENMM_MODELCACHE_H_

#include "pluginbridge.h"
#include <memory>
#include <string>

namespace PluginBridge {

/** Throws an OpenMMException with the library's message unless status is PB_OK. */
void throwOnError(pb_status status);

/**
 * Loads a model, or returns the one that a living Context already uses. Thread-safe.
 * @param nameOrPath    as for pb_model_load
 * @param expectedHash  SHA-256 that the file must have; "": any
 */
std::shared_ptr<pb_model> loadModel(const std::string& nameOrPath, const std::string& expectedHash);

/** What a model is; the strings live as long as the model. */
pb_model_info getModelInfo(const pb_model& model);

} // namespace PluginBridge

#endif
