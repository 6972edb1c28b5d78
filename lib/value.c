#include "central/value.h"

#include <stdlib.h>
#include <string.h>

#include "central/mem.h"

#define KEEP "central:keep"

/* --- JSON to values ------------------------------------------------------------------------------------------------
 */

static jv parse_string(struct json text)
{
    struct buf decoded = {0};

    if (!memchr(text.at, '\\', text.len))
        return jv_string_sized(text.at + 1, (int)text.len - 2);
    json_decode(text, &decoded);
    jv v = jv_string_sized(decoded.data, (int)decoded.len);
    buf_free(&decoded);
    return v;
}

jv value_parse(struct json text)
{
    struct json name, member;
    double d = 0;
    jv v;

    switch (json_kind(text)) {
    case JSON_STRING:
        return parse_string(text);
    case JSON_NUMBER:
        json_double(text, &d);
        return jv_number(d);
    case JSON_ARRAY:
        v = jv_array();
        for (struct json_iter i = json_walk(text); json_next(&i, NULL, &member);)
            v = jv_array_append(v, value_parse(member));
        return v;
    case JSON_OBJECT:
        v = jv_object();
        for (struct json_iter i = json_walk(text); json_next(&i, &name, &member);)
            v = jv_object_set(v, parse_string(name), value_parse(member));
        return v;
    case JSON_TRUE:
        return jv_true();
    case JSON_FALSE:
        return jv_false();
    default:
        return jv_null();
    }
}

/* --- parts of records ----------------------------------------------------------------------------------------------
 */

/* One of 64 bits, by a name's length and first byte. */
static uint64_t mark(const char *name, size_t len)
{
    return UINT64_C(1) << ((len * 5 + (len ? (unsigned char)*name : 0)) & 63);
}

static struct value_part *part_named(const struct value_part *of, struct json name)
{
    if (of->marks & mark(name.at + 1, name.len - 2))
        for (size_t i = 0; i < of->count; i++)
            if (json_is(name, of->parts[i].name, of->parts[i].len))
                return &of->parts[i];
    if (memchr(name.at, '\\', name.len))
        for (size_t i = 0; i < of->count; i++)
            if (json_equals(name, of->parts[i].name))
                return &of->parts[i];
    return NULL;
}

static void forget(struct value_part *of)
{
    of->at = json_absent;
    for (size_t i = 0; i < of->count; i++)
        forget(&of->parts[i]);
}

static void find(struct value_part *of, struct json value);

/* A later one of the same name counts. */
static void find_member(struct value_part *of, struct json name, struct json value)
{
    struct value_part *part = part_named(of, name);

    if (part)
        find(part, value);
}

static void find(struct value_part *of, struct json value)
{
    struct json name, member;

    if (json_exists(of->at))
        forget(of);
    of->at = value;
    if (of->count && json_kind(value) == JSON_OBJECT)
        for (struct json_iter i = json_walk(value); json_next(&i, &name, &member);)
            find_member(of, name, member);
}

void value_record_read(struct value_record *r, struct json whole, struct value_part *parts)
{
    struct json name, value;

    r->whole = whole;
    r->parts = parts;
    r->count = 0;
    forget(parts);
    parts->at = whole;
    if (json_kind(whole) != JSON_OBJECT)
        return;
    for (struct json_iter i = json_walk(whole); json_next(&i, &name, &value);) {
        if (r->count == r->room) {
            r->room = r->room ? r->room * 2 : 32;
            r->members = mem_resize(r->members, r->room * sizeof *r->members);
        }
        r->members[r->count++] = (struct value_span){name, value};
        find_member(parts, name, value);
    }
}

void value_record_free(struct value_record *r)
{
    free(r->members);
    *r = (struct value_record){0};
}

/* A number as it stands, or from a string; null for anything else. */
static void put_number(struct buf *out, struct json v)
{
    struct buf text = {0};
    struct json number;
    char *end;

    json_decode(v, &text);
    if (json_kind(v) == JSON_NUMBER) {
        json_put(out, v);
    } else if (!text.len || strspn(text.data, "0123456789+-.eE") != text.len) {
        json_put_null(out);
    } else if (json_check(text.data, text.len, &number, NULL)) {
        json_put(out, number);
    } else {
        /* What JSON does not know: +5, .5 */
        double d = strtod(text.data, &end);
        if (*end)
            json_put_null(out);
        else
            json_put_double(out, d);
    }
    buf_free(&text);
}

/* A number as it stands, or one in a string; null for anything else. */
static jv parse_number(struct json text)
{
    struct buf number = {0};
    struct json made;
    double d;

    put_number(&number, text);
    bool ok = json_check(number.data, number.len, &made, NULL) && json_double(made, &d);
    buf_free(&number);
    return ok ? jv_number(d) : jv_null();
}

static bool empty(struct json text)
{
    struct json_iter i = json_walk(text);
    struct json first;

    switch (json_kind(text)) {
    case JSON_STRING:
        return text.len == 2;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return !json_next(&i, NULL, &first);
    default:
        return false;
    }
}

static jv parse_part(const struct value_part *part, bool everything);

/* All of an object, in which some is to be made a number. */
static jv parse_whole(const struct value_part *part)
{
    struct json name, member;
    jv v = jv_object();

    for (struct json_iter i = json_walk(part->at); json_next(&i, &name, &member);) {
        const struct value_part *known = part_named(part, name);
        v = jv_object_set(v, parse_string(name), known ? parse_part(known, true) : value_parse(member));
    }
    return v;
}

static jv parse_part(const struct value_part *part, bool everything)
{
    if (part->number)
        return parse_number(part->at);
    if (part->filled && empty(part->at))
        return jv_null();
    everything = everything || part->whole;
    if (json_kind(part->at) != JSON_OBJECT || (everything && !part->count))
        return value_parse(part->at);
    if (everything)
        return parse_whole(part);
    jv v = jv_object();
    for (size_t i = 0; i < part->count; i++)
        if (part->parts[i].given && json_exists(part->parts[i].at))
            v = jv_object_set(v, jv_copy(part->parts[i].key), parse_part(&part->parts[i], false));
    return v;
}

jv value_parse_record(const struct value_record *r, bool everything)
{
    return parse_part(r->parts, everything);
}

/* True when the path ends here, or goes on where no name leads (an array): all that stands here is wanted. */
static bool ends(jv path, int at)
{
    if (at >= jv_array_length(jv_copy(path)))
        return true;
    jv key = jv_array_get(jv_copy(path), at);
    bool name = jv_get_kind(key) == JV_KIND_STRING;
    jv_free(key);
    return !name;
}

static struct value_part *part_at(const struct value_part *of, jv path, int at)
{
    struct value_part *found = NULL;
    jv key = jv_array_get(jv_copy(path), at);

    if (jv_get_kind(key) == JV_KIND_STRING)
        for (size_t i = 0; !found && i < of->count; i++)
            if (strcmp(of->parts[i].name, jv_string_value(key)) == 0)
                found = &of->parts[i];
    jv_free(key);
    return found;
}

static void add_path(struct value_part *to, jv path, int at, enum value_use use)
{
    to->given = to->given || use != VALUE_FOUND;
    if (ends(path, at)) {
        to->whole = to->whole || use == VALUE_GIVEN || use == VALUE_FILLED;
        to->filled = to->filled || use == VALUE_FILLED;
        to->number = to->number || use == VALUE_NUMBER;
        return;
    }
    struct value_part *part = part_at(to, path, at);
    if (!part) {
        jv key = jv_array_get(jv_copy(path), at);
        const char *name = jv_string_value(key);
        to->parts = mem_resize(to->parts, (to->count + 1) * sizeof *to->parts);
        part = &to->parts[to->count++];
        *part = (struct value_part){.name = mem_string(name), .len = strlen(name), .key = key};
        to->marks |= mark(part->name, part->len);
    }
    add_path(part, path, at + 1, use);
}

void value_parts_add(struct value_part *root, jv path, enum value_use use)
{
    if (jv_get_kind(path) == JV_KIND_ARRAY)
        add_path(root, path, 0, use);
}

void value_parts_free(struct value_part *root)
{
    for (size_t i = 0; i < root->count; i++) {
        value_parts_free(&root->parts[i]);
        jv_free(root->parts[i].key);
        free(root->parts[i].name);
    }
    free(root->parts);
    root->parts = NULL;
    root->count = 0;
    root->marks = 0;
}

/* --- looking at values ---------------------------------------------------------------------------------------------
 */

jv value_get(jv object, const char *name)
{
    if (jv_get_kind(object) != JV_KIND_OBJECT)
        return jv_invalid();
    jv v = jv_object_get(jv_copy(object), jv_string(name));
    /* The object holds a reference of its own, so this one may go. */
    jv_free(v);
    return v;
}

void value_members(jv object, const struct value_member *table, size_t count)
{
    for (size_t m = 0; m < count; m++)
        *table[m].value = jv_invalid();
    if (jv_get_kind(object) != JV_KIND_OBJECT)
        return;
    for (int i = jv_object_iter(object); jv_object_iter_valid(object, i); i = jv_object_iter_next(object, i)) {
        jv key = jv_object_iter_key(object, i);
        const char *name = jv_string_value(key);
        size_t m = 0;
        while (m < count && strcmp(table[m].name, name) != 0)
            m++;
        if (m < count) {
            *table[m].value = jv_object_iter_value(object, i);
            /* As in value_get. */
            jv_free(*table[m].value);
        }
        jv_free(key);
    }
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

/* From the step of that number on. */
static struct json walk(struct json at, jv path, int from, int count, long *offset)
{
    *offset = 0;
    for (int i = from; i < count && json_exists(at); i++) {
        jv key = jv_array_get(jv_copy(path), i);
        at = step(at, key, offset);
        jv_free(key);
    }
    return at;
}

static struct json member_of(const struct value_record *r, const char *name)
{
    for (size_t i = r->count; i-- > 0;)
        if (json_equals(r->members[i].name, name))
            return r->members[i].value;
    return json_absent;
}

static struct json walk_record(const struct value_record *r, jv path, int count, long *offset)
{
    const struct value_part *part = r->parts, *next;
    int at = 0;

    while (part && at < count && (next = part_at(part, path, at))) {
        part = next;
        at++;
    }
    if (at)
        return walk(part->at, path, at, count, offset);
    jv key = count ? jv_array_get(jv_copy(path), 0) : jv_invalid();
    struct json found;
    if (r->count && jv_get_kind(key) == JV_KIND_STRING)
        found = walk(member_of(r, jv_string_value(key)), path, 1, count, offset);
    else
        found = walk(r->whole, path, 0, count, offset);
    jv_free(key);
    return found;
}

struct json value_at(const struct value_record *record, jv path)
{
    long offset;

    if (jv_get_kind(path) != JV_KIND_ARRAY)
        return json_absent;
    struct json found = walk_record(record, path, jv_array_length(jv_copy(path)), &offset);
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
        return value_at(&(struct value_record){.whole = c->record}, path);
    }
    long index = (long)jv_number_value(last);
    jv_free(last);
    jv parent = jv_array_slice(jv_copy(path), 0, count - 1);
    if (!c->started || index != c->index + 1 || !jv_equal(jv_copy(parent), jv_copy(c->parent))) {
        long offset;
        c->next = json_walk(walk(c->record, parent, 0, count - 1, &offset));
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

/* --- values to JSON ------------------------------------------------------------------------------------------------
 */

static void put_name(struct buf *out, jv key)
{
    json_put_string(out, jv_string_value(key), (size_t)jv_string_length_bytes(jv_copy(key)));
    buf_add_char(out, ':');
}

static bool put_members(struct buf *out, jv object, const struct value_record *record, struct error *e)
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

/* What becomes of a member of a kept object. */
struct change {
    const char *name; /* upstream's */
    size_t len;
    enum { RENAME, DROP, NUMBER, TEXT } how;
    jv to; /* RENAME */
    bool met;
};

struct changes {
    struct change *at;
    size_t count, room;
    uint64_t marks; /* of the names */
};

static void add_change(struct changes *c, struct change change)
{
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 16;
        c->at = mem_resize(c->at, c->room * sizeof *c->at);
    }
    change.len = strlen(change.name);
    c->marks |= mark(change.name, change.len);
    c->at[c->count++] = change;
}

static void add_names(struct changes *c, jv list, int how)
{
    for (int i = 0, n = jv_get_kind(list) == JV_KIND_ARRAY ? jv_array_length(jv_copy(list)) : 0; i < n; i++) {
        jv name = jv_array_get(jv_copy(list), i);
        if (jv_get_kind(name) == JV_KIND_STRING)
            add_change(c, (struct change){.name = jv_string_value(name), .how = how});
        jv_free(name); /* the list holds it */
    }
}

static bool dropped(const struct changes *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->at[i].how == DROP && strcmp(c->at[i].name, name) == 0)
            return true;
    return false;
}

static void add_members(struct changes *c, jv object, int how)
{
    if (jv_get_kind(object) != JV_KIND_OBJECT)
        return;
    for (int i = jv_object_iter(object); jv_object_iter_valid(object, i); i = jv_object_iter_next(object, i)) {
        jv name = jv_object_iter_key(object, i), value = jv_object_iter_value(object, i);
        /* A name that is taken by a member that comes anew is not given to another. */
        if (how != RENAME)
            add_change(c, (struct change){.name = jv_string_value(name), .how = how});
        else if (jv_get_kind(value) == JV_KIND_STRING)
            add_change(c, (struct change){.name = jv_string_value(name),
                                          .how = dropped(c, jv_string_value(value)) ? DROP : RENAME,
                                          .to = value});
        jv_free(name); /* the object holds them */
        jv_free(value);
    }
}

static struct change *change_of(const struct changes *changes, struct json name)
{
    if (changes->marks & mark(name.at + 1, name.len - 2))
        for (size_t i = 0; i < changes->count; i++)
            if (json_is(name, changes->at[i].name, changes->at[i].len))
                return &changes->at[i];
    if (memchr(name.at, '\\', name.len))
        for (size_t i = 0; i < changes->count; i++)
            if (json_equals(name, changes->at[i].name))
                return &changes->at[i];
    return NULL;
}

static void put_member(struct buf *out, struct json name, struct json value, struct changes *changes)
{
    struct change *c = change_of(changes, name);

    if (c && c->how == DROP)
        return;
    if (c)
        c->met = true;
    if (c && c->how == RENAME) {
        put_name(out, c->to);
    } else {
        json_put(out, name);
        buf_add_char(out, ':');
    }
    if (c && c->how == NUMBER)
        put_number(out, value);
    else if (c && c->how == TEXT && json_kind(value) == JSON_NULL)
        json_put_text(out, "");
    else
        json_put(out, value);
}

/* The kept object's members, renamed, without those that come anew; the object stays open. */
static void put_changed(struct buf *out, struct json kept, struct changes *changes)
{
    struct json name, value;

    for (size_t i = 0; i < changes->count; i++)
        changes->at[i].met = false;
    json_begin(out, '{');
    for (struct json_iter i = json_walk(kept); json_next(&i, &name, &value);)
        put_member(out, name, value, changes);
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *c = &changes->at[i];
        if (c->met || (c->how != NUMBER && c->how != TEXT))
            continue;
        json_put_member_text(out, c->name, c->how == TEXT ? "" : NULL);
    }
}

/* Begins the object that is kept with changes. */
static bool begin_kept(struct buf *out, struct json kept, struct changes *changes, struct error *e)
{
    if (json_kind(kept) != JSON_OBJECT)
        return error_set(e, CENTRAL_REJECTED, "keep with changes: what stands there is not an object");
    put_changed(out, kept, changes);
    return true;
}

/* What becomes of the members of a kept object. */
static struct changes changes_of(jv with, jv rename, jv numbers, jv texts)
{
    struct changes changes = {0};

    /* The first that names a member counts: what comes anew replaces whatever stood under its name. */
    add_members(&changes, with, DROP);
    add_members(&changes, rename, RENAME);
    add_names(&changes, numbers, NUMBER);
    add_names(&changes, texts, TEXT);
    return changes;
}

struct token {
    jv path, rename, with, numbers, texts; /* borrowed */
};

static struct token read_token(jv v)
{
    struct token t = {0};
    const struct value_member table[] = {
        {KEEP, &t.path}, {"rename", &t.rename}, {"with", &t.with}, {"numbers", &t.numbers}, {"texts", &t.texts}};

    value_members(v, table, sizeof table / sizeof *table);
    return t;
}

static bool put_kept(struct buf *out, jv token, const struct value_record *record, struct error *e)
{
    const struct token t = read_token(token);

    if (jv_get_kind(t.path) != JV_KIND_ARRAY)
        return error_set(e, CENTRAL_REJECTED, "keep: not a path");
    struct json kept = value_at(record, t.path);
    struct changes changes = changes_of(t.with, t.rename, t.numbers, t.texts);
    bool ok = true;
    if (!changes.count) {
        json_put(out, kept);
    } else {
        ok = begin_kept(out, kept, &changes, e) &&
             (jv_get_kind(t.with) != JV_KIND_OBJECT || put_members(out, t.with, record, e));
        json_end(out, '}');
    }
    free(changes.at);
    return ok;
}

/* {"central:keep": ...}: found by looking at the names, which needs no memory. */
static bool is_token(jv object)
{
    bool found = false;

    for (int i = jv_object_iter(object); !found && jv_object_iter_valid(object, i);
         i = jv_object_iter_next(object, i)) {
        jv key = jv_object_iter_key(object, i);
        found = strcmp(jv_string_value(key), KEEP) == 0;
        jv_free(key);
    }
    return found;
}

bool value_put(struct buf *out, jv v, const struct value_record *record, struct error *e)
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
        json_put_double(out, jv_number_value(v));
        return true;
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
        if (is_token(v))
            return put_kept(out, v, record, e);
        json_begin(out, '{');
        ok = put_members(out, v, record, e);
        json_end(out, '}');
        return ok;
    default:
        return error_set(e, CENTRAL_BUG, "not a value");
    }
}

bool value_kept(jv v, const struct value_record *record, struct json *at)
{
    if (jv_get_kind(v) != JV_KIND_OBJECT || jv_object_length(jv_copy(v)) != 1)
        return false;
    jv path = value_get(v, KEEP);
    if (!jv_is_valid(path))
        return false;
    *at = value_at(record, path);
    return true;
}

/* --- forms ---------------------------------------------------------------------------------------------------------
 */

/* True when something is kept anywhere in v; its paths go to parts, NULL. */
static bool find_kept(jv v, struct value_part *parts)
{
    bool found = false;

    if (jv_get_kind(v) == JV_KIND_ARRAY)
        for (int i = 0, n = jv_array_length(jv_copy(v)); i < n; i++) {
            jv element = jv_array_get(jv_copy(v), i);
            found = find_kept(element, parts) || found;
            jv_free(element);
        }
    if (jv_get_kind(v) != JV_KIND_OBJECT)
        return found;
    jv path = value_get(v, KEEP);
    if (jv_is_valid(path) && parts)
        value_parts_add(parts, path, VALUE_FOUND);
    found = jv_is_valid(path);
    for (int i = jv_object_iter(v); jv_object_iter_valid(v, i); i = jv_object_iter_next(v, i)) {
        jv value = jv_object_iter_value(v, i);
        found = find_kept(value, parts) || found;
        jv_free(value);
    }
    return found;
}

void value_kept_paths(jv v, struct value_part *parts)
{
    find_kept(v, parts);
}

struct form_member {
    jv key, value;
    struct buf start; /* ,"name": and the value, if it is a constant */
    bool constant;
    struct value_place place;
    jv over; /* instead; invalid: nothing is */
};

struct value_form {
    jv object;
    struct token token; /* invalid paths: nothing is kept */
    struct changes changes;
    struct form_member *members;
    size_t count;
};

struct value_place value_place_of(jv v, const struct value_part *parts)
{
    struct value_place place = {parts, -1};
    jv path = value_get(v, KEEP);

    if (jv_get_kind(path) != JV_KIND_ARRAY || jv_object_length(jv_copy(v)) != 1)
        return (struct value_place){0};
    int count = jv_array_length(jv_copy(path));
    jv last = count ? jv_array_get(jv_copy(path), count - 1) : jv_invalid();
    /* Behind names may be an index. */
    if (jv_get_kind(last) == JV_KIND_NUMBER && jv_number_value(last) >= 0) {
        place.index = (long)jv_number_value(last);
        count--;
    }
    jv_free(last);
    for (int at = 0; place.part && at < count; at++)
        place.part = part_at(place.part, path, at);
    return place;
}

struct json value_placed(const struct value_place *place)
{
    return place->index < 0 ? place->part->at : json_at(place->part->at, place->index);
}

static void add_form_member(struct value_form *f, jv key, jv value, const struct value_part *parts)
{
    f->members = mem_resize(f->members, (f->count + 1) * sizeof *f->members);
    struct form_member *m = &f->members[f->count++];

    *m = (struct form_member){.key = key, .value = value, .place = value_place_of(value, parts), .over = jv_invalid()};
    buf_add_char(&m->start, ',');
    put_name(&m->start, key);
    if (!find_kept(value, NULL))
        m->constant = value_put(&m->start, value, &(struct value_record){0}, NULL);
}

struct value_form *value_form_open(jv object, const struct value_part *parts)
{
    struct value_form *f = mem_alloc(sizeof *f);

    f->object = object;
    f->token = read_token(object);
    if (jv_is_valid(f->token.path))
        f->changes = changes_of(f->token.with, f->token.rename, f->token.numbers, f->token.texts);
    jv members = jv_is_valid(f->token.path) ? f->token.with : object;
    if (jv_get_kind(members) == JV_KIND_OBJECT)
        for (int i = jv_object_iter(members); jv_object_iter_valid(members, i); i = jv_object_iter_next(members, i))
            add_form_member(f, jv_object_iter_key(members, i), jv_object_iter_value(members, i), parts);
    return f;
}

void value_form_free(struct value_form *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++) {
        jv_free(f->members[i].key);
        jv_free(f->members[i].value);
        buf_free(&f->members[i].start);
    }
    free(f->members);
    free(f->changes.at);
    jv_free(f->object);
    free(f);
}

/* Lays the members of over into their places; false when there is one without. */
static bool lay_over(struct value_form *f, jv over)
{
    bool all = true;

    for (int i = jv_object_iter(over); jv_object_iter_valid(over, i); i = jv_object_iter_next(over, i)) {
        jv key = jv_object_iter_key(over, i);
        size_t m = 0;
        while (m < f->count && strcmp(jv_string_value(f->members[m].key), jv_string_value(key)) != 0)
            m++;
        if (m < f->count)
            f->members[m].over = jv_object_iter_value(over, i);
        else
            all = false;
        jv_free(key);
    }
    return all;
}

static bool put_form_member(struct buf *out, struct form_member *m, const struct value_record *record, struct error *e)
{
    const size_t comma = out->data[out->len - 1] == '{';

    if (jv_is_valid(m->over)) {
        if (!comma)
            buf_add_char(out, ',');
        put_name(out, m->key);
        return value_put(out, m->over, record, e);
    }
    buf_add(out, m->start.data + comma, m->start.len - comma);
    if (m->place.part)
        json_put(out, value_placed(&m->place));
    return m->place.part || m->constant || value_put(out, m->value, record, e);
}

static bool put_form_members(struct buf *out, struct value_form *f, const struct value_record *record, struct error *e)
{
    bool ok = true;

    for (size_t i = 0; ok && i < f->count; i++)
        ok = put_form_member(out, &f->members[i], record, e);
    return ok;
}

/* Those of over that had no place. */
static bool put_others(struct buf *out, struct value_form *f, jv over, const struct value_record *record,
                       struct error *e)
{
    bool ok = true;

    for (int i = jv_object_iter(over); ok && jv_object_iter_valid(over, i); i = jv_object_iter_next(over, i)) {
        jv key = jv_object_iter_key(over, i);
        size_t m = 0;
        while (m < f->count && strcmp(jv_string_value(f->members[m].key), jv_string_value(key)) != 0)
            m++;
        if (m == f->count) {
            jv value = jv_object_iter_value(over, i);
            json_put_name(out, jv_string_value(key));
            ok = value_put(out, value, record, e);
            jv_free(value);
        }
        jv_free(key);
    }
    return ok;
}

/* A kept object to which members come that it does not know beforehand. */
static bool put_anew(struct buf *out, const struct value_form *f, jv over, const struct value_record *record,
                     struct error *e)
{
    jv with = jv_get_kind(f->token.with) == JV_KIND_OBJECT ? jv_copy(f->token.with) : jv_object();
    jv token = jv_object_set(jv_copy(f->object), jv_string("with"), jv_object_merge(with, jv_copy(over)));
    bool ok = put_kept(out, token, record, e);

    jv_free(token);
    return ok;
}

bool value_form_put(struct buf *out, struct value_form *f, jv over, const struct value_record *record, struct error *e)
{
    const bool kept = jv_is_valid(f->token.path), all = jv_get_kind(over) != JV_KIND_OBJECT || lay_over(f, over);
    bool ok = true;

    if (kept && !all) {
        ok = put_anew(out, f, over, record, e);
    } else if (kept && !f->changes.count) {
        json_put(out, value_at(record, f->token.path));
    } else {
        if (kept)
            ok = begin_kept(out, value_at(record, f->token.path), &f->changes, e);
        else
            json_begin(out, '{');
        ok = ok && put_form_members(out, f, record, e) && (all || put_others(out, f, over, record, e));
        json_end(out, '}');
    }
    for (size_t i = 0; i < f->count; i++) {
        jv_free(f->members[i].over);
        f->members[i].over = jv_invalid();
    }
    return ok;
}
