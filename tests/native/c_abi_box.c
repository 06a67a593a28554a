/* Periodic boxes: atoms in any image give the same energy and forces; the virial is -dE/d(strain). */
#include "support/check.h"
#include "support/peptide.h"

/* Triclinic, in OpenMM's reduced form; more than twice the cutoff and the peptide's length wide, nm */
static const double box[9] = {4.0, 0, 0, 1.2, 3.8, 0, -1.1, 0.9, 3.9};

static const int32_t schemes[] = {PB_SCHEME_WHOLE, PB_SCHEME_DIPEPTIDE};

static void test_images(int32_t scheme, int32_t quantity) {
    double wrapped[peptide_coordinate_count], free_forces[peptide_coordinate_count],
        forces[peptide_coordinate_count];
    double free_energy = NAN, energy = NAN;
    unsigned state = 12345;
    pb_workspace* workspace = peptide_workspace(test_model(), scheme, 1, 1);
    const pb_evaluation_options open = evaluation_options(quantity, NULL);
    const pb_evaluation_options periodic = evaluation_options(quantity, box);
    CHECK_OK(pb_evaluate(workspace, peptide_positions, &open, &free_energy, free_forces, NULL));
    /* every atom goes to an image of its own, far beyond the box */
    for (int i = 0; i < peptide_atom_count; i++) {
        int shift[3];
        for (int k = 0; k < 3; k++) {
            state = state * 1664525u + 1013904223u;
            shift[k] = (int)((state >> 16) % 7) - 3;
        }
        for (int k = 0; k < 3; k++)
            wrapped[3 * i + k] = peptide_positions[3 * i + k] + shift[0] * box[k] + shift[1] * box[3 + k] +
                                 shift[2] * box[6 + k];
    }
    CHECK_OK(pb_evaluate(workspace, wrapped, &periodic, &energy, forces, NULL));
    CHECK_NEAR(energy, free_energy, 1e-7 * fabs(free_energy));
    for (int i = 0; i < peptide_coordinate_count; i++)
        CHECK_NEAR(forces[i], free_forces[i], 1e-6 * (1 + fabs(free_forces[i])));
    pb_workspace_free(workspace);
}

/* x -> (1 + strain) x of positions and box */
static double strained_energy(pb_workspace* workspace, int row, int column, double strain) {
    double positions[peptide_coordinate_count], vectors[9], energy = NAN;
    for (int i = 0; i < peptide_atom_count + 3; i++) {
        const double* x =
            i < peptide_atom_count ? peptide_positions + 3 * i : box + 3 * (i - peptide_atom_count);
        double* y = i < peptide_atom_count ? positions + 3 * i : vectors + 3 * (i - peptide_atom_count);
        memcpy(y, x, 3 * sizeof *y);
        y[row] += strain * x[column];
    }
    /* a strain below the diagonal of the box would leave OpenMM's reduced form: the peptide alone, in no box
     */
    const pb_evaluation_options options =
        evaluation_options(PB_QUANTITY_CORRECTION, row <= column ? vectors : NULL);
    CHECK_OK(pb_evaluate(workspace, positions, &options, &energy, NULL, NULL));
    return energy;
}

static void test_virial(int32_t scheme) {
    const double strain = 1e-5;
    double virial[9], energy, largest = 0;
    pb_workspace* workspace = peptide_workspace(test_model(), scheme, 1, 1);
    const pb_evaluation_options options = evaluation_options(PB_QUANTITY_CORRECTION, box);
    CHECK_OK(pb_evaluate(workspace, peptide_positions, &options, &energy, NULL, virial));
    for (int k = 0; k < 9; k++)
        largest = fmax(largest, fabs(virial[k]));
    CHECK(largest > 0.1);
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++) {
            const double derivative = (strained_energy(workspace, row, column, strain) -
                                       strained_energy(workspace, row, column, -strain)) /
                                      (2 * strain);
            CHECK_NEAR(virial[3 * row + column], -derivative, 1e-4 * largest);
            CHECK_NEAR(virial[3 * row + column], virial[3 * column + row], 1e-9 * largest);
        }
    pb_workspace_free(workspace);
}

static void test_wrong_boxes(void) {
    const double flat[9] = {4, 0, 0, 0, 0, 0, 0, 0, 4};
    const double small[9] = {0.6, 0, 0, 0, 0.6, 0, 0, 0, 0.6};
    const double broken[9] = {4, 0, 0, 0, (double)NAN, 0, 0, 0, 4};
    double energy;
    pb_workspace* workspace = peptide_workspace(test_model(), PB_SCHEME_WHOLE, 1, 0);
    pb_evaluation_options options = evaluation_options(PB_QUANTITY_CORRECTION, flat);
    CHECK_FAILS(pb_evaluate(workspace, peptide_positions, &options, &energy, NULL, NULL), PB_INVALID_ARGUMENT,
                "ox");
    options.box_vectors = broken;
    CHECK_FAILS(pb_evaluate(workspace, peptide_positions, &options, &energy, NULL, NULL), PB_INVALID_ARGUMENT,
                "ox");
    options.box_vectors = small;
    CHECK_FAILS(pb_evaluate(workspace, peptide_positions, &options, &energy, NULL, NULL), PB_UNSUPPORTED,
                "ox");
    pb_workspace_free(workspace);
}

int main(void) {
    for (int i = 0; i < 2; i++) {
        test_images(schemes[i], PB_QUANTITY_CORRECTION);
        test_virial(schemes[i]);
    }
    test_images(PB_SCHEME_DIPEPTIDE, PB_QUANTITY_TOTAL);
    test_wrong_boxes();
    return check_result();
}
