#include "central/settings.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mapping.h"
#include "central/mem.h"

static const char common[] =
    "{\"enabled\": {\"type\": \"boolean\", \"default\": false, \"help\": \"polled by timers\"},"
    "\"every\": {\"type\": \"duration\", \"help\": \"seconds between polls, or a duration such as 5m\"},"
    "\"region\": {\"type\": \"region\", \"help\": \"what is kept: boxes, states, GeoJSON polygons; none: everywhere\"},"
    "\"contact_email\": {\"type\": \"email\", \"help\": \"goes into the User-Agent\"}}";

struct json settings_common(void)
{
    return (struct json){common, sizeof common - 1};
}

/* What about says of a setting, else what is common to all. */
static struct json description(struct json about, const char *name)
{
    struct json own = json_get(json_get(about, "settings"), name);

    return json_exists(own) ? own : json_get(settings_common(), name);
}

static bool refuse(struct error *e, const char *name, struct json value, const char *what)
{
    return error_set(e, CENTRAL_CONFIG, "%s: %.*s: %s", name, (int)(value.len < 100 ? value.len : 100), value.at, what);
}

static bool same(struct json a, struct json b)
{
    struct json_hash x = json_hash(a), y = json_hash(b);

    return x.high == y.high && x.low == y.low;
}

/* One of enum, where there is an enum. */
static bool in_enum(struct json about, const char *name, struct json value, struct error *e)
{
    struct json list = json_get(about, "enum"), choice;

    if (!json_exists(list))
        return true;
    for (struct json_iter i = json_walk(list); json_next(&i, NULL, &choice);)
        if (same(choice, value))
            return true;
    struct buf text = {0};
    buf_add_text(&text, "not one of ");
    buf_add(&text, list.at, list.len);
    refuse(e, name, value, buf_text(&text));
    buf_free(&text);
    return false;
}

static bool in_range(struct json about, const char *name, struct json value, double n, struct error *e)
{
    double min, max;

    if (json_double(json_get(about, "min"), &min) && n < min)
        return refuse(e, name, value, "too small");
    if (json_double(json_get(about, "max"), &max) && n > max)
        return refuse(e, name, value, "too large");
    return true;
}

/* Something@something without blanks, or empty: enough to keep a header whole. */
static bool is_email(struct json v)
{
    char *text = json_string(v);
    const char *at = text ? strchr(text, '@') : NULL;
    bool ok = text && (!*text || (at && at > text && at[1] && !strpbrk(text, " \t\r\n()<>,;") && strlen(text) < 255));

    free(text);
    return ok;
}

static bool check_region(const char *name, struct json value, struct error *e)
{
    struct geo *g = geo_open();
    struct mapping_region region;
    bool ok = mapping_region_read(g, value, &region, e) || error_prefix(e, "%s", name);

    if (ok)
        mapping_region_free(g, &region);
    geo_close(g);
    return ok;
}

static bool check_value(struct json about, const char *name, struct json value, struct error *e)
{
    char *type = json_string(json_get(about, "type"));
    const char *t = type ? type : "string";
    enum json_kind kind = json_kind(value);
    struct json element;
    int64_t n;
    double d;
    bool ok = true;

    if (strcmp(t, "number") == 0) {
        ok = json_double(value, &d) ? in_range(about, name, value, d, e) : refuse(e, name, value, "not a number");
    } else if (strcmp(t, "integer") == 0) {
        ok =
            json_int(value, &n) ? in_range(about, name, value, (double)n, e) : refuse(e, name, value, "not an integer");
    } else if (strcmp(t, "boolean") == 0) {
        ok = kind == JSON_TRUE || kind == JSON_FALSE || refuse(e, name, value, "neither true nor false");
    } else if (strcmp(t, "duration") == 0) {
        bool read = json_int(value, &n) || (kind == JSON_STRING && duration_parse(value.at + 1, value.len - 2, &n));
        ok = (read && n >= SETTINGS_EVERY_MIN) || refuse(e, name, value, "not seconds or a duration of at least 10s");
    } else if (strcmp(t, "email") == 0) {
        ok = is_email(value) || refuse(e, name, value, "not an e-mail address");
    } else if (strcmp(t, "region") == 0) {
        ok = check_region(name, value, e);
    } else if (strcmp(t, "list") == 0) {
        ok = kind == JSON_ARRAY || refuse(e, name, value, "not a list");
        for (struct json_iter i = json_walk(value); ok && json_next(&i, NULL, &element);)
            ok = in_enum(about, name, element, e);
    } else {
        ok = kind == JSON_STRING || refuse(e, name, value, "not a string");
        ok = ok && in_enum(about, name, value, e);
    }
    free(type);
    return ok;
}

bool settings_check(struct json about, struct json settings, struct error *e)
{
    struct json key, value;

    if (json_kind(settings) != JSON_OBJECT)
        return error_set(e, CENTRAL_CONFIG, "settings: not a JSON object");
    for (struct json_iter i = json_walk(settings); json_next(&i, &key, &value);) {
        char *name = json_string(key);
        struct json d = name ? description(about, name) : json_absent;
        bool ok = json_exists(d)
                      ? json_kind(value) == JSON_NULL || check_value(d, name, value, e)
                      : error_set(e, CENTRAL_CONFIG, "%s: no such setting (central-adapter show)", name ? name : "?");
        free(name);
        if (!ok)
            return false;
    }
    for (struct json_iter i = json_walk(json_get(about, "settings")); json_next(&i, &key, &value);) {
        char *name = json_string(key);
        bool missing = name && json_bool(json_get(value, "required")) == 1 &&
                       json_bool(json_get(settings, "enabled")) == 1 && json_is_null(json_get(settings, name));
        if (missing)
            error_set(e, CENTRAL_CONFIG, "%s: needed before the source can be enabled", name);
        free(name);
        if (missing)
            return false;
    }
    return true;
}

/* Of two pairs of one key the later counts. */
static bool repeated(char *const *pairs, size_t count, const char *name)
{
    size_t n = strlen(name);

    for (size_t k = 0; k < count; k++)
        if (strncmp(pairs[k], name, n) == 0 && pairs[k][n] == '=')
            return true;
    return false;
}

static void put_value(struct json about, const char *text, struct buf *out)
{
    struct json v;
    size_t len = strlen(text);

    if (json_check(text, len, &v, NULL) && !json_equals(json_get(about, "type"), "string")) {
        json_put(out, v);
    } else if (json_equals(json_get(about, "type"), "list")) {
        json_begin(out, '[');
        for (const char *at = text; *at;) {
            size_t n = strcspn(at, ",");
            json_put_string(out, at, n);
            at += n + (at[n] == ',');
        }
        json_end(out, ']');
    } else {
        json_put_string(out, text, len);
    }
}

bool settings_apply(struct json about, struct json file, char *const *pairs, size_t count, struct buf *out,
                    struct error *e)
{
    struct json key, value;

    json_begin(out, '{');
    for (struct json_iter i = json_walk(file); json_next(&i, &key, &value);) {
        bool replaced = false;
        for (size_t k = 0; k < count && !replaced; k++) {
            char *name = mem_bytes(pairs[k], strcspn(pairs[k], "="));
            replaced = json_equals(key, name);
            free(name);
        }
        if (replaced)
            continue;
        json_put(out, key);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    for (size_t k = 0; k < count; k++) {
        size_t n = strcspn(pairs[k], "=");
        if (!n || !pairs[k][n])
            return error_set(e, CENTRAL_USAGE, "'%s' is not key=value", pairs[k]);
        char *name = mem_bytes(pairs[k], n);
        if (pairs[k][n + 1] && !repeated(pairs + k + 1, count - k - 1, name)) {
            json_put_name(out, name);
            put_value(description(about, name), pairs[k] + n + 1, out);
        }
        free(name);
    }
    json_end(out, '}');
    return true;
}
