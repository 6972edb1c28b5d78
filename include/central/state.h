/* state.h - what a source has sent and consumed: one SQLite file per source, NAME.db in the state folder (design §5).
 *
 * central-changes writes what it observed, central-commit what was sent and consumed; central-fetch only reads. */
#ifndef CENTRAL_STATE_H
#define CENTRAL_STATE_H

#include <stdbool.h>
#include "central/buf.h"
#include "central/error.h"

/* Appends what adapter_requests and poll_run want to know, as JSON: {"last_success": seconds, "count": items of the
 * last complete poll, "requests": {URL: {"etag":, "last_modified":, "hash":}}}; null for a source that has no state
 * yet. */
bool state_put_cursor(const char *source, struct buf *out, struct error *e);

#endif
