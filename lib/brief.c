#include "central/brief.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/page.h"
#include "central/text.h"

/* A headline may be a page of text. */
#define HEADLINE_MAX 1024
/* GeoJSON's coordinates are arrays in arrays, four deep; every level is gone through once more. */
#define COORDINATES_DEPTH_MAX 8

static char *text_of(struct json v)
{
    char *text = json_string(v);

    return text ? text : mem_string("");
}

/* --- headline ----------------------------------------------------------------------------------------------------- */

static bool member_number(struct json v, const char *name, double *out)
{
    struct json m = json_get(v, name);
    char *text;

    if (json_kind(m) == JSON_NUMBER)
        return json_double(m, out);
    if (json_kind(m) != JSON_STRING || !(text = json_string(m)))
        return false;
    char *end;
    *out = strtod(text, &end);
    bool ok = end != text && *end == '\0';
    free(text);
    return ok && isfinite(*out);
}

/* Where no feed writes a headline, the figures are one. */
static void put_figures(struct buf *out, struct json data, struct json payload)
{
    double n;

    if (member_number(payload, "Kp", &n))
        buf_add_format(out, "Kp %.2f", n);
    else if (member_number(payload, "flux", &n))
        buf_add_format(out, "proton flux %g", n);
    else if (member_number(payload, "frp", &n))
        buf_add_format(out, "fire radiative power %g MW", n);
    else if (member_number(payload, "value", &n))
        buf_add_format(out, "%g", n);
    static const char *const units[] = {"energy", "unit_of_measure", "satellite", "confidence"};
    for (size_t i = 0; out->len && i < sizeof units / sizeof *units; i++) {
        struct json v = json_get(payload, units[i]);
        if (json_kind(v) == JSON_STRING && v.len > 2) {
            buf_add_char(out, ' ');
            json_decode(v, out);
        }
    }
    struct json region = json_get(json_get(data, "geo"), "primary_region");
    if (json_kind(region) == JSON_STRING) {
        buf_add_text(out, out->len ? ", " : "");
        json_decode(region, out);
    }
}

void brief_put_headline(struct buf *out, struct json data)
{
    static const char *const names[] = {"headline", "title", "IncidentName", "place",
                                        "event",    "name",  "description",  "message"};
    struct json payload = json_get(data, "data");
    struct buf text = {0};
    double n;

    for (size_t i = 0; i < sizeof names / sizeof *names && !text.len; i++) {
        struct json v = json_get(payload, names[i]);
        if (json_kind(v) != JSON_STRING || v.len <= 2)
            continue;
        if (strcmp(names[i], "place") == 0 && member_number(payload, "magnitude", &n))
            buf_add_format(&text, "M %.1f ", n);
        json_decode(v, &text);
        if (strcmp(names[i], "IncidentName") == 0 && member_number(payload, "DailyAcres", &n))
            buf_add_format(&text, ", %.0f acres", n);
        if (strcmp(names[i], "IncidentName") == 0 && member_number(payload, "PercentContained", &n))
            buf_add_format(&text, ", %.0f %% contained", n);
    }
    if (!text.len)
        put_figures(&text, data, payload);
    if (!text.len)
        json_decode(json_get(payload, "reason"), &text);
    text_flat(out, buf_text(&text), text.len < HEADLINE_MAX ? text.len : HEADLINE_MAX);
    buf_free(&text);
}

/* --- geometry ----------------------------------------------------------------------------------------------------- */

struct shape {
    size_t count, every, kept;
    float *to; /* NULL: only count */
};

static bool is_position(struct json v)
{
    return json_kind(v) == JSON_ARRAY && json_kind(json_at(v, 0)) == JSON_NUMBER &&
           json_kind(json_at(v, 1)) == JSON_NUMBER;
}

/* Anybody may publish; a place off the Earth is none. */
static bool read_position(struct json v, double *lon, double *lat)
{
    return json_double(json_at(v, 0), lon) && json_double(json_at(v, 1), lat) && fabs(*lon) <= 360 && fabs(*lat) <= 90;
}

/* Lines and rings are arrays of positions, a few arrays deep. */
static void walk_shape(struct shape *s, struct json coordinates, int depth)
{
    struct json v;
    bool line = false;
    size_t here = 0, n = json_kind(coordinates) == JSON_ARRAY && s->to ? json_count(coordinates) : 0;

    if (json_kind(coordinates) != JSON_ARRAY || depth > COORDINATES_DEPTH_MAX)
        return;
    for (struct json_iter i = json_walk(coordinates); json_next(&i, NULL, &v); here++) {
        double lon, lat;
        if (!is_position(v)) {
            walk_shape(s, v, depth + 1);
            continue;
        }
        line = true;
        s->count++;
        /* The first and the last stay, or a ring would be open. */
        if (!s->to || (here % s->every != 0 && here + 1 != n) || !read_position(v, &lon, &lat))
            continue;
        s->to[2 * s->kept] = (float)lon;
        s->to[2 * s->kept + 1] = (float)lat;
        s->kept++;
    }
    if (line) {
        s->count++;
        if (s->to) {
            s->to[2 * s->kept] = s->to[2 * s->kept + 1] = NAN;
            s->kept++;
        }
    }
}

static void walk_geometry(struct shape *s, struct json geometry)
{
    struct json v;

    for (struct json_iter i = json_walk(json_get(geometry, "geometries")); json_next(&i, NULL, &v);)
        walk_geometry(s, v);
    walk_shape(s, json_get(geometry, "coordinates"), 0);
}

static void read_place(struct brief *b, struct json geo)
{
    struct json centroid = json_get(geo, "centroid"), geometry = json_get(geo, "geometry");
    struct shape s = {.every = 1};

    b->has_place = read_position(centroid, &b->lon, &b->lat);
    if (json_equals(json_get(geometry, "type"), "Point"))
        return;
    walk_geometry(&s, geometry);
    if (s.count < 2)
        return;
    /* Each line adds its last vertex and its end to what the step leaves. */
    s.every = 1 + s.count / BRIEF_VERTICES_MAX;
    s.to = mem_alloc_array(s.count + 1, 2 * sizeof *s.to);
    s.count = 0;
    walk_geometry(&s, geometry);
    b->vertices = mem_resize(s.to, (s.kept ? s.kept : 1) * 2 * sizeof *s.to);
    b->vertex_count = s.kept;
    if (!b->has_place && s.kept && !isnan(b->vertices[0])) {
        b->lon = b->vertices[0];
        b->lat = b->vertices[1];
        b->has_place = true;
    }
}

/* --- brief -------------------------------------------------------------------------------------------------------- */

/* In one block with all it points at: thousands of events come and go here, and of ten pieces for each the heap would
 * keep half as much again in holes. Takes the pieces. */
static struct brief *pack(struct brief loose)
{
    char **texts[] = {&loose.line, &loose.adapter,  &loose.category, &loose.subject,
                      &loose.id,   &loose.headline, &loose.region,   &loose.removes};
    size_t sizes[sizeof texts / sizeof *texts], vertices = loose.vertex_count * 2 * sizeof *loose.vertices;

    loose.size = sizeof loose + vertices;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sizes[i] = !*texts[i] ? 0 : (texts[i] == &loose.line ? loose.len : strlen(*texts[i])) + 1;
        loose.size += sizes[i];
    }
    struct brief *b = mem_alloc(loose.size);
    char *to = (char *)(b + 1);
    if (loose.vertices) {
        float *from = loose.vertices;
        loose.vertices = memcpy(to, from, vertices);
        to += vertices;
        free(from);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *from = *texts[i];
        if (!from)
            continue;
        *texts[i] = memcpy(to, from, sizes[i]);
        to += sizes[i];
        free(from);
    }
    *b = loose;
    return b;
}

struct brief *brief_new(const struct event *ev, const char *line, size_t len)
{
    struct buf headline = {0};
    static const char removed[] = ".removed";

    if (ev->kind != EVENT_CANONICAL)
        return NULL;
    struct brief b = {.line = mem_bytes(line, len),
                      .len = len,
                      .time = ev->time,
                      .expires = ev->expires,
                      .has_expires = ev->has_expires,
                      .severity = ev->severity,
                      .revision = ev->revision,
                      .adapter = text_of(ev->adapter),
                      .category = text_of(ev->category),
                      .subject = text_of(ev->subject),
                      .id = text_of(ev->event_id),
                      .removes = json_string(ev->removes),
                      .region = text_of(json_get(json_get(ev->data, "geo"), "primary_region"))};
    size_t n = strlen(b.category);
    b.removal = json_exists(ev->removes) ||
                (n >= sizeof removed - 1 && strcmp(b.category + n - (sizeof removed - 1), removed) == 0);
    brief_put_headline(&headline, ev->data);
    b.headline = mem_bytes(buf_text(&headline), headline.len);
    buf_free(&headline);
    read_place(&b, json_get(ev->data, "geo"));
    return pack(b);
}

struct brief *brief_share(struct brief *b)
{
    b->refs++;
    return b;
}

void brief_free(struct brief *b)
{
    if (!b || b->refs-- > 0)
        return;
    free(b);
}

size_t brief_size(const struct brief *b)
{
    return b->size;
}

/* --- in words ----------------------------------------------------------------------------------------------------- */

static const char *const severity_words[] = {"0 of 4, information", "1 of 4, minor", "2 of 4, moderate",
                                             "3 of 4, severe", "4 of 4, extreme"};

static void tell_text(brief_line *line, void *closure, const char *name, const char *text)
{
    if (text && *text)
        line(closure, name, text, strlen(text));
}

static void tell_time(brief_line *line, void *closure, const char *name, int64_t time)
{
    int64_t now = clock_now();
    struct buf text = {0};

    clock_put(&text, time, CLOCK_Z);
    buf_add_text(&text, time > now ? " (in " : " (");
    clock_put_age(&text, time > now ? time - now : now - time);
    buf_add_text(&text, time > now ? ")" : " ago)");
    line(closure, name, text.data, text.len);
    buf_free(&text);
}

static void tell_regions(brief_line *line, void *closure, struct json regions)
{
    struct buf text = {0};
    struct json v;

    for (struct json_iter i = json_walk(regions); json_next(&i, NULL, &v);) {
        buf_add_text(&text, text.len ? ", " : "");
        json_decode(v, &text);
    }
    if (text.len)
        line(closure, "regions", text.data, text.len);
    buf_free(&text);
}

/* Long texts keep their own lines. */
static void tell_lines(brief_line *line, void *closure, const char *name, struct json v)
{
    struct buf text = {0};

    if (json_kind(v) == JSON_STRING && json_decode(v, &text) && text.len) {
        for (size_t at = 0; at < text.len;) {
            const char *end = memchr(text.data + at, '\n', text.len - at);
            size_t n = end ? (size_t)(end - text.data) - at : text.len - at;
            line(closure, at ? "" : name, text.data + at, n);
            at += n + 1;
        }
    } else if (json_kind(v) == JSON_NUMBER || json_bool(v) >= 0) {
        line(closure, name, v.at, v.len);
    }
    buf_free(&text);
}

/* What the sources call things, in the order a person asks for them. */
static const struct {
    const char *member, *name;
} facts[] = {
    {"event", "event"},
    {"areaDesc", "area"},
    {"place", "place"},
    {"IncidentName", "incident"},
    {"POOCounty", "county"},
    {"POOState", "state"},
    {"country", "country"},
    {"magnitude", "magnitude"},
    {"depth", "depth km"},
    {"tsunami", "tsunami"},
    {"alert", "alert"},
    {"DailyAcres", "acres"},
    {"GISAcres", "acres (map)"},
    {"PercentContained", "contained %"},
    {"alertlevel", "alert level"},
    {"Kp", "Kp"},
    {"flux", "flux"},
    {"energy", "energy"},
    {"frp", "power MW"},
    {"confidence", "confidence"},
    {"value", "value"},
    {"unit_of_measure", "unit"},
    {"magnitudeValue", "size"},
    {"magnitudeUnit", "unit"},
    {"status", "status"},
    {"certainty", "certainty"},
    {"urgency", "urgency"},
    {"onset", "onset"},
    {"ends", "ends"},
    {"start_date", "start"},
    {"end_date", "end"},
    {"FireDiscoveryDateTime", "discovered"},
    {"ModifiedOnDateTime", "modified"},
    {"vehicle_impact", "impact"},
    {"direction", "direction"},
    {"senderName", "sender"},
    {"reason", "reason"},
    {"last_observed_at", "last seen"},
    {"url", "link"},
    {"description", "description"},
    {"instruction", "instruction"},
    {"message", "message"},
};

void brief_tell(const struct brief *b, brief_line *line, void *closure)
{
    struct json envelope, data, payload;
    struct buf text = {0};

    if (!json_check(b->line, b->len, &envelope, NULL))
        return;
    data = json_get(envelope, "data");
    payload = json_get(data, "data");
    tell_text(line, closure, "headline", b->headline);
    tell_text(line, closure, "id", b->id);
    tell_text(line, closure, "severity", b->severity >= 0 ? severity_words[b->severity] : "not rated");
    tell_text(line, closure, "category", b->category);
    buf_add_format(&text, "%s, revision %lld%s", b->adapter, (long long)b->revision, b->removal ? ", a removal" : "");
    tell_text(line, closure, "source", buf_text(&text));
    tell_time(line, closure, "time", b->time);
    if (b->has_expires)
        tell_time(line, closure, b->expires < clock_now() ? "expired" : "expires", b->expires);
    if (b->stored)
        tell_time(line, closure, "published", b->stored);
    if (b->has_place) {
        buf_clear(&text);
        buf_add_format(&text, "%.3f %s, %.3f %s", fabs(b->lat), b->lat < 0 ? "S" : "N", fabs(b->lon),
                       b->lon < 0 ? "W" : "E");
        tell_text(line, closure, "at", buf_text(&text));
    }
    tell_regions(line, closure, json_get(json_get(data, "geo"), "regions"));
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        tell_lines(line, closure, facts[i].name, json_get(payload, facts[i].member));
    tell_text(line, closure, "subject", b->subject);
    buf_free(&text);
}

/* A value of this length at most stays on its line. */
#define JSON_SHORT 72
/* Nobody sees how far a line deeper than this is indented. */
#define INDENT_MAX 20

static void indent(struct buf *head, int depth)
{
    buf_clear(head);
    for (int i = 0; i < depth && i < INDENT_MAX; i++)
        buf_add_text(head, "  ");
}

static void tell_value(struct json v, struct buf *head, int depth, bool more, brief_line *line, void *closure)
{
    enum json_kind kind = json_kind(v);
    bool object = kind == JSON_OBJECT;
    struct json name, value;

    if ((kind != JSON_OBJECT && kind != JSON_ARRAY) || v.len <= JSON_SHORT) {
        json_put(head, v);
        buf_add_text(head, more ? "," : "");
        line(closure, "", head->data, head->len);
        return;
    }
    buf_add_char(head, object ? '{' : '[');
    line(closure, "", head->data, head->len);
    struct json_iter i = json_walk(v);
    bool next = json_next(&i, &name, &value);
    while (next) {
        struct json this_name = name, this_value = value;
        indent(head, depth + 1);
        if (object) {
            buf_add(head, this_name.at, this_name.len);
            buf_add_text(head, ": ");
        }
        next = json_next(&i, &name, &value);
        tell_value(this_value, head, depth + 1, next, line, closure);
    }
    indent(head, depth);
    buf_add_char(head, object ? '}' : ']');
    buf_add_text(head, more ? "," : "");
    line(closure, "", head->data, head->len);
}

void brief_tell_json(struct json v, brief_line *line, void *closure)
{
    struct buf head = {0};

    tell_value(v, &head, 0, false, line, closure);
    buf_free(&head);
}
