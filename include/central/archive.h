/* archive.h - events into PostgreSQL, in batches that are durable when told so (design §7). */
#ifndef CENTRAL_ARCHIVE_H
#define CENTRAL_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libpq-fe.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/event.h"

/* Connects to url, else DATABASE_URL, else what libpq's own environment says (PGHOST, PGSERVICE, ...). The text of a
 * failure never holds a password. CENTRAL_UNAVAILABLE, CENTRAL_NO_PERMISSION, CENTRAL_CONFIG. */
PGconn *archive_connect(const char *url, const char *name, struct error *e);

/* Applies the migrations of sql/ that are not applied yet, each in a transaction of its own, one runner at a time (an
 * advisory lock). dir NULL: the installed ones. told is called for each one applied. */
bool archive_migrate(PGconn *db, const char *dir, void (*told)(void *, const char *name), void *closure, struct error *e);
/* False with CENTRAL_CONFIG when the schema is older than this program needs, or newer than it knows. */
bool archive_ready(PGconn *db, struct error *e);

struct archive;
/* Takes db: closes it in archive_close. */
struct archive *archive_open(PGconn *db, struct error *e);
void archive_close(struct archive *a);

/* Where a message came from, for events_rejected. */
struct archive_origin {
    const char *stream; /* NULL: stdin */
    const char *subject;
    uint64_t sequence;  /* stream sequence or line number */
};
/* Adds a line to the batch; a line that event_read refuses goes to events_rejected with the same commit. Copies. */
void archive_add(struct archive *a, const char *line, size_t len, const struct archive_origin *from);
size_t archive_pending(const struct archive *a);
size_t archive_pending_bytes(const struct archive *a);

struct archive_counts {
    uint64_t inserted, revised, duplicates, superseded, removed, rejected;
};
/* Writes the batch and commits. True: all of it is durable (rejected rows in events_rejected with the reason; a row the
 * database refuses costs only itself). False: nothing of it is, the batch is kept, and archive_retry tells what to do
 * (CENTRAL_UNAVAILABLE: connection lost; CENTRAL_TRY_AGAIN: deadlock, disk full, read-only ...). */
bool archive_commit(struct archive *a, struct archive_counts *counts, struct error *e);
/* Which rows of the last committed batch were rejected: position (order of archive_add) -> reason or NULL. */
const char *archive_rejected(const struct archive *a, size_t position);
/* Connects anew after CENTRAL_UNAVAILABLE; the batch is kept. */
bool archive_reconnect(struct archive *a, struct error *e);

#endif
