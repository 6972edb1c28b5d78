/* greeting.h - what a NATS server says of itself when somebody connects. nats.c reads it and keeps it to itself. */
#ifndef CENTRAL_GREETING_H
#define CENTRAL_GREETING_H

#include <stdbool.h>
#include "central/bus.h"

/* Connects once more to the server that b is connected to, reads its first line (INFO {...}), which comes before any
 * password or TLS, and hangs up. v is its JSON, text its memory. False, without an error, when it cannot be had: a
 * server that begins with TLS, a websocket, another server behind the same address. */
bool greeting_read(struct bus *b, struct buf *text, struct json *v);

#endif
