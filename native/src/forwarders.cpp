// The public functions of pluginbridge.h: each jumps to the core that fits this processor. Where none could
// be loaded, each reports so in the way of its return type.
#include "core_library.h"

#include <cstring>
#include <type_traits>

namespace pluginbridge {
namespace {

/// What a function returns without a core.
template <typename T> T unavailable(const char* name) {
    if constexpr (std::is_same_v<T, pb_status>)
        return CoreLibrary::instance().failureStatus();
    else if constexpr (std::is_same_v<T, const char*>)
        return std::strcmp(name, "pb_last_error") == 0 ? CoreLibrary::instance().failure()
               : std::strcmp(name, "pb_version") == 0  ? PLUGINBRIDGE_VERSION
                                                       : "";
    else if constexpr (std::is_same_v<T, int64_t>)
        return -1;
    else if constexpr (std::is_same_v<T, int32_t>)
        return std::strcmp(name, "pb_abi_version") == 0 ? PB_ABI_VERSION : 0;
    else
        static_assert(std::is_void_v<T>, "say what a function of this type returns without a core");
}

} // namespace
} // namespace pluginbridge

#define PB_FORWARD(type, name, parameters, arguments)                                                        \
    extern "C" PB_EXPORT type name parameters {                                                              \
        using Function = type(*) parameters;                                                                 \
        void* const entry = pluginbridge::CoreLibrary::instance()[pluginbridge::Entry::name];                \
        if (entry == nullptr)                                                                                \
            return pluginbridge::unavailable<type>(#name);                                                   \
        return reinterpret_cast<Function>(entry) arguments;                                                  \
    }
#include "forwarders.inc"
#undef PB_FORWARD
