/* Every instruction-set level that this processor has gives the same energy and forces. */
#define _GNU_SOURCE
#include "support/check.h"
#include "support/peptide.h"

#include <unistd.h>

typedef struct {
    double energy;
    double forces[peptide_coordinate_count];
} result;

/* In a process of its own: the level is chosen at the first call. */
static int print_result(int32_t double_precision) {
    result mine;
    pb_workspace* workspace = peptide_workspace(test_model(), PB_SCHEME_WINDOW2, 1, double_precision);
    CHECK_OK(pb_evaluate(workspace, peptide_positions, NULL, &mine.energy, mine.forces, NULL));
    pb_workspace_free(workspace);
    printf("%s\n%.17g\n", pb_instruction_set(), mine.energy);
    for (int i = 0; i < peptide_coordinate_count; i++)
        printf("%.17g\n", mine.forces[i]);
    return check_failures > 0;
}

/* 0 where the processor lacks the level, else 1 */
static int run_level(const char* level, int32_t double_precision, result* found) {
    char command[600], self[512], name[64];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(length > 0);
    self[length > 0 ? length : 0] = '\0';
    snprintf(command, sizeof command, "PLUGINBRIDGE_ISA=%s '%s' %d", level, self, (int)double_precision);
    FILE* output = popen(command, "r");
    CHECK(output != NULL);
    if (output == NULL)
        return 0;
    int present = fgets(name, sizeof name, output) != NULL;
    if (present && strstr(name, "x86-64-") == name) {
        CHECK(strncmp(name + strlen("x86-64-"), level, 2) == 0);
        CHECK(fscanf(output, "%lf", &found->energy) == 1);
        for (int i = 0; i < peptide_coordinate_count; i++)
            CHECK(fscanf(output, "%lf", &found->forces[i]) == 1);
    } else {
        present = 0;
    }
    CHECK((pclose(output) == 0) == (present != 0));
    return present;
}

/* Tolerances relative to the energy and to the largest force. */
static void compare(int32_t double_precision, double energy_tolerance, double force_tolerance) {
    static const char* levels[] = {"v2", "v3", "v4"};
    result lowest, other;
    double scale = 0;
    CHECK(run_level(levels[0], double_precision, &lowest) == 1);
    for (int i = 0; i < peptide_coordinate_count; i++)
        scale = fmax(scale, fabs(lowest.forces[i]));
    for (int l = 1; l < 3; l++) {
        if (!run_level(levels[l], double_precision, &other)) {
            printf("this processor has no %s\n", levels[l]);
            continue;
        }
        CHECK_NEAR(other.energy, lowest.energy, energy_tolerance * fabs(lowest.energy));
        for (int i = 0; i < peptide_coordinate_count; i++)
            CHECK_NEAR(other.forces[i], lowest.forces[i], force_tolerance * scale);
    }
}

/* A level that does not exist is refused by name at every call; the process lives. */
static int fail_with_unknown_level(void) {
    pb_model* model = NULL;
    CHECK_FAILS(pb_model_load("ff14sb", NULL, &model), PB_INVALID_ARGUMENT, "PLUGINBRIDGE_ISA is \"v9\"");
    CHECK(strcmp(pb_instruction_set(), "") == 0 && strcmp(pb_version(), EXPECTED_VERSION) == 0);
    CHECK(pb_abi_version() == PB_ABI_VERSION && pb_has_feature("box") == 0);
    CHECK(pb_system_atom_count(NULL) == -1);
    pb_model_free(NULL);
    pb_set_logger(NULL, NULL);
    return check_result();
}

int main(int argc, char** argv) {
    const char* level = getenv("PLUGINBRIDGE_ISA");
    if (level != NULL && strcmp(level, "v9") == 0)
        return fail_with_unknown_level();
    if (argc > 1)
        return print_result(atoi(argv[1]));
    compare(1, 1e-12, 1e-12);
    /* rounding of single precision: sums run in another order, with or without fused multiply-add */
    compare(0, 1e-6, 1e-5);
    return check_result();
}
