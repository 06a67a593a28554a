/* What pb_system_create accepts and refuses, and the fragments that it makes. */
#include "support/check.h"
#include "support/peptide.h"

static pb_model* model = NULL;

static pb_status create(const pb_system_spec* spec) {
    pb_system* system = NULL;
    const pb_status status = pb_system_create(model, spec, &system);
    CHECK((status == PB_OK) == (system != NULL));
    pb_system_free(system);
    return status;
}

static void test_wrong_arguments(void) {
    const int32_t far_bond[] = {0, peptide_atom_count};
    const int32_t descending[] = {1, 0};
    const int32_t negative[] = {-1};
    int32_t elements[peptide_atom_count];
    pb_system_spec spec = peptide_spec(PB_SCHEME_WHOLE);
    spec.atom_count = 0;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "atom_count");
    spec.atom_count = -5;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "atom_count is -5");
    spec = peptide_spec(PB_SCHEME_WHOLE);
    spec.atomic_numbers = NULL;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "atomic_numbers");
    spec = peptide_spec(PB_SCHEME_WHOLE);
    spec.bonds = far_bond;
    spec.bond_count = 1;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "bonds[0][1] is 67");
    spec = peptide_spec(PB_SCHEME_WHOLE);
    spec.region = descending;
    spec.region_count = 2;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "ascend");
    spec.region = negative;
    spec.region_count = 1;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "region[0] is -1");
    spec = peptide_spec(17);
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "scheme 17");
    spec = peptide_spec(PB_SCHEME_WHOLE);
    spec.total_charge = 5;
    CHECK(create(&spec) != PB_OK && strstr(pb_last_error(), "5") != NULL &&
          strstr(pb_last_error(), "-2") != NULL);
    spec.total_charge = peptide_charge;
    CHECK_OK(create(&spec));
    spec = peptide_spec(PB_SCHEME_WHOLE);
    memcpy(elements, peptide_atomic_numbers, sizeof elements);
    elements[3] = 0;
    spec.atomic_numbers = elements;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "atomic_numbers[3] is 0");
}

/* The message names residue, number and chain. */
static void test_unknown_residue(void) {
    int32_t elements[peptide_atom_count];
    pb_system_spec spec = peptide_spec(PB_SCHEME_WHOLE);
    int atom = 0;
    while (peptide_atom_residues[atom] != 3 || peptide_atomic_numbers[atom] != 8)
        atom++;
    memcpy(elements, peptide_atomic_numbers, sizeof elements);
    elements[atom] = 34; /* a selenium in glutamate */
    spec.atomic_numbers = elements;
    CHECK(create(&spec) != PB_OK);
    CHECK(strstr(pb_last_error(), "GLU 4") != NULL && strstr(pb_last_error(), "chain A") != NULL);
}

/* A host without charges, or with others than ff14SB's, is refused; the message names the first atom. */
static void test_host_terms(void) {
    const int32_t atoms[] = {0, 1};
    const double parameters[] = {0.1229, 1e6};
    const double no_charges[3 * peptide_atom_count] = {0};
    const double not_finite[] = {0.1229, (double)NAN};
    pb_host_terms terms;
    pb_system_spec spec = peptide_spec(PB_SCHEME_WHOLE);
    memset(&terms, 0, sizeof terms);
    spec.host_terms = &terms;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "pb_host_terms.struct_size is 0");
    terms.struct_size = sizeof terms;
    terms.bond_count = 1;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "bond_atoms is NULL");
    terms.bond_atoms = atoms;
    terms.bond_parameters = not_finite;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "bond_parameters[0][1]");
    terms.bond_parameters = parameters;
    CHECK(create(&spec) == PB_FORCE_FIELD_MISMATCH);
    CHECK_FAILS(create(&spec), PB_FORCE_FIELD_MISMATCH, "charges");
    terms.nonbonded = no_charges;
    CHECK_FAILS(create(&spec), PB_FORCE_FIELD_MISMATCH, "ACE 1");
}

/* Schemes as text, and radii between which pairs fade out. */
static void test_schemes(void) {
    int32_t scheme = -1;
    double inner = -1, outer = -1;
    REQUIRE_OK(pb_scheme_parse("window3", &scheme, &inner, &outer));
    CHECK(scheme == PB_SCHEME_WINDOW3 && inner == 0 && outer == 0);
    REQUIRE_OK(pb_scheme_parse("window2+pairs:3.5-4.5", &scheme, &inner, &outer));
    CHECK(scheme == PB_SCHEME_WINDOW2_PAIRS);
    CHECK_NEAR(inner, 0.35, 1e-15);
    CHECK_NEAR(outer, 0.45, 1e-15);
    REQUIRE_OK(pb_scheme_parse("window3+pairs", &scheme, NULL, NULL));
    CHECK(scheme == PB_SCHEME_WINDOW3_PAIRS);
    CHECK_FAILS(pb_scheme_parse("window4+pairs", &scheme, NULL, NULL), PB_INVALID_ARGUMENT, "window3+pairs");
    CHECK_FAILS(pb_scheme_parse("window3:4-5", &scheme, NULL, NULL), PB_INVALID_ARGUMENT, "no pairs");
    CHECK_FAILS(pb_scheme_parse("window3", NULL, NULL, NULL), PB_INVALID_ARGUMENT, "scheme is NULL");
    CHECK_FAILS(pb_scheme_parse(NULL, &scheme, NULL, NULL), PB_INVALID_ARGUMENT, "text");
    pb_system_spec spec = peptide_spec(PB_SCHEME_WINDOW3_PAIRS);
    spec.pair_inner = 0.5;
    spec.pair_outer = 0.4;
    CHECK_FAILS(create(&spec), PB_INVALID_ARGUMENT, "larger outer radius");
}

/* sum_f c_f [p in f] = 1 for every atom, whatever the scheme. */
static void test_fragments(void) {
    for (int32_t scheme = PB_SCHEME_WHOLE; scheme <= PB_SCHEME_WINDOW3_PAIRS; scheme++) {
        pb_system* system = NULL;
        pb_fragment_info info;
        double weight[peptide_atom_count] = {0}, charge = 0;
        const pb_system_spec spec = peptide_spec(scheme);
        REQUIRE_OK(pb_system_create(model, &spec, &system));
        const int64_t count = pb_system_fragment_count(system);
        CHECK(scheme == PB_SCHEME_WHOLE ? count == 1 : count > 1);
        for (int64_t f = 0; f < count; f++) {
            memset(&info, 0, sizeof info);
            info.struct_size = sizeof info;
            REQUIRE_OK(pb_system_get_fragment(system, f, &info));
            CHECK(strlen(info.label) > 0 && info.residue_count > 0);
            charge += info.coefficient * info.charge;
            for (int64_t i = 0; i < info.atom_count; i++) {
                CHECK(info.atoms[i] >= 0 && info.atoms[i] < peptide_atom_count);
                CHECK(i == 0 || info.atoms[i] > info.atoms[i - 1]);
                weight[info.atoms[i]] += info.coefficient;
            }
            for (int64_t i = 0; i < info.cap_count; i++)
                CHECK(info.caps[i].is_border == 0 && info.caps[i].length > 0.09 &&
                      info.caps[i].length < 0.12);
        }
        for (int i = 0; i < peptide_atom_count; i++)
            CHECK_NEAR(weight[i], 1, 0);
        CHECK_NEAR(charge, peptide_charge, 0);
        info.struct_size = sizeof info;
        CHECK_FAILS(pb_system_get_fragment(system, count, &info), PB_INVALID_ARGUMENT, "Fragment index");
        CHECK_FAILS(pb_system_get_fragment(system, -1, &info), PB_INVALID_ARGUMENT, "Fragment index");
        pb_system_free(system);
    }
}

int main(void) {
    REQUIRE_OK(pb_model_load(test_model(), NULL, &model));
    test_wrong_arguments();
    test_unknown_residue();
    test_host_terms();
    test_schemes();
    test_fragments();
    pb_model_free(model);
    return check_result();
}
