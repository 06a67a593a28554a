#ifndef OPENMM_WINDOWSEXPORTPLUGINBRIDGE_H_
#define OPENMM_WINDOWSEXPORTPLUGINBRIDGE_H_

/* Which symbols leave the plugin library: those of the force's public classes. */
#if defined(_MSC_VER)
#if defined(PLUGINBRIDGE_OPENMM_BUILDING_SHARED_LIBRARY)
#define OPENMM_EXPORT_PLUGINBRIDGE __declspec(dllexport)
#else
#define OPENMM_EXPORT_PLUGINBRIDGE __declspec(dllimport)
#endif
#else
#define OPENMM_EXPORT_PLUGINBRIDGE __attribute__((visibility("default")))
#endif

#endif
