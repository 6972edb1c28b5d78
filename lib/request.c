#include "central/request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"

/* One filling of a template. */
struct filling {
    const struct request_facts *facts;
    struct json request;
    const char *each; /* the name, NULL */
    struct json member;
};

static void put_encoded(struct buf *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (isalnum(c) || strchr("-._~", c)) {
            buf_add_char(out, (char)c);
        } else {
            buf_add_char(out, '%');
            buf_add_char(out, hex[c >> 4]);
            buf_add_char(out, hex[c & 15]);
        }
    }
}

/* False when it says nothing. */
static bool put_value(struct buf *out, struct json v)
{
    struct buf text = {0};
    struct json member;
    size_t before = out->len;

    switch (json_kind(v)) {
    case JSON_STRING:
        json_decode(v, &text);
        put_encoded(out, buf_text(&text), text.len);
        buf_free(&text);
        break;
    case JSON_ARRAY:
        for (struct json_iter i = json_walk(v); json_next(&i, NULL, &member);) {
            if (out->len > before)
                buf_add_char(out, ',');
            put_value(out, member);
        }
        break;
    case JSON_NONE:
    case JSON_NULL:
    case JSON_OBJECT:
        return false;
    default:
        put_encoded(out, v.at, v.len);
    }
    return out->len > before;
}

/* Where in reach this text stands; 0 when it does not. */
static long place_of(struct json reach, const char *text)
{
    long n = (long)json_count(reach);

    for (long i = 0; text && i < n; i++)
        if (json_equals(json_at(json_at(reach, i), 0), text))
            return i;
    return 0;
}

static struct json reach_of(const struct filling *f)
{
    struct json reach = json_get(f->request, "reach");
    char *name = json_string(json_get(f->request, "at_least"));
    char *least = name ? json_string(json_get(f->facts->settings, name)) : NULL;
    long i = place_of(reach, least), last = (long)json_count(reach) - 1;
    int64_t success;
    double gap = 0, seconds;

    if (json_int(json_get(f->facts->state, "last_success"), &success))
        gap = (double)f->facts->now / CLOCK_SECOND - (double)success;
    while (i < last && json_double(json_at(json_at(reach, i), 1), &seconds) && gap >= seconds)
        i++;
    free(name);
    free(least);
    return json_at(json_at(reach, i), 0);
}

static bool put_box(const double *box, struct buf *out)
{
    for (int i = 0; box && i < 4; i++) {
        if (i)
            buf_add_char(out, ',');
        struct buf number = {0};
        json_put_double(&number, box[i]);
        buf_add(out, number.data, number.len);
        buf_free(&number);
    }
    return box != NULL;
}

static bool put_variable(const struct filling *f, const char *name, struct buf *out)
{
    if (f->each && strcmp(name, f->each) == 0)
        return put_value(out, f->member);
    if (strcmp(name, "reach") == 0)
        return put_value(out, reach_of(f));
    if (strcmp(name, "region_box") == 0)
        return put_box(f->facts->box, out);
    if (strcmp(name, "key") == 0) {
        buf_add_text(out, f->facts->key ? f->facts->key : "");
        return f->facts->key != NULL;
    }
    return put_value(out, json_get(f->facts->settings, name));
}

static bool missing(const struct filling *f, const char *name, struct error *e)
{
    bool box = strcmp(name, "region_box") == 0;

    return error_set(e, CENTRAL_CONFIG, "%s needs %s (central-adapter set %s %s=...)", f->facts->name,
                     box ? "a region" : name, f->facts->name, box ? "region" : name);
}

static bool fill(const struct filling *f, const char *template, struct buf *out, struct error *e)
{
    for (const char *at = template;;) {
        size_t plain = strcspn(at, "{");
        buf_add(out, at, plain);
        at += plain;
        if (!*at)
            return true;
        size_t len = strcspn(++at, "}");
        if (!at[len])
            return error_set(e, CENTRAL_CONFIG, "template: a { without }");
        char *name = mem_bytes(at, len);
        bool ok = put_variable(f, name, out) || f->facts->unasked || missing(f, name, e);
        free(name);
        if (!ok)
            return false;
        at += len + 1;
    }
}

/* The tag, with the member under its name. */
static void put_tag(const struct filling *f, struct buf *out)
{
    struct json name, value;

    json_put_name(out, "tag");
    json_begin(out, '{');
    for (struct json_iter i = json_walk(json_get(f->request, "tag")); json_next(&i, &name, &value);) {
        json_put(out, name);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    json_put_member(out, f->each, f->member);
    json_end(out, '}');
}

static bool put_filled(const struct filling *f, const char *template, struct buf *out, struct error *e)
{
    static const char *const passed_on[] = {"format", "headers", "paging", "follow"};
    struct buf url = {0};
    bool ok = fill(f, template, &url, e);

    if (ok) {
        json_begin(out, '{');
        json_put_member_text(out, "url", buf_text(&url));
        for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
            if (json_exists(json_get(f->request, passed_on[i])))
                json_put_member(out, passed_on[i], json_get(f->request, passed_on[i]));
        if (f->each)
            put_tag(f, out);
        else if (json_exists(json_get(f->request, "tag")))
            json_put_member(out, "tag", json_get(f->request, "tag"));
        json_end(out, '}');
    }
    buf_free(&url);
    return ok;
}

bool request_put(struct buf *out, struct json request, const struct request_facts *f, struct error *e)
{
    char *template = json_string(json_get(request, "template"));
    struct filling filling = {.facts = f, .request = request};
    struct json name, list;
    struct json_iter each = json_walk(json_get(request, "each"));
    bool ok = true;

    if (!template) {
        json_put(out, request);
    } else if (json_next(&each, &name, &list)) {
        char *own = json_string(name), *setting = json_string(list);
        filling.each = own;
        for (struct json_iter i = json_walk(json_get(f->settings, setting ? setting : ""));
             ok && json_next(&i, NULL, &filling.member);)
            ok = put_filled(&filling, template, out, e);
        free(own);
        free(setting);
    } else {
        ok = put_filled(&filling, template, out, e);
    }
    free(template);
    return ok;
}
