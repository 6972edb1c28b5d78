#include "central/stream_check.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/greeting.h"
#include "central/log.h"
#include "central/mem.h"

#define NANOSECONDS INT64_C(1000000000)

const char *check_word(enum check_level level)
{
    return level == CHECK_IS_CRITICAL ? "CRITICAL" : level == CHECK_IS_WARNING ? "WARNING" : "OK";
}

enum check_level check_worst(const struct findings *f)
{
    enum check_level worst = CHECK_IS_OK;

    for (size_t i = 0; i < f->count; i++)
        if (worst < f->at[i].level)
            worst = f->at[i].level;
    return worst;
}

void findings_free(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->at[i].subject);
        free(f->at[i].text);
    }
    free(f->at);
    *f = (struct findings){0};
}

/* Takes text. */
static void add(struct findings *f, enum check_level level, const char *subject, char *text)
{
    f->at = mem_resize(f->at, (f->count + 1) * sizeof *f->at);
    f->at[f->count++] = (struct finding){level, mem_string(subject), text};
}

static int64_t number(struct json v)
{
    int64_t n = 0;

    json_int(v, &n);
    return n;
}

/* Percent of a limit; -1: there is none. */
static int percent(int64_t used, int64_t limit)
{
    if (limit <= 0)
        return -1;
    double n = 100.0 * (double)used / (double)limit;
    return n > 1000 ? 1000 : n < 0 ? 0 : (int)n;
}

static enum check_level level_of(int percent_used)
{
    return percent_used >= CHECK_CRITICAL  ? CHECK_IS_CRITICAL
           : percent_used >= CHECK_WARNING ? CHECK_IS_WARNING
                                           : CHECK_IS_OK;
}

/* --- the server --------------------------------------------------------------------------------------------------- */

/* 2.9.10, 2.10.0-beta.1: the first two numbers. */
static bool parse_version(const char *text, long *major, long *minor)
{
    char *end;

    *major = strtol(text, &end, 10);
    if (end == text || *end != '.')
        return false;
    text = end + 1;
    *minor = strtol(text, &end, 10);
    return end != text;
}

void check_version(const char *version, struct findings *out)
{
    long major, minor;
    struct buf shown = {0};

    if (!version || !parse_version(version, &major, &minor)) {
        add(out, CHECK_IS_WARNING, "server",
            mem_string("does not tell its version; an acknowledged message survives the death of the server, whether "
                       "it survives the loss of power nobody can tell"));
        return;
    }
    log_harmless(&shown, version, strlen(version));
    if (major < 2 || (major == 2 && minor < 10))
        add(out, CHECK_IS_OK, "server",
            mem_format("nats-server %s; an acknowledged message survives the death of the server; it is synced to disk "
                       "within two minutes, so the loss of power takes up to two minutes of what was acknowledged; "
                       "this version has no setting for that, 2.10 has (sync_interval)",
                       buf_text(&shown)));
    else
        add(out, CHECK_IS_OK, "server",
            mem_format("nats-server %s; an acknowledged message survives the death of the server; it is synced to disk "
                       "within sync_interval of the server's configuration (two minutes where it says nothing, at once "
                       "where it says always), which the server does not tell clients",
                       buf_text(&shown)));
    buf_free(&shown);
}

void check_account(struct json v, struct findings *out)
{
    static const struct {
        const char *used, *limit, *what;
        bool bytes;
    } kinds[] = {{"storage", "max_storage", "on disk", true},
                 {"memory", "max_memory", "in memory", true},
                 {"streams", "max_streams", "streams", false},
                 {"consumers", "max_consumers", "consumers", false}};
    struct json limits = json_get(v, "limits");
    struct buf text = {0};
    enum check_level worst = CHECK_IS_OK;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int64_t used = number(json_get(v, kinds[i].used)), limit = number(json_get(limits, kinds[i].limit));
        int part = percent(used, limit);
        if (part < 0)
            continue;
        worst = worst < level_of(part) ? level_of(part) : worst;
        buf_add_format(&text, text.len ? ", %d %% of " : "%d %% of ", part);
        if (kinds[i].bytes)
            table_size(&text, limit);
        else
            buf_add_format(&text, "%lld", (long long)limit);
        buf_add_format(&text, " %s", kinds[i].what);
    }
    if (!text.len) {
        table_size(&text, number(json_get(v, "storage")));
        buf_add_text(&text, " on disk, no limits but the server's own");
    }
    add(out, worst, "account", mem_string(buf_text(&text)));
    buf_free(&text);
}

bool check_server(struct bus *b, struct findings *out, struct error *e)
{
    struct buf greeting = {0}, answer = {0};
    struct json v, info;

    char *version = greeting_read(b, &greeting, &v) ? json_string(json_get(v, "version")) : NULL;
    check_version(version, out);
    free(version);
    buf_free(&greeting);
    bool ok = bus_api(b, "INFO", "", 0, &answer, &info, NULL, e);
    if (ok)
        check_account(info, out);
    buf_free(&answer);
    return ok;
}

/* --- a stream ----------------------------------------------------------------------------------------------------- */

static void add_drift(const struct stream *st, const struct stream_look *l, struct findings *out)
{
    struct buf text = {0};

    buf_add_text(&text, "differs from streams.conf: ");
    for (size_t i = 0; i < l->diff.len; i++) {
        if (l->diff.data[i] != '\n')
            buf_add_char(&text, l->diff.data[i]);
        else if (i + 1 < l->diff.len)
            buf_add_text(&text, ", ");
    }
    add(out, CHECK_IS_WARNING, st->name, mem_string(buf_text(&text)));
    buf_free(&text);
}

void check_stream(const struct stream *st, const struct stream_look *l, struct findings *out)
{
    struct json config = json_get(l->info, "config");
    struct buf text = {0};

    if (l->missing) {
        add(out, CHECK_IS_CRITICAL, st->name,
            mem_string("missing: what is published for it is refused "
                       "(central-streams apply)"));
        return;
    }
    if (l->differing)
        add_drift(st, l, out);
    int64_t messages = stream_state(l->info, "messages"), bytes = stream_state(l->info, "bytes"),
            max_bytes = number(json_get(config, "max_bytes")), replicas = number(json_get(config, "num_replicas"));
    int part = percent(bytes, max_bytes);
    buf_add_format(&text, "%lld message%s, ", (long long)messages, messages == 1 ? "" : "s");
    table_size(&text, bytes);
    if (part >= 0) {
        buf_add_format(&text, ", %d %% of max-bytes ", part);
        size_put(&text, max_bytes);
        if (part >= CHECK_WARNING)
            buf_add_text(&text, ": its oldest messages go before max-age (central-streams tune)");
    }
    if (replicas > 1)
        buf_add_format(&text, "; %lld replicas", (long long)replicas);
    else
        buf_add_text(&text, "; one replica: all of it stands and falls with one disk");
    add(out, level_of(part), st->name, mem_string(buf_text(&text)));
    buf_free(&text);
}

/* --- a consumer --------------------------------------------------------------------------------------------------- */

/* A filter that takes all of the stream is none. */
static bool filtered(struct json info, struct json consumer)
{
    struct json config = json_get(consumer, "config"), one = json_get(config, "filter_subject"),
                subjects = json_get_path(info, "config", "subjects", NULL);

    if (json_count(json_get(config, "filter_subjects")))
        return true;
    if (!json_exists(one) || one.len <= 2 || json_equals(one, ">"))
        return false;
    struct json only = json_at(subjects, 0);
    return json_count(subjects) != 1 || only.len != one.len || memcmp(only.at, one.at, one.len) != 0;
}

static char *consumer_subject(struct json consumer)
{
    struct buf text = {0};
    char *stream = json_string(json_get(consumer, "stream_name")), *name = json_string(json_get(consumer, "name"));

    log_harmless(&text, stream ? stream : "?", stream ? strlen(stream) : 1);
    buf_add_char(&text, '/');
    log_harmless(&text, name ? name : "?", name ? strlen(name) : 1);
    free(stream);
    free(name);
    buf_text(&text);
    return text.data;
}

/* A sequence, which counts from 1, with room for the next one. */
static int64_t sequence(int64_t n)
{
    return n < 0 ? 0 : n < INT64_MAX ? n : INT64_MAX - 1;
}

/* The first message it has yet to acknowledge, if the stream has it. */
static int64_t next_sequence(struct json consumer)
{
    return sequence(number(json_get_path(consumer, "ack_floor", "stream_seq", NULL))) + 1;
}

/* How near the edge the oldest waiting message is: percent of max-age, and, where bytes are what deletes, percent of
 * the stream's messages behind it. */
static int nearness(struct json info, struct json consumer, int64_t oldest, int64_t now)
{
    struct json config = json_get(info, "config");
    int64_t first = sequence(stream_state(info, "first_seq")), last = sequence(stream_state(info, "last_seq")),
            next = next_sequence(consumer);
    int age = oldest ? percent(now - oldest, number(json_get(config, "max_age")) / (NANOSECONDS / CLOCK_SECOND)) : -1,
        full = percent(stream_state(info, "bytes"), number(json_get(config, "max_bytes"))), place = -1;

    if (full >= CHECK_WARNING && last > first)
        place = percent(last - (next > first ? next : first), last - first);
    return age > place ? age : place;
}

void check_consumer(struct json info, struct json consumer, int64_t oldest, int64_t now, struct findings *out)
{
    char *subject = consumer_subject(consumer);
    int64_t pending = number(json_get(consumer, "num_pending")),
            unacked = number(json_get(consumer, "num_ack_pending")), first = sequence(stream_state(info, "first_seq")),
            next = next_sequence(consumer);
    bool began = number(json_get_path(consumer, "delivered", "consumer_seq", NULL)) > 0;
    struct buf text = {0};

    if (began && next < first && !filtered(info, consumer)) {
        add(out, CHECK_IS_CRITICAL, subject,
            mem_format("messages %lld to %lld were deleted before it acknowledged them", (long long)next,
                       (long long)first - 1));
    } else if (!pending && !unacked) {
        add(out, CHECK_IS_OK, subject, mem_string("has read all"));
    } else {
        int near = nearness(info, consumer, oldest, now);
        buf_add_format(&text, "%lld to read, %lld not acknowledged", (long long)pending, (long long)unacked);
        if (oldest) {
            buf_add_text(&text, ", the oldest of ");
            clock_put_age(&text, now > oldest ? now - oldest : 0);
            buf_add_text(&text, " ago");
        }
        if (near >= CHECK_WARNING)
            buf_add_format(&text, ": %d %% of the way to being deleted unread", near > 100 ? 100 : near);
        add(out, level_of(near), subject, mem_string(buf_text(&text)));
    }
    buf_free(&text);
    free(subject);
}

struct consumer_walk {
    struct bus *bus;
    const struct stream *stream;
    struct json info;
    int64_t now;
    struct findings *out;
};

/* When the oldest message came that the consumer has yet to acknowledge; 0: there is none. */
static bool oldest_of(const struct consumer_walk *w, struct json consumer, int64_t *time, struct error *e)
{
    struct json filter = json_get_path(consumer, "config", "filter_subject", NULL), v;
    struct buf request = {0}, answer = {0};
    int64_t next = next_sequence(consumer), first = stream_state(w->info, "first_seq");
    int code = 0;

    *time = 0;
    char *subject = mem_format("STREAM.MSG.GET.%s", w->stream->name);
    json_begin(&request, '{');
    json_put_member_int(&request, "seq", next > first ? next : first);
    if (json_exists(filter) && filter.len > 2)
        json_put_member(&request, "next_by_subj", filter);
    else
        json_put_member_text(&request, "next_by_subj", ">");
    json_end(&request, '}');
    bool ok = bus_api(w->bus, subject, request.data, request.len, &answer, &v, &code, e);
    struct json came = ok ? json_get_path(v, "message", "time", NULL) : json_absent;
    if (json_kind(came) == JSON_STRING)
        clock_parse(came.at + 1, came.len - 2, time);
    /* Deleted since, or a server that cannot say: no answer, but no failure either. */
    if (!ok && code) {
        error_free(e);
        ok = true;
    }
    free(subject);
    buf_free(&request);
    buf_free(&answer);
    return ok;
}

static bool check_one(void *closure, struct json consumer, struct error *e)
{
    const struct consumer_walk *w = closure;
    int64_t oldest = 0;
    bool waits = number(json_get(consumer, "num_pending")) || number(json_get(consumer, "num_ack_pending"));

    if (waits && !oldest_of(w, consumer, &oldest, e))
        return false;
    check_consumer(w->info, consumer, oldest, w->now, w->out);
    return true;
}

bool check_streams(struct bus *b, const struct stream *st, int64_t now, struct findings *out, struct error *e)
{
    struct stream_look l;
    bool ok = stream_look(b, st, &l, e);

    if (ok)
        check_stream(st, &l, out);
    if (ok && !l.missing) {
        struct consumer_walk w = {b, st, l.info, now, out};
        char *subject = mem_format("CONSUMER.LIST.%s", st->name);
        ok = stream_pages(b, subject, "consumers", check_one, &w, e);
        free(subject);
    }
    stream_look_free(&l);
    return ok;
}
