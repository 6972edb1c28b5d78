#include "central/stream.h"

#include <stdlib.h>
#include <string.h>

#include "central/base64.h"
#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"

#define MESSAGE_NOT_FOUND 10037 /* of $JS.API */
#define NANOSECONDS INT64_C(1000000000)

/* --- subjects ----------------------------------------------------------------------------------------------------- */

static bool token_is(const char *token, size_t len, char c)
{
    return len == 1 && *token == c;
}

/* Tokens of [a-z0-9_-] or wildcards, > at the end alone. */
static bool pattern_ok(const char *pattern)
{
    for (;;) {
        size_t n = strcspn(pattern, ".");
        bool wild = token_is(pattern, n, '*') || (token_is(pattern, n, '>') && !pattern[n]);
        if (!n || (!wild && strspn(pattern, "abcdefghijklmnopqrstuvwxyz0123456789_-") < n))
            return false;
        if (!pattern[n])
            return true;
        pattern += n + 1;
    }
}

char *stream_subject_meet(const char *pattern, const char *filter)
{
    struct buf out = {0};

    if (!pattern_ok(pattern))
        return NULL;
    for (;;) {
        size_t p = strcspn(pattern, "."), f = strcspn(filter, ".");
        if (token_is(pattern, p, '>') || token_is(filter, f, '>')) {
            buf_add_text(&out, token_is(pattern, p, '>') ? filter : pattern);
            return out.data;
        }
        bool any = token_is(pattern, p, '*');
        if ((!any && (p != f || memcmp(pattern, filter, p) != 0)) || !pattern[p] || !filter[f]) {
            buf_free(&out);
            return NULL;
        }
        buf_add(&out, filter, f + 1);
        pattern += p + 1;
        filter += f + 1;
    }
}

bool stream_subject_matches(const char *pattern, const char *subject)
{
    for (;;) {
        size_t p = strcspn(pattern, "."), s = strcspn(subject, ".");
        if (token_is(pattern, p, '>'))
            return s > 0;
        if (!token_is(pattern, p, '*') && (p != s || memcmp(pattern, subject, p) != 0))
            return false;
        if (!pattern[p] || !subject[s])
            return !pattern[p] && !subject[s];
        pattern += p + 1;
        subject += s + 1;
    }
}

/* --- the server --------------------------------------------------------------------------------------------------- */

bool stream_info(struct bus *b, const char *name, struct buf *answer, struct json *info, bool *missing, struct error *e)
{
    char *subject = mem_format("STREAM.INFO.%s", name);
    int code;
    bool ok = bus_api(b, subject, "", 0, answer, info, &code, e);

    free(subject);
    *missing = !ok && code == BUS_STREAM_NOT_FOUND;
    if (*missing)
        error_free(e);
    return ok;
}

bool stream_pages(struct bus *b, const char *subject, const char *member,
                  bool (*each)(void *closure, struct json v, struct error *e), void *closure, struct error *e)
{
    struct buf answer = {0}, body = {0};
    int64_t offset = 0, total = 1;
    bool ok = true;

    while (ok && offset < total) {
        struct json v, list, one;
        buf_clear(&body);
        json_begin(&body, '{');
        json_put_member_int(&body, "offset", offset);
        json_end(&body, '}');
        ok = bus_api(b, subject, body.data, body.len, &answer, &v, NULL, e);
        list = ok ? json_get(v, member) : json_absent;
        if (json_count(list) == 0 || !json_int(json_get(v, "total"), &total))
            break;
        offset += (int64_t)json_count(list);
        for (struct json_iter i = json_walk(list); ok && json_next(&i, NULL, &one);)
            ok = each(closure, one, e);
    }
    buf_free(&answer);
    buf_free(&body);
    return ok;
}

bool stream_message(struct bus *b, const char *name, uint64_t sequence, struct buf *message, bool *missing,
                    struct error *e)
{
    struct buf answer = {0}, request = {0};
    struct json v;
    int code = 0;
    char *subject = mem_format("STREAM.MSG.GET.%s", name);

    json_begin(&request, '{');
    json_put_member_int(&request, "seq", (int64_t)sequence);
    json_end(&request, '}');
    *missing = false;
    bool ok = bus_api(b, subject, request.data, request.len, &answer, &v, &code, e);
    if (!ok && (code == MESSAGE_NOT_FOUND || code == BUS_STREAM_NOT_FOUND)) {
        error_free(e);
        *missing = true;
    }
    if (ok) {
        struct json data = json_get_path(v, "message", "data", NULL);
        /* An empty message has none. */
        if (json_exists(data) && (json_kind(data) != JSON_STRING || !base64_decode(data.at + 1, data.len - 2, message)))
            ok = error_set(e, CENTRAL_BUG, "%s: message %llu: not base64", name, (unsigned long long)sequence);
    }
    buf_free(&answer);
    buf_free(&request);
    free(subject);
    return ok;
}

/* A member of the stream's configuration as streams.conf wants it, as JSON text. */
struct wanted {
    const char *name;
    struct buf value;
};
#define WANTED_MAX 12

/* What contract §4 says of every stream: without it a stream forgets at a restart, or refuses or drops messages. */
static const struct {
    const char *name, *value;
} fixed[] = {{"retention", "\"limits\""}, {"storage", "\"file\""}, {"discard", "\"old\""}, {"max_msgs", "-1"}};
#define FIXED (sizeof fixed / sizeof *fixed)

static size_t wanted_members(const struct stream *s, struct wanted *w)
{
    size_t n = 0;

    for (; n < FIXED; n++) {
        w[n].name = fixed[n].name;
        buf_add_text(&w[n].value, fixed[n].value);
    }
    w[n].name = "subjects";
    json_begin(&w[n].value, '[');
    for (size_t i = 0; i < s->subject_count; i++)
        json_put_text(&w[n].value, s->subjects[i]);
    json_end(&w[n++].value, ']');
    w[n].name = "max_age";
    json_put_int(&w[n++].value, s->max_age * NANOSECONDS);
    w[n].name = "max_bytes";
    json_put_int(&w[n++].value, s->max_bytes);
    w[n].name = "duplicate_window";
    json_put_int(&w[n++].value, s->duplicate_window * NANOSECONDS);
    if (s->replicas) {
        w[n].name = "num_replicas";
        json_put_int(&w[n++].value, s->replicas);
    }
    if (s->compression) {
        w[n].name = "compression";
        json_put_text(&w[n++].value, s->compression);
    }
    if (s->placement) {
        w[n].name = "placement";
        buf_add_text(&w[n++].value, s->placement);
    }
    return n;
}

static void free_wanted(struct wanted *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_free(&w[i].value);
}

static bool same_value(struct json a, const struct buf *text)
{
    struct json_hash x = json_hash(a), y = json_hash((struct json){text->data, text->len});

    return json_exists(a) && x.high == y.high && x.low == y.low;
}

/* A server that does not know compression has none. */
static bool means_absent(struct wanted *w)
{
    return strcmp(w->name, "compression") == 0 && strcmp(buf_text(&w->value), "\"none\"") == 0;
}

/* The value for a person: times and sizes in their units. */
static void put_value(struct buf *out, const char *name, struct json v)
{
    bool time = strcmp(name, "max_age") == 0 || strcmp(name, "duplicate_window") == 0,
         bytes = strcmp(name, "max_bytes") == 0, count = strcmp(name, "max_msgs") == 0;
    int64_t n;

    if (!json_exists(v))
        buf_add_text(out, "nothing");
    else if (!(time || bytes || count) || !json_int(v, &n))
        /* JSON lets pass what moves a cursor: C1 controls and the marks that turn text. */
        log_harmless(out, v.at, v.len);
    else if (n <= 0)
        buf_add_text(out, "no limit");
    else if (time && n % NANOSECONDS == 0)
        duration_put(out, n / NANOSECONDS);
    else if (bytes)
        size_put(out, n);
    else
        buf_add_format(out, time ? "%lldns" : "%lld", (long long)n);
}

size_t stream_diff(const struct stream *want, struct json info, struct buf *out)
{
    struct json config = json_get(info, "config");
    struct wanted w[WANTED_MAX] = {0};
    size_t n = wanted_members(want, w), differing = 0;

    for (size_t i = 0; i < n; i++) {
        struct json have = json_get(config, w[i].name);
        if (same_value(have, &w[i].value) || (!json_exists(have) && means_absent(&w[i])))
            continue;
        differing++;
        buf_add_format(out, "%s: ", w[i].name);
        put_value(out, w[i].name, have);
        buf_add_text(out, " -> ");
        put_value(out, w[i].name, (struct json){w[i].value.data, w[i].value.len});
        buf_add_char(out, '\n');
    }
    free_wanted(w, n);
    return differing;
}

/* The configuration to send: what the server has, with our members in the place of its own. */
static void put_config(const struct stream *s, struct json have, struct buf *out)
{
    struct wanted w[WANTED_MAX] = {0};
    size_t n = wanted_members(s, w);
    struct json name, value;

    json_begin(out, '{');
    for (struct json_iter i = json_walk(have); json_next(&i, &name, &value);) {
        bool ours = false;
        for (size_t k = 0; k < n; k++)
            ours = ours || json_equals(name, w[k].name);
        if (ours)
            continue;
        json_put(out, name);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    if (!json_exists(have)) {
        json_put_member_text(out, "name", s->name);
        json_put_member_int(out, "max_consumers", -1);
        if (!s->replicas)
            json_put_member_int(out, "num_replicas", 1);
    }
    for (size_t k = 0; k < n; k++)
        json_put_member(out, w[k].name, (struct json){w[k].value.data, w[k].value.len});
    json_end(out, '}');
    free_wanted(w, n);
}

/* Older servers drop what they do not know, and say nothing. */
static bool took_all(const struct stream *s, struct json config, const char *server, struct error *e)
{
    struct wanted w[WANTED_MAX] = {0};
    size_t n = wanted_members(s, w);
    struct buf left = {0};

    for (size_t i = 0; i < n; i++)
        if (!json_exists(json_get(config, w[i].name)) && !means_absent(&w[i]))
            buf_add_format(&left, left.len ? ", %s" : "%s", w[i].name);
    bool ok = left.len == 0;
    if (!ok)
        error_set(e, CENTRAL_CONFIG, "%s: %s: the server ignores %s%s; all else is applied", server, s->name,
                  buf_text(&left),
                  strcmp(buf_text(&left), "compression") == 0 ? ", which needs nats-server 2.10 or newer" : "");
    buf_free(&left);
    free_wanted(w, n);
    return ok;
}

bool stream_apply(struct bus *b, const struct stream *want, struct error *e)
{
    struct buf answer = {0}, config = {0}, reply = {0};
    struct json info = {0}, v;
    bool missing = false;
    int code;

    if (!stream_info(b, want->name, &answer, &info, &missing, e) && !missing) {
        buf_free(&answer);
        return false;
    }
    put_config(want, missing ? json_absent : json_get(info, "config"), &config);
    char *subject = mem_format(missing ? "STREAM.CREATE.%s" : "STREAM.UPDATE.%s", want->name);
    bool ok = bus_api(b, subject, config.data, config.len, &reply, &v, &code, e);
    /* The server does not want it so, and will not. */
    if (!ok && code && e && e->status == CENTRAL_UNAVAILABLE)
        e->status = CENTRAL_CONFIG;
    ok = ok && took_all(want, json_get(v, "config"), bus_url(b), e);
    free(subject);
    buf_free(&answer);
    buf_free(&config);
    buf_free(&reply);
    return ok;
}

void stream_loss(const struct stream *want, struct json info, int64_t now, struct buf *out)
{
    struct json state = json_get(info, "state"), first = json_get(state, "first_ts");
    int64_t bytes = 0, messages = 0, oldest = 0;

    json_int(json_get(state, "bytes"), &bytes);
    json_int(json_get(state, "messages"), &messages);
    if (bytes > want->max_bytes) {
        buf_add_text(out, "holds ");
        size_put(out, bytes);
        buf_add_text(out, ", max-bytes is ");
        size_put(out, want->max_bytes);
    } else if (messages && json_kind(first) == JSON_STRING && clock_parse(first.at + 1, first.len - 2, &oldest) &&
               now - oldest > want->max_age * CLOCK_SECOND) {
        buf_add_text(out, "holds messages of ");
        clock_put_age(out, now - oldest);
        buf_add_text(out, " ago, max-age is ");
        duration_put(out, want->max_age);
    }
}
