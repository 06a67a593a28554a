/*
 * PluginBridge: fragmented neural and quantum-chemical potentials of proteins as a force for MD programs.
 *
 * Lifetime and threads
 *   pb_model      immutable once loaded; any number of threads and systems may share it. A system keeps what it
 *                 needs, so a model may be freed while systems made from it live.
 *   pb_system     immutable once created (model, topology, region, fragments); shared by threads likewise.
 *                 Workspaces keep what they need of it.
 *   pb_workspace  the buffers of one caller: not thread-safe; make one per thread or simulation.
 *   pb_trainer    a network's weights that change, with buffers: not thread-safe. It copies the model's weights; the
 *                 model stays as it is.
 *   Every handle is freed once by its pb_*_free, which accepts NULL. The library must stay loaded until the process
 *   ends: open it with RTLD_NODELETE (linking against it is fine).
 *   After a fork the child cannot go on using it (every call then fails); fork before the first call, or exec.
 *
 * Errors
 *   Functions return a pb_status. Where it is not PB_OK, pb_last_error() gives a message for the user that names the
 *   culprit (file, residue, atom, option); outputs are then undefined, no handle is created and nothing else has
 *   changed. Nothing throws, exits or prints.
 *
 * Units and arrays
 *   nm, kJ/mol, elementary charge, radians. Positions and forces are double[n][3], row by row. Outputs are allocated
 *   by the caller; NULL means not wanted. Indices start at 0. Strings are UTF-8; those returned belong to the library
 *   and live as long as the handle they were asked of.
 *
 * Growth
 *   Structs begin with struct_size, set by the caller to sizeof(the struct): fields added later at the end are then
 *   seen as absent. Zero-initialise structs: zero and NULL are every field's default.
 */
#ifndef PLUGINBRIDGE_H
#define PLUGINBRIDGE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define PB_EXPORT __declspec(dllimport)
#else
#define PB_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface: raised when an existing function or struct changes its meaning. */
#define PB_ABI_VERSION 1

/** Outcome of a call. */
typedef enum pb_status {
    PB_OK = 0,
    /** An argument is wrong in itself: length, option, NaN positions, overlapping atoms. */
    PB_INVALID_ARGUMENT = 1,
    /** A file is missing, truncated or of another format. */
    PB_FILE_ERROR = 2,
    /** A residue, atom or bond fits no known template, or a chain is broken. */
    PB_TOPOLOGY_ERROR = 3,
    /** Understood, but outside what the model or method covers (element, charge, box too small). */
    PB_UNSUPPORTED = 4,
    /** The host's terms are not those of the force field that the model corrects. */
    PB_FORCE_FIELD_MISMATCH = 5,
    /** The calculation failed for this geometry (SCF not converged). */
    PB_CALCULATION_FAILED = 6,
    /** A library needed at run time (libxtb) is absent. */
    PB_MISSING_LIBRARY = 7,
    /** A fault of the library. */
    PB_INTERNAL_ERROR = 99
} pb_status;

/** How a region is divided into fragments. */
typedef enum pb_scheme {
    /** One fragment: the region as one graph. */
    PB_SCHEME_WHOLE = 0,
    /** Dipeptides minus the ACE-NME pieces that neighbours share (AI2BMD). */
    PB_SCHEME_DIPEPTIDE = 1,
    /** Windows of two residues minus single ones. */
    PB_SCHEME_WINDOW2 = 2,
    /** Windows of three residues minus windows of two. */
    PB_SCHEME_WINDOW3 = 3,
    /** PB_SCHEME_WINDOW2, and pairs of residues in contact: for residues i and j that no window holds together
     *  w_ij [delta(D_i+D_j) - delta(K_i+D_j) - delta(D_i+K_j) + delta(K_i+K_j)], D a residue with its neighbours'
     *  backbone, K what it shares with the next residue towards the other; windows and pairs together count each pair of
     *  atoms once. w_ij = 1 - prod (1 - s(r)) over distances of heavy atoms; s falls from 1 at pair_inner to 0 at
     *  pair_outer, twice continuously differentiable, and its gradient is part of the forces. */
    PB_SCHEME_WINDOW2_PAIRS = 4,
    /** The same with PB_SCHEME_WINDOW3. */
    PB_SCHEME_WINDOW3_PAIRS = 5
} pb_scheme;

/** What pb_evaluate computes. */
typedef enum pb_quantity {
    /** sum over fragments c_f * delta(f): what is added to a host that already computes the force field. */
    PB_QUANTITY_CORRECTION = 0,
    /** The correction plus the force-field energy of the region in vacuo: the region's total energy. */
    PB_QUANTITY_TOTAL = 1
} pb_quantity;

/** Severity of a log message. */
typedef enum pb_log_level { PB_LOG_DEBUG = 0, PB_LOG_INFO = 1, PB_LOG_WARNING = 2 } pb_log_level;

typedef struct pb_model pb_model;
typedef struct pb_system pb_system;
typedef struct pb_workspace pb_workspace;
typedef struct pb_trainer pb_trainer;

/* ---------------------------------------------------------------- library */

/** Version of the library, e.g. "0.1.0". */
PB_EXPORT const char* pb_version(void);

/** PB_ABI_VERSION the library was built with; compare it before any other call. */
PB_EXPORT int32_t pb_abi_version(void);

/** Instruction-set level of the code in use: "x86-64-v2", "x86-64-v3" or "x86-64-v4".
 *  The environment variable PLUGINBRIDGE_ISA (v2, v3, v4) forces a level that the processor has. */
PB_EXPORT const char* pb_instruction_set(void);

/** 1 if the library has a feature, else 0.
 *  @param feature  "box", "virial", "float64", "visnet", "gfn2-xtb" (libxtb found), "host-terms",
 *                 "training", "uncertainty" (ensembles) */
PB_EXPORT int32_t pb_has_feature(const char* feature);

/** Message of the last failed call of this thread; never NULL, valid until the thread's next failing call. */
PB_EXPORT const char* pb_last_error(void);

/** Receives log messages.
 *  @param level    a pb_log_level
 *  @param message  valid during the call
 *  @param user     the pointer given to pb_set_logger */
typedef void (*pb_log_callback)(int32_t level, const char* message, void* user);

/** Sends log messages to a callback; NULL (the default) drops them. It may be called from any thread that calls us. */
PB_EXPORT void pb_set_logger(pb_log_callback callback, void* user);

/* ---------------------------------------------------------------- models */

/** What a model is; filled by pb_model_get_info. */
typedef struct pb_model_info {
    size_t struct_size;
    /** Name that loads it, e.g. "visnet-gfn2", "gfn2-xtb". */
    const char* name;
    /** SHA-256 of the model file in lower-case hex; "" for built-in potentials. An ensemble's file has its members'
     *  hashes in it, so its own stands for them too. */
    const char* hash;
    /** "E_QM - E_MM", "E_QM - E_nb" or "E_QM". */
    const char* target;
    /** Force field that it corrects, "amber-ff14sb"; NULL for absolute potentials. */
    const char* base_force_field;
    /** Level of theory, e.g. "GFN2-xTB". */
    const char* reference_method;
    /** Range of one interaction, nm; infinite for quantum chemistry. */
    double cutoff;
} pb_model_info;

/** Loads a potential.
 *  @param name_or_path   a shipped model's name ("visnet-gfn2"), a model file (a network, or the JSON file of an
 *                        ensemble of networks, whose mean is then the model), or a built-in potential: "gfn2-xtb"
 *                        (libxtb, loaded at run time) or "ff14sb" (zero correction: the plain force field)
 *  @param expected_hash  (optional) refuse a model file whose hash is another
 *  @param model          the new handle */
PB_EXPORT pb_status pb_model_load(const char* name_or_path, const char* expected_hash, pb_model** model);

/** Loads a model file that lies in memory; PB_UNSUPPORTED for an ensemble, which names other files.
 *  @param data  the bytes of a model file (copied)
 *  @param size  their number */
PB_EXPORT pb_status pb_model_load_memory(const void* data, size_t size, pb_model** model);

/** Frees a model. */
PB_EXPORT void pb_model_free(pb_model* model);

/** Describes a model.
 *  @param info  struct_size set by the caller */
PB_EXPORT pb_status pb_model_get_info(const pb_model* model, pb_model_info* info);

/** What a model knows of its own error; filled by pb_model_get_ensemble. */
typedef struct pb_ensemble_info {
    size_t struct_size;
    /** Networks whose mean the model is; 1 if it is no ensemble. With 2 or more pb_evaluate gives spreads. */
    int64_t member_count;
    /** 1 if spreads are calibrated against true errors: the expected error of an atom's force is
     *  sqrt(error_floor^2 + (error_scale * spread)^2). 0: the two numbers below are 0, and pb_evaluate has no errors. */
    int32_t is_calibrated;
    int32_t reserved;
    /** kJ/mol/nm */
    double error_floor;
    double error_scale;
} pb_ensemble_info;

/** Describes a model as an ensemble.
 *  @param info  struct_size set by the caller */
PB_EXPORT pb_status pb_model_get_ensemble(const pb_model* model, pb_ensemble_info* info);

/** 1 if the model knows an element, else 0. */
PB_EXPORT int32_t pb_model_supports_element(const pb_model* model, int32_t atomic_number);

/** Names of the models that pb_model_load finds by name, one a line.
 *  @param buffer    (optional) receives the text with a closing zero, cut at capacity
 *  @param capacity  bytes in buffer
 *  @param required  (optional) bytes needed, closing zero included */
PB_EXPORT pb_status pb_model_list(char* buffer, size_t capacity, size_t* required);

/* ---------------------------------------------------------------- systems */

/** total_charge: sum of the formal charges of the residue templates. */
#define PB_CHARGE_FROM_TEMPLATES INT32_MIN

/**
 * The host's additive force-field terms, as OpenMM's System holds them; indices are those of pb_system_spec's atoms.
 * Terms with an atom outside the region may be left out or given.
 */
typedef struct pb_host_terms {
    size_t struct_size;

    /** k/2 (r - r0)^2: atoms [bond_count][2]; r0 (nm), k (kJ/mol/nm^2) [bond_count][2] */
    int64_t bond_count;
    const int32_t* bond_atoms;
    const double* bond_parameters;

    /** k/2 (theta - theta0)^2: atoms [angle_count][3]; theta0 (rad), k (kJ/mol/rad^2) [angle_count][2] */
    int64_t angle_count;
    const int32_t* angle_atoms;
    const double* angle_parameters;

    /** k (1 + cos(n phi - phi0)), proper and improper: atoms [torsion_count][4]; n [torsion_count];
     *  phi0 (rad), k (kJ/mol) [torsion_count][2] */
    int64_t torsion_count;
    const int32_t* torsion_atoms;
    const int32_t* torsion_periodicities;
    const double* torsion_parameters;

    /** Ryckaert-Bellemans torsions: atoms [rb_torsion_count][4]; c0..c5 (kJ/mol) [rb_torsion_count][6] */
    int64_t rb_torsion_count;
    const int32_t* rb_torsion_atoms;
    const double* rb_torsion_parameters;

    /** CMAP: maps of cmap_sizes[m]^2 energies (kJ/mol) one after the other, in OpenMM's order;
     *  torsions [cmap_torsion_count][9]: map, then four atoms of the first and four of the second dihedral */
    int64_t cmap_count;
    const int32_t* cmap_sizes;
    const double* cmap_energies;
    int64_t cmap_torsion_count;
    const int32_t* cmap_torsions;

    /** Charge (e), sigma (nm), epsilon (kJ/mol) [atom_count][3]; NULL: no non-bonded interactions */
    const double* nonbonded;

    /** Pairs that are excluded or scaled: atoms [exception_count][2]; charge product (e^2), sigma, epsilon
     *  [exception_count][3] */
    int64_t exception_count;
    const int32_t* exception_atoms;
    const double* exception_parameters;

    /** Constrained pairs [constraint_count][2]: their bond terms, and terms of angles that they fix, may be missing above.
     *  A correction to the force field brings missing ones back, as its energy takes them away; at the constrained lengths
     *  they are nothing. */
    int64_t constraint_count;
    const int32_t* constraint_atoms;
} pb_host_terms;

/**
 * What a system is made of. Give every atom of the molecules that the region touches (a protein, not the water
 * around it), the region as a list of some of them.
 */
typedef struct pb_system_spec {
    size_t struct_size;

    /** Atomic numbers [atom_count] */
    int64_t atom_count;
    const int32_t* atomic_numbers;

    /** Covalent bonds [bond_count][2] */
    int64_t bond_count;
    const int32_t* bonds;

    /** Atoms at the quantum-chemical level [region_count]: whole residues, ascending; NULL: all */
    int64_t region_count;
    const int32_t* region;

    /** Charge of the region (e), or PB_CHARGE_FROM_TEMPLATES; a value that disagrees with the templates is refused */
    int32_t total_charge;
    /** Unpaired electrons of the region */
    int32_t unpaired_electrons;

    /** (optional, needed by all schemes but PB_SCHEME_WHOLE and wherever the library's own force field is) Residues:
     *  index of each atom's residue [atom_count]; names, numbers as printed (with insertion code), chains
     *  [residue_count]; atom names [atom_count] */
    int64_t residue_count;
    const int32_t* atom_residues;
    const char* const* residue_names;
    const char* const* residue_numbers;
    const char* const* residue_chains;
    const char* const* atom_names;

    /** A pb_scheme */
    int32_t scheme;

    /** (optional) The host's terms. Absolute potentials subtract them from the fragments; for corrections of a force
     *  field they are compared with it, term by term, and PB_FORCE_FIELD_MISMATCH names the first that differs.
     *  NULL: the library's own ff14SB. With NULL, no residues and a total_charge, a correction can be had of any
     *  molecule of elements that the model knows, and nothing is compared: the caller vouches that the host's terms
     *  for it are the force field that the model corrects. */
    const pb_host_terms* host_terms;

    /** Schemes with pairs: radii between which a pair fades out, nm; both 0: 0.4 and 0.5 */
    double pair_inner;
    double pair_outer;
} pb_system_spec;

/** Reads a scheme as users write it: "whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs"; the last
 *  two also with radii in angstrom, "window3+pairs:3.5-4.5".
 *  @param text        the scheme
 *  @param scheme      a pb_scheme
 *  @param pair_inner  (optional) for pb_system_spec, nm; 0 without radii
 *  @param pair_outer  (optional) likewise */
PB_EXPORT pb_status pb_scheme_parse(const char* text, int32_t* scheme, double* pair_inner, double* pair_outer);

/** Creates a system: assigns templates, checks coverage, builds the fragments.
 *  @param model   potential of the fragments
 *  @param spec    copied
 *  @param system  the new handle */
PB_EXPORT pb_status pb_system_create(const pb_model* model, const pb_system_spec* spec, pb_system** system);

/** Frees a system. */
PB_EXPORT void pb_system_free(pb_system* system);

/** Number of atoms in its positions and forces; -1 for NULL. */
PB_EXPORT int64_t pb_system_atom_count(const pb_system* system);

/** Number of fragments, those of all pairs included where the scheme has them; -1 for NULL. */
PB_EXPORT int64_t pb_system_fragment_count(const pb_system* system);

/** A hydrogen that closes the cut bond anchor -> replaced: r_H = r_a + length (r_b - r_a)/|r_b - r_a|. */
typedef struct pb_cap {
    int32_t anchor;
    int32_t replaced;
    /** nm */
    double length;
    /** 1 where the region itself ends, so that no other fragment cancels the cap */
    int32_t is_border;
    int32_t reserved;
} pb_cap;

/** A fragment; filled by pb_system_get_fragment. Arrays belong to the system. */
typedef struct pb_fragment_info {
    size_t struct_size;
    /** c_f of the sum; a pair's in contact, to be multiplied by its weight */
    double coefficient;
    /** Formal charge, e */
    int32_t charge;
    int32_t unpaired_electrons;
    /** e.g. "D 2", "K 2-3", "W3 4-6", "whole" */
    const char* label;
    /** Real atoms, ascending [atom_count] */
    int64_t atom_count;
    const int32_t* atoms;
    /** Cap hydrogens [cap_count] */
    int64_t cap_count;
    const pb_cap* caps;
    /** Residues that it has atoms of [residue_count] */
    int64_t residue_count;
    const int32_t* residues;
} pb_fragment_info;

/** Describes a fragment.
 *  @param index  0 .. pb_system_fragment_count - 1
 *  @param info   struct_size set by the caller */
PB_EXPORT pb_status pb_system_get_fragment(const pb_system* system, int64_t index, pb_fragment_info* info);

/* ---------------------------------------------------------------- evaluation */

/** Numerical options. */
typedef struct pb_workspace_options {
    size_t struct_size;
    /** Threads that one evaluation uses; 0: one. Results do not depend on it. */
    int32_t threads;
    /** 1: networks in double precision (reference mode), 0: single */
    int32_t double_precision;
} pb_workspace_options;

/** Allocates the buffers of one caller.
 *  @param options    (optional)
 *  @param workspace  the new handle */
PB_EXPORT pb_status pb_workspace_create(const pb_system* system, const pb_workspace_options* options,
                                        pb_workspace** workspace);

/** Frees a workspace. */
PB_EXPORT void pb_workspace_free(pb_workspace* workspace);

/** How far the members of an ensemble are apart; filled by pb_evaluate. E_m and F_m are energy and forces of member m
 *  of n for the whole region (all fragments, caps' forces passed on), E and F their means, which are the model's. Each
 *  member is evaluated: an ensemble takes the time of n networks. */
typedef struct pb_uncertainty {
    size_t struct_size;
    /** sqrt(sum_m (E_m - E)^2 / (n - 1)), kJ/mol; set by pb_evaluate */
    double energy_spread;
    /** (optional) sqrt(sum_m |F_m - F|^2 / (n - 1)) of each atom, kJ/mol/nm [atom_count], overwritten; zero for atoms
     *  that take no part */
    double* force_spreads;
    /** (optional) Expected |F - F_reference| of each atom, by its spread and the model's calibration, kJ/mol/nm
     *  [atom_count], overwritten; zero for atoms that take no part. PB_UNSUPPORTED if the model has no calibration. */
    double* force_errors;
} pb_uncertainty;

/** Options of one evaluation. */
typedef struct pb_evaluation_options {
    size_t struct_size;
    /** A pb_quantity */
    int32_t quantity;
    /** 1: the positions follow from earlier ones, as steps that a simulation or a minimiser tries do: bonds of nanometres
     *  are no error then. 0: a bond longer than 1 nm is one, as wrapping leaves it where box_vectors are missing. */
    int32_t continued;
    /** (optional) box vectors a, b, c [3][3], nm, reduced as in OpenMM; NULL: not periodic. Atoms may lie in any
     *  periodic image. */
    const double* box_vectors;
    /** Electrostatic embedding: room kept for point charges around the region; must be 0 and NULL in this version */
    int64_t environment_count;
    const double* environment_positions;
    const double* environment_charges;
    double* environment_forces;
    /** (optional) Receives the spread of an ensemble's members, for either quantity the same; struct_size set by the
     *  caller. PB_UNSUPPORTED if the model is no ensemble. */
    pb_uncertainty* uncertainty;
} pb_evaluation_options;

/** Energy, forces and virial at given positions.
 *  @param positions  [atom_count][3] nm
 *  @param options    (optional)
 *  @param energy     (optional) kJ/mol
 *  @param forces     (optional) -dE/dr [atom_count][3] kJ/mol/nm, overwritten; zero for atoms that take no part
 *  @param virial     (optional) -dE/d(strain) [3][3] kJ/mol, overwritten; symmetric */
PB_EXPORT pb_status pb_evaluate(pb_workspace* workspace, const double* positions,
                                const pb_evaluation_options* options, double* energy, double* forces,
                                double* virial);

/* ---------------------------------------------------------------- training */

/*
 * Energies of whole molecules in vacuo, as the network gives them, and their gradients with respect to positions and
 * to the weights theta. A loss of energies E_f and forces F_f = -dE_f/dx needs no more: with w_f = dL/dE_f and
 * v_f = dL/dF_f,
 *   dL/dtheta = sum_f w_f dE_f/dtheta(x_f) - d/d(eps) sum_f dE_f/dtheta(x_f + eps v_f)  at eps = 0,
 * and a difference of two calls of pb_trainer_weight_gradient, at x + eps v and x - eps v, gives the derivative. (Or,
 * to first order in eps, at x + eps v and x: if eps is chosen beforehand the latter, with seeds 1/eps, gives the
 * energies and forces of the loss on the way.)
 */

/** Numerical options of a trainer. */
typedef struct pb_trainer_options {
    size_t struct_size;
    /** Threads that a call uses; 0: one. Weight gradients depend on it by rounding, nothing else does; with the same
     *  number results are the same to the last bit. */
    int32_t threads;
    /** 1: double precision (for tests), 0: single */
    int32_t double_precision;
} pb_trainer_options;

/** A trained tensor; filled by pb_trainer_get_tensor. */
typedef struct pb_tensor_info {
    size_t struct_size;
    /** Name in the model file */
    const char* name;
    /** First element in the flat arrays */
    int64_t offset;
    /** Outputs; elements of a vector */
    int64_t rows;
    /** Inputs: row-major [rows][columns]; 0 for a vector */
    int64_t columns;
} pb_tensor_info;

/** Geometries of molecules, any in any order, one after the other. */
typedef struct pb_frame_batch {
    size_t struct_size;
    int64_t frame_count;
    /** Atoms of each frame [frame_count] */
    const int32_t* atom_counts;
    /** (optional) Total charge of each frame, e [frame_count]; NULL: all neutral */
    const int32_t* charges;
    /** Atoms of all frames [sum of atom_counts] */
    const int32_t* atomic_numbers;
    /** [sum of atom_counts][3] nm */
    const double* positions;
} pb_frame_batch;

/** Creates a trainer with a model's weights.
 *  @param model    a network; PB_UNSUPPORTED for other potentials
 *  @param options  (optional)
 *  @param trainer  the new handle */
PB_EXPORT pb_status pb_trainer_create(const pb_model* model, const pb_trainer_options* options,
                                      pb_trainer** trainer);

/** Frees a trainer. */
PB_EXPORT void pb_trainer_free(pb_trainer* trainer);

/** Length of the flat arrays of weights and weight gradients; -1 for NULL. */
PB_EXPORT int64_t pb_trainer_parameter_count(const pb_trainer* trainer);

/** Number of trained tensors, which lie one after the other in the flat arrays, in the model file's order; -1 for
 *  NULL. The model file's rbf.means and rbf.betas are not trained and not among them. */
PB_EXPORT int64_t pb_trainer_tensor_count(const pb_trainer* trainer);

/** Describes a trained tensor.
 *  @param index  0 .. pb_trainer_tensor_count - 1
 *  @param info   struct_size set by the caller */
PB_EXPORT pb_status pb_trainer_get_tensor(const pb_trainer* trainer, int64_t index, pb_tensor_info* info);

/** Takes new weights.
 *  @param weights  [count]
 *  @param count    pb_trainer_parameter_count */
PB_EXPORT pb_status pb_trainer_set_weights(pb_trainer* trainer, const float* weights, int64_t count);

/** Copies the weights out.
 *  @param weights  [count]
 *  @param count    pb_trainer_parameter_count */
PB_EXPORT pb_status pb_trainer_get_weights(const pb_trainer* trainer, float* weights, int64_t count);

/** Energies, the model's reference energies included, and their gradients.
 *  @param energies   (optional) [frame_count] kJ/mol
 *  @param gradients  (optional) dE/dr [sum of atom_counts][3] kJ/mol/nm */
PB_EXPORT pb_status pb_trainer_energies(pb_trainer* trainer, const pb_frame_batch* batch, double* energies,
                                        double* gradients);

/** sum over frames seed_f * dE_f/d(weights), and at little extra cost energies and gradients.
 *  @param seeds            [frame_count]
 *  @param weight_gradient  [count] kJ/mol, overwritten; zero for weights that do not act on the energy
 *  @param count            pb_trainer_parameter_count
 *  @param energies         (optional) as of pb_trainer_energies, without the seeds
 *  @param gradients        (optional) likewise */
PB_EXPORT pb_status pb_trainer_weight_gradient(pb_trainer* trainer, const pb_frame_batch* batch,
                                               const double* seeds, double* weight_gradient, int64_t count,
                                               double* energies, double* gradients);

#ifdef __cplusplus
}
#endif

#endif
