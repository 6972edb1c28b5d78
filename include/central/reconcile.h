/* reconcile.h - after a broker lost what it had acknowledged (a stream deleted, restored from a backup, rolled back by
 * a crash: nats-server before 2.10 syncs every two minutes). */
#ifndef CENTRAL_RECONCILE_H
#define CENTRAL_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/bus.h"
#include "central/error.h"
#include "central/state.h"

/* Whether the broker has lost what it acknowledged: looks whether each stream still holds the newest message that the
 * state knows of there. Where one does not, what the streams lack is lost in the state (state_lose), so that the next
 * poll sends it again; *lost counts it. */
bool reconcile(struct bus *b, struct state *s, int64_t *lost, struct error *e);

#endif
