/* archive.h - events into PostgreSQL, in batches that are durable when told so (design §7).
 *
 * A batch is built by archive_add and its sisters, written by archive_commit, and can be looked at until the next add.
 */
#ifndef CENTRAL_ARCHIVE_H
#define CENTRAL_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/db.h"
#include "central/error.h"
#include "central/event.h"

struct archive;
/* Takes d, also when it fails: closes it in archive_close. CENTRAL_CONFIG when the schema is not there. */
struct archive *archive_open(struct db *d, struct error *e);
void archive_close(struct archive *a);

/* Where a message came from, for events_rejected. */
struct archive_origin {
    const char *stream;  /* NULL: standard input */
    const char *subject; /* NULL: what the event says */
    uint64_t sequence;   /* in the stream, or line number */
};
/* Adds a line to the batch; one that event_read refuses, or that is no canonical event, goes to events_rejected with
 * the same commit. Copies line and origin. Each of the four gives the line the next position, from 0. */
void archive_add(struct archive *a, const char *line, size_t len, const struct archive_origin *from);
/* The same of a line that was read already. A receipt (event.h) is left out. */
void archive_add_event(struct archive *a, const struct event *ev, const struct archive_origin *from);
/* A line that was found bad already: to events_rejected. */
void archive_add_bad(struct archive *a, const char *line, size_t len, const char *reason,
                     const struct archive_origin *from);
/* A line that keeps its place among the others and is not written anywhere. */
void archive_add_passed(struct archive *a, const char *line, size_t len);

/* Lines and bytes of the batch that is not committed yet. */
size_t archive_pending(const struct archive *a);
size_t archive_pending_bytes(const struct archive *a);

struct archive_counts {
    uint64_t inserted, revised, duplicates, superseded, removed, rejected;
};
/* Writes the batch and commits; a row the database refuses costs only itself. True: all of it is durable, and counts
 * are added to. False: what is not durable yet is kept, to be tried again by another archive_commit:
 *     CENTRAL_UNAVAILABLE    connection lost: archive_reconnect comes first
 *     CENTRAL_TRY_AGAIN      deadlock, disk full, read-only ...
 *     anything else          will not get better by trying */
bool archive_commit(struct archive *a, struct archive_counts *counts, struct error *e);
bool archive_reconnect(struct archive *a, struct error *e);
struct db *archive_db(const struct archive *a);

/* Of the batch last committed, by position. */
size_t archive_count(const struct archive *a);
const char *archive_line(const struct archive *a, size_t position, size_t *len);
/* Why the line went to events_rejected, NULL when it did not. */
const char *archive_rejected(const struct archive *a, size_t position);
/* What is odd about a line that was archived all the same (a geometry that is none), NULL. */
const char *archive_remark(const struct archive *a, size_t position);

#endif
