/* publisher.h - durable publishing: a window of lines in flight, acknowledged in order.
 *
 * One inbox takes all acknowledgements, one thread does the work. Results are always told in the order of
 * publisher_add. Messages leave in that order and are stored in it, unless one has to be sent again: after the
 * connection was lost in mid-window all that is not acknowledged is sent once more, in order, behind what the server
 * took before; and a line that the server could not take for now (no room, no leader, no acknowledgement) is stored
 * behind those that were sent meanwhile. Within one window, then, a later line may come before an earlier one; the
 * revision says which of two is newer.
 *
 * Every line is kept until JetStream acknowledged it. A lost connection or an acknowledgement that does not come leads
 * to the same line being sent again under the same Nats-Msg-Id, which the server (duplicate window), the revision and
 * the archive's key recognise. */
#ifndef CENTRAL_PUBLISHER_H
#define CENTRAL_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/bus.h"

struct publisher;

/* One line's fate, told in the order of publisher_add. */
struct publisher_result {
    const char *line;
    size_t len;
    void *context; /* as given to publisher_add */
    bool acknowledged;
    bool duplicate;     /* the server had it already: as durable as any */
    const char *stream; /* acknowledged */
    uint64_t sequence;
    const struct error *error; /* not acknowledged: why (no stream for the subject, too large, time over ...) */
};
typedef void publisher_done(void *closure, const struct publisher_result *r);

struct publisher_options {
    unsigned window;      /* lines in flight, and PUBLISHER_LINE_BYTES times as many bytes; 0: PUBLISHER_WINDOW */
    int ack_wait_ms;      /* then a line is sent again; 0: PUBLISHER_ACK_WAIT_MS */
    int give_up_ms;       /* the oldest line not told for so long ends publishing; 0: PUBLISHER_GIVE_UP_MS */
    publisher_done *done; /* called from publisher_add, publisher_poll, publisher_finish: never from another thread */
    void *closure;
};
#define PUBLISHER_WINDOW 4096
/* With this a full window costs, with the copy that nats.c keeps of it, 2 MiB. One line is in flight however long. */
#define PUBLISHER_LINE_BYTES 256
#define PUBLISHER_ACK_WAIT_MS 5000
#define PUBLISHER_GIVE_UP_MS 30000
/* Time passes for the two only while somebody looks: when done blocks (a slow reader) or the process is stopped,
 * acknowledgements wait with it. */
#define PUBLISHER_LOOK_MS 200
/* A stream that moves from one server to another has no responder for a moment; one that is not there has none for
 * ever. */
#define PUBLISHER_NO_RESPONDER_MS 1000
#define PUBLISHER_RETRY_MS 250 /* after the server said "not now" */

struct publisher *publisher_open(struct bus *b, const struct publisher_options *o, struct error *e);
/* Copies line. Waits while the window is full. False once it gave up: every line still in flight, one at least, was
 * told as not acknowledged with the same error. e: CENTRAL_UNAVAILABLE (the server is away), CENTRAL_TRY_AGAIN (it is
 * there, and silent or without room) or CENTRAL_NO_PERMISSION. done must not call it. */
bool publisher_add(struct publisher *p, const char *subject, const char *message_id, const char *line, size_t len,
                   void *context, struct error *e);
/* Handles what has arrived, without waiting. */
bool publisher_poll(struct publisher *p, struct error *e);
/* Waits until every line is told. */
bool publisher_finish(struct publisher *p, struct error *e);
unsigned publisher_in_flight(const struct publisher *p);
void publisher_close(struct publisher *p);

#endif
