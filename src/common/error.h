/* error.h: the one error convention.
 *
 * A function that can fail for a reason a person should read takes a `struct error *` as its last argument,
 * returns 0 (or a descriptor, a pointer) on success and -1 (or NULL) on failure, and fills the struct only on
 * failure. Callers that add context wrap it with error_wrap(). Nothing is allocated, so an error can be made
 * after a fork and when memory is gone. Functions whose only failure is a system call's return -1 with errno. */
#pragma once

#include <errno.h>
#include <stddef.h>

enum { ERROR_TEXT_MAX = 512 };

struct error {
    int code;                  /* an errno value; 0 where none applies */
    char text[ERROR_TEXT_MAX]; /* one line, no newline, ready to print */
};

/* Sets `err` to the formatted text, followed by ": strerror(code)" where code is not 0. Always returns -1.
 * `err` may be NULL (the caller does not want to know). */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that `err` already has. Always returns -1. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
