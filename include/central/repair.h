/* repair.h - closing the gaps that an audit found (audit.h), from where the missing part still is. */
#ifndef CENTRAL_REPAIR_H
#define CENTRAL_REPAIR_H

#include <stdbool.h>
#include "central/archive.h"
#include "central/audit.h"
#include "central/publisher.h"

enum repaired {
    REPAIR_NONE,      /* nothing can be done, or need not */
    REPAIR_PUBLISHED, /* from the archive to the bus */
    REPAIR_ARCHIVED,  /* from the bus to the archive */
    REPAIR_LEARNED,   /* into the state */
    REPAIR_LOST       /* nobody has it: the next poll that sees it sends it again */
};

struct repair;
/* d: where the archive is read, NULL: there is none; archive: where it is written, NULL: it is not. All stay the
 * caller's. */
struct repair *repair_open(struct bus *b, struct db *d, struct archive *archive, struct error *e);
void repair_close(struct repair *r);
/* Closes one gap of the source whose state s is, in a transaction of s that the caller opened. What went to bus or
 * archive is durable when this returns. */
bool repair_gap(struct repair *r, struct state *s, const struct gap *g, enum repaired *out, struct error *e);

/* True in *found when the archive has this version, or the removal of this event; its envelope is appended to payload
 * (NULL: nobody asks). */
bool repair_find_archived(struct db *d, const struct gap *g, struct buf *payload, bool *found, struct error *e);

#endif
