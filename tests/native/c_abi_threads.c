/* One system, workspaces in several threads; results do not depend on the number of threads; messages stay
 * apart. */
#include "support/check.h"
#include "support/peptide.h"

#include <pthread.h>

enum { thread_count = 4, repetitions = 20 };

typedef struct {
    const pb_system* system;
    double reference;
    int wrong; /* checks are not thread-safe: counted here */
} job;

static pb_workspace* shared_workspace = NULL;

static void* evaluate_often(void* argument) {
    job* mine = (job*)argument;
    double forces[peptide_coordinate_count], energy;
    pb_workspace* workspace = NULL;
    pb_model* none = NULL;
    char expected[32];
    snprintf(expected, sizeof expected, "no-such-model-%p", argument);
    mine->wrong += pb_model_load(expected, NULL, &none) == PB_OK;
    mine->wrong += pb_workspace_create(mine->system, NULL, &workspace) != PB_OK;
    for (int i = 0; i < repetitions; i++) {
        energy = NAN;
        mine->wrong += pb_evaluate(workspace, peptide_positions, NULL, &energy, forces, NULL) != PB_OK;
        mine->wrong += energy != mine->reference;
    }
    mine->wrong += strstr(pb_last_error(), expected) == NULL; /* this thread's, not another's */
    pb_workspace_free(workspace);
    return NULL;
}

static void test_threads(void) {
    pthread_t threads[thread_count];
    job jobs[thread_count];
    pb_model* model = NULL;
    pb_system* system = NULL;
    pb_workspace* workspace = NULL;
    double energy = NAN;
    const pb_system_spec spec = peptide_spec(PB_SCHEME_DIPEPTIDE);
    REQUIRE_OK(pb_model_load(test_model(), NULL, &model));
    REQUIRE_OK(pb_system_create(model, &spec, &system));
    pb_model_free(model);
    REQUIRE_OK(pb_workspace_create(system, NULL, &workspace));
    CHECK_OK(pb_evaluate(workspace, peptide_positions, NULL, &energy, NULL, NULL));
    pb_workspace_free(workspace);
    for (int i = 0; i < thread_count; i++) {
        jobs[i].system = system;
        jobs[i].reference = energy;
        jobs[i].wrong = 0;
        CHECK(pthread_create(&threads[i], NULL, evaluate_often, &jobs[i]) == 0);
    }
    for (int i = 0; i < thread_count; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(jobs[i].wrong == 0);
    }
    pb_system_free(system);
}

/* A workspace is one caller's: the second is refused, the first gets its result. */
static void* evaluate_shared(void* argument) {
    double forces[peptide_coordinate_count], energy;
    int* counts = (int*)argument;
    for (int i = 0; i < repetitions; i++) {
        const pb_status status =
            pb_evaluate(shared_workspace, peptide_positions, NULL, &energy, forces, NULL);
        if (status == PB_OK)
            counts[0]++;
        else if (status == PB_INVALID_ARGUMENT && strstr(pb_last_error(), "another thread") != NULL)
            counts[1]++;
    }
    return NULL;
}

static void test_shared_workspace(void) {
    pthread_t threads[thread_count];
    int counts[thread_count][2] = {{0}}, done = 0;
    shared_workspace = peptide_workspace(test_model(), PB_SCHEME_DIPEPTIDE, 1, 1);
    for (int i = 0; i < thread_count; i++)
        CHECK(pthread_create(&threads[i], NULL, evaluate_shared, counts[i]) == 0);
    for (int i = 0; i < thread_count; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(counts[i][0] + counts[i][1] == repetitions);
        done += counts[i][0];
    }
    CHECK(done > 0);
    pb_workspace_free(shared_workspace);
}

static void test_thread_count(void) {
    const int32_t counts[] = {1, 2, 3};
    for (int32_t double_precision = 0; double_precision <= 1; double_precision++) {
        double reference[peptide_coordinate_count], forces[peptide_coordinate_count], expected = NAN;
        for (int i = 0; i < 3; i++) {
            double energy = NAN;
            pb_workspace* workspace =
                peptide_workspace(test_model(), PB_SCHEME_DIPEPTIDE, counts[i], double_precision);
            CHECK_OK(pb_evaluate(workspace, peptide_positions, NULL, &energy, forces, NULL));
            if (i == 0) {
                expected = energy;
                memcpy(reference, forces, sizeof forces);
            }
            CHECK(energy == expected); /* to the last bit */
            CHECK(memcmp(reference, forces, sizeof forces) == 0);
            pb_workspace_free(workspace);
        }
    }
}

static void test_wrong_thread_count(void) {
    pb_model* model = NULL;
    pb_system* system = NULL;
    pb_workspace* workspace = NULL;
    pb_workspace_options options;
    const pb_system_spec spec = peptide_spec(PB_SCHEME_WHOLE);
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.threads = -1;
    REQUIRE_OK(pb_model_load(test_model(), NULL, &model));
    REQUIRE_OK(pb_system_create(model, &spec, &system));
    CHECK_FAILS(pb_workspace_create(system, &options, &workspace), PB_INVALID_ARGUMENT, "threads is -1");
    options.threads = 1;
    options.double_precision = 2;
    CHECK_FAILS(pb_workspace_create(system, &options, &workspace), PB_INVALID_ARGUMENT,
                "double_precision is 2");
    pb_system_free(system);
    pb_model_free(model);
}

int main(void) {
    test_threads();
    test_shared_workspace();
    test_thread_count();
    test_wrong_thread_count();
    return check_result();
}
