/* archived.h - an event with what the archive knows of it beside its envelope. */
#ifndef CENTRAL_ARCHIVED_H
#define CENTRAL_ARCHIVED_H

#include <stdbool.h>
#include <stdint.h>
#include "central/json.h"

/* Times as in clock.h; the last two only where their has_ is set. */
struct archived {
    struct json envelope;
    struct json geometry; /* GeoJSON; null or "not there": it has no place, or nobody asked */
    int64_t received;
    int64_t removed, superseded;
    bool has_removed, has_superseded;
};

#endif
