/* consumer.h - messages from one or many streams through one inbox.
 *
 * Pull consumers, asked in batches ahead of need; one subscription carries all streams, so one thread serves them all.
 */
#ifndef CENTRAL_CONSUMER_H
#define CENTRAL_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/bus.h"

struct consumers;
struct consumer;

struct consumer_options {
    const char *stream;
    const char *durable; /* NULL: ephemeral, removed when it goes idle or at consumers_close */
    const char *filter;  /* subject filter, NULL: all */
    enum {
        CONSUMER_NEW,
        CONSUMER_ALL,
        CONSUMER_LAST,
        CONSUMER_LAST_PER_SUBJECT,
        CONSUMER_SINCE,
        CONSUMER_SEQUENCE
    } from;
    int64_t since;            /* CONSUMER_SINCE, clock.h */
    uint64_t sequence;        /* CONSUMER_SEQUENCE */
    unsigned batch;           /* messages asked for at once; 0: CONSUMER_BATCH */
    int64_t ack_wait_seconds; /* 0: CONSUMER_ACK_WAIT */
    unsigned max_ack_pending; /* 0: eight batches */
    bool no_ack;              /* ephemeral readers that need no redelivery */
};
#define CONSUMER_BATCH 1024
#define CONSUMER_ACK_WAIT 60

struct consumers *consumers_open(struct bus *b, struct error *e);
/* Creates the consumer, or takes the durable that is there (its own start position then counts) and brings its filter,
 * ack_wait and max_ack_pending up to date. c is owned by cs. */
bool consumers_add(struct consumers *cs, const struct consumer_options *o, struct consumer **c, struct error *e);
const char *consumer_stream(const struct consumer *c);
const char *consumer_name(const struct consumer *c);

struct consumed {
    struct consumer *consumer;
    const char *subject;
    const char *data;
    size_t len;
    uint64_t sequence;  /* in the stream */
    uint64_t delivered; /* 1: first time */
    uint64_t pending;   /* messages of this consumer still to come */
    int64_t stored;     /* when the server took it, clock.h */
    /* for consumer.c */
    natsMsg *message;
    char *reply;
    unsigned life;
};
/* The next message, in at most timeout_ms (-1: until one comes or a signal). 1: out is set, the caller ends it with
 * consumed_free. 0: time over. -1: failed (e), or a signal (e->text NULL). Asks for more by itself, also after a lost
 * connection. A consumer that is gone is made anew behind what was given; a stream that was deleted and made anew is
 * read from its beginning, one that stays away for half a minute is a failure.
 *
 * With no_ack a message comes once, in order, whatever happens to the connection. With acknowledgements it comes at
 * least once: again when its acknowledgement was lost, not while it is held (before consumed_free). What was given to a
 * process that died comes at once, before anything new, unless others read the same durable.
 *
 * Warns (log.h) of a stream that was made anew or lost its end, of a durable that was deleted under its reader, and,
 * where a durable has no filter, of messages that left the stream before anybody was given them. */
int consumers_next(struct consumers *cs, int timeout_ms, struct consumed *out, struct error *e);
/* True when every consumer has been given all its stream held and nothing waits for an acknowledgement, ours or
 * another's: asks the server once no more messages are known to come. */
bool consumers_drained(struct consumers *cs, struct error *e);
/* Acknowledges; ends a message that is no good, which is never delivered again either, and of which the server tells
 * who watches it (advisory MSG_TERMINATED); asks for delivery again at once (what a tool took and will not finish).
 * Not waited for: an acknowledgement that is lost leads to the message once more. consumers_sync waits until the server
 * has done them all: before a process ends, or the next one is given some again. */
bool consumed_ack(struct consumers *cs, const struct consumed *m, struct error *e);
bool consumed_term(struct consumers *cs, const struct consumed *m, struct error *e);
bool consumed_nak(struct consumers *cs, const struct consumed *m, struct error *e);
bool consumers_sync(struct consumers *cs, struct error *e);
/* Lets go of subject and data: what waits for its acknowledgement only takes a hundred bytes then. */
void consumed_shed(struct consumed *m);
void consumed_free(struct consumed *m);
/* Gives back what was delivered and not handed out, deletes ephemeral consumers, frees. */
void consumers_close(struct consumers *cs);

#endif
