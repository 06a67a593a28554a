/* Library-wide functions: version, features, instruction set, model list, logger. */
#include "support/check.h"
#include "support/peptide.h"

typedef struct {
    int calls;
    int longest;
} log_record;

static void record(int32_t level, const char* message, void* user) {
    log_record* log = (log_record*)user;
    CHECK(level >= PB_LOG_DEBUG && level <= PB_LOG_WARNING);
    log->calls++;
    if ((int)strlen(message) > log->longest)
        log->longest = (int)strlen(message);
}

static void test_version(void) {
    CHECK(strcmp(pb_version(), EXPECTED_VERSION) == 0);
    CHECK(pb_abi_version() == PB_ABI_VERSION);
    CHECK(pb_version() == pb_version()); /* belongs to the library, does not move */
}

static void test_instruction_set(void) {
    const char* level = pb_instruction_set();
    const char* forced = getenv("PLUGINBRIDGE_ISA");
    CHECK(strncmp(level, "x86-64-v", 8) == 0 && level[8] >= '2' && level[8] <= '4' && level[9] == '\0');
    if (forced != NULL)
        CHECK(strcmp(level + strlen("x86-64-"), forced) == 0);
}

static void test_features(void) {
    const char* present[] = {"box", "virial", "float64", "visnet", "host-terms"};
    for (size_t i = 0; i < sizeof present / sizeof *present; i++)
        CHECK(pb_has_feature(present[i]) == 1);
    CHECK(pb_has_feature("time-travel") == 0);
    CHECK(pb_has_feature("") == 0);
    CHECK(pb_has_feature(NULL) == 0);
}

static void test_model_list(void) {
    char whole[4096], cut[8];
    size_t required = 0, again = 0;
    CHECK_OK(pb_model_list(NULL, 0, &required));
    CHECK(required > 1 && required < sizeof whole);
    CHECK_OK(pb_model_list(whole, sizeof whole, &again));
    CHECK(again == required && strlen(whole) + 1 == required);
    CHECK(strstr(whole, "ff14sb") != NULL);
    memset(cut, 'x', sizeof cut);
    CHECK_OK(pb_model_list(cut, 5, &again));
    CHECK(again == required && strlen(cut) == 4 && strncmp(cut, whole, 4) == 0 && cut[5] == 'x');
    CHECK_OK(pb_model_list(whole, sizeof whole, NULL));
}

static void test_last_error(void) {
    pb_model* model = NULL;
    CHECK(pb_last_error() != NULL);
    CHECK_FAILS(pb_model_load("no-such-model", NULL, &model), PB_FILE_ERROR, "no-such-model");
    CHECK(model == NULL);
    CHECK_FAILS(pb_model_load(NULL, NULL, &model), PB_INVALID_ARGUMENT, "name_or_path");
    CHECK_FAILS(pb_model_load("", NULL, &model), PB_INVALID_ARGUMENT, "name_or_path");
    CHECK_FAILS(pb_model_load("ff14sb", NULL, NULL), PB_INVALID_ARGUMENT, "model");
    /* a call that succeeds leaves the message of the last that failed */
    CHECK(pb_has_feature("box") == 1 && strstr(pb_last_error(), "model") != NULL);
}

static void test_logger(void) {
    log_record log = {0, 0};
    pb_model* model = NULL;
    int calls;
    pb_set_logger(record, &log);
    REQUIRE_OK(pb_model_load("ff14sb", NULL, &model));
    pb_model_free(model);
    pb_set_logger(NULL, NULL);
    CHECK(log.calls > 0 && log.longest > 0);
    calls = log.calls;
    REQUIRE_OK(pb_model_load("ff14sb", NULL, &model));
    pb_model_free(model);
    CHECK(log.calls == calls);
}

int main(void) {
    test_version();
    test_instruction_set();
    test_features();
    test_model_list();
    test_last_error();
    test_logger();
    return check_result();
}
