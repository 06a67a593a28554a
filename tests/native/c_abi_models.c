/* Models: from a name, a file and memory; what they say of themselves; damaged files. */
#include "support/check.h"
#include "support/peptide.h"

static unsigned char* read_file(const char* path, size_t* size) {
    FILE* file = fopen(path, "rb");
    unsigned char* data = NULL;
    long length;
    *size = 0;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0) {
        data = (unsigned char*)malloc((size_t)length);
        *size = data == NULL ? 0 : fread(data, 1, (size_t)length, file);
    }
    fclose(file);
    return data;
}

static pb_model_info info_of(const pb_model* model) {
    pb_model_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    REQUIRE_OK(pb_model_get_info(model, &info));
    return info;
}

static void test_built_in(void) {
    pb_model* model = NULL;
    pb_model_info info;
    REQUIRE_OK(pb_model_load("ff14sb", NULL, &model));
    info = info_of(model);
    CHECK(strcmp(info.name, "ff14sb") == 0 && strcmp(info.hash, "") == 0);
    CHECK(info.base_force_field != NULL && strcmp(info.base_force_field, "amber-ff14sb") == 0);
    CHECK(pb_model_supports_element(model, 6) == 1);
    pb_model_free(model);
}

static void test_file(void) {
    pb_model *model = NULL, *again = NULL;
    pb_model_info info;
    char hash[65];
    REQUIRE_OK(pb_model_load(test_model(), NULL, &model));
    info = info_of(model);
    CHECK(strcmp(info.name, "tiny") == 0 && strcmp(info.target, "E_QM - E_MM") == 0);
    CHECK(strcmp(info.reference_method, "GFN2-xTB") == 0);
    CHECK_NEAR(info.cutoff, 0.5, 1e-12);
    CHECK(strlen(info.hash) == 64 && strspn(info.hash, "0123456789abcdef") == 64);
    CHECK(pb_model_supports_element(model, 16) == 1 && pb_model_supports_element(model, 26) == 0);
    CHECK(pb_model_supports_element(model, -1) == 0);

    memcpy(hash, info.hash, sizeof hash);
    REQUIRE_OK(pb_model_load(test_model(), hash, &again));
    pb_model_free(again);
    hash[0] = hash[0] == '0' ? '1' : '0';
    CHECK(pb_model_load(test_model(), hash, &again) != PB_OK && again == NULL);
    CHECK(strstr(pb_last_error(), info.hash) != NULL); /* says which hash the file has */
    pb_model_free(model);
}

static void test_memory(void) {
    pb_model *from_file = NULL, *from_memory = NULL;
    size_t size;
    unsigned char* data = read_file(test_model(), &size);
    CHECK(data != NULL);
    if (data == NULL)
        return;
    REQUIRE_OK(pb_model_load(test_model(), NULL, &from_file));
    REQUIRE_OK(pb_model_load_memory(data, size, &from_memory));
    CHECK(strcmp(info_of(from_file).hash, info_of(from_memory).hash) == 0);
    pb_model_free(from_memory);
    pb_model_free(from_file);

    /* cut anywhere, or with an absurd header length: an error, never a crash */
    for (size_t length = 0; length < size; length += 1 + length / 3)
        CHECK(pb_model_load_memory(data, length, &from_memory) != PB_OK && from_memory == NULL);
    CHECK_FAILS(pb_model_load_memory(data, size - 1, &from_memory), PB_FILE_ERROR, "");
    memset(data, 0xff, 8);
    CHECK_FAILS(pb_model_load_memory(data, size, &from_memory), PB_FILE_ERROR, "");
    CHECK_FAILS(pb_model_load_memory(NULL, 10, &from_memory), PB_INVALID_ARGUMENT, "data");
    free(data);
}

int main(void) {
    test_built_in();
    test_file();
    test_memory();
    return check_result();
}
