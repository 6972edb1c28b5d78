#include "central/batch.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/copy.h"
#include "central/mem.h"
#include "central/original.h"

#define FIELDS 16 /* of BATCH_COLUMNS */

/* Buffers larger than this go back after a batch. */
#define KEEP_SIZE (4 * 1024 * 1024)

struct batch *batch_open(void)
{
    struct batch *b = mem_alloc(sizeof *b);

    b->geo = geo_open();
    batch_clear(b);
    return b;
}

void batch_close(struct batch *b)
{
    if (!b)
        return;
    batch_clear(b);
    free(b->rows);
    buf_free(&b->text);
    buf_free(&b->tuples);
    geo_close(b->geo);
    free(b);
}

void batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->rows[i].reason);
        free(b->rows[i].remark);
    }
    b->count = 0;
    buf_clear(&b->text);
    buf_trim(&b->text, KEEP_SIZE);
    buf_add_char(&b->text, '\0');
    buf_clear(&b->tuples);
    buf_trim(&b->tuples, KEEP_SIZE);
}

static size_t keep_text(struct batch *b, const char *text, size_t len)
{
    size_t at = b->text.len;

    buf_add(&b->text, text, len);
    buf_add_char(&b->text, '\0');
    return at;
}

/* Nearly always that of the row before. */
static size_t keep_stream(struct batch *b, const char *stream)
{
    size_t last = b->count ? b->rows[b->count - 1].stream : 0;

    return last && strcmp(b->text.data + last, stream) == 0 ? last : keep_text(b, stream, strlen(stream));
}

static struct batch_row *add_row(struct batch *b, const struct batch_origin *from)
{
    struct batch_row r = {.received = clock_now()};

    if (from) {
        r.sequence = from->sequence;
        r.stream = from->stream ? keep_stream(b, from->stream) : 0;
        r.subject = from->subject ? keep_text(b, from->subject, strlen(from->subject)) : 0;
    }
    if (b->count == b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 1024;
        b->rows = mem_resize(b->rows, b->capacity * sizeof *b->rows);
    }
    b->rows[b->count] = r;
    return &b->rows[b->count++];
}

static void keep_line(struct batch *b, struct batch_row *r, const char *line, size_t len)
{
    r->line = keep_text(b, line, len);
    r->len = len;
}

void batch_make_bad(struct batch_row *r, const char *reason)
{
    r->fate = BATCH_BAD;
    r->tuple_len = 0;
    free(r->reason);
    r->reason = mem_string(reason);
}

void batch_add_bad(struct batch *b, const char *line, size_t len, const char *reason, const struct batch_origin *from)
{
    struct batch_row *r = add_row(b, from);

    keep_line(b, r, line, len);
    batch_make_bad(r, reason);
}

void batch_add_passed(struct batch *b, const char *line, size_t len)
{
    struct batch_row *r = add_row(b, NULL);

    keep_line(b, r, line, len);
    r->fate = BATCH_PASSED;
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

/* --- an event as a tuple -------------------------------------------------------------------------------------------
 */

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
static void put_geom(struct batch *b, struct batch_row *r, struct json geo)
{
    struct error e = {0};
    struct json centroid = json_get(geo, "centroid");
    double lon, lat;

    size_t at = copy_open(&b->tuples);
    struct geo_shape *s = geo_read(b->geo, json_get(geo, "geometry"), &e);
    if (s && !geo_put_ewkb(b->geo, s, &b->tuples)) {
        geo_shape_free(b->geo, s);
        s = NULL;
        error_set(&e, CENTRAL_REJECTED, "geometry: not to be written");
    }
    r->remark = e.text;
    if (!s && json_double(json_at(centroid, 0), &lon) && json_double(json_at(centroid, 1), &lat) &&
        (s = geo_point(b->geo, lon, lat)) && !geo_put_ewkb(b->geo, s, &b->tuples)) {
        geo_shape_free(b->geo, s);
        s = NULL;
    }
    if (s) {
        copy_close(&b->tuples, at);
    } else {
        b->tuples.len = at - 4;
        copy_null(&b->tuples);
    }
    geo_shape_free(b->geo, s);
}

static void put_tuple(struct batch *b, struct batch_row *r, const struct event *ev)
{
    struct buf *out = &b->tuples;
    struct json geo = json_get(ev->data, "geo");

    r->tuple = out->len;
    copy_row(out, FIELDS);
    copy_int(out, 4, (int64_t)(b->count - 1));
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
    put_geom(b, r, geo);
    put_regions(out, json_get(geo, "regions"));
    put_string(out, json_get(geo, "primary_region"));
    copy_jsonb(out, ev->line.at, ev->line.len);
    r->line = out->len - ev->line.len;
    r->len = ev->line.len;
    r->in_tuples = true;
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
static void add_bare(struct batch *b, const struct event *ev, const struct batch_origin *from)
{
    struct buf line = {0};

    event_put_bare(&line, ev);
    batch_add(b, line.data, line.len, from);
    buf_free(&line);
}

void batch_add_event(struct batch *b, const struct event *ev, const struct batch_origin *from)
{
    if (json_exists(ev->stream)) {
        add_bare(b, ev, from);
        return;
    }
    struct batch_row *r = add_row(b, from);
    const char *bad = no_event(ev);

    if (json_exists(ev->adapter)) {
        r->adapter = (size_t)(ev->adapter.at - ev->line.at) + 1;
        r->adapter_len = ev->adapter.len - 2;
    }
    if (!bad)
        bad = jsonb_refuses(ev->line.at, ev->line.len);
    if (!bad && ev->removes_revision > INT32_MAX)
        bad = "data.removes_revision: more than 2147483647";
    if (bad) {
        keep_line(b, r, ev->line.at, ev->line.len);
        batch_make_bad(r, bad);
    } else {
        put_tuple(b, r, ev);
    }
}

void batch_add(struct batch *b, const char *line, size_t len, const struct batch_origin *from)
{
    struct error e = {0};
    struct buf adopted = {0};
    struct event ev;

    if (from && from->subject ? original_read(line, len, from->subject, &adopted, &ev, &e)
                              : event_read(line, len, &ev, &e))
        batch_add_event(b, &ev, from);
    else
        batch_add_bad(b, line, len, e.text, from);
    error_free(&e);
    buf_free(&adopted);
}

/* --- what came of them -------------------------------------------------------------------------------------------- */

size_t batch_bytes(const struct batch *b)
{
    return b->text.len + b->tuples.len;
}

const char *batch_line(const struct batch *b, size_t position, size_t *len)
{
    const struct batch_row *r = &b->rows[position];

    *len = r->len;
    return (r->in_tuples ? b->tuples.data : b->text.data) + r->line;
}

const char *batch_rejected(const struct batch *b, size_t position)
{
    return position < b->count ? b->rows[position].reason : NULL;
}

const char *batch_remark(const struct batch *b, size_t position)
{
    return position < b->count ? b->rows[position].remark : NULL;
}
