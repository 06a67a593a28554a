/* Wrong handles and wrong structs are refused without a crash, and the library works on afterwards. */
#include "support/check.h"
#include "support/peptide.h"

static double positions[peptide_coordinate_count];

static void test_null(void) {
    pb_system* system = (pb_system*)&positions;
    pb_workspace* workspace = (pb_workspace*)&positions;
    const pb_system_spec spec = peptide_spec(PB_SCHEME_WHOLE);
    double energy;
    CHECK_FAILS(pb_system_create(NULL, &spec, &system), PB_INVALID_ARGUMENT, "pb_model handle is NULL");
    CHECK(system == NULL); /* a failed call leaves no handle */
    CHECK_FAILS(pb_workspace_create(NULL, NULL, &workspace), PB_INVALID_ARGUMENT, "pb_system handle is NULL");
    CHECK(workspace == NULL);
    CHECK_FAILS(pb_evaluate(NULL, positions, NULL, &energy, NULL, NULL), PB_INVALID_ARGUMENT, "pb_workspace");
    CHECK(pb_system_atom_count(NULL) == -1 && pb_system_fragment_count(NULL) == -1);
    CHECK(pb_model_supports_element(NULL, 6) == 0);
    pb_model_free(NULL);
    pb_system_free(NULL);
    pb_workspace_free(NULL);
}

static void test_foreign(void) {
    double energy;
    pb_model_info info;
    info.struct_size = sizeof info;
    CHECK_FAILS(pb_model_get_info((const pb_model*)positions, &info), PB_INVALID_ARGUMENT, "no pb_model");
    CHECK_FAILS(pb_evaluate((pb_workspace*)positions, positions, NULL, &energy, NULL, NULL),
                PB_INVALID_ARGUMENT, "no pb_workspace");
    CHECK_FAILS(pb_evaluate((pb_workspace*)(uintptr_t)1, positions, NULL, &energy, NULL, NULL),
                PB_INVALID_ARGUMENT, "no pb_workspace");
    CHECK_FAILS(pb_evaluate((pb_workspace*)UINTPTR_MAX, positions, NULL, &energy, NULL, NULL),
                PB_INVALID_ARGUMENT, "no pb_workspace");
    pb_model_free((pb_model*)positions);
    pb_system_free((pb_system*)(uintptr_t)12345);
}

static void test_freed_and_mistaken(void) {
    pb_model *model = NULL, *next = NULL;
    pb_system* system = NULL;
    pb_workspace* workspace = NULL;
    const pb_system_spec spec = peptide_spec(PB_SCHEME_WHOLE);
    pb_model_info info;
    double energy;
    info.struct_size = sizeof info;
    REQUIRE_OK(pb_model_load("ff14sb", NULL, &model));
    REQUIRE_OK(pb_system_create(model, &spec, &system));
    REQUIRE_OK(pb_workspace_create(system, NULL, &workspace));

    CHECK_FAILS(pb_model_get_info((const pb_model*)system, &info), PB_INVALID_ARGUMENT,
                "pb_system handle was given where a pb_model is expected");
    CHECK(pb_system_atom_count((const pb_system*)workspace) == -1);
    pb_model_free((pb_model*)workspace); /* not a model: nothing happens */
    CHECK_OK(pb_evaluate(workspace, positions, NULL, &energy, NULL, NULL));

    pb_model_free(model);
    pb_model_free(model); /* twice */
    CHECK_FAILS(pb_model_get_info(model, &info), PB_INVALID_ARGUMENT, "freed");
    REQUIRE_OK(pb_model_load("ff14sb", NULL, &next));                           /* takes the free place ... */
    CHECK_FAILS(pb_model_get_info(model, &info), PB_INVALID_ARGUMENT, "freed"); /* ... under another handle */
    pb_model_free(model);
    REQUIRE_OK(pb_model_get_info(next, &info));
    pb_model_free(next);

    /* systems and workspaces keep what they need */
    CHECK(pb_system_atom_count(system) == peptide_atom_count);
    pb_system_free(system);
    CHECK_OK(pb_evaluate(workspace, positions, NULL, &energy, NULL, NULL));
    pb_workspace_free(workspace);
    CHECK_FAILS(pb_evaluate(workspace, positions, NULL, &energy, NULL, NULL), PB_INVALID_ARGUMENT, "freed");
}

/* A struct of a later version: our fields, then some that this version does not know. */
typedef struct {
    pb_workspace_options known;
    int64_t unknown;
} later_options;

static void test_struct_size(void) {
    pb_model* model = NULL;
    pb_system* system = NULL;
    pb_workspace* workspace = NULL;
    pb_system_spec spec = peptide_spec(PB_SCHEME_WHOLE);
    pb_workspace_options options;
    later_options later;
    pb_model_info info;
    memset(&options, 0, sizeof options);
    memset(&later, 0, sizeof later);
    REQUIRE_OK(pb_model_load("ff14sb", NULL, &model));

    spec.struct_size = 0;
    CHECK_FAILS(pb_system_create(model, &spec, &system), PB_INVALID_ARGUMENT,
                "pb_system_spec.struct_size is 0");
    spec.struct_size = (size_t)-1;
    CHECK_FAILS(pb_system_create(model, &spec, &system), PB_INVALID_ARGUMENT, "struct_size");
    spec.struct_size = offsetof(pb_system_spec, host_terms); /* an older caller without the last field */
    spec.host_terms = (const pb_host_terms*)(uintptr_t)16;   /* is not read */
    REQUIRE_OK(pb_system_create(model, &spec, &system));
    CHECK_FAILS(pb_system_create(model, NULL, &system), PB_INVALID_ARGUMENT, "pb_system_spec is NULL");
    spec = peptide_spec(PB_SCHEME_WHOLE);
    REQUIRE_OK(pb_system_create(model, &spec, &system));

    CHECK_FAILS(pb_workspace_create(system, &options, &workspace), PB_INVALID_ARGUMENT, "struct_size is 0");
    later.known.struct_size = sizeof later;
    REQUIRE_OK(
        pb_workspace_create(system, &later.known, &workspace)); /* newer, its new field at the default */
    pb_workspace_free(workspace);
    later.unknown = 1;
    CHECK_FAILS(pb_workspace_create(system, &later.known, &workspace), PB_UNSUPPORTED,
                "pb_workspace_options");

    memset(&info, 0x5a, sizeof info);
    info.struct_size = offsetof(pb_model_info, target); /* fills two fields and touches no more */
    REQUIRE_OK(pb_model_get_info(model, &info));
    CHECK(strcmp(info.name, "ff14sb") == 0 && info.struct_size == offsetof(pb_model_info, target));
    CHECK(((const unsigned char*)&info.target)[0] == 0x5a);
    CHECK_FAILS(pb_model_get_info(model, NULL), PB_INVALID_ARGUMENT, "pb_model_info is NULL");
    pb_system_free(system);
    pb_model_free(model);
}

int main(void) {
    memcpy(positions, peptide_positions, sizeof positions);
    test_null();
    test_foreign();
    test_freed_and_mistaken();
    test_struct_size();
    return check_result();
}
