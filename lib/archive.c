#include "central/archive.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/copy.h"
#include "central/mem.h"
#include "central/utf8.h"

/* A row refused for one of these may be the victim of another session: tried so often before it is believed. */
#define TRIES 3
/* What a merge has claimed makes others wait, who must not wait for a connection that stands still: so long the server
 * waits for our next word, where nobody has set another time. While rows are sent nothing is claimed. */
#define HOLD_TIMEOUT "'30s'"

struct archive {
    struct db *db;
    struct batch *filling, *writing;
    bool whole; /* writing: all of it is durable */
    bool ready; /* the session is set up */
    int64_t took;
    /* Of the thread, until it is joined. */
    pthread_t thread;
    bool started, failed;
    struct archive_counts counts; /* of writing, so far */
    struct error error;
};

/* --- writing ------------------------------------------------------------------------------------------------------ */

static bool set_up(struct archive *a, struct error *e)
{
    if (a->ready)
        return true;
    a->ready = db_do(a->db,
                     "SELECT set_config('idle_in_transaction_session_timeout', " HOLD_TIMEOUT ", false) "
                     "WHERE current_setting('idle_in_transaction_session_timeout') = '0'",
                     e) &&
               /* For the temporary table's sake as well; a server built without lz4 does without. */
               db_do(a->db,
                     "SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings "
                     "WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)",
                     e) &&
               db_do(a->db, "SELECT central_archive_begin()", e);
    return a->ready;
}

static bool send_tuples(struct archive *a, size_t first, size_t last, struct error *e)
{
    const struct batch *b = a->writing;
    struct buf frame = {0};

    if (!db_copy_begin(a->db, "COPY incoming (" BATCH_COLUMNS ") FROM STDIN (FORMAT binary)", e))
        return false;
    copy_begin(&frame);
    bool ok = db_copy_data(a->db, frame.data, frame.len, e);
    for (size_t i = first; ok && i < last;) {
        /* What stands together goes together. */
        size_t from = b->rows[i].tuple, to = from;
        for (; i < last && b->rows[i].tuple_len && (to == from || b->rows[i].tuple == to); i++)
            to = b->rows[i].tuple + b->rows[i].tuple_len;
        if (to > from)
            ok = db_copy_data(a->db, b->tuples.data + from, to - from, e);
        else
            i++;
    }
    buf_clear(&frame);
    copy_end(&frame);
    ok = ok && db_copy_data(a->db, frame.data, frame.len, e) && db_copy_end(a->db, e);
    buf_free(&frame);
    return ok;
}

static uint64_t count_of(const PGresult *r, const char *name)
{
    int column = PQfnumber(r, name);

    return column < 0 || !PQntuples(r) ? 0 : strtoull(PQgetvalue(r, 0, column), NULL, 10);
}

static bool merge(struct archive *a, struct archive_counts *counts, struct error *e)
{
    PGresult *r = db_run(
        a->db, "SELECT inserted, revised, duplicates, superseded, removed FROM central_archive_merge()", 0, NULL, e);

    if (!r)
        return false;
    counts->inserted += count_of(r, "inserted");
    counts->revised += count_of(r, "revised");
    counts->duplicates += count_of(r, "duplicates");
    counts->superseded += count_of(r, "superseded");
    counts->removed += count_of(r, "removed");
    PQclear(r);
    return true;
}

/* Text as PostgreSQL takes it: bytes that are no UTF-8, and NUL, as \xNN. */
static void put_clean(struct buf *out, const char *text, size_t len)
{
    while (len) {
        size_t n = *text ? utf8_next(text, len, NULL) : 0;
        if (n)
            buf_add(out, text, n);
        else
            buf_add_format(out, "\\x%02x", (unsigned char)*text);
        text += n ? n : 1;
        len -= n ? n : 1;
    }
}

/* Once: a message that is delivered again, or a file that is read again, has its row already. */
static bool write_bad(struct archive *a, const struct batch_row *r, const char *why, struct error *e)
{
    const struct batch *b = a->writing;
    size_t len;
    const char *line = batch_line(b, (size_t)(r - b->rows), &len);
    struct buf payload = {0}, time = {0}, adapter = {0}, reason = {0};
    char sequence[24];

    clock_put(&time, r->received, CLOCK_Z);
    put_clean(&payload, line, len);
    put_clean(&adapter, line + r->adapter, r->adapter_len);
    put_clean(&reason, why, strlen(why));
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)r->sequence);
    const char *const values[] = {buf_text(&time),
                                  r->adapter_len ? buf_text(&adapter) : NULL,
                                  r->subject ? b->text.data + r->subject : NULL,
                                  r->stream ? b->text.data + r->stream : NULL,
                                  r->sequence ? sequence : NULL,
                                  buf_text(&reason),
                                  r->sqlstate[0] ? r->sqlstate : NULL,
                                  buf_text(&payload)};
    PGresult *result =
        db_run(a->db,
               "INSERT INTO events_rejected (received, adapter, subject, stream, sequence, reason, sqlstate, payload) "
               "SELECT $1::timestamptz, $2, $3, $4, $5::bigint, $6, $7, $8 WHERE NOT EXISTS (SELECT FROM "
               "events_rejected WHERE sequence = $5::bigint AND stream IS NOT DISTINCT FROM $4 AND reason = $6 AND "
               "payload = $8)",
               8, values, e);
    PQclear(result);
    buf_free(&payload);
    buf_free(&time);
    buf_free(&adapter);
    buf_free(&reason);
    return result != NULL;
}

/* How many rows of the range are not durable yet; *tuples of them are events. */
static size_t waiting(const struct batch *b, size_t first, size_t last, size_t *tuples)
{
    size_t n = 0;

    *tuples = 0;
    for (size_t i = first; i < last; i++) {
        n += !b->rows[i].done;
        *tuples += !b->rows[i].done && b->rows[i].fate == BATCH_EVENT;
    }
    return n;
}

static bool write_range(struct archive *a, size_t first, size_t last, size_t tuples, struct archive_counts *counts,
                        struct error *e)
{
    if (!db_do(a->db, "BEGIN", e) || (tuples && !(send_tuples(a, first, last, e) && merge(a, counts, e))))
        return false;
    for (size_t i = first; i < last; i++) {
        const struct batch_row *r = &a->writing->rows[i];
        /* An event whose geometry is none is archived without it; what was refused leaves its trace here too. */
        char *without = !r->done && r->remark ? mem_format("%s (archived without it)", r->remark) : NULL;
        const char *why = !r->done && r->fate == BATCH_BAD ? r->reason : without;
        bool ok = !why || write_bad(a, r, why, e);
        free(without);
        if (why) {
            counts->rejected += r->fate == BATCH_BAD;
            if (!ok) {
                /* Nothing of a message can be at fault here. */
                if (e->status == CENTRAL_REJECTED)
                    e->status = CENTRAL_CONFIG;
                return false;
            }
        }
    }
    return db_commit(a->db, e);
}

static void add_counts(struct archive_counts *to, const struct archive_counts *from)
{
    to->inserted += from->inserted;
    to->revised += from->revised;
    to->duplicates += from->duplicates;
    to->superseded += from->superseded;
    to->removed += from->removed;
    to->rejected += from->rejected;
}

static void finish_range(struct archive *a, size_t first, size_t last, const struct archive_counts *counts)
{
    for (size_t i = first; i < last; i++) {
        a->writing->rows[i].done = true;
        /* A range that is cut again must not send it twice. */
        a->writing->rows[i].tuple_len = 0;
    }
    add_counts(&a->counts, counts);
}

/* The one event of the range is what the database refuses. */
static void blame(struct archive *a, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++) {
        struct batch_row *r = &a->writing->rows[i];
        if (!r->done && r->fate == BATCH_EVENT) {
            batch_make_bad(r, db_message(a->db));
            snprintf(r->sqlstate, sizeof r->sqlstate, "%s", db_sqlstate(a->db));
        }
    }
}

static bool may_pass(const char *sqlstate)
{
    /* "tuple concurrently updated", and a key of the catalogue when two sessions make the same partition. */
    return strcmp(sqlstate, "XX000") == 0 || strcmp(sqlstate, "23505") == 0;
}

/* Writes the range in one transaction; where a row is at fault halves it until that row is alone. */
static bool commit_range(struct archive *a, size_t first, size_t last, struct error *e)
{
    for (int tries = 1;; tries++) {
        struct archive_counts counts = {0};
        size_t tuples;
        if (!waiting(a->writing, first, last, &tuples))
            return true;
        if (write_range(a, first, last, tuples, &counts, e)) {
            finish_range(a, first, last, &counts);
            return true;
        }
        struct error failure = *e;
        *e = (struct error){0};
        /* The message and SQLSTATE of the failure outlive a ROLLBACK that succeeds. */
        if (!db_rollback(a->db))
            failure.status = CENTRAL_UNAVAILABLE;
        if (failure.status != CENTRAL_REJECTED || !tuples) {
            *e = failure;
            return false;
        }
        error_free(&failure);
        if (tuples > 1) {
            size_t middle = first + (last - first) / 2;
            return commit_range(a, first, middle, e) && commit_range(a, middle, last, e);
        }
        if (!may_pass(db_sqlstate(a->db)) || tries >= TRIES)
            blame(a, first, last);
    }
}

/* --- a batch at a time -------------------------------------------------------------------------------------------- */

static void *write_batch(void *closure)
{
    struct archive *a = closure;
    int64_t began = clock_monotonic();

    a->failed = !set_up(a, &a->error) || !commit_range(a, 0, a->writing->count, &a->error);
    a->took += clock_monotonic() - began;
    return NULL;
}

void archive_start(struct archive *a)
{
    if (a->whole) {
        struct batch *written = a->writing;
        a->writing = a->filling;
        a->filling = written;
        batch_clear(written);
        a->counts = (struct archive_counts){0};
        a->whole = false;
        a->took = 0;
    }
    a->started = pthread_create(&a->thread, NULL, write_batch, a) == 0;
    if (!a->started)
        write_batch(a);
}

bool archive_end(struct archive *a, struct archive_counts *counts, struct error *e)
{
    if (a->started)
        pthread_join(a->thread, NULL);
    a->started = false;
    if (a->failed) {
        *e = a->error;
        a->error = (struct error){0};
        return false;
    }
    if (counts && !a->whole)
        add_counts(counts, &a->counts);
    a->whole = true;
    return true;
}

bool archive_commit(struct archive *a, struct archive_counts *counts, struct error *e)
{
    if (!a->whole) {
        archive_start(a);
        if (!archive_end(a, counts, e))
            return false;
    }
    archive_start(a);
    return archive_end(a, counts, e);
}

bool archive_reconnect(struct archive *a, struct error *e)
{
    a->ready = false;
    return db_reopen(a->db, e) && set_up(a, e);
}

struct batch *archive_batch(const struct archive *a)
{
    return a->filling;
}

const struct batch *archive_written(const struct archive *a)
{
    return a->writing;
}

int64_t archive_took(const struct archive *a)
{
    return a->took;
}

struct db *archive_db(const struct archive *a)
{
    return a->db;
}

struct archive *archive_open(struct db *d, struct error *e)
{
    struct archive *a = mem_alloc(sizeof *a);

    a->db = d;
    a->filling = batch_open();
    a->writing = batch_open();
    a->whole = true;
    if (set_up(a, e))
        return a;
    archive_close(a);
    return NULL;
}

void archive_close(struct archive *a)
{
    if (!a)
        return;
    if (a->started)
        pthread_join(a->thread, NULL);
    batch_close(a->filling);
    batch_close(a->writing);
    db_close(a->db);
    error_free(&a->error);
    free(a);
}
