/* A guest in the host's process: opened, closed and opened again, it leaves signals, rounding and output
 * alone. */
#define _GNU_SOURCE /* RTLD_*, sigaction, fork */
#include "support/check.h"
#include "support/peptide.h"

#include <dlfcn.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf rescue;
static volatile sig_atomic_t caught = 0;

static void on_fault(int number) {
    caught = number;
    siglongjmp(rescue, 1);
}

static void evaluate_once(void) {
    double forces[peptide_coordinate_count], energy = NAN;
    pb_workspace* workspace = peptide_workspace(test_model(), PB_SCHEME_WHOLE, 2, 0);
    CHECK_OK(pb_evaluate(workspace, peptide_positions, NULL, &energy, forces, NULL));
    CHECK(isfinite(energy));
    pb_workspace_free(workspace);
}

/* A host's own handler of faults, set before or after the library starts, still gets the host's faults. */
static void test_host_signals(void) {
    struct sigaction action, found;
    volatile int* nowhere = NULL;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fault;
    action.sa_flags = SA_NODEFER;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    evaluate_once(); /* the first call in this process: the core starts here */
    if (sigsetjmp(rescue, 1) == 0)
        *nowhere = 1;
    CHECK(caught == SIGSEGV);
    caught = 0;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    if (sigsetjmp(rescue, 1) == 0)
        *nowhere = 1;
    CHECK(caught == SIGSEGV);
    evaluate_once();

    /* Ctrl-C and termination stay the host's business */
    const int untouched[] = {SIGINT, SIGTERM, SIGQUIT, SIGCHLD, SIGPIPE, SIGHUP};
    for (size_t i = 0; i < sizeof untouched / sizeof *untouched; i++) {
        CHECK(sigaction(untouched[i], NULL, &found) == 0);
        CHECK(found.sa_handler == SIG_DFL);
    }
}

static void test_floating_point_environment(void) {
    const int rounding[] = {FE_TONEAREST, FE_UPWARD};
    for (int i = 0; i < 2; i++) {
        CHECK(fesetround(rounding[i]) == 0);
        evaluate_once();
        CHECK(fegetround() == rounding[i]);
    }
    fesetround(FE_TONEAREST);
    feenableexcept(FE_DIVBYZERO | FE_INVALID); /* as hosts do that hunt NaNs */
    evaluate_once();
    CHECK(fegetexcept() == (FE_DIVBYZERO | FE_INVALID));
    fedisableexcept(FE_ALL_EXCEPT);
}

static void test_opened_again(void) {
    const char* path = getenv("PLUGINBRIDGE_TEST_LIBRARY");
    for (int i = 0; i < 3; i++) {
        void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        CHECK(library != NULL);
        if (library == NULL) {
            printf("%s\n", dlerror());
            return;
        }
        const char* (*version)(void);
        *(void**)&version = dlsym(library, "pb_version");
        CHECK(strcmp(version(), pb_version()) == 0);
        CHECK(dlclose(library) == 0);
        evaluate_once();
    }
}

static int exit_status_of(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Before the first call nothing has started: parent and child use the library each for itself. */
static void test_fork_before_first_call(void) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        evaluate_once();
        _exit(check_failures);
    }
    CHECK(exit_status_of(child) == 0);
}

/* Later a child gets an error, not a deadlock; the parent goes on. */
static void test_fork_after_first_call(void) {
    evaluate_once();
    const pid_t child = fork();
    if (child == 0) {
        pb_model* model = NULL;
        alarm(60);
        CHECK_FAILS(pb_model_load("ff14sb", NULL, &model), PB_UNSUPPORTED, "forked");
        pb_model_free(model);
        _exit(check_failures);
    }
    CHECK(exit_status_of(child) == 0);
    evaluate_once();
}

/* Positions at which no SCF converges; libxtb would like to say so. */
static void fail_an_evaluation(void) {
    double squeezed[peptide_coordinate_count], energy;
    pb_workspace* workspace = peptide_workspace("gfn2-xtb", PB_SCHEME_DIPEPTIDE, 1, 0);
    for (int i = 0; i < peptide_coordinate_count; i++)
        squeezed[i] = 0.35 * peptide_positions[i];
    CHECK(pb_evaluate(workspace, squeezed, NULL, &energy, NULL, NULL) == PB_CALCULATION_FAILED);
    CHECK_OK(pb_evaluate(workspace, peptide_positions, NULL, &energy, NULL, NULL));
    pb_workspace_free(workspace);
}

/* A process that evaluates and fails calls ends normally, with nothing printed. */
static void test_silent_child(const char* self) {
    int channel[2];
    char printed[64];
    CHECK(pipe(channel) == 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(channel[1], STDOUT_FILENO);
        dup2(channel[1], STDERR_FILENO);
        close(channel[0]);
        close(channel[1]);
        execl(self, self, "--evaluate", (char*)NULL);
        _exit(127);
    }
    close(channel[1]);
    CHECK(read(channel[0], printed, sizeof printed) == 0); /* end of file at once */
    close(channel[0]);
    CHECK(exit_status_of(child) == 0);
}

int main(int argc, char** argv) {
    if (argc > 1) {
        pb_model* model = NULL;
        evaluate_once();
        if (pb_has_feature("gfn2-xtb") == 1)
            fail_an_evaluation();
        return pb_model_load("no-such-model", NULL, &model) == PB_OK || check_failures > 0;
    }
    test_fork_before_first_call();
    test_host_signals();
    test_fork_after_first_call();
    test_floating_point_environment();
    test_opened_again();
    test_silent_child(argv[0]);
    return check_result();
}
