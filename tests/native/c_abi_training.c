/* Trainers: tensor table, weights, energies and weight gradients that fit each other, errors. */
#include "support/check.h"
#include "support/peptide.h"

/* methane and water */
static const int32_t counts[2] = {5, 3};
static const int32_t charges[2] = {0, 1};
static const int32_t numbers[8] = {6, 1, 1, 1, 1, 8, 1, 1};
static const double positions[24] = {0,     0,     0,      0.063,  0.063,  0.063,  -0.064, -0.062,
                                     0.063, 0.062, -0.063, -0.064, -0.063, 0.0635, -0.063, 1.0,
                                     1.0,   1.0,   1.096,  1.0,    1.0,    0.9755, 1.093,  1.0};

static pb_frame_batch batch(void) {
    pb_frame_batch frames = {sizeof(pb_frame_batch), 2, counts, charges, numbers, positions};
    return frames;
}

static pb_trainer* trainer_of(pb_model* model, int32_t threads, int32_t double_precision) {
    pb_trainer* trainer = NULL;
    pb_trainer_options options = {sizeof(pb_trainer_options), threads, double_precision};
    CHECK_OK(pb_trainer_create(model, &options, &trainer));
    return trainer;
}

static void test_tensors(pb_trainer* trainer) {
    int64_t next = 0;
    const int64_t tensors = pb_trainer_tensor_count(trainer);
    CHECK(tensors > 20);
    for (int64_t i = 0; i < tensors; i++) {
        pb_tensor_info info = {sizeof(pb_tensor_info), NULL, 0, 0, 0};
        CHECK_OK(pb_trainer_get_tensor(trainer, i, &info));
        CHECK(info.name != NULL && strncmp(info.name, "rbf.", 4) != 0);
        CHECK(info.offset == next && info.rows > 0 && info.columns >= 0);
        next += info.rows * (info.columns > 0 ? info.columns : 1);
    }
    CHECK(next == pb_trainer_parameter_count(trainer));
    pb_tensor_info info = {sizeof(pb_tensor_info), NULL, 0, 0, 0};
    CHECK_FAILS(pb_trainer_get_tensor(trainer, tensors, &info), PB_INVALID_ARGUMENT, "Tensor index");
}

/* A step along the gradient changes the energy by the gradient's square. */
static void test_gradient(pb_trainer* trainer) {
    const int64_t count = pb_trainer_parameter_count(trainer);
    float *weights = malloc((size_t)count * sizeof(float)), *moved = malloc((size_t)count * sizeof(float));
    double* gradient = malloc((size_t)count * sizeof(double));
    const double seeds[2] = {1, -0.5};
    const pb_frame_batch frames = batch();
    CHECK_OK(pb_trainer_get_weights(trainer, weights, count));
    CHECK_OK(pb_trainer_weight_gradient(trainer, &frames, seeds, gradient, count, NULL, NULL));
    double square = 0, sums[2], expected = 0;
    for (int64_t i = 0; i < count; i++)
        square += gradient[i] * gradient[i];
    CHECK(square > 0 && isfinite(square));
    for (int side = 0; side < 2; side++) {
        const double step = (side == 0 ? 1e-4 : -1e-4) / sqrt(square);
        for (int64_t i = 0; i < count; i++) {
            moved[i] = (float)(weights[i] + step * gradient[i]);
            /* what the step is after rounding */
            expected += (side == 0 ? 1 : -1) * ((double)moved[i] - weights[i]) * gradient[i];
        }
        double energies[2];
        CHECK_OK(pb_trainer_set_weights(trainer, moved, count));
        CHECK_OK(pb_trainer_energies(trainer, &frames, energies, NULL));
        sums[side] = seeds[0] * energies[0] + seeds[1] * energies[1];
    }
    CHECK_OK(pb_trainer_set_weights(trainer, weights, count));
    printf("change along the gradient %.9g, expected %.9g\n", sums[0] - sums[1], expected);
    CHECK(fabs(sums[0] - sums[1] - expected) < 1e-4 * fabs(expected));
    free(weights);
    free(moved);
    free(gradient);
}

static void test_errors(pb_model* model, pb_trainer* trainer) {
    pb_frame_batch frames = batch();
    double energies[2];
    float few[3] = {0};
    const double seeds[2] = {1, 1};
    pb_trainer* none = NULL;
    CHECK_FAILS(pb_trainer_set_weights(trainer, few, 3), PB_INVALID_ARGUMENT, "count of weights is 3");
    CHECK_FAILS(pb_trainer_get_weights(trainer, NULL, 3), PB_INVALID_ARGUMENT, "weights is NULL");
    CHECK_FAILS(pb_trainer_weight_gradient(trainer, &frames, seeds, energies, 2, NULL, NULL),
                PB_INVALID_ARGUMENT, "count of weight_gradient");
    CHECK_FAILS(pb_trainer_energies(trainer, NULL, energies, NULL), PB_INVALID_ARGUMENT,
                "pb_frame_batch is NULL");
    CHECK_FAILS(pb_trainer_energies(NULL, &frames, energies, NULL), PB_INVALID_ARGUMENT,
                "pb_trainer handle is NULL");
    CHECK_FAILS(pb_trainer_energies((pb_trainer*)model, &frames, energies, NULL), PB_INVALID_ARGUMENT,
                "pb_model handle was given");
    frames.positions = NULL;
    CHECK_FAILS(pb_trainer_energies(trainer, &frames, energies, NULL), PB_INVALID_ARGUMENT,
                "positions is NULL");
    frames = batch();
    const int32_t wrong[2] = {5, -3};
    frames.atom_counts = wrong;
    CHECK_FAILS(pb_trainer_energies(trainer, &frames, energies, NULL), PB_INVALID_ARGUMENT, "atom_counts[1]");
    frames = batch();
    frames.frame_count = -1;
    CHECK_FAILS(pb_trainer_energies(trainer, &frames, energies, NULL), PB_INVALID_ARGUMENT, "frame_count");
    CHECK_FAILS(pb_trainer_create(NULL, NULL, &none), PB_INVALID_ARGUMENT, "pb_model");
    CHECK(none == NULL);
    CHECK(pb_trainer_parameter_count(NULL) == -1 && pb_trainer_tensor_count(NULL) == -1);
}

int main(void) {
    CHECK(pb_has_feature("training") == 1);
    pb_model* model = NULL;
    REQUIRE_OK(pb_model_load(test_model(), NULL, &model));
    pb_trainer* trainer = trainer_of(model, 2, 1);
    pb_trainer* single = trainer_of(model, 0, 0);
    test_errors(model, trainer);
    pb_model_free(model); /* trainers keep what they need */
    test_tensors(trainer);
    test_gradient(trainer);
    pb_trainer_free(trainer);
    CHECK(pb_trainer_parameter_count(trainer) == -1); /* freed */
    pb_trainer_free(single);
    pb_trainer_free(NULL);
    return check_result();
}
