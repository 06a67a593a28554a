#include "ModelCache.h"
#include "openmm/OpenMMException.h"
#include <filesystem>
#include <map>
#include <mutex>

using namespace OpenMM;
using namespace std;

namespace PluginBridge {

namespace {

void checkInterfaceVersion() {
    if (pb_abi_version() != PB_ABI_VERSION)
        throw OpenMMException("The OpenMM plugin of PluginBridge was built for version " +
                              to_string(PB_ABI_VERSION) +
                              " of the library's interface, but libpluginbridge has version " +
                              to_string(pb_abi_version()) + ": install both from the same release");
}

/** Tells a file that was rewritten while a Context uses its old content from the old one. */
string describeFileState(const string& path) {
    error_code error;
    auto size = filesystem::file_size(path, error);
    if (error)
        return "";
    auto time = filesystem::last_write_time(path, error);
    if (error)
        return "";
    return to_string(size) + "|" + to_string(time.time_since_epoch().count());
}

} // namespace

void throwOnError(pb_status status) {
    if (status != PB_OK)
        throw OpenMMException(string("FragmentedPotentialForce: ") + pb_last_error());
}

shared_ptr<pb_model> loadModel(const string& nameOrPath, const string& expectedHash) {
    static mutex lock;
    static map<string, weak_ptr<pb_model>> cache;
    string key = nameOrPath + "|" + expectedHash + "|" + describeFileState(nameOrPath);
    lock_guard<mutex> guard(lock);
    shared_ptr<pb_model> model = cache[key].lock();
    if (model == nullptr) {
        checkInterfaceVersion();
        pb_model* handle = nullptr;
        throwOnError(pb_model_load(nameOrPath.c_str(), expectedHash.empty() ? nullptr : expectedHash.c_str(),
                                   &handle));
        model = shared_ptr<pb_model>(handle, pb_model_free);
        cache[key] = model;
    }
    return model;
}

pb_model_info getModelInfo(const pb_model& model) {
    pb_model_info info = {};
    info.struct_size = sizeof(info);
    throwOnError(pb_model_get_info(&model, &info));
    return info;
}

} // namespace PluginBridge
