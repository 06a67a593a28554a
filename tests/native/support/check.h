/* A test program counts its failed checks and returns them; each names the line and what was found. */
#ifndef CHECK_H
#define CHECK_H

#include "pluginbridge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Exit status by which ctest knows a skipped test. */
enum { check_skipped = 77 };

static int check_failures = 0;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                                   \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

/* |found - expected| <= tolerance; not satisfied by NaN. */
#define CHECK_NEAR(found, expected, tolerance)                                                               \
    do {                                                                                                     \
        const double found_ = (found), expected_ = (expected);                                               \
        if (!(fabs(found_ - expected_) <= (tolerance))) {                                                    \
            printf("%s:%d: %s = %.12g, expected %.12g within %.3g\n", __FILE__, __LINE__, #found, found_,    \
                   expected_, (double)(tolerance));                                                          \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

#define CHECK_OK(call)                                                                                       \
    do {                                                                                                     \
        const pb_status status_ = (call);                                                                    \
        if (status_ != PB_OK) {                                                                              \
            printf("%s:%d: %s: status %d: %s\n", __FILE__, __LINE__, #call, (int)status_, pb_last_error());  \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

/* The call fails with a status, and its message holds a text. */
#define CHECK_FAILS(call, expected, text)                                                                    \
    do {                                                                                                     \
        const pb_status status_ = (call);                                                                    \
        if (status_ != (expected) || strstr(pb_last_error(), (text)) == NULL) {                              \
            printf("%s:%d: %s: status %d, message \"%s\"; expected %d and \"%s\"\n", __FILE__, __LINE__,     \
                   #call, (int)status_, pb_last_error(), (int)(expected), (text));                           \
            check_failures++;                                                                                \
        }                                                                                                    \
    } while (0)

static inline int check_result(void) {
    if (check_failures > 0)
        printf("%d checks failed\n", check_failures);
    return check_failures > 0;
}

#endif
