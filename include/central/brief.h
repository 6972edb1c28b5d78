/* brief.h - what a person wants to know of an event: read once from its line, then kept beside it. */
#ifndef CENTRAL_BRIEF_H
#define CENTRAL_BRIEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/event.h"

/* Vertices kept of a geometry for drawing; one with more is thinned evenly. The line keeps them all. */
#define BRIEF_VERTICES_MAX 512

struct brief {
    unsigned refs;   /* beyond the first owner's */
    size_t size;     /* with all it points at, which is in the same block */
    uint64_t number; /* in the order they came, from 1; given by who keeps it */
    char *line;      /* the envelope as it came, NUL behind it */
    size_t len;
    int64_t time;
    int64_t stored; /* when the server took it, 0 when it came from elsewhere */
    int64_t expires;
    bool has_expires;
    bool removal;
    int severity; /* -1: none */
    int64_t revision;
    char *adapter, *category, *subject, *id; /* decoded, not harmless */
    char *removes;                           /* the id that this removal removes, NULL */
    bool superseded;                         /* a later version or its removal is known; kept by roll_refresh */
    char *headline;                          /* one line, harmless */
    char *region;                            /* the first, "" */
    bool has_place;
    double lon, lat; /* the centroid, or the middle of the shape */
    float *vertices; /* lon, lat pairs; a pair of NAN ends a line or ring. NULL: a point or nothing */
    size_t vertex_count;
    /* Whether it passes the sieve with this number; kept by sieve_passes. */
    unsigned sieve;
    bool passes;
};

/* NULL when ev is no canonical event. The caller frees. */
struct brief *brief_new(const struct event *ev, const char *line, size_t len);
/* Another owner in the same thread; each calls brief_free. */
struct brief *brief_share(struct brief *b);
void brief_free(struct brief *b);
/* The bytes of its block. */
size_t brief_size(const struct brief *b);
/* Appends what sources call the line that a person wants to read, on one line; data is the event. */
void brief_put_headline(struct buf *out, struct json data);

/* Tells the event in words, a line at a time: name is "" for text that goes on. Nothing is harmless yet. */
typedef void brief_line(void *closure, const char *name, const char *text, size_t len);
void brief_tell(const struct brief *b, brief_line *line, void *closure);
/* The same for its JSON, one member or element a line, indented. */
void brief_tell_json(struct json v, brief_line *line, void *closure);

#endif
