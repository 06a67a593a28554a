/* A test program counts its failed checks and returns them; each names the line and what was found. */
#ifndef CHECK_H
#define CHECK_H

#include "pluginbridge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures = 0;

/* Further failures are counted only. */
enum { check_printed_failures = 25 };

#define check_print(...)                                                                                     \
    do {                                                                                                     \
        if (check_failures < check_printed_failures)                                                         \
            printf(__VA_ARGS__);                                                                             \
    } while (0)

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            check_print("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                              \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

/* |found - expected| <= tolerance; not satisfied by NaN. */
#define CHECK_NEAR(found, expected, tolerance)                                                               \
    do {                                                                                                     \
        const double found_ = (found), expected_ = (expected);                                               \
        if (!(fabs(found_ - expected_) <= (tolerance))) {                                                    \
            check_print("%s:%d: %s = %.12g, expected %.12g within %.3g\n", __FILE__, __LINE__, #found,       \
                        found_, expected_, (double)(tolerance));                                             \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

#define CHECK_OK(call)                                                                                       \
    do {                                                                                                     \
        const pb_status status_ = (call);                                                                    \
        if (status_ != PB_OK) {                                                                              \
            check_print("%s:%d: %s: status %d: %s\n", __FILE__, __LINE__, #call, (int)status_,               \
                        pb_last_error());                                                                    \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

/* As CHECK_OK, for calls without which the rest makes no sense. */
#define REQUIRE_OK(call)                                                                                     \
    do {                                                                                                     \
        const int before_ = check_failures;                                                                  \
        CHECK_OK(call);                                                                                      \
        if (check_failures > before_)                                                                        \
            exit(EXIT_FAILURE);                                                                              \
    } while (0)

/* The call fails with a status, and its message holds a text. */
#define CHECK_FAILS(call, expected, text)                                                                    \
    do {                                                                                                     \
        const pb_status status_ = (call);                                                                    \
        if (status_ != (expected) || strstr(pb_last_error(), (text)) == NULL) {                              \
            check_print("%s:%d: %s: status %d, message \"%s\"; expected %d and \"%s\"\n", __FILE__,          \
                        __LINE__, #call, (int)status_, pb_last_error(), (int)(expected), (text));            \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

static inline int check_result(void) {
    if (check_failures > 0)
        printf("%d checks failed\n", check_failures);
    return check_failures > 0;
}

#endif
