#include "central/value.h"

#include <math.h>
#include <string.h>

#define KEEP "central:keep"
/* Integers up to here are printed as such; libjq holds doubles, which are exact to 2^53. */
#define INTEGER_MAX 9007199254740992.0

jv value_parse(struct json text)
{
    return jv_parse_sized(text.at, (int)text.len);
}

jv value_get(jv object, const char *name)
{
    if (jv_get_kind(object) != JV_KIND_OBJECT)
        return jv_invalid();
    jv v = jv_object_get(jv_copy(object), jv_string(name));
    /* The object holds a reference of its own, so this one may go. */
    jv_free(v);
    return v;
}

/* One step of a path. offset: what a slice before it adds to an index. */
static struct json step(struct json at, jv key, long *offset)
{
    switch (jv_get_kind(key)) {
    case JV_KIND_STRING:
        *offset = 0;
        return json_get(at, jv_string_value(key));
    case JV_KIND_NUMBER: {
        long index = (long)jv_number_value(key) + *offset;
        *offset = 0;
        return json_at(at, index);
    }
    case JV_KIND_OBJECT: {
        /* {"start": n, "end": m}: what follows counts from n on. */
        jv start = value_get(key, "start");
        if (jv_get_kind(start) == JV_KIND_NUMBER) {
            long from = (long)jv_number_value(start);
            *offset += from < 0 ? from + (long)json_count(at) : from;
        }
        return at;
    }
    default:
        return json_absent;
    }
}

static struct json walk(struct json at, jv path, int count, long *offset)
{
    *offset = 0;
    for (int i = 0; i < count && json_exists(at); i++) {
        jv key = jv_array_get(jv_copy(path), i);
        at = step(at, key, offset);
        jv_free(key);
    }
    return at;
}

struct json value_at(struct json record, jv path)
{
    long offset;

    if (jv_get_kind(path) != JV_KIND_ARRAY)
        return json_absent;
    struct json found = walk(record, path, jv_array_length(jv_copy(path)), &offset);
    /* A path that ends in a slice names no value that stands there. */
    return offset ? json_absent : found;
}

struct json value_cursor_at(struct value_cursor *c, jv path)
{
    struct json found = {0};
    int count = jv_get_kind(path) == JV_KIND_ARRAY ? jv_array_length(jv_copy(path)) : 0;
    jv last = count ? jv_array_get(jv_copy(path), count - 1) : jv_invalid();

    if (jv_get_kind(last) != JV_KIND_NUMBER || jv_number_value(last) < 0) {
        jv_free(last);
        return value_at(c->record, path);
    }
    long index = (long)jv_number_value(last);
    jv_free(last);
    jv parent = jv_array_slice(jv_copy(path), 0, count - 1);
    if (!c->started || index != c->index + 1 || !jv_equal(jv_copy(parent), jv_copy(c->parent))) {
        long offset;
        c->next = json_walk(walk(c->record, parent, count - 1, &offset));
        for (long skip = index + offset; skip > 0 && json_next(&c->next, NULL, &found);)
            skip--;
        value_cursor_free(c);
        c->parent = jv_copy(parent);
        c->started = true;
    }
    jv_free(parent);
    c->index = index;
    return json_next(&c->next, NULL, &found) ? found : json_absent;
}

void value_cursor_free(struct value_cursor *c)
{
    if (c->started)
        jv_free(c->parent);
    c->started = false;
}

static bool put_number(struct buf *out, double d)
{
    if (fabs(d) < INTEGER_MAX && d == trunc(d))
        json_put_int(out, (int64_t)d);
    else
        json_put_double(out, d);
    return true;
}

static void put_name(struct buf *out, jv key)
{
    json_put_string(out, jv_string_value(key), (size_t)jv_string_length_bytes(jv_copy(key)));
    buf_add_char(out, ':');
}

static bool put_members(struct buf *out, jv object, struct json record, struct error *e)
{
    bool ok = true;

    for (int i = jv_object_iter(object); ok && jv_object_iter_valid(object, i); i = jv_object_iter_next(object, i)) {
        jv key = jv_object_iter_key(object, i), value = jv_object_iter_value(object, i);
        put_name(out, key);
        ok = value_put(out, value, record, e);
        jv_free(key);
        jv_free(value);
    }
    return ok;
}

static bool has(jv object, const char *name)
{
    return jv_get_kind(object) == JV_KIND_OBJECT && jv_object_has(jv_copy(object), jv_string(name));
}

/* The kept object's members, renamed, without those that come anew. */
static bool put_changed(struct buf *out, struct json kept, jv rename, jv with, struct json record, struct error *e)
{
    struct json name, value;
    struct buf decoded = {0};

    json_begin(out, '{');
    for (struct json_iter i = json_walk(kept); json_next(&i, &name, &value);) {
        buf_clear(&decoded);
        json_decode(name, &decoded);
        const char *text = buf_text(&decoded);
        jv new_name = value_get(rename, text);
        if (jv_get_kind(new_name) == JV_KIND_STRING)
            text = jv_string_value(new_name);
        if (has(with, text))
            continue;
        if (jv_get_kind(new_name) == JV_KIND_STRING) {
            put_name(out, new_name);
        } else {
            json_put(out, name);
            buf_add_char(out, ':');
        }
        json_put(out, value);
    }
    buf_free(&decoded);
    if (jv_get_kind(with) == JV_KIND_OBJECT && !put_members(out, with, record, e))
        return false;
    json_end(out, '}');
    return true;
}

static bool put_kept(struct buf *out, jv token, struct json record, struct error *e)
{
    jv path = value_get(token, KEEP), rename = value_get(token, "rename"), with = value_get(token, "with");

    if (jv_get_kind(path) != JV_KIND_ARRAY)
        return error_set(e, CENTRAL_REJECTED, "keep: not a path");
    struct json kept = value_at(record, path);
    if (jv_get_kind(rename) != JV_KIND_OBJECT && jv_get_kind(with) != JV_KIND_OBJECT) {
        json_put(out, kept);
        return true;
    }
    if (json_kind(kept) != JSON_OBJECT)
        return error_set(e, CENTRAL_REJECTED, "keep with changes: what stands there is not an object");
    return put_changed(out, kept, rename, with, record, e);
}

bool value_put(struct buf *out, jv v, struct json record, struct error *e)
{
    bool ok = true;

    switch (jv_get_kind(v)) {
    case JV_KIND_NULL:
        json_put_null(out);
        return true;
    case JV_KIND_FALSE:
    case JV_KIND_TRUE:
        json_put_bool(out, jv_get_kind(v) == JV_KIND_TRUE);
        return true;
    case JV_KIND_NUMBER:
        return put_number(out, jv_number_value(v));
    case JV_KIND_STRING:
        json_put_string(out, jv_string_value(v), (size_t)jv_string_length_bytes(jv_copy(v)));
        return true;
    case JV_KIND_ARRAY:
        json_begin(out, '[');
        for (int i = 0, n = jv_array_length(jv_copy(v)); ok && i < n; i++) {
            jv element = jv_array_get(jv_copy(v), i);
            ok = value_put(out, element, record, e);
            jv_free(element);
        }
        json_end(out, ']');
        return ok;
    case JV_KIND_OBJECT:
        if (has(v, KEEP))
            return put_kept(out, v, record, e);
        json_begin(out, '{');
        ok = put_members(out, v, record, e);
        json_end(out, '}');
        return ok;
    default:
        return error_set(e, CENTRAL_BUG, "not a value");
    }
}
