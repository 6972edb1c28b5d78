/* cadence.h - when a source may be polled: never twice at once, never sooner than its cadence, across restarts.
 *
 * One file per source, NAME.poll in the state folder: locked while a poll runs (flock: a process that dies lets go), and
 * holding as JSON when the last poll began and before when no other may: {"last": ..., "not_before": ...}. */
#ifndef CENTRAL_CADENCE_H
#define CENTRAL_CADENCE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/error.h"

struct cadence {
    int fd;
    char *path;
    int64_t last;       /* clock.h; 0: never */
    int64_t not_before; /* clock.h */
};
/* Takes the lock. CENTRAL_TRY_AGAIN when another poll of the source runs; CENTRAL_IO, CENTRAL_NO_PERMISSION. */
bool cadence_open(struct cadence *c, const char *source, struct error *e);
/* Says durably that a poll begins now and none may begin before then. */
bool cadence_note(struct cadence *c, int64_t now, int64_t not_before, struct error *e);
void cadence_close(struct cadence *c);

#endif
