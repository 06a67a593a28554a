/* Ensembles: mean and spread against members evaluated one by one; what is refused. The members are the
 * test's network and copies of it with other weights, written to a folder of their own. */
#include "support/check.h"
#include "support/peptide.h"

#include <sys/stat.h>
#include <unistd.h>

enum { member_count = 3 };

static char folder[256];
static char member_paths[member_count][512];
static char member_hashes[member_count][65];

static const char* in_folder(const char* file) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return path;
}

/* Weights times 1 + 0.2 m sin(k): the same format, another network. */
static void write_member(int member) {
    FILE* in = fopen(test_model(), "rb");
    FILE* out;
    unsigned char* data;
    long size;
    uint64_t header;
    pb_model* model = NULL;
    pb_model_info info;
    if (in == NULL || fseek(in, 0, SEEK_END) != 0 || (size = ftell(in)) < 8) {
        printf("cannot read %s\n", test_model());
        exit(EXIT_FAILURE);
    }
    data = (unsigned char*)malloc((size_t)size);
    rewind(in);
    CHECK(data != NULL && fread(data, 1, (size_t)size, in) == (size_t)size);
    fclose(in);
    memcpy(&header, data, sizeof header);
    for (size_t at = 8 + header, k = 0; at + 4 <= (size_t)size; at += 4, k++) {
        float weight;
        memcpy(&weight, data + at, sizeof weight);
        weight *= (float)(1 + 0.2 * member * sin((double)k));
        memcpy(data + at, &weight, sizeof weight);
    }
    snprintf(member_paths[member], sizeof member_paths[member], "%s/member-%d.safetensors", folder, member);
    out = fopen(member_paths[member], "wb");
    CHECK(out != NULL && fwrite(data, 1, (size_t)size, out) == (size_t)size && fclose(out) == 0);
    free(data);
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    REQUIRE_OK(pb_model_load(member_paths[member], NULL, &model));
    REQUIRE_OK(pb_model_get_info(model, &info));
    memcpy(member_hashes[member], info.hash, sizeof member_hashes[member]);
    pb_model_free(model);
}

/* An ensemble of the first members; extra is more JSON. */
static void write_ensemble(const char* file, int members, const char* extra) {
    FILE* out = fopen(in_folder(file), "wb");
    CHECK(out != NULL);
    fprintf(out, "{ \"format\": 1, \"type\": \"ensemble\", \"name\": \"committee\", \"members\": [");
    for (int m = 0; m < members; m++)
        fprintf(out, "%s{\"file\": \"member-%d.safetensors\", \"sha256\": \"%s\"}", m == 0 ? "" : ", ", m,
                member_hashes[m]);
    fprintf(out, "]%s }\n", extra);
    fclose(out);
}

static void test_queries(void) {
    pb_model *ensemble = NULL, *single = NULL;
    pb_ensemble_info info;
    pb_model_info what;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    memset(&what, 0, sizeof what);
    what.struct_size = sizeof what;
    CHECK(pb_has_feature("uncertainty") == 1);
    REQUIRE_OK(pb_model_load(in_folder("committee.json"), NULL, &ensemble));
    REQUIRE_OK(pb_model_load(test_model(), NULL, &single));
    CHECK_OK(pb_model_get_info(ensemble, &what));
    CHECK(strcmp(what.name, "committee") == 0 && strcmp(what.target, "E_QM - E_MM") == 0);
    CHECK(strlen(what.hash) == 64 && strcmp(what.hash, member_hashes[0]) != 0);
    CHECK_OK(pb_model_get_ensemble(ensemble, &info));
    CHECK(info.member_count == member_count && info.is_calibrated == 1 && info.reserved == 0);
    CHECK_NEAR(info.error_floor, 20.92, 1e-9); /* 0.5 kcal/mol/angstrom */
    CHECK_NEAR(info.error_scale, 1.5, 0);
    CHECK_OK(pb_model_get_ensemble(single, &info));
    CHECK(info.member_count == 1 && info.is_calibrated == 0 && info.error_floor == 0 &&
          info.error_scale == 0);
    CHECK_FAILS(pb_model_get_ensemble(ensemble, NULL), PB_INVALID_ARGUMENT, "pb_ensemble_info");
    CHECK_FAILS(pb_model_get_ensemble(NULL, &info), PB_INVALID_ARGUMENT, "pb_model");
    pb_model_free(single);
    pb_model_free(ensemble);
}

static void test_mean_and_spread(int32_t scheme, int32_t quantity) {
    double energies[member_count], forces[member_count][peptide_coordinate_count];
    double energy, mean = 0, squares = 0, f[peptide_coordinate_count], again[peptide_coordinate_count];
    double spreads[peptide_atom_count], errors[peptide_atom_count], scale = 0;
    pb_evaluation_options options = evaluation_options(quantity, NULL);
    pb_uncertainty uncertainty;
    pb_workspace* workspace;
    for (int m = 0; m < member_count; m++) {
        workspace = peptide_workspace(member_paths[m], scheme, 1, 1);
        REQUIRE_OK(pb_evaluate(workspace, peptide_positions, &options, &energies[m], forces[m], NULL));
        pb_workspace_free(workspace);
        mean += energies[m] / member_count;
    }
    for (int m = 0; m < member_count; m++)
        squares += (energies[m] - mean) * (energies[m] - mean);
    CHECK(squares > 1);

    workspace = peptide_workspace(in_folder("committee.json"), scheme, 2, 1);
    CHECK_OK(pb_evaluate(workspace, peptide_positions, &options, &energy, f, NULL));
    CHECK_NEAR(energy, mean, 1e-9 * fabs(mean));
    memset(&uncertainty, 0, sizeof uncertainty);
    uncertainty.struct_size = sizeof uncertainty;
    uncertainty.force_spreads = spreads;
    uncertainty.force_errors = errors;
    options.uncertainty = &uncertainty;
    CHECK_OK(pb_evaluate(workspace, peptide_positions, &options, &energy, again, NULL));
    CHECK_NEAR(energy, mean, 1e-9 * fabs(mean));
    CHECK_NEAR(uncertainty.energy_spread, sqrt(squares / (member_count - 1)), 1e-9 * fabs(mean));
    for (int i = 0; i < peptide_coordinate_count; i++)
        scale = fmax(scale, fabs(forces[0][i]));
    for (int atom = 0; atom < peptide_atom_count; atom++) {
        double sum = 0, spread;
        for (int k = 3 * atom; k < 3 * atom + 3; k++) {
            const double average = (forces[0][k] + forces[1][k] + forces[2][k]) / member_count;
            CHECK_NEAR(f[k], average, 1e-9 * scale);
            CHECK_NEAR(again[k], average, 1e-9 * scale);
            for (int m = 0; m < member_count; m++)
                sum += (forces[m][k] - average) * (forces[m][k] - average);
        }
        spread = sqrt(sum / (member_count - 1));
        CHECK_NEAR(spreads[atom], spread, 1e-9 * scale);
        CHECK_NEAR(errors[atom], sqrt(20.92 * 20.92 + 2.25 * spread * spread), 1e-8 * scale);
    }

    /* only the energy's spread, by a caller who knows no more of the struct */
    memset(&uncertainty, 0xff, sizeof uncertainty);
    uncertainty.struct_size = offsetof(pb_uncertainty, force_spreads);
    CHECK_OK(pb_evaluate(workspace, peptide_positions, &options, NULL, NULL, NULL));
    CHECK_NEAR(uncertainty.energy_spread, sqrt(squares / (member_count - 1)), 1e-9 * fabs(mean));
    pb_workspace_free(workspace);
}

static void test_refusals(void) {
    double spreads[peptide_atom_count], energy;
    pb_evaluation_options options = evaluation_options(PB_QUANTITY_CORRECTION, NULL);
    pb_uncertainty uncertainty;
    pb_workspace *single = peptide_workspace(test_model(), PB_SCHEME_WHOLE, 1, 0), *plain;
    pb_model* model = NULL;
    FILE* file;
    char text[4096];
    size_t size;
    memset(&uncertainty, 0, sizeof uncertainty);
    uncertainty.struct_size = sizeof uncertainty;
    uncertainty.force_spreads = spreads;
    options.uncertainty = &uncertainty;
    CHECK_FAILS(pb_evaluate(single, peptide_positions, &options, &energy, NULL, NULL), PB_UNSUPPORTED,
                "'tiny' is no ensemble");
    pb_workspace_free(single);

    write_ensemble("plain.json", 2, "");
    plain = peptide_workspace(in_folder("plain.json"), PB_SCHEME_WHOLE, 1, 0);
    CHECK_OK(pb_evaluate(plain, peptide_positions, &options, &energy, NULL, NULL));
    CHECK(spreads[0] > 0);
    uncertainty.force_errors = spreads;
    CHECK_FAILS(pb_evaluate(plain, peptide_positions, &options, &energy, NULL, NULL), PB_UNSUPPORTED,
                "no calibration");
    uncertainty.force_errors = NULL;
    for (size = 0; size < offsetof(pb_uncertainty, force_spreads); size++) {
        uncertainty.struct_size = size;
        CHECK_FAILS(pb_evaluate(plain, peptide_positions, &options, &energy, NULL, NULL), PB_INVALID_ARGUMENT,
                    "pb_uncertainty.struct_size");
    }
    pb_workspace_free(plain);

    write_ensemble("lonely.json", 1, "");
    CHECK_FAILS(pb_model_load(in_folder("lonely.json"), NULL, &model), PB_FILE_ERROR, "1 member");
    CHECK_FAILS(pb_model_load(in_folder("committee.json"), member_hashes[0], &model), PB_FILE_ERROR,
                member_hashes[0]);
    file = fopen(in_folder("committee.json"), "rb");
    CHECK(file != NULL && (size = fread(text, 1, sizeof text, file)) > 0);
    fclose(file);
    CHECK_FAILS(pb_model_load_memory(text, size, &model), PB_UNSUPPORTED, "ensemble");
    member_hashes[1][0] = member_hashes[1][0] == '0' ? '1' : '0';
    write_ensemble("changed.json", member_count, "");
    CHECK_FAILS(pb_model_load(in_folder("changed.json"), NULL, &model), PB_FILE_ERROR,
                "member-1.safetensors");
    CHECK(model == NULL);
}

static void clean_up(void) {
    const char* files[] = {"committee.json", "plain.json", "lonely.json", "changed.json"};
    for (int m = 0; m < member_count; m++)
        remove(member_paths[m]);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(in_folder(files[i]));
    rmdir(folder);
}

int main(void) {
    const char* temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/pluginbridge-uncertainty-%ld", temporary != NULL ? temporary : "/tmp",
             (long)getpid());
    if (mkdir(folder, 0700) != 0) {
        printf("cannot make %s\n", folder);
        return EXIT_FAILURE;
    }
    atexit(clean_up);
    for (int m = 0; m < member_count; m++)
        write_member(m);
    write_ensemble("committee.json", member_count,
                   ", \"calibration\": {\"form\": \"sqrt(floor^2 + (scale * spread)^2)\", \"floor\": 0.5, "
                   "\"scale\": 1.5, \"unit\": \"kcal/mol/angstrom\"}");
    test_queries();
    test_mean_and_spread(PB_SCHEME_WHOLE, PB_QUANTITY_CORRECTION);
    test_mean_and_spread(PB_SCHEME_WINDOW2, PB_QUANTITY_TOTAL);
    test_refusals();
    return check_result();
}
