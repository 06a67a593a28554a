// The compiled core of one instruction-set level: found beside this library, loaded once, never unloaded.
#ifndef PLUGINBRIDGE_CORE_LIBRARY_H
#define PLUGINBRIDGE_CORE_LIBRARY_H

#include "pluginbridge.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <string>

namespace pluginbridge {

/// One entry a public function.
enum class Entry : size_t {
#define PB_FORWARD(type, name, parameters, arguments) name,
#include "forwarders.inc"
#undef PB_FORWARD
    count
};

class CoreLibrary {
public:
    /// The core of this process; the first call loads it.
    static const CoreLibrary& instance();

    /// Address of a function in the core; null where the core could not be loaded or did not survive a fork.
    void* operator[](Entry entry) const {
        return lostByFork_.load(std::memory_order_relaxed) ? nullptr : entries_[static_cast<size_t>(entry)];
    }

    /// Why there is none, and as what that counts.
    const char* failure() const;
    pb_status failureStatus() const;

private:
    CoreLibrary();
    bool open();
    bool load(const std::string& directory, int level);
    bool fail(pb_status status, const std::string& message);

    static std::atomic<bool> lostByFork_;
    std::array<void*, static_cast<size_t>(Entry::count)> entries_{};
    std::string failure_;
    pb_status failureStatus_ = PB_OK;
};

} // namespace pluginbridge

#endif
