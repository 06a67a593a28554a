/* forces = -dE/dr by central differences, for every scheme and quantity, in double precision. */
#include "support/check.h"
#include "support/peptide.h"

static double positions[peptide_coordinate_count];

static double energy_of(pb_workspace* workspace, const pb_evaluation_options* options) {
    double energy = NAN;
    CHECK_OK(pb_evaluate(workspace, positions, options, &energy, NULL, NULL));
    return energy;
}

static void test_gradient(const char* name, int32_t scheme, int32_t quantity) {
    const double step = 2e-6; /* nm */
    double forces[peptide_coordinate_count], largest = 0, net[3] = {0, 0, 0}, energy = NAN;
    pb_workspace* workspace = peptide_workspace(name, scheme, 1, 1);
    const pb_evaluation_options options = evaluation_options(quantity, NULL);
    CHECK(workspace != NULL);
    CHECK_OK(pb_evaluate(workspace, positions, &options, &energy, forces, NULL));
    CHECK_NEAR(energy_of(workspace, &options), energy, 1e-9 * fabs(energy));
    for (int i = 0; i < peptide_coordinate_count; i++) {
        largest = fmax(largest, fabs(forces[i]));
        net[i % 3] += forces[i];
    }
    CHECK(largest > 1); /* kJ/mol/nm: there is something to test */
    for (int k = 0; k < 3; k++)
        CHECK_NEAR(net[k], 0, 1e-8 * largest * peptide_atom_count);

    for (int i = scheme % 2; i < peptide_coordinate_count; i += 2) {
        const double middle = positions[i];
        positions[i] = middle + step;
        const double above = energy_of(workspace, &options);
        positions[i] = middle - step;
        const double below = energy_of(workspace, &options);
        positions[i] = middle;
        CHECK_NEAR(forces[i], (below - above) / (2 * step), 1e-5 * largest);
    }
    pb_workspace_free(workspace);
}

static void test_wrong_positions(void) {
    double forces[peptide_coordinate_count], energy;
    pb_workspace* workspace = peptide_workspace(test_model(), PB_SCHEME_WHOLE, 1, 0);
    pb_evaluation_options options = evaluation_options(PB_QUANTITY_CORRECTION, NULL);
    const double first = positions[0];
    CHECK_FAILS(pb_evaluate(workspace, NULL, NULL, &energy, forces, NULL), PB_INVALID_ARGUMENT,
                "positions is NULL");
    positions[0] = (double)NAN;
    CHECK_FAILS(pb_evaluate(workspace, positions, NULL, &energy, forces, NULL), PB_INVALID_ARGUMENT, "ACE 1");
    positions[0] = (double)INFINITY;
    CHECK_FAILS(pb_evaluate(workspace, positions, NULL, &energy, forces, NULL), PB_INVALID_ARGUMENT, "ACE 1");
    positions[0] = first;
    options.quantity = 9;
    CHECK_FAILS(pb_evaluate(workspace, positions, &options, &energy, forces, NULL), PB_INVALID_ARGUMENT,
                "quantity 9");
    options = evaluation_options(PB_QUANTITY_CORRECTION, NULL);
    options.environment_count = 1;
    CHECK_FAILS(pb_evaluate(workspace, positions, &options, &energy, forces, NULL), PB_UNSUPPORTED,
                "environment");
    CHECK_OK(pb_evaluate(workspace, positions, NULL, &energy, forces, NULL)); /* none the worse for it */
    CHECK_OK(pb_evaluate(workspace, positions, NULL, NULL, NULL, NULL));
    pb_workspace_free(workspace);
}

/* total = correction + E_ff14SB; the plain force field's own correction is zero. */
static void test_quantities(void) {
    const pb_evaluation_options correction = evaluation_options(PB_QUANTITY_CORRECTION, NULL);
    const pb_evaluation_options total = evaluation_options(PB_QUANTITY_TOTAL, NULL);
    pb_workspace* plain = peptide_workspace("ff14sb", PB_SCHEME_WHOLE, 1, 1);
    pb_workspace* network = peptide_workspace(test_model(), PB_SCHEME_WHOLE, 1, 1);
    const double force_field = energy_of(plain, &total);
    CHECK_NEAR(energy_of(plain, &correction), 0, 0);
    CHECK(fabs(force_field) > 100);
    CHECK_NEAR(energy_of(network, &total) - energy_of(network, &correction), force_field, 1e-8);
    pb_workspace_free(plain);
    pb_workspace_free(network);
}

int main(void) {
    memcpy(positions, peptide_positions, sizeof positions);
    for (int32_t scheme = PB_SCHEME_WHOLE; scheme <= PB_SCHEME_WINDOW3_PAIRS; scheme++)
        test_gradient(test_model(), scheme, PB_QUANTITY_CORRECTION);
    test_gradient(test_model(), PB_SCHEME_DIPEPTIDE, PB_QUANTITY_TOTAL);
    test_gradient("ff14sb", PB_SCHEME_WHOLE, PB_QUANTITY_TOTAL);
    test_wrong_positions();
    test_quantities();
    return check_result();
}
