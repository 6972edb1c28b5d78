#include "central/mapping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/event.h"
#include "central/mem.h"
#include "central/region.h"
#include "central/value.h"

/* Beyond this many milliseconds a number is no time (year 9999). */
#define MILLISECONDS_MAX 253402300800000.0

/* --- region --------------------------------------------------------------------------------------------------------
 */

static bool add_states(struct json list, struct mapping_region *out, size_t *count, struct error *e)
{
    struct json state;

    if (json_kind(list) != JSON_ARRAY)
        return error_set(e, CENTRAL_CONFIG, "states: not an array of two-letter codes");
    for (struct json_iter i = json_walk(list); json_next(&i, NULL, &state);) {
        if (json_kind(state) != JSON_STRING || state.len != 4)
            return error_set(e, CENTRAL_CONFIG, "states: not an array of two-letter codes");
        out->states = mem_resize(out->states, (*count + 2) * sizeof *out->states);
        out->states[(*count)++] = json_string(state);
        out->states[*count] = NULL;
    }
    return true;
}

bool mapping_region_read(struct geo *g, struct json region, struct mapping_region *out, struct error *e)
{
    struct json part, states, whole;
    struct buf shapes = {0};
    size_t count = 0;
    bool ok = true, any = false;

    *out = (struct mapping_region){0};
    if (json_is_null(region))
        return true;
    /* One part is an array of one. What is no state list goes on to geo_region. */
    struct buf list = {0};
    if (json_kind(region) != JSON_ARRAY)
        json_begin(&list, '[');
    json_put(&list, region);
    if (json_kind(region) != JSON_ARRAY)
        json_end(&list, ']');
    json_begin(&shapes, '[');
    for (struct json_iter i = json_walk((struct json){list.data, list.len}); ok && json_next(&i, NULL, &part);) {
        states = json_get(part, "states");
        if (json_exists(states))
            ok = add_states(states, out, &count, e);
        if (!json_exists(states) || json_exists(json_get(part, "north")) || json_exists(json_get(part, "type"))) {
            json_put(&shapes, part);
            any = true;
        }
    }
    buf_free(&list);
    json_end(&shapes, ']');
    if (ok && any)
        ok = json_check(shapes.data, shapes.len, &whole, e) && geo_region(g, whole, &out->shape, e);
    buf_free(&shapes);
    if (!ok)
        mapping_region_free(g, out);
    return ok;
}

bool mapping_region_box(struct geo *g, const struct mapping_region *r, double box[4])
{
    return r->shape && geo_bbox(g, r->shape, box);
}

void mapping_region_free(struct geo *g, struct mapping_region *r)
{
    for (char **s = r->states; s && *s; s++)
        free(*s);
    free(r->states);
    geo_shape_free(g, r->shape);
    *r = (struct mapping_region){0};
}

/* Contract §5 nws: what has a shape is in the region when they touch; else its states decide when the region names
 * states; what says nothing about where it is stays, for a warning that is dropped by mistake is worse than one too
 * many. */
static bool inside(struct geo *g, const struct mapping_region *r, const struct geo_shape *shape, char **regions,
                   size_t count)
{
    bool has_state = false;

    if (!r->shape && !r->states)
        return true;
    if (shape && r->shape && geo_intersects(g, shape, r->shape))
        return true;
    for (size_t i = 0; r->states && i < count; i++) {
        if (strncmp(regions[i], "US-", 3) != 0)
            continue;
        has_state = true;
        for (char **s = r->states; *s; s++)
            if (strncmp(regions[i] + 3, *s, 2) == 0 && (regions[i][5] == '-' || regions[i][5] == '\0'))
                return true;
    }
    return !has_state && !shape;
}

/* --- form ----------------------------------------------------------------------------------------------------------
 */

/* An event's members, and those of its geo; all borrowed. */
struct members {
    jv id, category, subject, time, expires, severity, geo, data, removes;
};
struct geo_members {
    jv centroid, point, geometry, bbox, regions;
};

static void read_members(jv v, struct members *m)
{
    const struct value_member table[] = {{"id", &m->id},     {"category", &m->category}, {"subject", &m->subject},
                                         {"time", &m->time}, {"expires", &m->expires},   {"severity", &m->severity},
                                         {"geo", &m->geo},   {"data", &m->data},         {"removes", &m->removes}};

    value_members(v, table, sizeof table / sizeof *table);
}

static void read_geo_members(jv v, struct geo_members *m)
{
    const struct value_member table[] = {{"centroid", &m->centroid},
                                         {"point", &m->point},
                                         {"geometry", &m->geometry},
                                         {"bbox", &m->bbox},
                                         {"regions", &m->regions}};

    value_members(v, table, sizeof table / sizeof *table);
}

/* True when v is the form's now. */
static bool lay_under(jv *v, jv under)
{
    if (jv_is_valid(*v))
        return false;
    *v = under;
    return true;
}

struct mapping_form {
    jv whole;
    struct members members;
    struct geo_members geo;
    struct value_place id, time, point; /* of what is kept as it is */
    struct value_form *data;            /* NULL */
};

struct mapping_form *mapping_form_read(jv form, struct value_part *parts, struct error *e)
{
    if (jv_get_kind(form) != JV_KIND_OBJECT) {
        jv_free(form);
        error_set(e, CENTRAL_CONFIG, "not an object");
        return NULL;
    }
    struct mapping_form *f = mem_alloc(sizeof *f);
    f->whole = form;
    value_kept_paths(form, parts);
    read_members(form, &f->members);
    read_geo_members(f->members.geo, &f->geo);
    f->id = value_place_of(f->members.id, parts);
    f->time = value_place_of(f->members.time, parts);
    f->point = value_place_of(f->geo.point, parts);
    if (jv_get_kind(f->members.data) == JV_KIND_OBJECT)
        f->data = value_form_open(jv_copy(f->members.data), parts);
    return f;
}

void mapping_form_free(struct mapping_form *f)
{
    if (!f)
        return;
    value_form_free(f->data);
    jv_free(f->whole);
    free(f);
}

/* --- one event -----------------------------------------------------------------------------------------------------
 */

/* What is collected on the way; everything is freed at one exit. */
struct work {
    struct geo *g;
    struct mapping_form *form; /* NULL */
    struct geo_members at;
    const struct value_place *id_at, *time_at, *point_at; /* where the form has them; NULL */
    const struct value_record *record;
    struct event_parts parts;
    struct buf id, category, subject, geo, data, removes;
    char **regions;
    size_t region_count;
    struct geo_shape *shape;
};

static bool refuse(struct error *e, const char *what)
{
    return error_set(e, CENTRAL_REJECTED, "%s", what);
}

/* A string's characters, a number as JSON writes it. */
static bool text(jv v, struct buf *out)
{
    if (jv_get_kind(v) == JV_KIND_STRING)
        buf_add(out, jv_string_value(v), (size_t)jv_string_length_bytes(jv_copy(v)));
    else if (jv_get_kind(v) == JV_KIND_NUMBER)
        return value_put(out, v, &(struct value_record){0}, NULL);
    else
        return false;
    return true;
}

/* A number with so many decimals in its shortest form: 33.5, 33.0. printf rounds the double's exact value, as Python's
 * round() does, whose ids these are. */
static bool put_rounded(jv token, struct buf *out)
{
    jv number, digits;

    value_members(token, (const struct value_member[]){{"central:round", &number}, {"digits", &digits}}, 2);

    if (jv_get_kind(number) != JV_KIND_NUMBER || jv_get_kind(digits) != JV_KIND_NUMBER)
        return false;
    buf_add_format(out, "%.*f", (int)jv_number_value(digits), jv_number_value(number));
    while (out->len >= 2 && out->data[out->len - 1] == '0' && out->data[out->len - 2] != '.')
        out->len--;
    buf_text(out);
    return true;
}

/* v, or what stands where it is kept; the caller frees. */
static jv resolved(const struct work *w, jv v, const struct value_place *place)
{
    struct json kept;

    if (place)
        return value_parse(value_placed(place));
    return value_kept(v, w->record, &kept) ? value_parse(kept) : jv_copy(v);
}

/* Parts of an id. */
static bool join(jv v, struct buf *out)
{
    for (int i = 0, n = jv_array_length(jv_copy(v)); i < n; i++) {
        jv part = jv_array_get(jv_copy(v), i);
        if (i)
            buf_add_char(out, ':');
        bool ok = text(part, out) || put_rounded(part, out);
        jv_free(part);
        if (!ok)
            return false;
    }
    return true;
}

/* A string, a number, or an array of parts. */
static bool read_id(const struct work *w, jv given, struct buf *out)
{
    jv v = resolved(w, given, w->id_at);
    bool ok = jv_get_kind(v) == JV_KIND_ARRAY ? join(v, out) : text(v, out);

    jv_free(v);
    return ok;
}

/* A time, when v is no null: *there. */
static bool read_time(jv v, bool *there, int64_t *out, const char *name, struct error *e)
{
    *there = jv_is_valid(v) && jv_get_kind(v) != JV_KIND_NULL;
    if (!*there)
        return true;
    if (jv_get_kind(v) == JV_KIND_NUMBER) {
        double ms = jv_number_value(v);
        if (!(fabs(ms) < MILLISECONDS_MAX))
            return error_set(e, CENTRAL_REJECTED, "%s: %g are not milliseconds since 1970", name, ms);
        *out = (int64_t)llround(ms * 1000);
        return true;
    }
    if (jv_get_kind(v) == JV_KIND_STRING && clock_parse(jv_string_value(v), strlen(jv_string_value(v)), out))
        return true;
    jv dumped = jv_dump_string(jv_copy(v), 0);
    error_set(e, CENTRAL_REJECTED, "%s: %.100s is no time", name, jv_string_value(dumped));
    jv_free(dumped);
    return false;
}

/* [date, time of day as four digits] as one text, UTC; any other value stays. Takes v. */
static jv join_time(jv v)
{
    if (jv_get_kind(v) != JV_KIND_ARRAY || jv_array_length(jv_copy(v)) != 2)
        return v;
    struct buf joined = {0}, clock = {0};
    jv date = jv_array_get(jv_copy(v), 0), day = jv_array_get(v, 1);
    text(date, &joined);
    text(day, &clock);
    buf_add_format(&joined, "T%.2s:%.2sZ", buf_text(&clock), clock.len > 2 ? clock.data + 2 : "");
    jv_free(date);
    jv_free(day);
    v = jv_string(buf_text(&joined));
    buf_free(&joined);
    buf_free(&clock);
    return v;
}

static bool time_of(const struct work *w, jv given, const struct value_place *place, bool *there, int64_t *out,
                    const char *name, struct error *e)
{
    jv v = join_time(resolved(w, given, place));
    bool ok = read_time(v, there, out, name, e);

    jv_free(v);
    return ok;
}

/* Without all but letters, digits and blanks. */
static void keep_letters(struct buf *word)
{
    size_t kept = 0;

    for (size_t i = 0; i < word->len; i++) {
        char c = word->data[i], small = (char)(c | 0x20);
        if (c == ' ' || (c >= '0' && c <= '9') || (small >= 'a' && small <= 'z'))
            word->data[kept++] = c;
    }
    word->len = kept;
}

/* Each token brought to the form that subjects have, joined by dots. {"central:region": ...} stands for those of the
 * primary region, {"central:letters": text} for the text's letters, digits and blanks. */
static void put_tokens(const struct work *w, jv list, struct buf *out)
{
    struct buf word = {0};

    for (int i = 0, n = jv_array_length(jv_copy(list)); i < n; i++) {
        jv token = jv_array_get(jv_copy(list), i);
        buf_clear(&word);
        if (out->len)
            buf_add_char(out, '.');
        jv letters = value_get(token, "central:letters");
        if (jv_is_valid(value_get(token, "central:region"))) {
            region_put_tokens(out, w->region_count ? w->regions[0] : NULL);
        } else {
            text(jv_is_valid(letters) ? letters : token, &word); /* null and the like become "unknown" */
            if (jv_is_valid(letters))
                keep_letters(&word);
            event_put_token(out, buf_text(&word), word.len);
        }
        jv_free(token);
    }
    buf_free(&word);
}

static bool read_category(struct work *w, jv category, struct error *e)
{
    if (jv_get_kind(category) == JV_KIND_STRING)
        text(category, &w->category);
    else if (jv_get_kind(category) == JV_KIND_ARRAY)
        put_tokens(w, category, &w->category);
    if (!w->category.len)
        return refuse(e, "category: missing");
    w->parts.category = buf_text(&w->category);
    return true;
}

static bool read_subject(struct work *w, jv subject, struct error *e)
{
    bool none = !jv_is_valid(subject) || jv_get_kind(subject) == JV_KIND_NULL;

    if (jv_get_kind(subject) == JV_KIND_STRING) {
        text(subject, &w->subject);
    } else {
        buf_add_text(&w->subject, "central");
        if (jv_get_kind(subject) == JV_KIND_ARRAY)
            put_tokens(w, subject, &w->subject);
        else if (none)
            buf_add_format(&w->subject, ".%s", w->parts.category);
        else
            return refuse(e, "subject: neither a string nor an array of tokens");
    }
    w->parts.subject = buf_text(&w->subject);
    return true;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_region(struct work *w, char *name)
{
    w->regions = mem_resize(w->regions, (w->region_count + 1) * sizeof *w->regions);
    w->regions[w->region_count++] = name;
}

/* The names of codes that region.h knows. What is none is no region. */
static void add_codes(struct work *w, jv codes, bool (*put)(struct buf *, const char *, size_t))
{
    struct buf name = {0};

    for (int i = 0, n = jv_get_kind(codes) == JV_KIND_ARRAY ? jv_array_length(jv_copy(codes)) : 0; i < n; i++) {
        jv code = jv_array_get(jv_copy(codes), i);
        buf_clear(&name);
        if (jv_get_kind(code) == JV_KIND_STRING && put(&name, jv_string_value(code), strlen(jv_string_value(code))))
            add_region(w, mem_string(buf_text(&name)));
        jv_free(code);
    }
    buf_free(&name);
}

/* Parts as one name: in capitals, blanks as _, joined by -. */
static void add_joined(struct work *w, jv parts)
{
    struct buf name = {0};

    for (int i = 0, n = jv_array_length(jv_copy(parts)); i < n; i++) {
        jv part = jv_array_get(jv_copy(parts), i);
        size_t from = name.len + (i > 0);
        if (i)
            buf_add_char(&name, '-');
        text(part, &name);
        for (size_t at = from; at < name.len; at++) {
            char c = name.data[at];
            name.data[at] = (char)(c == ' ' ? '_' : c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        }
        jv_free(part);
    }
    add_region(w, mem_string(buf_text(&name)));
    buf_free(&name);
}

static bool read_regions(struct work *w, jv list, struct error *e)
{
    jv same, ugc;

    if (!jv_is_valid(list) || jv_get_kind(list) == JV_KIND_NULL)
        return true;
    if (jv_get_kind(list) == JV_KIND_OBJECT) {
        value_members(list, (const struct value_member[]){{"same", &same}, {"ugc", &ugc}}, 2);
        add_codes(w, same, region_put_same);
        add_codes(w, ugc, region_put_ugc);
    } else if (jv_get_kind(list) != JV_KIND_ARRAY) {
        return refuse(e, "geo.regions: neither an array nor {same, ugc}");
    }
    for (int i = 0, n = jv_get_kind(list) == JV_KIND_ARRAY ? jv_array_length(jv_copy(list)) : 0; i < n; i++) {
        jv region = jv_array_get(jv_copy(list), i);
        if (jv_get_kind(region) == JV_KIND_STRING && *jv_string_value(region))
            add_region(w, mem_string(jv_string_value(region)));
        else if (jv_get_kind(region) == JV_KIND_ARRAY)
            add_joined(w, region);
        jv_free(region);
    }
    if (w->region_count > 1)
        qsort(w->regions, w->region_count, sizeof *w->regions, compare_text);
    size_t kept = 0;
    for (size_t i = 0; i < w->region_count; i++) {
        if (kept && strcmp(w->regions[kept - 1], w->regions[i]) == 0)
            free(w->regions[i]);
        else
            w->regions[kept++] = w->regions[i];
    }
    w->region_count = kept;
    return true;
}

/* [lon, lat] as numbers; false when v is no such thing. */
static bool pair(jv v, double *lon, double *lat)
{
    if (jv_get_kind(v) != JV_KIND_ARRAY || jv_array_length(jv_copy(v)) < 2)
        return false;
    jv x = jv_array_get(jv_copy(v), 0), y = jv_array_get(jv_copy(v), 1);
    bool ok = jv_get_kind(x) == JV_KIND_NUMBER && jv_get_kind(y) == JV_KIND_NUMBER;
    if (ok) {
        *lon = jv_number_value(x);
        *lat = jv_number_value(y);
    }
    jv_free(x);
    jv_free(y);
    return ok;
}

static bool point_of(const struct work *w, double *lon, double *lat)
{
    jv v = resolved(w, w->at.point, w->point_at);
    bool ok = pair(v, lon, lat);

    jv_free(v);
    return ok;
}

static void put_numbers(struct buf *out, const double *numbers, size_t n)
{
    json_begin(out, '[');
    for (size_t i = 0; i < n; i++)
        json_put_double(out, numbers[i]);
    json_end(out, ']');
}

/* Four numbers, or false. */
static bool four(jv v, double box[4])
{
    if (jv_get_kind(v) != JV_KIND_ARRAY || jv_array_length(jv_copy(v)) != 4)
        return false;
    for (int i = 0; i < 4; i++) {
        jv n = jv_array_get(jv_copy(v), i);
        bool number = jv_get_kind(n) == JV_KIND_NUMBER;
        box[i] = number ? jv_number_value(n) : 0;
        jv_free(n);
        if (!number)
            return false;
    }
    return true;
}

/* Writes geo (contract §2) and leaves the shape for the region. */
static bool put_geo(struct work *w, jv geo, struct error *e)
{
    struct buf geometry = {0};
    struct json shape_text = {0};
    double center[2], box[4];
    bool has_center = false, has_box = false, ok = true;

    if (jv_is_valid(geo) && jv_get_kind(geo) != JV_KIND_OBJECT && jv_get_kind(geo) != JV_KIND_NULL)
        return refuse(e, "geo: not an object");
    if (jv_is_valid(w->at.geometry) && jv_get_kind(w->at.geometry) != JV_KIND_NULL &&
        (ok = value_put(&geometry, w->at.geometry, w->record, e)))
        shape_text = (struct json){geometry.data, geometry.len};
    if (ok && point_of(w, &center[0], &center[1])) {
        has_center = has_box = true;
        box[0] = box[2] = center[0];
        box[1] = box[3] = center[1];
        w->shape = geo_point(w->g, center[0], center[1]);
    }
    if (ok && json_kind(shape_text) == JSON_OBJECT) {
        /* A geometry that cannot be read is passed on as upstream sent it; the record does not go with it. */
        struct geo_shape *shape = geo_read(w->g, shape_text, NULL);
        if (shape) {
            enum geo_centroid rule = jv_get_kind(w->at.centroid) == JV_KIND_STRING &&
                                             strcmp(jv_string_value(w->at.centroid), "vertices") == 0
                                         ? GEO_VERTEX_MEAN
                                         : GEO_AREA;
            geo_shape_free(w->g, w->shape);
            w->shape = shape;
            has_center = has_center || geo_centroid(w->g, shape, rule, &center[0], &center[1]);
            has_box = geo_bbox(w->g, shape, box);
        }
    }
    has_box = four(w->at.bbox, box) || has_box;
    if (ok) {
        json_begin(&w->geo, '{');
        json_put_name(&w->geo, "centroid");
        if (has_center)
            put_numbers(&w->geo, center, 2);
        else
            json_put_null(&w->geo);
        json_put_name(&w->geo, "bbox");
        if (has_box)
            put_numbers(&w->geo, box, 4);
        else
            json_put_null(&w->geo);
        json_put_name(&w->geo, "geometry");
        if (json_kind(shape_text) == JSON_OBJECT)
            json_put_dense(&w->geo, shape_text);
        else
            json_put_null(&w->geo);
        json_put_name(&w->geo, "regions");
        json_begin(&w->geo, '[');
        for (size_t i = 0; i < w->region_count; i++)
            json_put_text(&w->geo, w->regions[i]);
        json_end(&w->geo, ']');
        json_put_member_text(&w->geo, "primary_region", w->region_count ? w->regions[0] : NULL);
        json_end(&w->geo, '}');
    }
    buf_free(&geometry);
    return ok;
}

static bool read_severity(jv v, int *out, struct error *e)
{
    *out = -1;
    if (!jv_is_valid(v) || jv_get_kind(v) == JV_KIND_NULL)
        return true;
    if (jv_get_kind(v) != JV_KIND_NUMBER || jv_number_value(v) != trunc(jv_number_value(v)))
        return refuse(e, "severity: neither an integer nor null");
    double n = jv_number_value(v);
    *out = n < 0 ? 0 : n > 4 ? 4 : (int)n; /* contract §2: cut to 4 */
    return true;
}

static bool read_removes(struct work *w, jv removes, struct error *e)
{
    if (!jv_is_valid(removes) || jv_get_kind(removes) == JV_KIND_NULL)
        return true;
    jv revision = value_get(removes, "revision");
    if (!text(value_get(removes, "id"), &w->removes))
        return refuse(e, "removes: not {id, revision}");
    w->parts.removes = buf_text(&w->removes);
    w->parts.removes_revision = jv_get_kind(revision) == JV_KIND_NUMBER ? (int64_t)jv_number_value(revision) : 1;
    return true;
}

/* What the form has and result has not. */
static void lay_form_under(struct work *w, struct members *m)
{
    const struct mapping_form *f = w->form;

    if (lay_under(&m->id, f->members.id) && f->id.part)
        w->id_at = &f->id;
    lay_under(&m->category, f->members.category);
    lay_under(&m->subject, f->members.subject);
    if (lay_under(&m->time, f->members.time) && f->time.part)
        w->time_at = &f->time;
    lay_under(&m->expires, f->members.expires);
    lay_under(&m->severity, f->members.severity);
    lay_under(&w->at.centroid, f->geo.centroid);
    if (lay_under(&w->at.point, f->geo.point) && f->point.part)
        w->point_at = &f->point;
    lay_under(&w->at.geometry, f->geo.geometry);
    lay_under(&w->at.bbox, f->geo.bbox);
    lay_under(&w->at.regions, f->geo.regions);
}

static bool put_data(struct work *w, jv data, struct error *e)
{
    struct value_form *form = w->form ? w->form->data : NULL;

    if (jv_get_kind(data) != JV_KIND_OBJECT && (jv_is_valid(data) || !form))
        return refuse(e, "data: not an object");
    return (form ? value_form_put(&w->data, form, data, w->record, e) : value_put(&w->data, data, w->record, e)) ||
           error_prefix(e, "data");
}

static bool fill(struct work *w, jv result, struct error *e)
{
    struct event_parts *p = &w->parts;
    struct members m;
    bool there;

    if (jv_get_kind(result) != JV_KIND_OBJECT)
        return refuse(e, "event: not an object");
    read_members(result, &m);
    read_geo_members(m.geo, &w->at);
    if (w->form)
        lay_form_under(w, &m);
    if (!read_id(w, m.id, &w->id) || !w->id.len)
        return refuse(e, "id: missing");
    if (memchr(w->id.data, '\0', w->id.len))
        return refuse(e, "id: holds a NUL character");
    p->id = buf_text(&w->id);
    /* The regions come first: the subject may name them. */
    if (!read_category(w, m.category, e) || !read_regions(w, w->at.regions, e) || !read_subject(w, m.subject, e))
        return false;
    if (!time_of(w, m.time, w->time_at, &there, &p->time, "time", e))
        return false;
    if (!there)
        return refuse(e, "time: missing");
    return time_of(w, m.expires, NULL, &p->has_expires, &p->expires, "expires", e) &&
           read_severity(m.severity, &p->severity, e) && put_geo(w, m.geo, e) && read_removes(w, m.removes, e) &&
           put_data(w, m.data, e);
}

enum adapter_outcome mapping_event(const struct mapping *m, jv result, const struct value_record *record,
                                   struct buf *line, struct error *e)
{
    struct work w = {.g = m->geo, .form = m->form, .record = record, .parts = {.adapter = m->adapter, .revision = 1}};
    enum adapter_outcome outcome = ADAPTER_REJECTED;
    struct event checked;

    if (fill(&w, result, e)) {
        if (inside(m->geo, m->region, w.shape, w.regions, w.region_count)) {
            w.parts.geo = (struct json){w.geo.data, w.geo.len};
            w.parts.data = (struct json){w.data.data, w.data.len};
            event_put(line, event_source(), &w.parts);
            if (event_read(line->data, line->len, &checked, e))
                outcome = ADAPTER_EVENT;
        } else {
            outcome = ADAPTER_OUTSIDE;
        }
    }
    for (size_t i = 0; i < w.region_count; i++)
        free(w.regions[i]);
    free(w.regions);
    geo_shape_free(m->geo, w.shape);
    buf_free(&w.id);
    buf_free(&w.category);
    buf_free(&w.subject);
    buf_free(&w.geo);
    buf_free(&w.data);
    buf_free(&w.removes);
    return outcome;
}
