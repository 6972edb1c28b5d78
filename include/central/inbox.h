/* inbox.h - where answers arrive: one subscription on a subject of our own, read by one thread.
 *
 * nats.c delivers on a thread of its own; the inbox hands the messages over in batches, with a descriptor to wait on.
 * (Its synchronous subscriptions swallow a "no responders" answer and with it the subject that says whose it is.) */
#ifndef CENTRAL_INBOX_H
#define CENTRAL_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include "central/bus.h"

struct inbox;
struct inbox *inbox_open(struct bus *b, struct error *e);
/* The subjects that arrive are this, then whatever follows: "_INBOX.x.". */
const char *inbox_prefix(const struct inbox *i);
/* The messages that have come, waiting up to timeout_ms (-1: until one comes) for the first; each is the caller's to
 * end with natsMsg_Destroy, list stays valid until the next call. interruptible: a signal (signals.h) ends the wait. */
size_t inbox_take(struct inbox *i, int timeout_ms, bool interruptible, natsMsg ***list);
void inbox_close(struct inbox *i);

#endif
