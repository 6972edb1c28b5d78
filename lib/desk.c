#include "central/desk.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/page.h"

#define NANOSECONDS INT64_C(1000000000)

static const char *const state_names[SOURCE_STATES] = {"failed", "late",      "partial", "empty",
                                                       "new",    "unchanged", "never",   "disabled"};
static const char *const link_names[LINKS] = {"nats", "archive"};

const char *source_state_name(enum source_state s)
{
    return state_names[s];
}

void desk_open(struct desk *d, const struct stream_list *streams)
{
    *d = (struct desk){.events = mem_alloc_array(DESK_EVENTS_MAX, sizeof *d->events)};
    d->streams = mem_alloc_array(streams->count, sizeof *d->streams);
    for (size_t i = 0; i < streams->count; i++) {
        const struct stream *from = &streams->at[i];
        struct buf subjects = {0};
        if (!from->top)
            continue;
        for (size_t k = 0; k < from->subject_count; k++)
            buf_add_format(&subjects, k ? ",%s" : "%s", from->subjects[k]);
        d->streams[d->stream_count++] = (struct desk_stream){.name = mem_string(from->name),
                                                             .subjects = mem_string(buf_text(&subjects)),
                                                             .configured = true,
                                                             .archived = from->archived,
                                                             .max_age = from->max_age,
                                                             .max_bytes = from->max_bytes,
                                                             .lag = -1};
        buf_free(&subjects);
    }
}

static void free_consumers(struct desk_stream *s)
{
    for (size_t i = 0; i < s->consumer_count; i++)
        free(s->consumers[i].name);
    free(s->consumers);
    s->consumers = NULL;
    s->consumer_count = 0;
}

void desk_close(struct desk *d)
{
    for (size_t i = 0; i < d->stream_count; i++) {
        free(d->streams[i].name);
        free(d->streams[i].subjects);
        buf_free(&d->streams[i].info);
        free_consumers(&d->streams[i]);
    }
    for (size_t i = 0; i < d->source_count; i++) {
        struct desk_source *s = &d->sources[i];
        free(s->name);
        free(s->title);
        free(s->credential);
        free(s->error);
        free(s->last_reject);
        buf_free(&s->report);
    }
    for (size_t i = 0; i < d->event_count; i++)
        brief_free(desk_event(d, i));
    for (int i = 0; i < LINKS; i++)
        free(d->links[i].text);
    free(d->streams);
    free(d->sources);
    free(d->events);
    free(d->odd_why);
    *d = (struct desk){0};
}

/* --- events ------------------------------------------------------------------------------------------------------- */

struct brief *desk_event(const struct desk *d, size_t i)
{
    if (i >= d->event_count)
        return NULL;
    return d->events[(d->event_first + d->event_count - 1 - i) % DESK_EVENTS_MAX];
}

static void drop_oldest(struct desk *d)
{
    struct brief *b = d->events[d->event_first];

    d->event_bytes -= brief_size(b);
    d->event_first = (d->event_first + 1) % DESK_EVENTS_MAX;
    d->event_count--;
    brief_free(b);
}

static void take_event(struct desk *d, struct brief *b)
{
    size_t size = brief_size(b);

    while (d->event_count && (d->event_count == DESK_EVENTS_MAX || d->event_bytes + size > DESK_BYTES_MAX))
        drop_oldest(d);
    b->number = ++d->event_number;
    b->sieve = 0;
    d->events[(d->event_first + d->event_count++) % DESK_EVENTS_MAX] = b;
    d->event_bytes += size;
    d->came++;
}

/* --- streams ------------------------------------------------------------------------------------------------------ */

static int64_t int_at(struct json v, const char *name, int64_t otherwise)
{
    int64_t n = otherwise;

    return json_int(json_get(v, name), &n) ? n : otherwise;
}

static int64_t time_at(struct json v, const char *name)
{
    struct json text = json_get(v, name);
    int64_t time;

    return json_kind(text) == JSON_STRING && clock_parse(text.at + 1, text.len - 2, &time) ? time : 0;
}

static void put_rate(struct desk_stream *s, int64_t sequence, int64_t now)
{
    int64_t span = now - s->looked_at, came = sequence - s->last_sequence;

    if (!s->exists || span <= 0)
        return;
    /* A stream that was purged or made anew counts from its beginning. */
    s->rate = came > 0 ? (double)came * (double)CLOCK_SECOND / (double)span : 0;
    if (s->rate_count == DESK_RATES)
        memmove(s->rates, s->rates + 1, (DESK_RATES - 1) * sizeof *s->rates);
    else
        s->rate_count++;
    s->rates[s->rate_count - 1] = (float)s->rate;
}

static void take_consumers(struct desk_stream *s, const struct buf *answer)
{
    struct json v, one;

    free_consumers(s);
    s->lag = -1;
    if (!answer->len || !json_check(answer->data, answer->len, &v, NULL))
        return;
    v = json_get(v, "consumers");
    s->consumers = mem_alloc_array(json_count(v) + 1, sizeof *s->consumers);
    for (struct json_iter i = json_walk(v); json_next(&i, NULL, &one);) {
        struct desk_consumer *c = &s->consumers[s->consumer_count++];
        char *name = json_string(json_get(one, "name"));
        *c = (struct desk_consumer){.name = name ? name : mem_string(""),
                                    .durable = json_exists(json_get_path(one, "config", "durable_name", NULL)),
                                    .pending = int_at(one, "num_pending", 0),
                                    .ack_pending = int_at(one, "num_ack_pending", 0),
                                    .redelivered = int_at(one, "num_redelivered", 0)};
        if (c->durable && c->pending + c->ack_pending > s->lag)
            s->lag = c->pending + c->ack_pending;
    }
}

static struct desk_stream *stream_of(struct desk *d, const char *name)
{
    for (size_t i = 0; i < d->stream_count; i++)
        if (strcmp(d->streams[i].name, name) == 0)
            return &d->streams[i];
    return NULL;
}

static void take_stream(struct desk *d, struct letter *l, int64_t now)
{
    struct desk_stream *s = stream_of(d, l->name);
    struct json v, state, config;

    if (!s)
        return;
    s->looked = true;
    if (!l->line.len || !json_check(l->line.data, l->line.len, &v, NULL)) {
        s->exists = false;
        return;
    }
    state = json_get(v, "state");
    config = json_get(v, "config");
    int64_t last = int_at(state, "last_seq", 0);
    put_rate(s, last, now);
    s->exists = true;
    s->looked_at = now;
    s->messages = int_at(state, "messages", 0);
    s->bytes = int_at(state, "bytes", 0);
    s->first_sequence = int_at(state, "first_seq", 0);
    s->last_sequence = last;
    s->last_time = s->messages ? time_at(state, "last_ts") : 0;
    s->max_bytes = int_at(config, "max_bytes", -1);
    s->max_age = int_at(config, "max_age", 0) / NANOSECONDS;
    take_consumers(s, &l->extra);
    buf_free(&s->info);
    s->info = l->line;
    l->line = (struct buf){0};
}

int desk_stream_percent(const struct desk_stream *s)
{
    return s->max_bytes > 0 ? (int)(s->bytes * 100 / s->max_bytes) : -1;
}

bool desk_current(const struct desk *d)
{
    return d->links[LINK_BUS].up;
}

double desk_rate(const struct desk *d)
{
    double sum = 0;

    for (size_t i = 0; i < d->stream_count; i++)
        sum += d->streams[i].exists ? d->streams[i].rate : 0;
    return sum;
}

/* --- sources ------------------------------------------------------------------------------------------------------ */

/* NULL when there are too many. */
static struct desk_source *source_of(struct desk *d, const char *name)
{
    size_t i = 0;

    while (i < d->source_count && strcmp(d->sources[i].name, name) < 0)
        i++;
    if (i < d->source_count && strcmp(d->sources[i].name, name) == 0)
        return &d->sources[i];
    if (d->source_count == DESK_SOURCES_MAX)
        return NULL;
    d->sources = mem_resize(d->sources, (d->source_count + 1) * sizeof *d->sources);
    memmove(&d->sources[i + 1], &d->sources[i], (d->source_count - i) * sizeof *d->sources);
    d->source_count++;
    d->sources[i] = (struct desk_source){.name = mem_string(name), .items = -1, .published = -1, .rejected = -1};
    return &d->sources[i];
}

static enum source_state state_named(struct json v)
{
    static const enum source_state told[] = {SOURCE_PARTIAL, SOURCE_EMPTY, SOURCE_NEW, SOURCE_UNCHANGED};

    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (json_equals(v, state_names[told[i]]))
            return told[i];
    return SOURCE_FAILED;
}

static void replace(char **to, char *text)
{
    free(*to);
    *to = text;
}

static void take_report(struct desk *d, const struct event *ev, struct letter *l)
{
    char *name = json_string(ev->adapter);
    struct desk_source *s = name ? source_of(d, name) : NULL;

    free(name);
    if (!s || (s->reported && ev->time < s->last))
        return;
    s->reported = true;
    s->reported_state = state_named(json_get(ev->data, "state"));
    s->last = ev->time;
    s->next = time_at(ev->data, "next_poll");
    s->items = int_at(ev->data, "items", -1);
    s->normalized = int_at(ev->data, "normalized", -1);
    s->unchanged = int_at(ev->data, "unchanged", -1);
    s->revised = int_at(ev->data, "revised", -1);
    s->removed = int_at(ev->data, "removed", -1);
    s->published = int_at(ev->data, "published", -1);
    s->rejected = int_at(ev->data, "rejected", -1);
    replace(&s->error, json_string(json_get(ev->line, "error")));
    buf_free(&s->report);
    s->report = l->line;
    l->line = (struct buf){0};
}

static void take_meta(struct desk *d, struct letter *l)
{
    struct event ev;

    if (!event_read(l->line.data, l->line.len, &ev, NULL))
        return;
    if (ev.kind == EVENT_POLL) {
        take_report(d, &ev, l);
    } else if (ev.kind == EVENT_REJECT) {
        char *name = json_string(ev.adapter);
        struct desk_source *s = source_of(d, name ? name : "unknown");
        free(name);
        if (!s)
            return;
        s->rejects++;
        replace(&s->last_reject, json_string(json_get(ev.data, "reason")));
    }
}

void desk_adapter(struct desk *d, const char *line, size_t len)
{
    struct json v;
    char *name;

    if (!json_check(line, len, &v, NULL) || !(name = json_string(json_get(v, "name"))))
        return;
    struct desk_source *s = source_of(d, name);
    free(name);
    if (!s)
        return;
    s->known = true;
    s->enabled = json_bool(json_get(v, "enabled")) == 1;
    s->every = int_at(v, "every", 0);
    replace(&s->title, json_string(json_get(v, "title")));
    replace(&s->credential, json_string(json_get(v, "credential")));
    d->changes++;
}

/* What one who looks from elsewhere calls disabled may be a source that has died. */
static bool disabled_here(const struct desk *d, const struct desk_source *s)
{
    bool polls = false;

    for (size_t i = 0; i < d->source_count; i++)
        polls = polls || (d->sources[i].known && d->sources[i].enabled);
    return s->known && !s->enabled && (polls || !s->reported);
}

enum source_state desk_source_state(const struct desk *d, const struct desk_source *s, int64_t now)
{
    int64_t every = s->every * CLOCK_SECOND;

    /* Without a setting of its own the cadence is what the report says. */
    if (!every && s->next > s->last)
        every = s->next - s->last;
    bool late = s->next && now > s->next + (every > DESK_LATE_MIN ? every : DESK_LATE_MIN);
    if (s->reported && !late)
        return s->reported_state;
    if (disabled_here(d, s))
        return SOURCE_DISABLED;
    return s->reported ? SOURCE_LATE : SOURCE_NEVER;
}

/* --- letters ------------------------------------------------------------------------------------------------------ */

static void take_link(struct desk *d, struct letter *l)
{
    struct desk_link *k = &d->links[l->link];

    if (!k->known || k->up != l->ok)
        k->since = clock_monotonic();
    k->known = true;
    k->up = l->ok;
    replace(&k->text, l->text);
    l->text = NULL;
}

static void take_beat(struct desk *d, struct letter *l)
{
    struct json v;

    if (l->stored < d->beat || !json_check(l->line.data, l->line.len, &v, NULL))
        return;
    d->beat = l->stored;
    d->beat_uptime = int_at(v, "uptime_s", 0);
}

bool desk_take(struct desk *d, struct letter *l, int64_t now)
{
    switch (l->kind) {
    case LETTER_LINK:
        take_link(d, l);
        break;
    case LETTER_STREAM:
        take_stream(d, l, now);
        break;
    case LETTER_EVENT:
        take_event(d, l->brief);
        l->brief = NULL;
        break;
    case LETTER_META:
        take_meta(d, l);
        break;
    case LETTER_BEAT:
        take_beat(d, l);
        break;
    case LETTER_ODD:
        d->odd++;
        replace(&d->odd_why, mem_format("%s: %s", l->name, buf_text(&l->line)));
        break;
    case LETTER_READY:
        d->ready = true;
        break;
    default:
        return false;
    }
    d->changes++;
    letter_free(l);
    return true;
}

/* --- as JSON ------------------------------------------------------------------------------------------------------ */

static void put_count(struct buf *out, const char *name, int64_t n)
{
    json_put_name(out, name);
    if (n < 0)
        json_put_null(out);
    else
        json_put_int(out, n);
}

static void put_stream(const struct desk_stream *s, struct buf *out)
{
    json_begin(out, '{');
    json_put_member_text(out, "kind", "stream");
    json_put_member_text(out, "name", s->name);
    json_put_name(out, "exists");
    if (s->looked)
        json_put_bool(out, s->exists);
    else
        json_put_null(out);
    if (s->exists) {
        json_put_member_int(out, "messages", s->messages);
        json_put_member_int(out, "bytes", s->bytes);
        json_put_member_int(out, "max_bytes", s->max_bytes);
        json_put_member_int(out, "last_seq", s->last_sequence);
        clock_put_member(out, "last_time", s->last_time != 0, s->last_time);
        json_put_name(out, "rate");
        json_put_double(out, s->rate);
        put_count(out, "lag", s->lag);
        json_put_name(out, "consumers");
        json_begin(out, '[');
        for (size_t i = 0; i < s->consumer_count; i++) {
            const struct desk_consumer *c = &s->consumers[i];
            json_begin(out, '{');
            json_put_member_text(out, "name", c->name);
            json_put_member_bool(out, "durable", c->durable);
            json_put_member_int(out, "pending", c->pending);
            json_put_member_int(out, "ack_pending", c->ack_pending);
            json_put_member_int(out, "redelivered", c->redelivered);
            json_end(out, '}');
        }
        json_end(out, ']');
    }
    json_end(out, '}');
    buf_add_char(out, '\n');
}

static void put_source(const struct desk *d, const struct desk_source *s, int64_t now, struct buf *out)
{
    json_begin(out, '{');
    json_put_member_text(out, "kind", "source");
    json_put_member_text(out, "name", s->name);
    json_put_member_text(out, "state", state_names[desk_source_state(d, s, now)]);
    clock_put_member(out, "last_poll", s->last != 0, s->last);
    clock_put_member(out, "next_poll", s->next != 0, s->next);
    put_count(out, "items", s->items);
    put_count(out, "published", s->published);
    put_count(out, "rejected", s->rejected);
    json_put_member_text(out, "error", s->error);
    json_put_name(out, "enabled");
    if (s->known)
        json_put_bool(out, s->enabled);
    else
        json_put_null(out);
    json_end(out, '}');
    buf_add_char(out, '\n');
}

void desk_put_json(const struct desk *d, struct sieve *sieve, size_t events, int64_t now, struct buf *out)
{
    for (int i = 0; i < LINKS; i++) {
        json_begin(out, '{');
        json_put_member_text(out, "kind", "link");
        json_put_member_text(out, "name", link_names[i]);
        json_put_member_bool(out, "up", d->links[i].up);
        json_put_member_text(out, "text", d->links[i].text);
        json_end(out, '}');
        buf_add_char(out, '\n');
    }
    json_begin(out, '{');
    json_put_member_text(out, "kind", "heartbeat");
    clock_put_member(out, "last", d->beat != 0, d->beat);
    json_put_member_bool(out, "late", !d->beat || now - d->beat > DESK_BEAT_LATE);
    json_end(out, '}');
    buf_add_char(out, '\n');
    for (size_t i = 0; i < d->stream_count; i++)
        put_stream(&d->streams[i], out);
    for (size_t i = 0; i < d->source_count; i++)
        put_source(d, &d->sources[i], now, out);
    struct brief *b;
    for (size_t i = 0; events && (b = desk_event(d, i)); i++) {
        struct json v;
        if (!sieve_passes(sieve, b, now) || !json_check(b->line, b->len, &v, NULL))
            continue;
        json_begin(out, '{');
        json_put_member_text(out, "kind", "event");
        json_put_member_text(out, "headline", b->headline);
        json_put_member(out, "event", v);
        json_end(out, '}');
        buf_add_char(out, '\n');
        events--;
    }
}
