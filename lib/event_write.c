/* event.h: what is written. event.c reads. */
#include "central/event.h"

#include <stdlib.h>
#include <string.h>

#include "central/adapter_name.h"
#include "central/clock.h"

/* Of an event's payload a removal gets the plain values up to this length. */
#define REMEMBERED_MAX 512
/* A reject's reason and source may quote what upstream sent: so much of each is kept. */
#define REASON_MAX (8 * 1024)

void event_put_message_id(struct buf *out, const struct event *ev)
{
    json_decode(ev->id, out);
    buf_add_char(out, ':');
    if (ev->kind != EVENT_CANONICAL) {
        json_decode(ev->type, out);
        return;
    }
    buf_add(out, ev->category.at + 1, ev->category.len - 2);
    buf_add_format(out, ":%08x", (unsigned)(json_hash(ev->data).high >> 32));
}

const char *event_source(void)
{
    const char *name = getenv("CENTRAL_SOURCE");

    return name && *name ? name : EVENT_SOURCE_DEFAULT;
}

static void put_time(struct buf *out, const char *name, int64_t time, enum clock_form form)
{
    json_put_name(out, name);
    buf_add_char(out, '"');
    clock_put(out, time, form);
    buf_add_char(out, '"');
}

/* Everything up to datacontenttype; the object stays open. */
static void begin_envelope(struct buf *out, const char *id, const char *source, const char *type, int64_t time)
{
    json_begin(out, '{');
    json_put_member_text(out, "specversion", "1.0");
    json_put_member_text(out, "id", id);
    json_put_member_text(out, "source", source);
    json_put_member_text(out, "type", type);
    put_time(out, "time", time, CLOCK_OFFSET);
    json_put_member_text(out, "datacontenttype", "application/json");
}

void event_put(struct buf *out, const char *source, const struct event_parts *p)
{
    struct buf id = {0}, type = {0};

    buf_add_text(&id, p->id);
    if (p->revision > 1)
        buf_add_format(&id, "@%lld", (long long)p->revision);
    buf_add_text(&type, "central.");
    buf_add_text(&type, p->category);
    buf_add_text(&type, ".v1");
    begin_envelope(out, buf_text(&id), source, buf_text(&type), p->time);
    buf_free(&id);
    buf_free(&type);
    json_put_member_text(out, "centralschemaversion", EVENT_SCHEMA_VERSION);
    json_put_member_text(out, "centralcategory", p->category);
    if (p->severity >= 0)
        json_put_member_int(out, "centralseverity", p->severity);
    json_put_member_text(out, "centralsubject", p->subject);
    if (p->revision > 1)
        json_put_member_int(out, "centralrevision", p->revision);
    json_put_name(out, "data");
    json_begin(out, '{');
    json_put_member_text(out, "id", p->id);
    json_put_member_text(out, "adapter", p->adapter);
    json_put_member_text(out, "category", p->category);
    put_time(out, "time", p->time, CLOCK_Z);
    if (p->has_expires)
        put_time(out, "expires", p->expires, CLOCK_Z);
    else
        json_put_member_text(out, "expires", NULL);
    json_put_name(out, "severity");
    if (p->severity >= 0)
        json_put_int(out, p->severity);
    else
        json_put_null(out);
    json_put_name(out, "geo");
    json_put_dense(out, p->geo);
    json_put_name(out, "data");
    json_put_dense(out, p->data);
    if (p->removes) {
        json_put_member_text(out, "removes", p->removes);
        json_put_member_int(out, "removes_revision", p->removes_revision);
    }
    json_end(out, '}');
    json_end(out, '}');
}

static void put_removes_revision(struct buf *out, struct json data, int64_t revision)
{
    struct json name, value;

    json_begin(out, '{');
    for (struct json_iter i = json_walk(data); json_next(&i, &name, &value);) {
        json_put(out, name);
        buf_add_char(out, ':');
        if (json_equals(name, "removes_revision"))
            json_put_int(out, revision);
        else
            json_put(out, value);
    }
    json_end(out, '}');
}

void event_put_revision(struct buf *out, const struct event *ev, int64_t revision, int64_t removes_revision)
{
    struct json name, value;

    json_begin(out, '{');
    for (struct json_iter i = json_walk(ev->line); json_next(&i, &name, &value);) {
        if (json_equals(name, "centralrevision"))
            continue;
        if (value.at == ev->data.at && revision > 1)
            json_put_member_int(out, "centralrevision", revision);
        json_put(out, name);
        buf_add_char(out, ':');
        if (value.at == ev->id.at) {
            buf_add(out, ev->event_id.at, ev->event_id.len - 1);
            if (revision > 1)
                buf_add_format(out, "@%lld", (long long)revision);
            buf_add_char(out, '"');
        } else if (value.at == ev->data.at && removes_revision) {
            put_removes_revision(out, value, removes_revision);
        } else {
            json_put(out, value);
        }
    }
    json_end(out, '}');
}

void event_put_receipt(struct buf *out, const char *line, size_t len, const char *stream, uint64_t sequence)
{
    while (len && line[--len] != '}')
        ;
    while (len && strchr(" \t\r", line[len - 1]))
        len--;
    buf_add(out, line, len);
    json_put_member_text(out, "centralstream", stream);
    json_put_name(out, "centralsequence");
    buf_add_format(out, "\"%llu\"}", (unsigned long long)sequence);
}

void event_put_bare(struct buf *out, const struct event *ev)
{
    struct json name, value;

    json_begin(out, '{');
    for (struct json_iter i = json_walk(ev->line); json_next(&i, &name, &value);) {
        if (json_equals(name, "centralstream") || json_equals(name, "centralsequence"))
            continue;
        json_put(out, name);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    json_end(out, '}');
}

void event_put_last(struct buf *out, const struct event *ev, int64_t revision)
{
    struct json name, value, geo = json_get(ev->data, "geo");

    json_begin(out, '{');
    json_put_member(out, "id", ev->event_id);
    json_put_member_int(out, "revision", revision);
    json_put_member(out, "category", ev->category);
    json_put_member(out, "time", json_get(ev->data, "time"));
    json_put_member(out, "subject", ev->subject);
    json_put_name(out, "geo");
    json_begin(out, '{');
    json_put_member(out, "centroid", json_get(geo, "centroid"));
    json_put_member(out, "bbox", json_get(geo, "bbox"));
    json_put_member(out, "regions", json_get(geo, "regions"));
    json_end(out, '}');
    json_put_name(out, "data");
    json_begin(out, '{');
    for (struct json_iter i = json_walk(json_get(ev->data, "data")); json_next(&i, &name, &value);) {
        enum json_kind kind = json_kind(value);
        if (kind == JSON_OBJECT || kind == JSON_ARRAY || value.len > REMEMBERED_MAX)
            continue;
        json_put(out, name);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    json_end(out, '}');
    json_end(out, '}');
}

void event_put_raw(struct buf *out, const char *url, const char *adapter, int64_t fetched, struct json record,
                   const char *tag)
{
    struct buf id = {0};

    json_put_hash(&id, json_hash(record));
    begin_envelope(out, buf_text(&id), url, EVENT_TYPE_RAW, fetched);
    buf_free(&id);
    json_put_member_text(out, "centraladapter", adapter);
    if (tag)
        json_put_member_text(out, "centraltag", tag);
    json_put_member(out, "data", record);
    json_end(out, '}');
}

/* The longest beginning of at most max bytes that does not cut a UTF-8 character. */
static size_t cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    for (size_t n = max; n && max - n < 4; n--)
        if (((unsigned char)text[n] & 0xc0) != 0x80)
            return n;
    /* Not UTF-8 anyway. */
    return max;
}

/* True if v is nested at most depth deep. */
static bool nested_at_most(struct json v, int depth)
{
    struct json value;
    enum json_kind kind = json_kind(v);

    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return true;
    if (depth <= 0)
        return false;
    for (struct json_iter i = json_walk(v); json_next(&i, NULL, &value);)
        if (!nested_at_most(value, depth - 1))
            return false;
    return true;
}

/* Of a text that others may have written; NULL gives null. */
static void put_beginning(struct buf *out, const char *name, const char *text)
{
    json_put_name(out, name);
    if (text)
        json_put_string(out, text, cut(text, strlen(text), REASON_MAX));
    else
        json_put_null(out);
}

static void put_original(struct buf *out, const struct reject *r)
{
    struct json value;
    bool whole = !r->original_total;

    /* The reject itself is two levels around it. */
    if (whole && r->original_len <= REJECT_JSON_MAX && json_check(r->original, r->original_len, &value, NULL) &&
        nested_at_most(value, JSON_MAX_DEPTH - 2)) {
        json_put_member(out, "original", value);
        return;
    }
    size_t kept = cut(r->original, r->original_len, REJECT_TEXT_MAX);
    json_put_name(out, "original_text");
    json_put_string(out, r->original, kept);
    if (whole && kept == r->original_len)
        return;
    struct buf hash = {0};
    json_put_hash(&hash, json_hash_bytes(r->original, r->original_len));
    json_put_member_int(out, "original_bytes", (int64_t)(whole ? r->original_len : r->original_total));
    if (whole)
        json_put_member_text(out, "original_hash", buf_text(&hash));
    buf_free(&hash);
}

void event_put_reject(struct buf *out, const struct reject *r)
{
    struct buf id = {0}, subject = {0}, hashed = {0};
    const char *adapter = adapter_name_ok(r->adapter, strlen(r->adapter)) ? r->adapter : EVENT_NOBODY;

    /* The same record refused again for the same reason is the same reject: of a raw event its id counts, which is a
     * hash of the record, for the envelope says when it was fetched. */
    struct json v = json_absent;
    buf_add_format(&hashed, "%s\n%s\n%s\n", adapter, r->stage, r->reason);
    if (!r->original_total && json_check(r->original, r->original_len, &v, NULL) &&
        json_equals(json_get(v, "type"), EVENT_TYPE_RAW) && json_exists(json_get(v, "id")))
        json_put(&hashed, json_get(v, "id"));
    else
        buf_add(&hashed, r->original, r->original_len);
    buf_add_text(&id, "reject:");
    json_put_hash(&id, json_hash_bytes(hashed.data, hashed.len));
    buf_add_text(&subject, "central.meta.reject.");
    event_put_token(&subject, adapter, strlen(adapter));
    begin_envelope(out, buf_text(&id), event_source(), EVENT_TYPE_REJECT, clock_now());
    json_put_member_text(out, "centralsubject", buf_text(&subject));
    json_put_name(out, "data");
    json_begin(out, '{');
    json_put_member_text(out, "adapter", adapter);
    json_put_member_text(out, "stage", r->stage);
    put_beginning(out, "reason", r->reason);
    put_beginning(out, "source", r->source);
    if (r->line)
        json_put_member_int(out, "line", (int64_t)r->line);
    put_original(out, r);
    json_end(out, '}');
    json_end(out, '}');
    buf_free(&id);
    buf_free(&subject);
    buf_free(&hashed);
}

static void put_report_data(struct buf *out, struct json data, const struct event_count *counts, size_t n)
{
    struct json name, value;

    json_begin(out, '{');
    for (struct json_iter i = json_walk(data); json_next(&i, &name, &value);) {
        bool replaced = false;
        for (size_t k = 0; k < n && !replaced; k++)
            replaced = json_equals(name, counts[k].name);
        if (replaced)
            continue;
        json_put(out, name);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    for (size_t k = 0; k < n; k++)
        json_put_member_int(out, counts[k].name, counts[k].value);
    json_end(out, '}');
}

void event_put_poll(struct buf *out, const struct event *report, const struct event_count *counts, size_t n)
{
    struct json name, value;

    json_begin(out, '{');
    for (struct json_iter i = json_walk(report->line); json_next(&i, &name, &value);) {
        json_put(out, name);
        buf_add_char(out, ':');
        if (value.at == report->data.at)
            put_report_data(out, value, counts, n);
        else
            json_put(out, value);
    }
    json_end(out, '}');
}
