/* publisher.h - durable publishing: a window of lines in flight, acknowledged in order.
 *
 * One inbox takes all acknowledgements, one thread does the work. Messages leave in order, and arrive in order unless
 * the connection is lost in mid-window: then what was not acknowledged is sent once more, in order.
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
    unsigned window;      /* lines in flight; 0: PUBLISHER_WINDOW */
    size_t window_bytes;  /* bytes in flight; 0: PUBLISHER_WINDOW_BYTES */
    int ack_wait_ms;      /* then a line is sent again; 0: PUBLISHER_ACK_WAIT_MS */
    int give_up_ms;       /* no acknowledgement for so long ends publishing; 0: PUBLISHER_GIVE_UP_MS */
    publisher_done *done; /* called from publisher_add, publisher_poll, publisher_finish: never from another thread */
    void *closure;
};
#define PUBLISHER_WINDOW 4096
#define PUBLISHER_WINDOW_BYTES (16 * 1024 * 1024)
#define PUBLISHER_ACK_WAIT_MS 5000
#define PUBLISHER_GIVE_UP_MS 30000
/* A stream that moves from one server to another has no responder for a moment; one that is not there has none for
 * ever. */
#define PUBLISHER_NO_RESPONDER_MS 1000
#define PUBLISHER_RETRY_MS 250 /* after the server said "not now" */

struct publisher *publisher_open(struct bus *b, const struct publisher_options *o, struct error *e);
/* Copies line. Waits while the window is full. False (e: CENTRAL_UNAVAILABLE or CENTRAL_TRY_AGAIN) once it gave up:
 * every line still in flight was told as not acknowledged. */
bool publisher_add(struct publisher *p, const char *subject, const char *message_id, const char *line, size_t len,
                   void *context, struct error *e);
/* Handles what has arrived, without waiting. */
bool publisher_poll(struct publisher *p, struct error *e);
/* Waits until every line is told. */
bool publisher_finish(struct publisher *p, struct error *e);
unsigned publisher_in_flight(const struct publisher *p);
void publisher_close(struct publisher *p);

#endif
