/* stream.h - streams.conf, the one source of truth about streams (design §6), and how JetStream differs from it. */
#ifndef CENTRAL_STREAM_H
#define CENTRAL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/bus.h"

#define STREAM_MAX_AGE_MIN (60 * 60) /* contract §6 */
#define STREAM_MAX_AGE_MAX (INT64_C(5) * 365 * 24 * 60 * 60)
#define STREAM_MAX_BYTES_MIN (INT64_C(64) * 1024 * 1024)
#define STREAM_DUPLICATE_WINDOW 120 /* seconds, contract §4 */

struct stream {
    char *name;      /* CENTRAL_WX */
    char **subjects; /* central.wx.> ... */
    size_t subject_count;
    int64_t max_age; /* seconds */
    int64_t max_bytes;
    bool archived;            /* option archive */
    bool top;                 /* option top */
    int replicas;             /* option replicas=3; 0: not said */
    int64_t duplicate_window; /* option duplicates=2m; seconds */
    int64_t keep;             /* option keep=5y: retention in the archive; 0: for ever; seconds */
    char *compression;        /* option compression=s2: "s2", "none"; NULL: not said */
    char *placement;          /* option placement=east:ssd: {"cluster":"east","tags":["ssd"]}; NULL: not said */
    unsigned line;            /* in the file */
};
struct stream_list {
    struct stream *at;
    size_t count;
    char *path; /* the file that was read */
};

/* Where streams.conf is: CENTRAL_STREAMS, else CENTRAL_CONFIG/streams.conf (CENTRAL_CONFIG defaults to /etc/central) if
 * it exists, else the installed one (examples/streams.conf beside the programs when they run from the tree). The caller
 * frees. */
char *stream_path(void);
/* Reads and checks it: names and filters unique, filters central.<word>.>, no overlap, limits in range. Errors name
 * file, line and column; CENTRAL_CONFIG. path NULL: stream_path(). */
bool stream_list_read(const char *path, struct stream_list *out, struct error *e);
/* The same of text; path is for the errors. */
bool stream_list_parse(const char *path, const char *text, size_t len, struct stream_list *out, struct error *e);
void stream_list_free(struct stream_list *l);
/* The stream whose filter takes subject, NULL. */
const struct stream *stream_for(const struct stream_list *l, const char *subject);
const struct stream *stream_named(const struct stream_list *l, const char *name);

/* The subjects that pattern and filter (each with wildcards * and >) have in common, as one pattern; NULL when they
 * have none or pattern is no subject. filter is a stream's, central.<word>.>. The caller frees. */
char *stream_subject_meet(const char *pattern, const char *filter);
bool stream_subject_matches(const char *pattern, const char *subject);

/* The stream's state on the server: the JSON of $JS.API.STREAM.INFO. False with e->text NULL and *missing true when it
 * is not there. */
bool stream_info(struct bus *b, const char *name, struct buf *answer, struct json *info, bool *missing,
                 struct error *e);
/* The server answers in pages: each element of the array member of the answers to subject (below $JS.API.) is handed to
 * each, which ends the walk with false. v is valid during the call. */
bool stream_pages(struct bus *b, const char *subject, const char *member,
                  bool (*each)(void *closure, struct json v, struct error *e), void *closure, struct error *e);
/* Appends the message of that sequence. False with e->text NULL and *missing true when the stream does not hold it, or
 * is not there. */
bool stream_message(struct bus *b, const char *name, uint64_t sequence, struct buf *message, bool *missing,
                    struct error *e);
/* Appends, a line per differing member of the configuration, "max_age: 2h -> 7d" (have, want); returns how many.
 * Besides what streams.conf says: retention limits, storage file, discard old, no limit of messages (contract §4). info
 * json_absent: everything differs. */
size_t stream_diff(const struct stream *want, struct json info, struct buf *out);
/* Creates or updates. Members of the server's configuration that streams.conf does not speak of are sent back as they
 * are, and no others. CENTRAL_CONFIG when the server refuses it (storage and retention of a stream cannot change), or
 * takes it and drops a member that it does not know. */
bool stream_apply(struct bus *b, const struct stream *want, struct error *e);
/* Appends why messages that the stream holds would go if want were applied, nothing when none would. */
void stream_loss(const struct stream *want, struct json info, int64_t now, struct buf *out);

#endif
