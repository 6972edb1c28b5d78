/* query.h - asking the archive: which events it has, and how many. */
#ifndef CENTRAL_QUERY_H
#define CENTRAL_QUERY_H

#include <stdbool.h>
#include <stdint.h>
#include "central/archived.h"
#include "central/buf.h"
#include "central/db.h"
#include "central/error.h"

/* A place in an answer, newest first: right behind this version of this event. */
struct query_cursor {
    int64_t time;
    char *adapter, *id; /* owned; NULL: the beginning */
    int64_t revision;
};
/* Reads TIME/ADAPTER/REVISION/ID; ids may hold slashes. CENTRAL_USAGE. query_cursor_free releases what it found. */
bool query_cursor_read(const char *text, struct query_cursor *out, struct error *e);
void query_cursor_free(struct query_cursor *c);

enum query_order {
    QUERY_NEWEST, /* by time, adapter, id and revision, the greatest first */
    QUERY_REPLAY, /* as they were archived, but that no revision and no removal comes before what it changes */
};

/* All of them count; struct query q = {.severity = -1} asks for everything that stands. */
struct query {
    struct buf adapters;  /* names, comma-separated; empty: any */
    const char *category; /* what it begins with, NULL */
    const char *id;       /* the event's, NULL; with history also what removes it */
    const char *text;     /* stands somewhere in a text of the adapter's payload, NULL; case makes no difference */
    struct buf area;      /* touches this, EWKB in hex digits; empty: anywhere */
    bool has_since, has_until, has_received_since, has_received_until, has_box;
    int64_t since, until; /* event time: from since on, before until */
    int64_t received_since, received_until;
    double box[4]; /* west, south, east, north; west > east spans the antimeridian; edges are inside */
    int severity;  /* at least; -1: any, also unknown */
    bool active;   /* not removed, no removal, not expired */
    bool history;  /* superseded versions, too; not with active */
    bool geometry; /* fill in struct archived's */
    enum query_order order;
    struct query_cursor after; /* with QUERY_NEWEST only */
    /* 0: none. With QUERY_NEWEST and history an answer ends only where another cursor begins: versions that share time,
     * adapter, id and revision all come. */
    int64_t limit;
};

/* Calls row with each event; what it points to is valid during the call. Rows come as the server finds them: memory
 * does not grow with their number. False from row ends it with e->text NULL. */
typedef bool query_row(void *closure, const struct archived *event);
bool query_run(struct db *d, const struct query *q, query_row *row, void *closure, struct error *e);

enum query_by { QUERY_BY_NONE, QUERY_BY_ADAPTER, QUERY_BY_CATEGORY, QUERY_BY_DAY, QUERY_BY_SEVERITY };
/* False when name ("adapter", "category", "day", "severity") is none. */
bool query_by_named(const char *name, enum query_by *out);
/* NULL for QUERY_BY_NONE. */
const char *query_by_name(enum query_by by);
/* Counts instead, in the order of the values; order, after and limit are not looked at. value NULL: not said, or of
 * all. Days are UTC's, of the event time. */
typedef bool query_count_row(void *closure, const char *value, int64_t count);
bool query_count(struct db *d, const struct query *q, enum query_by by, query_count_row *row, void *closure,
                 struct error *e);

#endif
