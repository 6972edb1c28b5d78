/* stream_read.h - what a stream holds, read to its end once, in order, acknowledging nothing. */
#ifndef CENTRAL_STREAM_READ_H
#define CENTRAL_STREAM_READ_H

#include <stdbool.h>
#include "central/bus.h"
#include "central/consumer.h"
#include "central/error.h"

/* A server that is away for so long is away. */
#define STREAM_READ_GIVE_UP_SECONDS 30

/* Calls each with every message from where o says (stream, from, since, sequence; the rest is of no account) to the
 * last that is there when it is reached. False from each ends it and leaves e as each left it. CENTRAL_UNAVAILABLE when
 * the server is away, CENTRAL_TRY_AGAIN on a signal. */
typedef bool stream_read_message(void *closure, const struct consumed *m);
bool stream_read(struct bus *b, const struct consumer_options *o, stream_read_message *each, void *closure,
                 struct error *e);

#endif
