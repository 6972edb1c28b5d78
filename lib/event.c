#include "central/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/adapter_name.h"
#include "central/clock.h"

/* CloudEvents 1.0: attribute names of lower case letters and digits, at most 20 of them. */
#define ATTRIBUTE_NAME_MAX 20

/* What an event may hold, level by level: the envelope, data, data.geo. */
enum level { ENVELOPE, EVENT, GEO, LEVELS };
static_assert(LEVELS == JSON_SEEN_DEPTH, "json_check tells the members of all levels");

struct canonical {
    struct json schema, severity, revision, payload;
    struct json adapter, category, time, expires, event_severity, id;
    struct json removes, removes_revision;
    struct json geo, centroid, bbox, geometry, regions, primary_region;
};

struct member {
    const char *name;
    size_t len;
    struct json *value;
};
#define MEMBER(name, value)                                                                                            \
    {                                                                                                                  \
        name, sizeof name - 1, value                                                                                   \
    }

struct level_members {
    const struct member *table;
    size_t count;
    const char *twice; /* the first name that was there already */
};

/* What is found while the text is checked. */
struct reading {
    struct level_members levels[LEVELS];
    struct error attribute;
};

static bool refuse(struct error *e, const char *what)
{
    return error_set(e, CENTRAL_REJECTED, "%s", what);
}

/* The bytes of a string as they stand between the quotes. */
static bool same_text(struct json v, const char *text, size_t len)
{
    return json_kind(v) == JSON_STRING && json_is(v, text, len);
}

static bool same(struct json a, struct json b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* A string that may stand in a header and on a terminal's line: not empty, no control characters, at most max bytes. */
static bool plain_string(struct json v, size_t max)
{
    if (json_kind(v) != JSON_STRING || v.len <= 2)
        return false;
    if (!memchr(v.at, '\\', v.len))
        return v.len - 2 <= max && !memchr(v.at, 0x7f, v.len);
    struct buf b = {0};
    json_decode(v, &b);
    bool ok = b.len <= max;
    for (size_t i = 0; ok && i < b.len; i++)
        ok = (unsigned char)b.data[i] >= 0x20 && b.data[i] != 0x7f;
    buf_free(&b);
    return ok;
}

/* A time in the one notation that the contract gives for its place. */
static bool exact_time(struct json v, enum clock_form form, int64_t *out)
{
    struct buf again = {0};

    if (json_kind(v) != JSON_STRING || !clock_parse(v.at + 1, v.len - 2, out))
        return false;
    clock_put(&again, *out, form);
    bool ok = same_text(v, again.data, again.len);
    buf_free(&again);
    return ok;
}

static bool only_digits(struct json number)
{
    size_t sign = *number.at == '-';

    return strspn(number.at + sign, "0123456789") >= number.len - sign;
}

static bool check_attribute(struct json name, struct json value, struct error *e)
{
    int64_t n;

    bool ok = name.len > 2 && name.len - 2 <= ATTRIBUTE_NAME_MAX;
    for (size_t c = 1; ok && c + 1 < name.len; c++)
        ok = (name.at[c] >= 'a' && name.at[c] <= 'z') || (name.at[c] >= '0' && name.at[c] <= '9');
    if (!ok)
        return error_set(e, CENTRAL_REJECTED, "attribute %.*s: no CloudEvents name (a-z, 0-9, at most %d)",
                         (int)(name.len < 60 ? name.len : 60), name.at, ATTRIBUTE_NAME_MAX);
    if (same_text(name, "data", 4))
        return true;
    switch (json_kind(value)) {
    case JSON_STRING:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        return true;
    case JSON_NUMBER:
        /* CloudEvents writes an integer as digits only: 5.0 and 5e0 are floats to its readers. */
        if (json_int(value, &n) && n >= INT32_MIN && n <= INT32_MAX && only_digits(value))
            return true;
        /* fallthrough */
    default:
        return error_set(e, CENTRAL_REJECTED, "attribute %.*s: neither string, boolean nor 32-bit integer",
                         (int)name.len, name.at);
    }
}

static bool token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool tokens_ok(const char *text, size_t len)
{
    if (!len || text[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!token_byte(text[i]) && !(text[i] == '.' && i > 0 && text[i - 1] != '.'))
            return false;
    return true;
}

bool event_subject_ok(const char *text, size_t len)
{
    static const char first[] = "central.";

    return len > sizeof first - 1 && len <= EVENT_SUBJECT_MAX && memcmp(text, first, sizeof first - 1) == 0 &&
           tokens_ok(text, len);
}

void event_put_token(struct buf *out, const char *text, size_t len)
{
    size_t start = out->len;

    for (size_t i = 0; i < len; i++) {
        char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
        if (token_byte(c) && c != '_')
            buf_add_char(out, c);
        else if (out->len > start && out->data[out->len - 1] != '_')
            buf_add_char(out, '_');
    }
    while (out->len > start && out->data[out->len - 1] == '_')
        out->len--;
    if (out->len == start)
        buf_add_text(out, "unknown");
    buf_text(out);
}

static bool subject_ok(struct json v)
{
    return json_kind(v) == JSON_STRING && event_subject_ok(v.at + 1, v.len - 2);
}

static bool adapter_ok(struct json v)
{
    return json_kind(v) == JSON_STRING && adapter_name_ok(v.at + 1, v.len - 2);
}

/* [n, ...] of exactly count numbers, or null. */
static bool numbers_or_null(struct json v, size_t count)
{
    struct json number;
    double d;

    if (json_kind(v) == JSON_NULL)
        return true;
    if (json_kind(v) != JSON_ARRAY || json_count(v) != count)
        return false;
    for (struct json_iter i = json_walk(v); json_next(&i, NULL, &number);)
        if (!json_double(number, &d))
            return false;
    return true;
}

static bool check_regions(struct json regions, struct json primary, struct error *e)
{
    struct json region, before = {0}, first = json_at(regions, 0);

    if (json_kind(regions) != JSON_ARRAY)
        return refuse(e, "data.geo.regions: not an array");
    for (struct json_iter i = json_walk(regions); json_next(&i, NULL, &region); before = region) {
        if (json_kind(region) != JSON_STRING)
            return refuse(e, "data.geo.regions: not all strings");
        if (before.at) {
            size_t n = before.len < region.len ? before.len : region.len;
            int order = memcmp(before.at + 1, region.at + 1, n - 2);
            if (order > 0 || (order == 0 && before.len >= region.len))
                return refuse(e, "data.geo.regions: not sorted, or one twice");
        }
    }
    if (json_exists(first) ? !same(first, primary) : json_kind(primary) != JSON_NULL)
        return refuse(e, "data.geo.primary_region: not the first of regions");
    return true;
}

static bool check_geo(const struct canonical *c, struct error *e)
{
    if (json_kind(c->geo) != JSON_OBJECT)
        return refuse(e, "data.geo: not an object");
    if (!numbers_or_null(c->centroid, 2))
        return refuse(e, "data.geo.centroid: neither [lon, lat] nor null");
    if (!numbers_or_null(c->bbox, 4))
        return refuse(e, "data.geo.bbox: neither [minLon, minLat, maxLon, maxLat] nor null");
    if (json_kind(c->geometry) != JSON_OBJECT && json_kind(c->geometry) != JSON_NULL)
        return refuse(e, "data.geo.geometry: neither an object nor null");
    return check_regions(c->regions, c->primary_region, e);
}

/* The envelope's id is the event's, or <event id>@<n> for revision n from 2 on. */
static bool check_identity(const struct event *ev, const struct canonical *c, struct error *e)
{
    char suffix[24];

    if (!plain_string(ev->event_id, EVENT_ID_MAX))
        return error_set(e, CENTRAL_REJECTED, "data.id: not a string of 1 to %d bytes without control characters",
                         EVENT_ID_MAX);
    if (!json_exists(c->revision))
        return same(ev->id, ev->event_id) || refuse(e, "id: not that of data.id, and no centralrevision");
    int n = snprintf(suffix, sizeof suffix, "@%lld", (long long)ev->revision);
    size_t bare = ev->event_id.len - 1; /* with the first quote, without the last */
    if (ev->id.len != ev->event_id.len + (size_t)n || memcmp(ev->id.at, ev->event_id.at, bare) != 0 ||
        memcmp(ev->id.at + bare, suffix, (size_t)n) != 0)
        return error_set(e, CENTRAL_REJECTED, "id: not data.id with %s for its centralrevision", suffix);
    return true;
}

static bool check_canonical(struct event *ev, const struct canonical *c, struct error *e)
{
    int64_t n, event_time;

    if (!json_equals(c->schema, EVENT_SCHEMA_VERSION))
        return refuse(e, "centralschemaversion: not \"" EVENT_SCHEMA_VERSION "\"");
    if (json_kind(ev->category) != JSON_STRING || ev->category.len - 2 > EVENT_SUBJECT_MAX ||
        !tokens_ok(ev->category.at + 1, ev->category.len - 2))
        return error_set(e, CENTRAL_REJECTED,
                         "centralcategory: not of tokens [a-z0-9_-] joined by dots, at most %d bytes",
                         EVENT_SUBJECT_MAX);
    if (ev->type.len != ev->category.len + 11 || memcmp(ev->type.at + 1, "central.", 8) != 0 ||
        memcmp(ev->type.at + 9, ev->category.at + 1, ev->category.len - 2) != 0 ||
        memcmp(ev->type.at + ev->type.len - 4, ".v1\"", 4) != 0)
        return refuse(e, "type: not \"central.\" + centralcategory + \".v1\"");
    if (!subject_ok(ev->subject))
        return refuse(e, "centralsubject: not of the form central.<token>[.<token>...] with tokens of [a-z0-9_-]");
    ev->revision = 1;
    if (json_exists(c->revision) && (!json_int(c->revision, &ev->revision) || ev->revision < 2))
        return refuse(e, "centralrevision: not an integer from 2 on (absent for the first publication)");
    if (json_kind(ev->data) != JSON_OBJECT)
        return refuse(e, "data: not an object");
    if (!check_identity(ev, c, e))
        return false;
    if (!adapter_ok(ev->adapter))
        return refuse(e, "data.adapter: no adapter's name");
    if (!json_exists(c->category) || !same(c->category, ev->category))
        return refuse(e, "data.category: not that of centralcategory");
    if (!exact_time(c->time, CLOCK_Z, &event_time))
        return refuse(e, "data.time: not UTC in the form 2026-05-17T20:08:00Z");
    if (event_time != ev->time)
        return refuse(e, "data.time: not the same as time");
    if (!json_exists(c->expires))
        return refuse(e, "data.expires: missing (null when there is none)");
    ev->has_expires = json_kind(c->expires) != JSON_NULL;
    if (ev->has_expires && !exact_time(c->expires, CLOCK_Z, &ev->expires))
        return refuse(e, "data.expires: neither null nor UTC in the form 2026-05-17T20:08:00Z");
    ev->severity = -1;
    if (json_kind(c->event_severity) != JSON_NULL) {
        if (!json_int(c->event_severity, &n) || n < 0 || n > 4)
            return refuse(e, "data.severity: neither null nor an integer from 0 to 4");
        ev->severity = (int)n;
    }
    if (ev->severity < 0 ? json_exists(c->severity) : !json_int(c->severity, &n) || n != ev->severity)
        return refuse(e, "centralseverity: not that of data.severity (absent for null)");
    if (!check_geo(c, e))
        return false;
    if (json_kind(c->payload) != JSON_OBJECT)
        return refuse(e, "data.data: not an object");
    if (json_exists(c->removes) || json_exists(c->removes_revision)) {
        if (!plain_string(c->removes, EVENT_ID_MAX) || !json_int(c->removes_revision, &ev->removes_revision) ||
            ev->removes_revision < 1)
            return refuse(e, "data.removes: not an event's id with removes_revision from 1 on");
        ev->removes = c->removes;
    }
    return true;
}

static bool check_meta(struct event *ev, struct error *e)
{
    static const char first[] = "central.meta.";

    if (!subject_ok(ev->subject) || ev->subject.len - 2 < sizeof first ||
        memcmp(ev->subject.at + 1, first, sizeof first - 1) != 0)
        return refuse(e, "centralsubject: not of the form central.meta.<token>...");
    if (json_kind(ev->data) != JSON_OBJECT)
        return refuse(e, "data: not an object");
    if (!adapter_ok(ev->adapter))
        return refuse(e, "data.adapter: no adapter's name");
    return true;
}

static bool read_receipt(struct json stream, struct json sequence, uint64_t *out)
{
    if (!plain_string(stream, EVENT_SUBJECT_MAX) || json_kind(sequence) != JSON_STRING || sequence.len < 3 ||
        sequence.len > 2 + 19 || strspn(sequence.at + 1, "0123456789") != sequence.len - 2)
        return false;
    *out = strtoull(sequence.at + 1, NULL, 10);
    return true;
}

/* Puts a member into the table of its level. One that is there already, however its name is escaped, makes the event
 * bad: two readers might take two different values. */
static void place(struct level_members *level, struct json name, struct json value)
{
    const struct member *found = NULL;

    for (size_t m = 0; m < level->count && !found; m++)
        if (json_is(name, level->table[m].name, level->table[m].len))
            found = &level->table[m];
    if (!found && memchr(name.at, '\\', name.len))
        for (size_t m = 0; m < level->count && !found; m++)
            if (json_equals(name, level->table[m].name))
                found = &level->table[m];
    if (!found)
        return;
    if (json_exists(*found->value) && !level->twice)
        level->twice = found->name;
    *found->value = value;
}

static void on_member(void *closure, const struct json *names, int depth, struct json value)
{
    struct reading *r = closure;

    if (depth == ENVELOPE && !r->attribute.text)
        check_attribute(names[0], value, &r->attribute);
    if (depth == ENVELOPE || (same_text(names[0], "data", 4) && (depth == EVENT || json_equals(names[1], "geo"))))
        place(&r->levels[depth], names[depth], value);
}

static bool none_twice(const struct reading *r, enum level level, struct error *e)
{
    static const char *const where[LEVELS] = {"", "data.", "data.geo."};
    const char *twice = r->levels[level].twice;

    return !twice || error_set(e, CENTRAL_REJECTED, "%s%s: there twice", where[level], twice);
}

bool event_read(const char *text, size_t len, struct event *out, struct error *e)
{
    struct event ev = {0};
    struct canonical c = {0};
    struct json specversion = {0}, time = {0}, content = {0}, raw_adapter = {0}, sequence = {0};
    const struct member envelope[] = {MEMBER("specversion", &specversion),
                                      MEMBER("id", &ev.id),
                                      MEMBER("source", &ev.source),
                                      MEMBER("type", &ev.type),
                                      MEMBER("time", &time),
                                      MEMBER("datacontenttype", &content),
                                      MEMBER("centralschemaversion", &c.schema),
                                      MEMBER("centralcategory", &ev.category),
                                      MEMBER("centralseverity", &c.severity),
                                      MEMBER("centralsubject", &ev.subject),
                                      MEMBER("centralrevision", &c.revision),
                                      MEMBER("centraladapter", &raw_adapter),
                                      MEMBER("centraltag", &ev.tag),
                                      MEMBER("centralstream", &ev.stream),
                                      MEMBER("centralsequence", &sequence),
                                      MEMBER("data", &ev.data)};
    const struct member event[] = {MEMBER("id", &ev.event_id),      MEMBER("adapter", &ev.adapter),
                                   MEMBER("category", &c.category), MEMBER("time", &c.time),
                                   MEMBER("expires", &c.expires),   MEMBER("severity", &c.event_severity),
                                   MEMBER("geo", &c.geo),           MEMBER("data", &c.payload),
                                   MEMBER("removes", &c.removes),   MEMBER("removes_revision", &c.removes_revision)};
    const struct member geo[] = {MEMBER("centroid", &c.centroid), MEMBER("bbox", &c.bbox),
                                 MEMBER("geometry", &c.geometry), MEMBER("regions", &c.regions),
                                 MEMBER("primary_region", &c.primary_region)};
    struct reading r = {.levels = {[ENVELOPE] = {envelope, sizeof envelope / sizeof *envelope, NULL},
                                   [EVENT] = {event, sizeof event / sizeof *event, NULL},
                                   [GEO] = {geo, sizeof geo / sizeof *geo, NULL}}};

    bool sound = json_check_seeing(text, len, &ev.line, on_member, &r, e);
    if (sound && json_kind(ev.line) != JSON_OBJECT)
        sound = refuse(e, "not an event: no JSON object");
    sound = sound && none_twice(&r, ENVELOPE, e) &&
            (!r.attribute.text || error_set(e, CENTRAL_REJECTED, "%s", r.attribute.text));
    error_free(&r.attribute);
    if (!sound)
        return false;
    /* A null attribute is an absent one. */
    for (size_t i = 0; i < sizeof envelope / sizeof *envelope; i++)
        if (envelope[i].value != &ev.data && json_kind(*envelope[i].value) == JSON_NULL)
            *envelope[i].value = (struct json){0};
    if (!json_equals(specversion, "1.0"))
        return refuse(e, "not an event: specversion is not \"1.0\"");
    if (!plain_string(ev.id, EVENT_ID_MAX + 16))
        return error_set(e, CENTRAL_REJECTED, "id: not a string of 1 to %d bytes without control characters",
                         EVENT_ID_MAX);
    if (!plain_string(ev.source, SIZE_MAX))
        return refuse(e, "source: not a string");
    if (!plain_string(ev.type, SIZE_MAX))
        return refuse(e, "type: not a string");
    if (!exact_time(time, CLOCK_OFFSET, &ev.time))
        return refuse(e, "time: not UTC in the form 2026-05-17T20:08:00+00:00");
    if (!json_equals(content, "application/json"))
        return refuse(e, "datacontenttype: not \"application/json\"");
    if (!json_exists(ev.data))
        return refuse(e, "data: missing");
    if ((json_exists(ev.stream) || json_exists(sequence)) && !read_receipt(ev.stream, sequence, &ev.sequence))
        return refuse(e, "centralstream, centralsequence: not a stream's name and a number, both strings");
    if (json_equals(ev.type, EVENT_TYPE_RAW)) {
        ev.kind = EVENT_RAW;
        ev.adapter = raw_adapter;
        /* What upstream calls an id is not an event's. */
        ev.event_id = json_absent;
        if (!adapter_ok(ev.adapter))
            return refuse(e, "centraladapter: no adapter's name");
        if (json_exists(ev.tag) && json_kind(ev.tag) != JSON_STRING)
            return refuse(e, "centraltag: not a string");
        *out = ev;
        return true;
    }
    if (!none_twice(&r, EVENT, e))
        return false;
    if (json_equals(ev.type, EVENT_TYPE_POLL) || json_equals(ev.type, EVENT_TYPE_REJECT)) {
        ev.kind = json_equals(ev.type, EVENT_TYPE_POLL) ? EVENT_POLL : EVENT_REJECT;
        if (!check_meta(&ev, e))
            return false;
    } else {
        ev.kind = EVENT_CANONICAL;
        if (!none_twice(&r, GEO, e) || !check_canonical(&ev, &c, e))
            return false;
    }
    *out = ev;
    return true;
}
