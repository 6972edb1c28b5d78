/* query.h - asking the archive: which events stand in it. */
#ifndef CENTRAL_QUERY_H
#define CENTRAL_QUERY_H

#include <stdbool.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/db.h"
#include "central/error.h"
#include "central/json.h"

/* All of them count; struct query q = {.severity = -1} asks for everything. */
struct query {
    struct buf adapters;  /* names, comma-separated; empty: any */
    const char *category; /* what it begins with, NULL */
    const char *id;       /* the event's, NULL */
    bool has_since, has_until, has_box;
    int64_t since, until; /* event time: from since on, before until */
    double box[4];        /* west, south, east, north; west > east spans the antimeridian; edges are inside */
    int severity;         /* at least; -1: any, also unknown */
    bool active;          /* not removed, no removal, not expired */
    bool oldest_first;
    int64_t limit; /* 0: none */
};

/* Calls row with each envelope, a checked JSON value that is valid during the call. Rows come as the server finds them:
 * memory does not grow with their number. False from row ends it with e->text NULL. */
typedef bool query_row(void *closure, struct json envelope);
bool query_run(struct db *d, const struct query *q, query_row *row, void *closure, struct error *e);

#endif
