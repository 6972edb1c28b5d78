/* bus.h - the connection to NATS and the JetStream API spoken as JSON over requests.
 *
 * nats.c carries the connection; JetStream's own layer of that library is not used: its structs drop fields of newer
 * servers, and its asynchronous publishing and fetching have the pitfalls that were measured (a disconnect raises no
 * publish error, a full window stalls 200 ms, a fetch of MaxAckPending waits for its time-out). The protocol below it
 * is small: publish with a reply subject and read the acknowledgement; request $JS.API.* and read JSON; ask for
 * messages and acknowledge them by their reply subject. */
#ifndef CENTRAL_BUS_H
#define CENTRAL_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <nats/nats.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

#define BUS_URL_DEFAULT "nats://localhost:4222"

struct bus;
/* Connects as the environment says: NATS_URL (several, comma-separated), NATS_CREDS, NATS_NKEY (seed file) with
 * its public key in NATS_NKEY_PUBLIC, NATS_USER and
 * NATS_PASSWORD, NATS_TOKEN, NATS_CA, NATS_CERT and NATS_KEY; where none of these is set, the selected context of the
 * nats command ($XDG_CONFIG_HOME/nats/context.txt; NATS_CONTEXT names another). name shows in the server's connection
 * list. Reconnects by itself, for ever. Fails with CENTRAL_UNAVAILABLE, CENTRAL_NO_PERMISSION or CENTRAL_CONFIG; the
 * text names the server without its password. */
struct bus *bus_open(const char *name, struct error *e);
void bus_close(struct bus *b);
/* The server's URL for messages, without user and password. */
const char *bus_url(struct bus *b);
natsConnection *bus_connection(struct bus *b);
bool bus_connected(struct bus *b);
/* How often the connection was lost so far: who sees it grow must send again what was not acknowledged. */
unsigned bus_losses(struct bus *b);
/* How often the server said so far that we may not publish or subscribe somewhere. It does not say so to the line. */
unsigned bus_denials(struct bus *b);
/* Whether the last of these was of a subject that begins so; e then says of which. */
bool bus_denied(struct bus *b, const char *prefix, struct error *e);
/* The largest message the server takes, in bytes, headers included. */
int64_t bus_max_payload(struct bus *b);

/* One request, one answer. CENTRAL_UNAVAILABLE on no responders or time-out, CENTRAL_NO_PERMISSION as soon as the
 * server forbids it. */
bool bus_request(struct bus *b, const char *subject, const char *body, size_t len, int timeout_ms, struct buf *answer,
                 struct error *e);
/* A JetStream API call: subject below $JS.API. (e.g. "STREAM.INFO.CENTRAL_WX"). The answer is checked JSON in answer,
 * the value in v. An {"error": ...} answer fails with its description; *code, if not NULL, is its err_code (10059
 * stream not found, 10014 consumer not found), 0 when no API error. */
bool bus_api(struct bus *b, const char *subject, const char *body, size_t len, struct buf *answer, struct json *v,
             int *code, struct error *e);
#define BUS_STREAM_NOT_FOUND 10059
#define BUS_CONSUMER_NOT_FOUND 10014
#define BUS_REQUEST_MS 5000

#endif
