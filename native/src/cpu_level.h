// Which x86-64 micro-architecture level the processor and the operating system support.
#ifndef PLUGINBRIDGE_CPU_LEVEL_H
#define PLUGINBRIDGE_CPU_LEVEL_H

namespace pluginbridge {

/// Highest of the psABI levels 1..4 that this machine has, registers enabled by the system included.
int cpuLevel();

} // namespace pluginbridge

#endif
