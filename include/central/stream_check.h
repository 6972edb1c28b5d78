/* stream_check.h - what an operator should know of the streams: findings, in the words of Nagios. */
#ifndef CENTRAL_STREAM_CHECK_H
#define CENTRAL_STREAM_CHECK_H

#include "central/stream_view.h"

/* Percent of a limit that is warned of, and that is critical: of max-bytes, of max-age, of the account. */
#define CHECK_WARNING 80
#define CHECK_CRITICAL 95

enum check_level { CHECK_IS_OK, CHECK_IS_WARNING, CHECK_IS_CRITICAL }; /* the exit status of check as well */
struct finding {
    enum check_level level;
    char *subject; /* "server", "account", a stream, STREAM/CONSUMER */
    char *text;
};
struct findings {
    struct finding *at;
    size_t count;
};
const char *check_word(enum check_level level); /* OK, WARNING, CRITICAL */
enum check_level check_worst(const struct findings *f);
void findings_free(struct findings *f);

/* The functions below append at least one finding each. */

/* version as the server tells it ("2.9.10"), NULL: it does not; what an acknowledgement is worth. */
void check_version(const char *version, struct findings *out);
/* What this account may use and uses: v is the answer to $JS.API.INFO. */
void check_account(struct json v, struct findings *out);
/* Existence, drift, replicas and limits of a stream. */
void check_stream(const struct stream *st, const struct stream_look *l, struct findings *out);
/* Whether the consumer (of $JS.API.CONSUMER.LIST) keeps up with what the stream of info deletes. oldest is the time of
 * the oldest message that it has yet to acknowledge, 0 when there is none or nobody knows. */
void check_consumer(struct json info, struct json consumer, int64_t oldest, int64_t now, struct findings *out);

/* All of it for one stream, its consumers included; and for server and account. False with e when the server does not
 * answer. */
bool check_streams(struct bus *b, const struct stream *st, int64_t now, struct findings *out, struct error *e);
bool check_server(struct bus *b, struct findings *out, struct error *e);

#endif
