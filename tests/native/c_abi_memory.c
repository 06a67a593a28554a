/* Handles that are made and freed again and again, and failing calls, do not fill the memory. */
#include "support/check.h"
#include "support/peptide.h"

/* MiB that the process has in memory */
static double resident(void) {
    long total = 0, pages = 0;
    FILE* file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &total, &pages) == 2);
    if (file != NULL)
        fclose(file);
    return (double)pages * 4096 / (1024 * 1024);
}

static void work(int repetitions) {
    double forces[peptide_coordinate_count], energy;
    for (int i = 0; i < repetitions; i++) {
        pb_model* model = NULL;
        pb_workspace* workspace = peptide_workspace(test_model(), PB_SCHEME_DIPEPTIDE, 1 + i % 2, i % 2);
        CHECK_OK(pb_evaluate(workspace, peptide_positions, NULL, &energy, forces, NULL));
        pb_workspace_free(workspace);
        CHECK_FAILS(pb_model_load("no-such-model", NULL, &model), PB_FILE_ERROR, "no-such-model");
    }
}

int main(void) {
    work(50);
    const double before = resident();
    work(300);
    const double after = resident();
    printf("%.1f MiB, after six times as much work %.1f MiB\n", before, after);
    CHECK(after < 1.3 * before + 8);
    return check_result();
}
