/* prune.h - retention in the archive: what streams.conf (keep=) says is to be forgotten. */
#ifndef CENTRAL_PRUNE_H
#define CENTRAL_PRUNE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/db.h"
#include "central/error.h"
#include "central/stream.h"

/* Deletes, of each stream in list that has keep, what is older, by the later of its time and its arrival; in steps, so
 * that nobody waits long. Where every archived stream has keep, rejects older than the longest go too, and partitions
 * that this emptied. Calls told(closure, what, rows, before) for each stream and for "events_rejected"; rows may be 0.
 * A stop by a signal fails with CENTRAL_TRY_AGAIN; what was deleted stays so. */
typedef void prune_told(void *closure, const char *what, int64_t rows, int64_t before);
bool prune(struct db *d, const struct stream_list *list, int64_t now, prune_told *told, void *closure, struct error *e);

#endif
