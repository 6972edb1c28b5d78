#include "central/stream_view.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/log.h"

#define NANOSECONDS INT64_C(1000000000)

bool stream_look(struct bus *b, const struct stream *st, struct stream_look *l, struct error *e)
{
    *l = (struct stream_look){0};
    if (!stream_info(b, st->name, &l->answer, &l->info, &l->missing, e) && !l->missing)
        return false;
    l->differing = stream_diff(st, l->missing ? json_absent : l->info, &l->diff);
    return true;
}

void stream_look_free(struct stream_look *l)
{
    buf_free(&l->answer);
    buf_free(&l->diff);
}

static int64_t number(struct json v)
{
    int64_t n = 0;

    json_int(v, &n);
    return n;
}

/* 0 for none, and for the year 1 that the server writes then. */
static int64_t time_of(struct json v)
{
    int64_t time = 0;

    if (json_kind(v) != JSON_STRING || !clock_parse(v.at + 1, v.len - 2, &time) || time < 0)
        return 0;
    return time;
}

int64_t stream_state(struct json info, const char *name)
{
    return number(json_get_path(info, "state", name, NULL));
}

int64_t stream_time(struct json info, const char *name)
{
    return stream_state(info, "messages") ? time_of(json_get_path(info, "state", name, NULL)) : 0;
}

/* --- streams ------------------------------------------------------------------------------------------------------ */

enum { NAME, SUBJECTS, MESSAGES, BYTES, NEWEST, MAX_AGE, MAX_BYTES, CONFIGURATION, COLUMNS };

struct table stream_table(void)
{
    static const bool right[COLUMNS] = {
        [MESSAGES] = true, [BYTES] = true, [NEWEST] = true, [MAX_AGE] = true, [MAX_BYTES] = true};
    static const char *const heads[COLUMNS] = {"STREAM", "SUBJECTS", "MESSAGES",  "BYTES",
                                               "NEWEST", "MAX-AGE",  "MAX-BYTES", "CONFIGURATION"};
    struct table t = {.columns = COLUMNS, .right = right};

    table_heads(&t, heads);
    return t;
}

static void put_age(struct buf *cell, int64_t time, int64_t now)
{
    if (time)
        clock_put_age(cell, now > time ? now - time : 0);
    else
        buf_add_char(cell, '-');
}

void stream_row(struct table *t, const char *name, const struct stream *st, const struct stream_look *l)
{
    struct buf *cell = table_row(t);

    log_harmless(&cell[NAME], name, strlen(name));
    if (!l) {
        buf_add_text(&cell[CONFIGURATION], "not in streams.conf");
        return;
    }
    struct json config = json_get(l->info, "config");
    int64_t max_age = st->max_age, max_bytes = st->max_bytes;
    for (size_t i = 0; i < st->subject_count; i++)
        buf_add_format(&cell[SUBJECTS], i ? ",%s" : "%s", st->subjects[i]);
    buf_add_text(&cell[CONFIGURATION], l->missing     ? "missing"
                                       : l->differing ? "differs (central-streams diff)"
                                                      : "as streams.conf");
    if (l->missing)
        return;
    /* What counts is what the server has. */
    if (json_int(json_get(config, "max_age"), &max_age))
        max_age /= NANOSECONDS;
    json_int(json_get(config, "max_bytes"), &max_bytes);
    buf_add_format(&cell[MESSAGES], "%lld", (long long)stream_state(l->info, "messages"));
    table_size(&cell[BYTES], stream_state(l->info, "bytes"));
    put_age(&cell[NEWEST], stream_time(l->info, "last_ts"), clock_now());
    if (max_age > 0)
        duration_put(&cell[MAX_AGE], max_age);
    else
        buf_add_char(&cell[MAX_AGE], '-');
    if (max_bytes > 0)
        size_put(&cell[MAX_BYTES], max_bytes);
    else
        buf_add_char(&cell[MAX_BYTES], '-');
}

void stream_drift_json(struct buf *out, const struct buf *diff)
{
    const char *at = diff->data;

    json_put_name(out, "drift");
    json_begin(out, '[');
    while (at && *at) {
        size_t n = strcspn(at, "\n");
        json_put_string(out, at, n);
        at += n + (at[n] != '\0');
    }
    json_end(out, ']');
}

static void put_state(struct buf *out, struct json info)
{
    json_put_member_int(out, "messages", stream_state(info, "messages"));
    json_put_member_int(out, "bytes", stream_state(info, "bytes"));
    json_put_member_int(out, "first_seq", stream_state(info, "first_seq"));
    json_put_member_int(out, "last_seq", stream_state(info, "last_seq"));
    json_put_member(out, "last_time",
                    stream_time(info, "last_ts") ? json_get_path(info, "state", "last_ts", NULL) : json_absent);
    json_put_member_int(out, "consumers", stream_state(info, "consumer_count"));
}

void stream_json(struct buf *out, const char *name, const struct stream *st, const struct stream_look *l)
{
    json_begin(out, '{');
    json_put_member_text(out, "name", name);
    json_put_member_bool(out, "exists", !l || !l->missing);
    json_put_member_bool(out, "in_streams_conf", l != NULL);
    if (l) {
        json_put_name(out, "subjects");
        json_begin(out, '[');
        for (size_t i = 0; i < st->subject_count; i++)
            json_put_text(out, st->subjects[i]);
        json_end(out, ']');
        json_put_member_int(out, "max_age_seconds", st->max_age);
        json_put_member_int(out, "max_bytes", st->max_bytes);
        json_put_member_bool(out, "archive", st->archived);
        json_put_member_bool(out, "top", st->top);
        if (!l->missing)
            put_state(out, l->info);
        stream_drift_json(out, &l->diff);
    }
    json_end(out, '}');
}

/* --- consumers ---------------------------------------------------------------------------------------------------- */

enum { OF, CONSUMER, KIND, FILTER, PENDING, UNACKED, AGAIN, SEQUENCE, AGE, WHO, FIELDS };

struct table consumer_table(void)
{
    static const bool right[FIELDS] = {
        [PENDING] = true, [UNACKED] = true, [AGAIN] = true, [SEQUENCE] = true, [AGE] = true};
    static const char *const heads[FIELDS] = {"STREAM",      "CONSUMER",    "KIND",      "FILTER", "PENDING",
                                              "ACK-PENDING", "REDELIVERED", "DELIVERED", "LAST",   "WHO"};
    struct table t = {.columns = FIELDS, .right = right};

    table_heads(&t, heads);
    return t;
}

static void put_outside(struct buf *out, struct json v)
{
    struct buf text = {0};

    if (json_decode(v, &text))
        log_harmless(out, buf_text(&text), text.len);
    buf_free(&text);
}

/* One filter, several of newer servers, or none: then - . */
static void put_filter(struct buf *out, struct json config)
{
    struct json one;

    put_outside(out, json_get(config, "filter_subject"));
    for (struct json_iter i = json_walk(json_get(config, "filter_subjects")); json_next(&i, NULL, &one);) {
        if (out->len)
            buf_add_char(out, ',');
        put_outside(out, one);
    }
    if (!out->len)
        buf_add_char(out, '-');
}

/* What the server tells of whoever reads: no names, but whether somebody is there. */
static void put_who(struct buf *out, struct json v)
{
    struct json config = json_get(v, "config"), to = json_get(config, "deliver_subject");
    int64_t waiting = number(json_get(v, "num_waiting"));

    if (json_exists(to)) {
        buf_add_text(out,
                     json_bool(json_get(v, "push_bound")) == 1 ? "push, somebody listens" : "push, nobody listens");
    } else if (waiting) {
        buf_add_format(out, "pull, %lld waiting", (long long)waiting);
    } else {
        buf_add_text(out, "pull, nobody waits");
    }
    if (json_exists(json_get(config, "description"))) {
        buf_add_text(out, ": ");
        put_outside(out, json_get(config, "description"));
    }
}

static bool durable(struct json v)
{
    struct json name = json_get_path(v, "config", "durable_name", NULL);

    return json_kind(name) == JSON_STRING && name.len > 2;
}

void consumer_row(struct table *t, struct json v, int64_t now)
{
    struct json delivered = json_get(v, "delivered");
    struct buf *cell = table_row(t);

    put_outside(&cell[OF], json_get(v, "stream_name"));
    put_outside(&cell[CONSUMER], json_get(v, "name"));
    buf_add_text(&cell[KIND], durable(v) ? "durable" : "ephemeral");
    put_filter(&cell[FILTER], json_get(v, "config"));
    buf_add_format(&cell[PENDING], "%lld", (long long)number(json_get(v, "num_pending")));
    buf_add_format(&cell[UNACKED], "%lld", (long long)number(json_get(v, "num_ack_pending")));
    buf_add_format(&cell[AGAIN], "%lld", (long long)number(json_get(v, "num_redelivered")));
    buf_add_format(&cell[SEQUENCE], "%lld", (long long)number(json_get(delivered, "stream_seq")));
    put_age(&cell[AGE], time_of(json_get(delivered, "last_active")), now);
    put_who(&cell[WHO], v);
}

void consumer_json(struct buf *out, struct json v)
{
    struct json config = json_get(v, "config"), delivered = json_get(v, "delivered"),
                one = json_get(config, "filter_subject");
    bool push = json_exists(json_get(config, "deliver_subject"));

    json_begin(out, '{');
    json_put_member(out, "stream", json_get(v, "stream_name"));
    json_put_member(out, "name", json_get(v, "name"));
    json_put_member_bool(out, "durable", durable(v));
    json_put_name(out, "filter");
    json_begin(out, '[');
    if (json_exists(one) && one.len > 2)
        json_put(out, one);
    for (struct json_iter i = json_walk(json_get(config, "filter_subjects")); json_next(&i, NULL, &one);)
        json_put(out, one);
    json_end(out, ']');
    json_put_member_int(out, "pending", number(json_get(v, "num_pending")));
    json_put_member_int(out, "ack_pending", number(json_get(v, "num_ack_pending")));
    json_put_member_int(out, "redelivered", number(json_get(v, "num_redelivered")));
    json_put_member_int(out, "delivered_seq", number(json_get(delivered, "stream_seq")));
    json_put_member(out, "delivered_time", json_get(delivered, "last_active"));
    json_put_member_int(out, "acked_seq", number(json_get_path(v, "ack_floor", "stream_seq", NULL)));
    json_put_member_bool(out, "push", push);
    if (push)
        json_put_member_bool(out, "listening", json_bool(json_get(v, "push_bound")) == 1);
    else
        json_put_member_int(out, "waiting", number(json_get(v, "num_waiting")));
    json_end(out, '}');
}
