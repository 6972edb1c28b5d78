/* stream_delete.h - deleting streams and messages, and what would go. */
#ifndef CENTRAL_STREAM_DELETE_H
#define CENTRAL_STREAM_DELETE_H

#include "central/stream.h"

/* What goes, of one stream. */
struct stream_purge {
    const char *subject; /* only messages of such a subject; NULL: all, never empty */
    int64_t keep;        /* the newest of them stay; 0: none */
};
struct stream_loss {
    const char *name;
    int64_t messages;
    int64_t bytes, consumers; /* -1: not told */
};

/* What would go from the stream out->name: by purge, or all of it, with its consumers, when p is NULL. CENTRAL_DIFFERS
 * when there is no such stream. */
bool stream_find_loss(struct bus *b, const struct stream_purge *p, struct stream_loss *out, struct error *e);
/* Deletes; out->messages becomes what the server says it deleted. */
bool stream_purge(struct bus *b, const struct stream_purge *p, struct stream_loss *out, struct error *e);
bool stream_remove(struct bus *b, const char *name, struct error *e);
/* The loss as one JSON object, and as a line without its end. */
void stream_loss_json(const struct stream_loss *l, const char *action, struct buf *out);
void stream_loss_put(const struct stream_loss *l, const char *action, struct buf *out);

#endif
