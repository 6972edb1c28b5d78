/* stream.h: streams.conf. stream.c speaks with the server. */
#include "central/stream.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/event.h"
#include "central/mem.h"
#include "central/path.h"

#define STREAM_FILE_MAX (1024 * 1024)
#define STREAM_NAME_MAX 64

char *stream_path(void)
{
    const char *given = getenv("CENTRAL_STREAMS");

    if (given && *given)
        return mem_string(given);
    char *config = path_config(), *path = path_join(config, "streams.conf");
    free(config);
    if (path_exists(path))
        return path;
    free(path);
    return path_data("streams.conf");
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct reader {
    struct stream_list *list;
    const char *line; /* its beginning, NUL-terminated */
    size_t len;
    unsigned number;
    struct error *e;
};

/* A word of the line at hand. */
struct word {
    const char *at;
    size_t len;
};

static bool complain(struct reader *r, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool complain(struct reader *r, const char *at, const char *format, ...)
{
    struct buf text = {0};
    va_list args;

    va_start(args, format);
    buf_add_vformat(&text, format, args);
    va_end(args);
    error_set(r->e, CENTRAL_CONFIG, "%s:%u:%zu: %s", r->list->path, r->number, (size_t)(at - r->line) + 1,
              buf_text(&text));
    buf_free(&text);
    return false;
}

static struct word next_word(const char **at)
{
    while (**at == ' ' || **at == '\t')
        (*at)++;
    struct word w = {*at, strcspn(*at, " \t")};
    if (*w.at == '#')
        w.len = 0;
    *at += w.len;
    return w;
}

/* The next of several parts separated by commas, an empty one behind a last comma too; at is NULL behind the end. */
static bool next_part(struct word *rest, struct word *part)
{
    if (!rest->at || (!rest->len && rest->at[-1] != ','))
        return false;
    const char *comma = memchr(rest->at, ',', rest->len);
    *part = (struct word){rest->at, comma ? (size_t)(comma - rest->at) : rest->len};
    *rest = (struct word){comma ? comma + 1 : NULL, comma ? rest->len - part->len - 1 : 0};
    return true;
}

static bool read_name(struct reader *r, struct word w, struct stream *s)
{
    for (size_t i = 0; i < w.len; i++)
        if (!isalnum((unsigned char)w.at[i]) && w.at[i] != '_' && w.at[i] != '-')
            return complain(r, w.at + i, "a stream's name has letters, digits, _ and - only");
    if (w.len > STREAM_NAME_MAX)
        return complain(r, w.at, "a stream's name has at most %d characters", STREAM_NAME_MAX);
    s->name = mem_bytes(w.at, w.len);
    for (size_t i = 0; i < r->list->count; i++)
        if (strcmp(r->list->at[i].name, s->name) == 0)
            return complain(r, w.at, "the name %s stands in line %u already", s->name, r->list->at[i].line);
    return true;
}

/* central.<word>.> : with one word each, two filters overlap only when they are the same. */
static bool filter_ok(struct word w)
{
    return w.len > 10 && memcmp(w.at + w.len - 2, ".>", 2) == 0 && event_subject_ok(w.at, w.len - 2) &&
           !memchr(w.at + 8, '.', w.len - 10);
}

static bool read_subjects(struct reader *r, struct word w, struct stream *s)
{
    struct word part;

    while (next_part(&w, &part)) {
        if (!filter_ok(part))
            return complain(r, part.at, "'%.*s' is not of the form central.<word>.>", (int)part.len, part.at);
        for (size_t i = 0; i <= r->list->count; i++) {
            const struct stream *other = i < r->list->count ? &r->list->at[i] : s;
            for (size_t k = 0; k < other->subject_count; k++)
                if (strlen(other->subjects[k]) == part.len && memcmp(other->subjects[k], part.at, part.len) == 0)
                    return complain(r, part.at, "%.*s belongs to %s already", (int)part.len, part.at, other->name);
        }
        s->subjects = mem_resize(s->subjects, (s->subject_count + 1) * sizeof *s->subjects);
        s->subjects[s->subject_count++] = mem_bytes(part.at, part.len);
    }
    return true;
}

static bool read_duration(struct reader *r, struct word w, const char *what, int64_t min, int64_t max, int64_t *out)
{
    if (!duration_parse(w.at, w.len, out))
        return complain(r, w.at, "%s: '%.*s' is no duration such as 7d", what, (int)w.len, w.at);
    if (*out < min || *out > max) {
        struct buf from = {0}, to = {0};
        duration_put(&from, min);
        duration_put(&to, max);
        complain(r, w.at, "%s: from %s to %s", what, buf_text(&from), buf_text(&to));
        buf_free(&from);
        buf_free(&to);
        return false;
    }
    return true;
}

static bool read_bytes(struct reader *r, struct word w, int64_t *out)
{
    if (!size_parse(w.at, w.len, out))
        return complain(r, w.at, "max-bytes: '%.*s' is no size such as 1GiB", (int)w.len, w.at);
    if (*out < STREAM_MAX_BYTES_MIN)
        return complain(r, w.at, "max-bytes: at least 64MiB");
    return true;
}

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.len && memcmp(w.at, text, w.len) == 0;
}

static bool placement_word_ok(struct word w, const char *more)
{
    for (size_t i = 0; i < w.len; i++)
        if (!isalnum((unsigned char)w.at[i]) && !strchr(more, w.at[i]))
            return false;
    return w.len > 0;
}

/* CLUSTER, CLUSTER:TAG+TAG or :TAG+TAG; a tag may have a colon in it. Kept as the JSON that the server takes. */
static bool read_placement(struct reader *r, struct word w, struct stream *s)
{
    const char *colon = memchr(w.at, ':', w.len), *end = w.at + w.len;
    struct word cluster = {w.at, colon ? (size_t)(colon - w.at) : w.len};
    struct buf out = {0};
    bool ok = cluster.len ? placement_word_ok(cluster, "_-.") : colon != NULL;

    json_begin(&out, '{');
    if (cluster.len) {
        json_put_name(&out, "cluster");
        json_put_string(&out, cluster.at, cluster.len);
    }
    if (colon) {
        json_put_name(&out, "tags");
        json_begin(&out, '[');
        for (const char *at = colon + 1, *plus; ok && at <= end; at = plus + 1) {
            plus = memchr(at, '+', (size_t)(end - at));
            plus = plus ? plus : end;
            struct word tag = {at, (size_t)(plus - at)};
            ok = placement_word_ok(tag, "_-.:");
            json_put_string(&out, tag.at, tag.len);
        }
        json_end(&out, ']');
    }
    json_end(&out, '}');
    if (ok) {
        free(s->placement);
        s->placement = mem_bytes(out.data, out.len);
    }
    buf_free(&out);
    return ok || complain(r, w.at, "placement: '%.*s' is not of the form CLUSTER:TAG+TAG", (int)w.len, w.at);
}

static bool read_option(struct reader *r, struct word w, struct stream *s)
{
    const char *equals = memchr(w.at, '=', w.len);
    struct word name = {w.at, equals ? (size_t)(equals - w.at) : w.len};
    struct word value = {equals ? equals + 1 : w.at + w.len, equals ? w.len - name.len - 1 : 0};
    int64_t n;

    if (word_is(w, "archive")) {
        s->archived = true;
        return true;
    }
    if (word_is(w, "top")) {
        s->top = true;
        return true;
    }
    if (word_is(name, "replicas") && equals) {
        if (value.len != 1 || *value.at < '1' || *value.at > '5')
            return complain(r, value.at, "replicas: from 1 to 5");
        s->replicas = *value.at - '0';
        return true;
    }
    if (word_is(name, "duplicates") && equals)
        return read_duration(r, value, "duplicates", 1, s->max_age, &s->duplicate_window);
    if (word_is(name, "keep") && equals) {
        if (!read_duration(r, value, "keep", 24 * 60 * 60, INT64_C(1000) * 365 * 24 * 60 * 60, &n))
            return false;
        s->keep = n;
        return true;
    }
    if (word_is(name, "compression") && equals) {
        if (!word_is(value, "s2") && !word_is(value, "none"))
            return complain(r, value.at, "compression: s2 or none");
        free(s->compression);
        s->compression = mem_bytes(value.at, value.len);
        return true;
    }
    if (word_is(name, "placement") && equals)
        return read_placement(r, value, s);
    return complain(r, w.at,
                    "unknown option '%.*s' (archive, top, replicas=N, duplicates=DURATION, keep=DURATION, "
                    "compression=s2, placement=CLUSTER:TAG+TAG)",
                    (int)w.len, w.at);
}

static void free_stream(struct stream *s)
{
    for (size_t i = 0; i < s->subject_count; i++)
        free(s->subjects[i]);
    free(s->subjects);
    free(s->compression);
    free(s->placement);
    free(s->name);
}

static bool read_line(struct reader *r, struct stream *s)
{
    const char *at = r->line;
    struct word name = next_word(&at), subjects = next_word(&at), age = next_word(&at), bytes = next_word(&at),
                options = next_word(&at), more = next_word(&at), part;
    size_t plain = 0;

    s->line = r->number;
    while ((unsigned char)r->line[plain] >= ' ' || r->line[plain] == '\t')
        plain++;
    if (plain < r->len)
        return complain(r, r->line + plain, "a control character");
    s->duplicate_window = STREAM_DUPLICATE_WINDOW;
    if (!bytes.len)
        return complain(r, bytes.at, "a stream needs a name, subjects, max-age and max-bytes");
    if (more.len)
        return complain(r, more.at, "one word too many: '%.*s'", (int)more.len, more.at);
    if (!read_name(r, name, s) || !read_subjects(r, subjects, s) ||
        !read_duration(r, age, "max-age", STREAM_MAX_AGE_MIN, STREAM_MAX_AGE_MAX, &s->max_age) ||
        !read_bytes(r, bytes, &s->max_bytes))
        return false;
    while (next_part(&options, &part))
        if (!read_option(r, part, s))
            return false;
    return true;
}

bool stream_list_parse(const char *path, const char *data, size_t len, struct stream_list *out, struct error *e)
{
    struct reader r = {.list = out, .e = e};
    struct buf text = {0};
    bool ok = true;

    *out = (struct stream_list){.path = mem_string(path)};
    buf_add(&text, data, len);
    buf_reserve(&text, 1);
    for (char *line = text.data, *stop = text.data + text.len, *end; ok && line < stop; line = end + 1) {
        end = memchr(line, '\n', (size_t)(stop - line));
        end = end ? end : stop;
        r.line = line;
        r.len = (size_t)(end - line);
        r.number++;
        if (r.len && line[r.len - 1] == '\r')
            r.len--;
        line[r.len] = '\0';
        size_t first = strspn(line, " \t");
        if (first == r.len || line[first] == '#')
            continue;
        struct stream s = {0};
        ok = read_line(&r, &s);
        if (!ok) {
            free_stream(&s);
            break;
        }
        out->at = mem_resize(out->at, (out->count + 1) * sizeof *out->at);
        out->at[out->count++] = s;
    }
    buf_free(&text);
    if (ok && !out->count)
        ok = error_set(e, CENTRAL_CONFIG, "%s: no stream in it", out->path);
    if (!ok)
        stream_list_free(out);
    return ok;
}

bool stream_list_read(const char *path, struct stream_list *out, struct error *e)
{
    char *found = path ? mem_string(path) : stream_path();
    struct buf text = {0};

    *out = (struct stream_list){0};
    bool ok = path_read(found, STREAM_FILE_MAX, &text, e) && stream_list_parse(found, text.data, text.len, out, e);
    buf_free(&text);
    free(found);
    return ok;
}

void stream_list_free(struct stream_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free_stream(&l->at[i]);
    free(l->at);
    free(l->path);
    *l = (struct stream_list){0};
}

const struct stream *stream_for(const struct stream_list *l, const char *subject)
{
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->at[i].subject_count; k++) {
            const char *filter = l->at[i].subjects[k];
            size_t n = strlen(filter) - 1; /* without the > */
            if (strncmp(filter, subject, n) == 0 && subject[n])
                return &l->at[i];
        }
    return NULL;
}

const struct stream *stream_named(const struct stream_list *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->at[i].name, name) == 0)
            return &l->at[i];
    return NULL;
}
