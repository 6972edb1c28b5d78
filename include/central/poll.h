/* poll.h - one poll of one source: ask, read, write raw events and the poll report (design §3, §4).
 *
 * Failure never looks like emptiness: whatever happens, the last line is the report, and only one that says complete is
 * evidence of anything. An answer's records are written when the whole answer was read and understood. */
#ifndef CENTRAL_POLL_H
#define CENTRAL_POLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/adapter.h"
#include "central/http.h"
#include "central/line.h"
#include "central/parser.h"

enum poll_state { POLL_NEW, POLL_UNCHANGED, POLL_EMPTY, POLL_FAILED, POLL_PARTIAL };

#define POLL_REQUESTS_MAX 2000  /* of one poll, pages included: a paging that never ends is a fault upstream */
#define POLL_TRIES 3            /* of one request */
#define POLL_BACKOFF_MS 1000    /* the first pause at most; doubled each time, drawn from 0 on (full jitter) */
#define POLL_RETRY_AFTER_MAX 60 /* seconds; a server that asks for more ends the poll, and next_poll says when */

struct poll_options {
    const char *const
        *from;       /* answers from these files or URLs, one per request, NULL-terminated; NULL: ask the source */
    const char *key; /* the credential, NULL */
    const char
        *state;     /* JSON text: {"last_success": seconds, "requests": {URL: {etag, last_modified, hash}}}; "null" */
    int64_t now;    /* the time of the poll; 0: what the clock says */
    bool quiet;     /* failures go to the report alone, not to stderr */
    int tries;      /* 0: POLL_TRIES */
    int backoff_ms; /* 0: POLL_BACKOFF_MS */
};
struct poll_result {
    enum poll_state state;
    bool complete;
    char *error; /* the first failure, NULL; freed by poll_result_free */
    uint64_t items;
    int64_t retry_after; /* seconds a server asked us to stay away, -1 */
    enum central_exit status;
};
void poll_result_free(struct poll_result *r);
/* new, unchanged, empty, failed, partial. */
const char *poll_state_name(enum poll_state s);

/* Writes to w. False with e only when the poll could not be tried (the adapter's requests fail); a source that is away
 * is a result, and its reason is in the report and on stderr. */
bool poll_run(struct adapter *a, struct parser *parser, struct http *h, const struct poll_options *o,
              struct line_writer *w, struct poll_result *result, struct error *e);

#endif
