/* stream_tune.h - how large a stream ought to be, from what has come so far. */
#ifndef CENTRAL_STREAM_TUNE_H
#define CENTRAL_STREAM_TUNE_H

#include "central/stream.h"

#define TUNE_MARGIN 1.5
#define TUNE_SPAN (60 * 60) /* seconds from first to last message that tell a rate */

struct tuning {
    int64_t bytes, span; /* held; seconds from the first to the last message of them */
    int64_t most;        /* what the account grants a stream, 0: no limit */
    int64_t wanted;      /* before limits */
    int64_t max_bytes;   /* the result; 0: too little to tell */
};

/* bytes / span * max-age * TUNE_MARGIN, in whole MiB, no more than most, no less than STREAM_MAX_BYTES_MIN. info is
 * the stream's state on the server; span_least in seconds. False when span is shorter, then max_bytes is 0. */
bool stream_tune(const struct stream *st, struct json info, int64_t most, int64_t span_least, struct tuning *out);
/* Appends the arithmetic, one line without its end. */
void stream_tune_put(const struct stream *st, const struct tuning *t, struct buf *out);
/* What each of count streams may take of the account, of the answer to $JS.API.INFO; 0: no limit. */
int64_t stream_share(struct json account, size_t count);

#endif
