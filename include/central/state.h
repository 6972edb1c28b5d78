/* state.h - what a source has sent and consumed: one SQLite file per source, NAME.db in the state folder (design §5).
 *
 * central-changes writes what it observed (seen, missed, what a removal will need), central-commit what was sent and
 * consumed; central-fetch only reads. Readable with the sqlite3 shell:
 *
 *     sent      id, hash of the event as last sent, revision, removed, first_seen, last_seen, misses (complete polls in
 *               a row that lacked it; -1: its removal was lost and is to go out again), stream and sequence of the
 *               message (null: not told), acknowledged
 *     newest    of each stream the greatest sequence that was acknowledged, or that was looked at for what nobody had
 *               recorded, and the id of that message's envelope
 *     issued    id, hash, revision: numbers that lines went out under and that may not be recorded
 *     observed  id, last: the event's small parts, for a removal (snapshot sources)
 *     rejected  id of a reject that was sent, last_seen
 *     cursor    url, etag, last_modified, hash of the answer last consumed
 *     source    one row: kind, last_success (seconds), count (items of the last complete poll)
 *
 * Times are seconds since 1970. PRAGMA user_version is the version of this layout. */
#ifndef CENTRAL_STATE_H
#define CENTRAL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

#define STATE_VERSION 2
/* What a source dropped may come back much later than anything is kept, and its next revision must be higher than what
 * the archive has: seconds (two years), as text for SQL. */
#define STATE_REMOVED_KEEP "63072000"
#define STATE_BUSY_MS 30000

/* Appends what adapter_requests and poll_run want to know, as JSON: {"last_success": seconds, "count": items of the
 * last complete poll, "requests": {URL: {"etag":, "last_modified":, "hash":}}}; null for a source that has no state
 * yet. */
bool state_put_cursor(const char *source, struct buf *out, struct error *e);

struct state;
/* Opens, making file and layout where they are missing. CENTRAL_IO, CENTRAL_NO_PERMISSION, CENTRAL_CONFIG for a layout
 * newer than this program. */
struct state *state_open(const char *source, struct error *e);
/* What is not committed is not there. */
void state_close(struct state *s);
const char *state_source(const struct state *s);
/* The states of the sources that a pipe carries, each opened when it is first asked for. struct state_list l = {0}; is
 * none. */
struct state_list {
    struct state **at;
    size_t count;
};
/* The state of the source an event is of (its adapter); *index, if not NULL, is its place in l. */
struct state *state_of(struct state_list *l, struct json adapter, size_t *index, struct error *e);
void state_list_close(struct state_list *l);
/* "snapshot", "window", "log"; "" before the first report. Valid until state_close. */
const char *state_kind(const struct state *s);
int64_t state_count(const struct state *s);

bool state_begin(struct state *s, struct error *e);
bool state_commit(struct state *s, struct error *e);
void state_rollback(struct state *s);
/* Begun and neither committed nor rolled back by us: state_commit says whether what was written is durable. */
bool state_open_transaction(const struct state *s);

/* --- for central-changes ---
 * What is known of an id. */
struct state_sent {
    bool known, removed;
    bool removal_lost; /* removed, and its removal is to go out again (state_lose) */
    int64_t revision;
    char hash[33];
    int64_t issued_revision; /* 0: none */
    char issued_hash[40];
};
bool state_find(struct state *s, const char *id, struct state_sent *out, struct error *e);
/* Remembers for the poll at hand that id was in the answer with this hash. *first is false when it was there before;
 * then *same says whether with the same hash. Nothing is written to the file; what it held at the first of these calls
 * is what state_find sees from then on, until state_settle, which should come before a wait. */
bool state_see(struct state *s, const char *id, const char *hash, bool *first, bool *same, struct error *e);
/* Notes that this content of id goes out under this number; durable with state_settle, which must come before the line
 * is written. */
bool state_issue(struct state *s, const char *id, const char *hash, int64_t revision, struct error *e);
bool state_settle(struct state *s, struct error *e);
/* Appends what state_issue was told as the content, whole; *found false: nothing was. */
bool state_issued(struct state *s, const char *id, struct buf *out, bool *found, struct error *e);
/* Keeps what a removal of id will need (JSON text); state_end_poll writes it for a snapshot. */
bool state_observe(struct state *s, const char *id, const char *last, struct error *e);
/* True in *known when this reject was sent before. */
bool state_knows_reject(struct state *s, const char *id, bool *known, struct error *e);
/* At the end of a poll, inside a transaction: ids that were seen are so now; where count_misses, those that were not
 * have missed one poll more. */
bool state_end_poll(struct state *s, int64_t now, const char *kind, bool count_misses, struct error *e);
/* Calls each for every id that was not seen in this poll and stands, having missed at least so many complete ones, or
 * whose removal was lost. */
typedef bool state_missing(void *closure, const char *id, int64_t revision, const char *last, int64_t seen);
bool state_each_missing(struct state *s, int64_t misses, state_missing *each, void *closure, struct error *e);
/* The same for this id, if its removal was lost. */
bool state_lost_removal(struct state *s, const char *id, state_missing *each, void *closure, struct error *e);
/* Forgets what this poll saw. */
bool state_new_poll(struct state *s, struct error *e);

/* --- for central-commit --- */
/* Where the message is; {0} when nobody told. */
struct state_receipt {
    const char *stream;
    int64_t sequence;
    const char *id; /* of the envelope */
};
bool state_put_sent(struct state *s, const char *id, const char *hash, int64_t revision, const struct state_receipt *r,
                    int64_t now, struct error *e);
bool state_put_removed(struct state *s, const char *id, const struct state_receipt *r, int64_t now, struct error *e);
bool state_put_reject(struct state *s, const char *id, int64_t now, struct error *e);
/* The poll was complete and every line of it is durable: its answers are consumed. data is the report's. Forgets ids
 * that were not seen for keep_seconds (0: never). */
bool state_consume(struct state *s, struct json data, int64_t now, int64_t keep_seconds, struct error *e);

/* --- looking back: central-audit, central-commit --reconcile --- */
/* Whether the source has a state, and the names of all that have one: sorted, NULL-terminated; free each and the array.
 */
bool state_exists(const char *source);
char **state_names(void);
/* The lock that a run of the source holds (NAME.run, central-source(1)): for whoever changes its state beside the pipe.
 * -1 with CENTRAL_TRY_AGAIN when a run is under way; else close() gives it back. */
int state_lock(const char *source, struct error *e);
/* The same on a descriptor of NAME.run that somebody handed over: it is held until everybody has closed it. */
bool state_lock_at(int fd, const char *source, struct error *e);

struct state_row {
    const char *id, *hash; /* hash "": lost, not sent again yet */
    int64_t revision;
    bool removed;
    int64_t acknowledged; /* seconds */
    const char *stream;   /* NULL: not told; of a removed one, where the removal is */
    int64_t sequence;
};
typedef bool state_on_row(void *closure, const struct state_row *row);
/* False from each ends it, with e->text NULL. */
bool state_each_sent(struct state *s, state_on_row *each, void *closure, struct error *e);
/* Whether lines went out under numbers that nobody recorded: they may be on the bus. */
bool state_unrecorded(struct state *s, bool *yes, struct error *e);
typedef bool state_on_newest(void *closure, const char *stream, int64_t sequence, const char *id);
bool state_each_newest(struct state *s, state_on_newest *each, void *closure, struct error *e);
/* The stream was looked at up to this message, whoever sent it. */
bool state_put_newest(struct state *s, const struct state_receipt *r, struct error *e);
/* What was sent of id is gone: when it is seen again it goes out again, under the number it had. Of what was removed
 * its removal goes out again, with the next poll: also when the id is seen again by then, and before it. */
bool state_lose(struct state *s, const char *id, struct error *e);
/* What a removal of id will need (JSON text), outside a poll. */
bool state_put_observed(struct state *s, const char *id, const char *last, struct error *e);
/* After losing: the next poll asks unconditionally, and for what is new since that time (seconds). Nothing is known of
 * the streams. */
bool state_rewind(struct state *s, int64_t since, struct error *e);

#endif
