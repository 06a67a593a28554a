/* Opened at run time, as plugins and scripts do it: again and again, and from incomplete installations. */
#define _GNU_SOURCE /* mkdtemp, setenv */
#include "support/check.h"
#include "support/peptide.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not linked: the functions come from the library that is opened. check.h asks for the last error by its
 * name. */
static const char* (*last_error)(void);
const char* pb_last_error(void) {
    return last_error();
}

typedef pb_status (*load_function)(const char*, const char*, pb_model**);
typedef void (*free_function)(pb_model*);
typedef int32_t (*version_function)(void);

static void* symbol(void* library, const char* name) {
    void* address = dlsym(library, name);
    if (address == NULL) {
        printf("%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    return address;
}

static void* open_library(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        printf("%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    *(void**)&last_error = symbol(library, "pb_last_error");
    return library;
}

static void test_opened_and_closed(void) {
    for (int i = 0; i < 3; i++) {
        void* library = open_library(getenv("PLUGINBRIDGE_TEST_LIBRARY"));
        load_function load;
        free_function release;
        pb_model* model = NULL;
        *(void**)&load = symbol(library, "pb_model_load");
        *(void**)&release = symbol(library, "pb_model_free");
        REQUIRE_OK(load(test_model(), NULL, &model));
        release(model);
        CHECK(dlclose(library) == 0);
    }
}

static void copy(const char* from, const char* to) {
    char buffer[4096];
    size_t length;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    CHECK(in != NULL && out != NULL);
    if (in == NULL || out == NULL)
        exit(EXIT_FAILURE);
    while ((length = fread(buffer, 1, sizeof buffer, in)) > 0)
        CHECK(fwrite(buffer, 1, length, out) == length);
    fclose(in);
    CHECK(fclose(out) == 0);
}

/* The loader lies in a folder with a damaged core, or none: calls fail and name the file. */
static void test_incomplete(int with_damaged_core) {
    char folder[] = "/tmp/pluginbridge-XXXXXX", loader[128], cores[128], core[256];
    load_function load;
    version_function abi_version;
    pb_model* model = NULL;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(loader, sizeof loader, "%s/libpluginbridge.so", folder);
    snprintf(cores, sizeof cores, "%s/pluginbridge", folder);
    snprintf(core, sizeof core, "%s/libpluginbridge-core-v2.so", cores);
    copy(getenv("PLUGINBRIDGE_TEST_LIBRARY"), loader);
    CHECK(mkdir(cores, 0700) == 0);
    if (with_damaged_core)
        copy(__FILE__, core);

    CHECK(setenv("PLUGINBRIDGE_ISA", "v2", 1) == 0);
    void* library = open_library(loader);
    *(void**)&load = symbol(library, "pb_model_load");
    *(void**)&abi_version = symbol(library, "pb_abi_version");
    CHECK_FAILS(load("ff14sb", NULL, &model), PB_MISSING_LIBRARY, core);
    CHECK(model == NULL && abi_version() == PB_ABI_VERSION);
    CHECK(unsetenv("PLUGINBRIDGE_ISA") == 0);

    unlink(core);
    unlink(loader);
    rmdir(cores);
    rmdir(folder);
}

int main(void) {
    test_opened_and_closed();
    test_incomplete(0);
    test_incomplete(1);
    test_opened_and_closed(); /* the good one works on beside them */
    return check_result();
}
