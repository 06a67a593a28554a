/* Uses the installed library: version, models, one model loaded. */
#include <pluginbridge.h>

#include <stdio.h>
#include <string.h>

int main(void) {
    char models[1024];
    pb_model* model = NULL;
    if (pb_abi_version() != PB_ABI_VERSION || pb_model_list(models, sizeof models, NULL) != PB_OK ||
        pb_model_load("ff14sb", NULL, &model) != PB_OK) {
        fprintf(stderr, "%s\n", pb_last_error());
        return 1;
    }
    pb_model_free(model);
    printf("PluginBridge %s on %s\n%s\n", pb_version(), pb_instruction_set(), models);
    return strstr(models, "ff14sb") == NULL;
}
