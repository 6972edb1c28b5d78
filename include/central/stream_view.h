/* stream_view.h - streams and consumers as rows for people and objects for programs. */
#ifndef CENTRAL_STREAM_VIEW_H
#define CENTRAL_STREAM_VIEW_H

#include "central/stream.h"
#include "central/table.h"

/* One stream as the server has it. */
struct stream_look {
    struct buf answer, diff;
    struct json info;
    bool missing;
    size_t differing;
};
/* Asks the server and compares. False with e when it does not answer; free it in any case. */
bool stream_look(struct bus *b, const struct stream *st, struct stream_look *out, struct error *e);
void stream_look_free(struct stream_look *l);

/* A number of the stream's state ("messages", "bytes", "first_seq" ...), 0 when it has none of that name. */
int64_t stream_state(struct json info, const char *name);
/* A time of the stream's state ("first_ts", "last_ts"); 0 when the stream is empty. */
int64_t stream_time(struct json info, const char *name);

/* The table of streams; a row, and the same as one JSON object. l NULL: the server has the stream, streams.conf has
 * not; then name alone counts. */
struct table stream_table(void);
void stream_row(struct table *t, const char *name, const struct stream *st, const struct stream_look *l);
void stream_json(struct buf *out, const char *name, const struct stream *st, const struct stream_look *l);
/* Appends the member "drift": the lines of stream_diff as an array of strings. */
void stream_drift_json(struct buf *out, const struct buf *diff);

/* The table of consumers; v is one of $JS.API.CONSUMER.LIST. The server's clock is taken to be ours. */
struct table consumer_table(void);
void consumer_row(struct table *t, struct json v, int64_t now);
void consumer_json(struct buf *out, struct json v);

#endif
