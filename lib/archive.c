#include "central/archive.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/copy.h"
#include "central/geo.h"
#include "central/mem.h"
#include "central/original.h"
#include "central/utf8.h"

/* Buffers larger than this go back after a batch. */
#define KEEP_SIZE (32 * 1024 * 1024)
/* A row refused for one of these may be the victim of another session: tried so often before it is believed. */
#define TRIES 3

enum fate { ROW_EVENT, ROW_BAD, ROW_PASSED };

/* Texts are offsets into archive.text, 0 for "none": its first byte is never used. */
struct row {
    enum fate fate;
    bool done; /* durable, or nothing to do */
    size_t line, len;
    size_t stream, subject;
    size_t adapter, adapter_len; /* in the line */
    size_t tuple, tuple_len;     /* in archive.tuples */
    uint64_t sequence;
    int64_t received;
    char *reason, *remark;
    char sqlstate[6];
};

struct archive {
    struct db *db;
    struct geo *geo;
    struct row *rows;
    size_t count, capacity;
    struct buf text, tuples;
    struct archive_counts counts; /* of the batch, so far */
    bool committed;
    bool ready; /* the session is set up */
};

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void clear(struct archive *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->rows[i].reason);
        free(a->rows[i].remark);
    }
    a->count = 0;
    buf_clear(&a->text);
    buf_trim(&a->text, KEEP_SIZE);
    buf_add_char(&a->text, '\0');
    buf_clear(&a->tuples);
    buf_trim(&a->tuples, KEEP_SIZE);
    a->counts = (struct archive_counts){0};
    a->committed = false;
}

static size_t keep_text(struct archive *a, const char *text, size_t len)
{
    size_t at = a->text.len;

    buf_add(&a->text, text, len);
    buf_add_char(&a->text, '\0');
    return at;
}

static struct row *add_row(struct archive *a, const char *line, size_t len, const struct archive_origin *from)
{
    if (a->committed)
        clear(a);
    if (a->count == a->capacity) {
        a->capacity = a->capacity ? 2 * a->capacity : 1024;
        a->rows = mem_resize(a->rows, a->capacity * sizeof *a->rows);
    }
    struct row *r = &a->rows[a->count++];
    *r = (struct row){.line = keep_text(a, line, len), .len = len, .received = clock_now()};
    if (from) {
        r->sequence = from->sequence;
        r->stream = from->stream ? keep_text(a, from->stream, strlen(from->stream)) : 0;
        r->subject = from->subject ? keep_text(a, from->subject, strlen(from->subject)) : 0;
    }
    return r;
}

static void make_bad(struct row *r, const char *reason)
{
    r->fate = ROW_BAD;
    r->tuple_len = 0;
    free(r->reason);
    r->reason = mem_string(reason);
}

void archive_add_bad(struct archive *a, const char *line, size_t len, const char *reason,
                     const struct archive_origin *from)
{
    make_bad(add_row(a, line, len, from), reason);
}

void archive_add_passed(struct archive *a, const char *line, size_t len)
{
    struct row *r = add_row(a, line, len, NULL);

    r->fate = ROW_PASSED;
    r->done = true;
}

static int hex4(const char *at)
{
    int n = 0;

    for (int i = 0; i < 4; i++) {
        char c = at[i];
        n = n * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return n;
}

/* What JSON may hold and jsonb may not: an escaped NUL, half of a surrogate pair. text is checked JSON. */
static const char *jsonb_refuses(const char *text, size_t len)
{
    const char *end = text + len;

    for (const char *at = memchr(text, '\\', len); at; at = memchr(at, '\\', (size_t)(end - at))) {
        if (at[1] != 'u') {
            at += 2;
            continue;
        }
        int c = hex4(at + 2);
        at += 6;
        if (c == 0)
            return "a NUL character (\\u0000): PostgreSQL cannot hold it";
        if (c < 0xd800 || c > 0xdfff)
            continue;
        int low = c < 0xdc00 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2) : 0;
        if (low < 0xdc00 || low > 0xdfff)
            return "half of a surrogate pair (\\ud800 to \\udfff): PostgreSQL cannot hold it";
        at += 6;
    }
    return NULL;
}

/* --- an event as a tuple of table incoming ------------------------------------------------------------------------ */

#define INCOMING_FIELDS 16
#define COPY_INCOMING                                                                                                  \
    "COPY incoming (position, id, adapter, category, time, expires, severity, geom, regions, primary_region, "         \
    "payload, "                                                                                                        \
    "received, subject, revision, removes, removes_revision) FROM STDIN (FORMAT binary)"

static void put_string(struct buf *out, struct json v)
{
    if (json_kind(v) != JSON_STRING) {
        copy_null(out);
        return;
    }
    size_t at = copy_open(out);
    json_decode(v, out);
    copy_close(out, at);
}

static void put_regions(struct buf *out, struct json regions)
{
    struct json region;
    size_t at = copy_open(out);

    copy_text_array(out, json_count(regions));
    for (struct json_iter i = json_walk(regions); json_next(&i, NULL, &region);)
        put_string(out, region);
    copy_close(out, at);
}

/* The geometry, else the centroid, else null. A geometry nobody can use is no reason to lose an alert: it stays in the
 * payload, and the remark says so. */
static void put_geom(struct archive *a, struct row *r, struct json geo)
{
    struct error e = {0};
    struct json centroid = json_get(geo, "centroid");
    double lon, lat;

    size_t at = copy_open(&a->tuples);
    struct geo_shape *s = geo_read(a->geo, json_get(geo, "geometry"), &e);
    if (s && !geo_put_ewkb(a->geo, s, &a->tuples)) {
        geo_shape_free(a->geo, s);
        s = NULL;
        error_set(&e, CENTRAL_REJECTED, "geometry: not to be written");
    }
    r->remark = e.text;
    if (!s && json_double(json_at(centroid, 0), &lon) && json_double(json_at(centroid, 1), &lat) &&
        (s = geo_point(a->geo, lon, lat)) && !geo_put_ewkb(a->geo, s, &a->tuples)) {
        geo_shape_free(a->geo, s);
        s = NULL;
    }
    if (s) {
        copy_close(&a->tuples, at);
    } else {
        a->tuples.len = at - 4;
        copy_null(&a->tuples);
    }
    geo_shape_free(a->geo, s);
}

static void put_tuple(struct archive *a, struct row *r, const struct event *ev)
{
    struct buf *out = &a->tuples;
    struct json geo = json_get(ev->data, "geo");

    r->tuple = out->len;
    copy_row(out, INCOMING_FIELDS);
    copy_int(out, 4, (int64_t)(a->count - 1));
    put_string(out, ev->event_id);
    put_string(out, ev->adapter);
    put_string(out, ev->category);
    copy_time(out, ev->time);
    if (ev->has_expires)
        copy_time(out, ev->expires);
    else
        copy_null(out);
    if (ev->severity >= 0)
        copy_int(out, 2, ev->severity);
    else
        copy_null(out);
    put_geom(a, r, geo);
    put_regions(out, json_get(geo, "regions"));
    put_string(out, json_get(geo, "primary_region"));
    copy_jsonb(out, ev->line.at, ev->line.len);
    copy_time(out, r->received);
    put_string(out, ev->subject);
    copy_int(out, 4, ev->revision);
    put_string(out, ev->removes);
    if (json_exists(ev->removes))
        copy_int(out, 4, ev->removes_revision);
    else
        copy_null(out);
    r->tuple_len = out->len - r->tuple;
}

static const char *no_event(const struct event *ev)
{
    switch (ev->kind) {
    case EVENT_RAW:
        return "a raw event: central-normalize comes before";
    case EVENT_POLL:
        return "a poll report, not an event";
    case EVENT_REJECT:
        return "a reject, not an event";
    default:
        return NULL;
    }
}

/* What JetStream holds has no receipt, and it is the same version. */
static void add_bare(struct archive *a, const struct event *ev, const struct archive_origin *from)
{
    struct buf line = {0};

    event_put_bare(&line, ev);
    archive_add(a, line.data, line.len, from);
    buf_free(&line);
}

void archive_add_event(struct archive *a, const struct event *ev, const struct archive_origin *from)
{
    if (json_exists(ev->stream)) {
        add_bare(a, ev, from);
        return;
    }
    struct row *r = add_row(a, ev->line.at, ev->line.len, from);
    const char *bad = no_event(ev);

    if (json_exists(ev->adapter)) {
        r->adapter = (size_t)(ev->adapter.at - ev->line.at) + 1;
        r->adapter_len = ev->adapter.len - 2;
    }
    if (!bad)
        bad = jsonb_refuses(ev->line.at, ev->line.len);
    if (!bad && ev->removes_revision > INT32_MAX)
        bad = "data.removes_revision: more than 2147483647";
    if (bad)
        make_bad(r, bad);
    else
        put_tuple(a, r, ev);
}

void archive_add(struct archive *a, const char *line, size_t len, const struct archive_origin *from)
{
    struct error e = {0};
    struct buf adopted = {0};
    struct event ev;

    if (from && from->subject ? original_read(line, len, from->subject, &adopted, &ev, &e)
                              : event_read(line, len, &ev, &e))
        archive_add_event(a, &ev, from);
    else
        archive_add_bad(a, line, len, e.text, from);
    error_free(&e);
    buf_free(&adopted);
}

/* --- the batch ---------------------------------------------------------------------------------------------------- */

size_t archive_pending(const struct archive *a)
{
    return a->committed ? 0 : a->count;
}

size_t archive_pending_bytes(const struct archive *a)
{
    return a->committed ? 0 : a->text.len;
}

size_t archive_count(const struct archive *a)
{
    return a->count;
}

const char *archive_line(const struct archive *a, size_t position, size_t *len)
{
    *len = a->rows[position].len;
    return a->text.data + a->rows[position].line;
}

const char *archive_rejected(const struct archive *a, size_t position)
{
    return position < a->count ? a->rows[position].reason : NULL;
}

const char *archive_remark(const struct archive *a, size_t position)
{
    return position < a->count ? a->rows[position].remark : NULL;
}

struct db *archive_db(const struct archive *a)
{
    return a->db;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static bool set_up(struct archive *a, struct error *e)
{
    if (a->ready)
        return true;
    /* In the session, for the temporary table's sake as well; a server built without lz4 does without. */
    a->ready = db_do(a->db,
                     "SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings "
                     "WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)",
                     e) &&
               db_do(a->db, "SELECT central_archive_begin()", e);
    return a->ready;
}

static bool send_tuples(struct archive *a, size_t first, size_t last, struct error *e)
{
    struct buf frame = {0};

    if (!db_copy_begin(a->db, COPY_INCOMING, e))
        return false;
    copy_begin(&frame);
    bool ok = db_copy_data(a->db, frame.data, frame.len, e);
    for (size_t i = first; ok && i < last;) {
        /* What stands together goes together. */
        size_t from = a->rows[i].tuple, to = from;
        for (; i < last && a->rows[i].tuple_len && (to == from || a->rows[i].tuple == to); i++)
            to = a->rows[i].tuple + a->rows[i].tuple_len;
        if (to > from)
            ok = db_copy_data(a->db, a->tuples.data + from, to - from, e);
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
static bool write_bad(struct archive *a, const struct row *r, const char *why, struct error *e)
{
    const char *line = a->text.data + r->line;
    struct buf payload = {0}, time = {0}, adapter = {0}, reason = {0};
    char sequence[24];

    clock_put(&time, r->received, CLOCK_Z);
    put_clean(&payload, line, r->len);
    put_clean(&adapter, line + r->adapter, r->adapter_len);
    put_clean(&reason, why, strlen(why));
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)r->sequence);
    const char *const values[] = {buf_text(&time),
                                  r->adapter_len ? buf_text(&adapter) : NULL,
                                  r->subject ? a->text.data + r->subject : NULL,
                                  r->stream ? a->text.data + r->stream : NULL,
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
static size_t waiting(const struct archive *a, size_t first, size_t last, size_t *tuples)
{
    size_t n = 0;

    *tuples = 0;
    for (size_t i = first; i < last; i++) {
        n += !a->rows[i].done;
        *tuples += !a->rows[i].done && a->rows[i].fate == ROW_EVENT;
    }
    return n;
}

static bool write_range(struct archive *a, size_t first, size_t last, size_t tuples, struct archive_counts *counts,
                        struct error *e)
{
    if (!db_do(a->db, "BEGIN", e))
        return false;
    if (tuples && !(send_tuples(a, first, last, e) && merge(a, counts, e)))
        return false;
    for (size_t i = first; i < last; i++) {
        const struct row *r = &a->rows[i];
        /* An event whose geometry is none is archived without it; what was refused leaves its trace here too. */
        char *without = !r->done && r->remark ? mem_format("%s (archived without it)", r->remark) : NULL;
        const char *why = !r->done && r->fate == ROW_BAD ? r->reason : without;
        bool ok = !why || write_bad(a, r, why, e);
        free(without);
        if (why) {
            counts->rejected += r->fate == ROW_BAD;
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
        a->rows[i].done = true;
        /* A range that is cut again must not send it twice. */
        a->rows[i].tuple_len = 0;
    }
    add_counts(&a->counts, counts);
}

/* The one event of the range is what the database refuses. */
static void blame(struct archive *a, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        if (!a->rows[i].done && a->rows[i].fate == ROW_EVENT) {
            make_bad(&a->rows[i], db_message(a->db));
            snprintf(a->rows[i].sqlstate, sizeof a->rows[i].sqlstate, "%s", db_sqlstate(a->db));
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
        if (!waiting(a, first, last, &tuples))
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

bool archive_commit(struct archive *a, struct archive_counts *counts, struct error *e)
{
    if (a->committed || !a->count)
        return true;
    if (!set_up(a, e) || !commit_range(a, 0, a->count, e))
        return false;
    if (counts)
        add_counts(counts, &a->counts);
    a->committed = true;
    return true;
}

bool archive_reconnect(struct archive *a, struct error *e)
{
    a->ready = false;
    return db_reopen(a->db, e) && set_up(a, e);
}

struct archive *archive_open(struct db *d, struct error *e)
{
    struct archive *a = mem_alloc(sizeof *a);

    a->db = d;
    a->geo = geo_open();
    clear(a);
    if (set_up(a, e))
        return a;
    archive_close(a);
    return NULL;
}

void archive_close(struct archive *a)
{
    if (!a)
        return;
    clear(a);
    free(a->rows);
    buf_free(&a->text);
    buf_free(&a->tuples);
    geo_close(a->geo);
    db_close(a->db);
    free(a);
}
