/* cadence.h - when a source may be polled, and how its last poll went: never twice at once, never sooner than its
 * cadence, across restarts.
 *
 * One file per source, NAME.poll in the state folder: locked while a poll runs (flock: a process that dies lets go),
 * and holding one line of JSON. */
#ifndef CENTRAL_CADENCE_H
#define CENTRAL_CADENCE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/error.h"

struct cadence {
    int fd;
    char *path;
    int64_t last;          /* when the last poll began, clock.h; 0: never */
    int64_t not_before;    /* when the next may */
    int64_t last_complete; /* when the last complete one ended; 0: never */
    int64_t items;         /* of the last poll */
    char *state;           /* new, unchanged, ...; NULL while it runs or when it was cut off */
    char *error;           /* of the last poll, NULL */
};
/* Takes the lock and reads. CENTRAL_TRY_AGAIN when another poll of the source runs; CENTRAL_IO, CENTRAL_NO_PERMISSION.
 */
bool cadence_open(struct cadence *c, const char *source, struct error *e);
/* Reads without the lock, for showing; false when the source was never polled, or, with c->error, when its file
 * cannot be read. *running: a poll holds the lock. */
bool cadence_look(struct cadence *c, const char *source, bool *running);
/* Writes last, not_before and so on as they stand in c. */
bool cadence_note(struct cadence *c, struct error *e);
/* Sets state and error, copied; NULL is fine. */
void cadence_set(struct cadence *c, const char *state, const char *error);
void cadence_close(struct cadence *c);

#endif
