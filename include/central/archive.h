/* archive.h - events into PostgreSQL, in batches that are durable when told so (design §7).
 *
 *     batch_add(archive_batch(a), ...); archive_start(a); ... the next batch ...; archive_end(a, &counts, &e);
 *
 * One batch is written while the next is filled. */
#ifndef CENTRAL_ARCHIVE_H
#define CENTRAL_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/batch.h"
#include "central/db.h"
#include "central/error.h"

struct archive;
/* Takes d, also when it fails: closes it in archive_close. CENTRAL_CONFIG when the schema is not there. */
struct archive *archive_open(struct db *d, struct error *e);
/* Waits for what is being written. */
void archive_close(struct archive *a);

/* To be filled; another one after each archive_start. */
struct batch *archive_batch(const struct archive *a);

struct archive_counts {
    uint64_t inserted, revised, duplicates, superseded, removed, rejected;
};
/* Writes the batch and commits, on a thread of its own; nothing else of a but its next batch may be used until
 * archive_end. While the batch before is not durable it is that one that is tried again. */
void archive_start(struct archive *a);
/* Waits for that. True: all of the batch is durable, and counts are added to; a row the database refuses costs only
 * itself. False: what is not durable yet is kept for another archive_start:
 *     CENTRAL_UNAVAILABLE    connection lost: archive_reconnect comes first
 *     CENTRAL_TRY_AGAIN      deadlock, disk full, read-only ...
 *     anything else          will not get better by trying */
bool archive_end(struct archive *a, struct archive_counts *counts, struct error *e);
/* Both at once, and what was kept before it. */
bool archive_commit(struct archive *a, struct archive_counts *counts, struct error *e);
/* The batch last started. */
const struct batch *archive_written(const struct archive *a);
/* Microseconds that its writing took, all tries together. */
int64_t archive_took(const struct archive *a);

bool archive_reconnect(struct archive *a, struct error *e);
struct db *archive_db(const struct archive *a);

#endif
