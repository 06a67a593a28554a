/* The peptide that the tests of the C ABI evaluate, and the network they do it with. */
#ifndef PEPTIDE_H
#define PEPTIDE_H

#include "../data/peptide_data.h"
#include "pluginbridge.h"

#include <stdlib.h>
#include <string.h>

enum { peptide_coordinate_count = 3 * peptide_atom_count };

/* A network with random weights: every formula takes part, nothing is near zero. Set by ctest. */
static inline const char* test_model(void) {
    const char* path = getenv("PLUGINBRIDGE_TEST_MODEL");
    return path != NULL ? path : "PLUGINBRIDGE_TEST_MODEL is not set";
}

static inline pb_system_spec peptide_spec(int32_t scheme) {
    pb_system_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.struct_size = sizeof spec;
    spec.atom_count = peptide_atom_count;
    spec.atomic_numbers = peptide_atomic_numbers;
    spec.bond_count = peptide_bond_count;
    spec.bonds = peptide_bonds;
    spec.total_charge = PB_CHARGE_FROM_TEMPLATES;
    spec.residue_count = peptide_residue_count;
    spec.atom_residues = peptide_atom_residues;
    spec.residue_names = peptide_residue_names;
    spec.residue_numbers = peptide_residue_numbers;
    spec.residue_chains = peptide_residue_chains;
    spec.atom_names = peptide_atom_names;
    spec.scheme = scheme;
    return spec;
}

/* A workspace of the peptide, whose model and system are let go at once; NULL on failure. */
static inline pb_workspace* peptide_workspace(const char* model_name, int32_t scheme, int32_t threads,
                                              int32_t double_precision) {
    pb_model* model = NULL;
    pb_system* system = NULL;
    pb_workspace* workspace = NULL;
    const pb_system_spec spec = peptide_spec(scheme);
    pb_workspace_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.threads = threads;
    options.double_precision = double_precision;
    if (pb_model_load(model_name, NULL, &model) == PB_OK &&
        pb_system_create(model, &spec, &system) == PB_OK &&
        pb_workspace_create(system, &options, &workspace) != PB_OK)
        workspace = NULL;
    pb_system_free(system);
    pb_model_free(model);
    return workspace;
}

static inline pb_evaluation_options evaluation_options(int32_t quantity, const double* box) {
    pb_evaluation_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.quantity = quantity;
    options.box_vectors = box;
    return options;
}

#endif
