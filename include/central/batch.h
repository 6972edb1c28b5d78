/* batch.h - events on their way into PostgreSQL: read, checked and written down as rows of COPY, with what came of
 * each.
 *
 * Lines get positions in the order of their adding, from 0. */
#ifndef CENTRAL_BATCH_H
#define CENTRAL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/event.h"
#include "central/geo.h"

/* The columns of a row, as a COPY into table incoming names them. */
#define BATCH_COLUMNS                                                                                                  \
    "position, id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received, "     \
    "subject, revision, removes, removes_revision"

enum batch_fate { BATCH_EVENT, BATCH_BAD, BATCH_PASSED };

/* Of a line: texts are offsets into batch.text, 0 for "none" (its first byte is never used). */
struct batch_row {
    enum batch_fate fate;
    bool done;        /* durable, or nothing to do */
    bool in_tuples;   /* its line stands in batch.tuples, as the payload */
    size_t line, len; /* in batch.tuples or batch.text */
    size_t stream, subject;
    size_t adapter, adapter_len; /* in the line */
    size_t tuple, tuple_len;     /* in batch.tuples; 0 long: no event */
    uint64_t sequence;
    int64_t received;
    char *reason; /* why it cannot be archived */
    char *remark; /* what it is archived without */
    char sqlstate[6];
};

struct batch {
    struct geo *geo;
    struct batch_row *rows;
    size_t count, capacity;
    struct buf text, tuples;
};
struct batch *batch_open(void);
void batch_close(struct batch *b);
/* Forgets its lines. */
void batch_clear(struct batch *b);

/* Where a message came from, for events_rejected. */
struct batch_origin {
    const char *stream;  /* NULL: standard input */
    const char *subject; /* NULL: what the event says */
    uint64_t sequence;   /* in the stream, or line number */
};
/* Adds a line; one that event_read refuses, or that is no canonical event, is to go to events_rejected. Copies line and
 * origin. */
void batch_add(struct batch *b, const char *line, size_t len, const struct batch_origin *from);
/* The same of a line that was read already. A receipt (event.h) is left out. */
void batch_add_event(struct batch *b, const struct event *ev, const struct batch_origin *from);
/* A line that was found bad already: to events_rejected. */
void batch_add_bad(struct batch *b, const char *line, size_t len, const char *reason, const struct batch_origin *from);
/* A line that keeps its place among the others and is not written anywhere. */
void batch_add_passed(struct batch *b, const char *line, size_t len);
/* What stood as an event is bad, for this reason. */
void batch_make_bad(struct batch_row *r, const char *reason);

size_t batch_bytes(const struct batch *b);
const char *batch_line(const struct batch *b, size_t position, size_t *len);
/* Why the line goes to events_rejected, NULL when it does not. */
const char *batch_rejected(const struct batch *b, size_t position);
/* What is odd about a line that is archived all the same (a geometry that is none), NULL. */
const char *batch_remark(const struct batch *b, size_t position);

#endif
