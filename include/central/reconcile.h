/* reconcile.h - before a poll: after a broker lost what it had acknowledged (a stream deleted, restored from a backup,
 * rolled back by a crash: nats-server before 2.10 syncs every two minutes), and after a pipe ended between publishing
 * and recording. */
#ifndef CENTRAL_RECONCILE_H
#define CENTRAL_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/bus.h"
#include "central/error.h"
#include "central/event.h"
#include "central/state.h"

/* Whether the broker has lost what it acknowledged: looks whether each stream still holds the newest message that the
 * state knows of there. Where one does not, what the streams lack is lost in the state (state_lose), so that the next
 * poll sends it again; *lost counts it.
 *
 * Where they do, and lines went out that nobody recorded, the state learns what stands behind its newest messages;
 * *learned counts it. Else what its source no longer has by the next poll would stand for ever. No pipe of the source
 * may be running (state_lock). */
bool reconcile(struct bus *b, struct state *s, int64_t *lost, int64_t *learned, struct error *e);

/* The state says of ev, an event or the removal of one, that it was sent, and where it is (stream NULL: nobody told).
 */
bool reconcile_learn(struct state *s, const struct event *ev, const char *stream, int64_t sequence, struct error *e);

#endif
