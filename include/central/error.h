/* error.h - what went wrong, for the caller to report, and the exit statuses every tool shares.
 *
 * A public function that can fail takes a struct error * as its last argument, returns false (or NULL) and fills it:
 * which exit status fits, and one line that says subject and cause. The caller reports it (log_failure) or passes it
 * up; only main exits. struct error e = {0}; is "no error"; error_free releases it; setting it again replaces it. */
#ifndef CENTRAL_ERROR_H
#define CENTRAL_ERROR_H

#include <stdbool.h>
#include <stdarg.h>

/* sysexits.h, the part that means something here. The same table is in central(7). */
enum central_exit {
    CENTRAL_OK = 0,
    CENTRAL_DIFFERS = 1,        /* the answer of a question is no: drift, stale, a gap */
    CENTRAL_UNKNOWN = 2,        /* the question cannot be answered */
    CENTRAL_USAGE = 64,         /* options or arguments */
    CENTRAL_REJECTED = 65,      /* some lines were rejected with no place to put them */
    CENTRAL_UNAVAILABLE = 69,   /* a server is away */
    CENTRAL_BUG = 70,           /* this program is wrong */
    CENTRAL_IO = 74,            /* reading or writing failed */
    CENTRAL_TRY_AGAIN = 75,     /* later it may work */
    CENTRAL_NO_PERMISSION = 77, /* not allowed */
    CENTRAL_CONFIG = 78,        /* a setting or a configuration file is wrong */
};

struct error {
    enum central_exit status;
    char *text;
};

/* Sets e (NULL is fine) and returns false, so that a function can end with: return error_set(e, CENTRAL_IO, ...). */
bool error_set(struct error *e, enum central_exit status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " before the text: what was being done when it went wrong. Returns false. */
bool error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_free(struct error *e);
/* The worse of two exit statuses, for a tool that goes on after an error: the first failure that is not CENTRAL_OK
 * stands, except that CENTRAL_REJECTED gives way to everything else. */
enum central_exit error_worse(enum central_exit a, enum central_exit b);

#endif
