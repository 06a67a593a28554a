#include "core_library.h"
#include "cpu_level.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

namespace pluginbridge {
namespace {

constexpr int lowestLevel = 2, highestLevel = 4;

constexpr const char* entryNames[] = {
#define PB_FORWARD(type, name, parameters, arguments) #name,
#include "forwarders.inc"
#undef PB_FORWARD
};

std::string levelName(int level) {
    return "x86-64-v" + std::to_string(level);
}

/// Folder of the file that this code was loaded from, symbolic links resolved; empty where unknown.
std::string ownDirectory() {
    Dl_info info;
    if (dladdr(reinterpret_cast<const void*>(&ownDirectory), &info) == 0 || info.dli_fname == nullptr)
        return {};
    char* resolved = realpath(info.dli_fname, nullptr);
    std::string path = resolved != nullptr ? resolved : info.dli_fname;
    free(resolved);
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? std::string(".") : path.substr(0, slash);
}

/// Level asked for by PLUGINBRIDGE_ISA ("v3" or "x86-64-v3"); 0: not set, -1: not understood.
int requestedLevel(const char* text) {
    if (text == nullptr || *text == '\0')
        return 0;
    const char* prefix = "x86-64-";
    if (std::strncmp(text, prefix, std::strlen(prefix)) == 0)
        text += std::strlen(prefix);
    if (text[0] == 'v' && text[1] >= '0' + lowestLevel && text[1] <= '0' + highestLevel && text[2] == '\0')
        return text[1] - '0';
    return -1;
}

} // namespace

std::atomic<bool> CoreLibrary::lostByFork_{false};

const CoreLibrary& CoreLibrary::instance() {
    // Never destroyed: other libraries' destructors may still free handles when the process ends.
    static const CoreLibrary* const core = new CoreLibrary;
    return *core;
}

CoreLibrary::CoreLibrary() {
    // The .NET runtime ignores SIGPIPE when it starts; whether it is ignored is for the host to decide.
    struct sigaction pipe;
    const bool known = sigaction(SIGPIPE, nullptr, &pipe) == 0;
    if (!open())
        entries_.fill(nullptr);
    if (known)
        sigaction(SIGPIPE, &pipe, nullptr);
    // A forked child has none of the runtime's threads: calls would wait for them for ever.
    if (failureStatus_ == PB_OK)
        pthread_atfork(nullptr, nullptr, [] { lostByFork_ = true; });
}

const char* CoreLibrary::failure() const {
    return lostByFork_ ? "PluginBridge was in use before this process was forked, and cannot be used on in "
                         "the child. "
                         "Start processes with exec (Python: multiprocessing's start method \"spawn\"), or "
                         "fork before "
                         "the first call."
                       : failure_.c_str();
}

pb_status CoreLibrary::failureStatus() const {
    return lostByFork_ ? PB_UNSUPPORTED : failureStatus_;
}

bool CoreLibrary::open() {
    const char* wish = std::getenv("PLUGINBRIDGE_ISA");
    const int available = cpuLevel();
    const int requested = requestedLevel(wish);
    if (requested < 0)
        return fail(PB_INVALID_ARGUMENT, "PLUGINBRIDGE_ISA is \"" + std::string(wish) +
                                             "\"; use v2, v3 or v4, or leave it unset.");
    if (available < lowestLevel)
        return fail(PB_UNSUPPORTED, "This processor lacks " + levelName(lowestLevel) +
                                        " (SSE4.2, POPCNT), which PluginBridge needs.");
    if (requested > available)
        return fail(PB_UNSUPPORTED, "PLUGINBRIDGE_ISA asks for " + levelName(requested) +
                                        ", but this processor has " + levelName(available) + " only.");

    const std::string directory = ownDirectory();
    if (directory.empty())
        return fail(PB_INTERNAL_ERROR, "PluginBridge cannot find the folder it was loaded from.");
    return load(directory, requested > 0 ? requested : available);
}

bool CoreLibrary::load(const std::string& directory, int level) {
    const std::string path =
        directory + "/pluginbridge/libpluginbridge-core-v" + std::to_string(level) + ".so";
    if (access(path.c_str(), R_OK) != 0)
        return fail(PB_MISSING_LIBRARY, "PluginBridge is not completely installed: " + path +
                                            " cannot be read (" + std::strerror(errno) + ").");

    // Local, so that it cannot clash with a second copy; never unloaded, because .NET code cannot be.
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr)
        return fail(PB_MISSING_LIBRARY, "PluginBridge cannot load " + path + ": " + dlerror());
    for (size_t i = 0; i < entries_.size(); i++) {
        entries_[i] = dlsym(handle, entryNames[i]);
        if (entries_[i] == nullptr)
            return fail(PB_MISSING_LIBRARY, path + " lacks " + entryNames[i] + ": it is of another version.");
    }

    using AbiVersion = decltype(&pb_abi_version);
    using InstructionSet = decltype(&pb_instruction_set);
    const int abi = reinterpret_cast<AbiVersion>((*this)[Entry::pb_abi_version])();
    if (abi != PB_ABI_VERSION)
        return fail(PB_MISSING_LIBRARY, path + " has ABI version " + std::to_string(abi) + ", this loader " +
                                            std::to_string(PB_ABI_VERSION) +
                                            ": they are of different installations.");
    const char* compiled = reinterpret_cast<InstructionSet>((*this)[Entry::pb_instruction_set])();
    if (levelName(level) != compiled)
        return fail(PB_INTERNAL_ERROR, path + " was compiled for " + compiled + ".");

    const auto setDirectory =
        reinterpret_cast<pb_status (*)(const char*)>(dlsym(handle, "pb_core_set_directory"));
    if (setDirectory == nullptr || setDirectory(directory.c_str()) != PB_OK)
        return fail(PB_INTERNAL_ERROR, path + " does not accept its folder.");
    return true;
}

bool CoreLibrary::fail(pb_status status, const std::string& message) {
    failureStatus_ = status;
    failure_ = message;
    return false;
}

} // namespace pluginbridge
