#include "central/consumer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/inbox.h"
#include "central/mem.h"
#include "central/signals.h"

/* A request for messages ends after this; then it is asked again. */
#define REQUEST_SECONDS 30
/* ... and counts as lost when its end did not come so long after. */
#define REQUEST_GRACE_SECONDS 5
/* While waiting, so often is looked at the connection and at requests that ended. */
#define TURN_MS 500
#define INACTIVE_SECONDS 60
#define NANOSECONDS INT64_C(1000000000)
#define REQUESTS_MAX 4

/* A request under way, the oldest first: the server serves them in this order. */
struct request {
    uint64_t number;
    unsigned left; /* messages still to come */
    int64_t lost;  /* monotonic: after this it is taken for lost */
};

struct consumer {
    struct consumer_options options;
    char *stream, *durable, *filter, *name;
    struct request requests[REQUESTS_MAX];
    size_t request_count;
    uint64_t pending;  /* messages that the stream holds for it, as last told */
    uint64_t last;     /* stream sequence of the last message given */
    bool gone;         /* to be made anew */
    int64_t retry;     /* monotonic: not before this */
};

struct consumers {
    struct bus *bus;
    struct inbox *inbox;
    struct consumer **at;
    size_t count;
    natsMsg **messages; /* taken from the inbox, not handed out yet */
    size_t next, taken;
    uint64_t number; /* of the last request */
    unsigned losses;
};

struct consumers *consumers_open(struct bus *b, struct error *e)
{
    struct consumers *cs = mem_alloc(sizeof *cs);

    cs->bus = b;
    cs->losses = bus_losses(b);
    cs->inbox = inbox_open(b, e);
    if (cs->inbox)
        return cs;
    free(cs);
    return NULL;
}

const char *consumer_stream(const struct consumer *c)
{
    return c->stream;
}

const char *consumer_name(const struct consumer *c)
{
    return c->name;
}

/* --- making -------------------------------------------------------------------------------------------------------- */

static unsigned batch_of(const struct consumer *c)
{
    return c->options.batch ? c->options.batch : CONSUMER_BATCH;
}

static int64_t ack_wait_of(const struct consumer *c)
{
    return (c->options.ack_wait_seconds ? c->options.ack_wait_seconds : CONSUMER_ACK_WAIT) * NANOSECONDS;
}

static int64_t max_ack_pending_of(const struct consumer *c)
{
    return c->options.max_ack_pending ? c->options.max_ack_pending : batch_of(c) * 8;
}

static void put_start(struct buf *out, const struct consumer *c)
{
    static const char *const policies[] = {[CONSUMER_NEW] = "new",
                                           [CONSUMER_ALL] = "all",
                                           [CONSUMER_LAST] = "last",
                                           [CONSUMER_LAST_PER_SUBJECT] = "last_per_subject",
                                           [CONSUMER_SINCE] = "by_start_time",
                                           [CONSUMER_SEQUENCE] = "by_start_sequence"};

    if (c->last && !c->durable) {
        /* Made anew: go on behind what was given. */
        json_put_member_text(out, "deliver_policy", policies[CONSUMER_SEQUENCE]);
        json_put_member_int(out, "opt_start_seq", (int64_t)c->last + 1);
        return;
    }
    json_put_member_text(out, "deliver_policy", policies[c->options.from]);
    if (c->options.from == CONSUMER_SEQUENCE)
        json_put_member_int(out, "opt_start_seq", (int64_t)c->options.sequence);
    if (c->options.from == CONSUMER_SINCE) {
        struct buf time = {0};
        clock_put(&time, c->options.since, CLOCK_Z);
        json_put_member_text(out, "opt_start_time", buf_text(&time));
        buf_free(&time);
    }
}

static void put_config(struct buf *out, const struct consumer *c)
{
    json_begin(out, '{');
    json_put_member_text(out, "stream_name", c->stream);
    json_put_name(out, "config");
    json_begin(out, '{');
    if (c->durable)
        json_put_member_text(out, "durable_name", c->durable);
    put_start(out, c);
    json_put_member_text(out, "ack_policy", c->options.no_ack ? "none" : "explicit");
    if (!c->options.no_ack) {
        json_put_member_int(out, "ack_wait", ack_wait_of(c));
        json_put_member_int(out, "max_ack_pending", max_ack_pending_of(c));
    }
    if (c->filter)
        json_put_member_text(out, "filter_subject", c->filter);
    json_put_member_text(out, "replay_policy", "instant");
    if (!c->durable)
        json_put_member_int(out, "inactive_threshold", INACTIVE_SECONDS * NANOSECONDS);
    json_end(out, '}');
    json_end(out, '}');
}

/* The configuration the durable has, with what we need of ack_wait and max_ack_pending. */
static void put_update(struct buf *out, const struct consumer *c, struct json config)
{
    struct json name, value;

    json_begin(out, '{');
    json_put_member_text(out, "stream_name", c->stream);
    json_put_name(out, "config");
    json_begin(out, '{');
    for (struct json_iter i = json_walk(config); json_next(&i, &name, &value);) {
        if (json_equals(name, "ack_wait") || json_equals(name, "max_ack_pending"))
            continue;
        json_put(out, name);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    json_put_member_int(out, "ack_wait", ack_wait_of(c));
    json_put_member_int(out, "max_ack_pending", max_ack_pending_of(c));
    json_end(out, '}');
    json_end(out, '}');
}

static void note_pending(struct consumer *c, struct json info)
{
    int64_t n = 0;

    json_int(json_get(info, "num_pending"), &n);
    c->pending = (uint64_t)n;
}

/* Takes the durable that is there; *found false when there is none. */
static bool take_durable(struct consumers *cs, struct consumer *c, bool *found, struct error *e)
{
    struct buf answer = {0}, body = {0};
    char *subject = mem_format("CONSUMER.INFO.%s.%s", c->stream, c->durable);
    struct json info;
    int64_t wait, most;
    int code;
    bool ok = bus_api(cs->bus, subject, "", 0, &answer, &info, &code, e);

    free(subject);
    *found = ok;
    if (!ok && code == BUS_CONSUMER_NOT_FOUND) {
        error_free(e);
        ok = true;
    }
    if (*found) {
        struct json config = json_get(info, "config");
        note_pending(c, info);
        if (!json_int(json_get(config, "ack_wait"), &wait) || wait != ack_wait_of(c) ||
            !json_int(json_get(config, "max_ack_pending"), &most) || most != max_ack_pending_of(c)) {
            put_update(&body, c, config);
            subject = mem_format("CONSUMER.DURABLE.CREATE.%s.%s", c->stream, c->durable);
            ok = bus_api(cs->bus, subject, body.data, body.len, &answer, &info, NULL, e);
            free(subject);
        }
    }
    buf_free(&answer);
    buf_free(&body);
    return ok;
}

static bool make(struct consumers *cs, struct consumer *c, struct error *e)
{
    struct buf body = {0}, answer = {0};
    struct json info;
    bool found = false;

    if (c->durable && !take_durable(cs, c, &found, e))
        return false;
    if (found) {
        free(c->name);
        c->name = mem_string(c->durable);
        return true;
    }
    put_config(&body, c);
    char *subject = c->durable ? mem_format("CONSUMER.DURABLE.CREATE.%s.%s", c->stream, c->durable)
                               : mem_format("CONSUMER.CREATE.%s", c->stream);
    bool ok = bus_api(cs->bus, subject, body.data, body.len, &answer, &info, NULL, e);
    free(subject);
    if (ok) {
        free(c->name);
        c->name = json_string(json_get(info, "name"));
        note_pending(c, info);
        ok = c->name || error_set(e, CENTRAL_UNAVAILABLE, "%s: a consumer without name", bus_url(cs->bus));
    }
    buf_free(&body);
    buf_free(&answer);
    return ok;
}

static void free_consumer(struct consumer *c)
{
    free(c->stream);
    free(c->durable);
    free(c->filter);
    free(c->name);
    free(c);
}

bool consumers_add(struct consumers *cs, const struct consumer_options *o, struct consumer **out, struct error *e)
{
    struct consumer *c = mem_alloc(sizeof *c);

    c->options = *o;
    c->stream = mem_string(o->stream);
    c->durable = mem_string(o->durable);
    c->filter = mem_string(o->filter);
    if (!make(cs, c, e)) {
        free_consumer(c);
        return false;
    }
    cs->at = mem_resize(cs->at, (cs->count + 1) * sizeof *cs->at);
    cs->at[cs->count++] = c;
    if (out)
        *out = c;
    return true;
}

/* --- asking for messages ------------------------------------------------------------------------------------------- */

static bool ask(struct consumers *cs, size_t index, struct error *e)
{
    struct consumer *c = cs->at[index];
    struct buf body = {0};
    struct request *r = &c->requests[c->request_count];
    char *subject = mem_format("$JS.API.CONSUMER.MSG.NEXT.%s.%s", c->stream, c->name);
    char *reply = mem_format("%s%zu.%llu", inbox_prefix(cs->inbox), index, (unsigned long long)++cs->number);

    json_begin(&body, '{');
    json_put_member_int(&body, "batch", batch_of(c));
    json_put_member_int(&body, "expires", REQUEST_SECONDS * NANOSECONDS);
    json_end(&body, '}');
    natsStatus s =
        natsConnection_PublishRequest(bus_connection(cs->bus), subject, reply, body.data, (int)body.len);
    if (s == NATS_OK) {
        *r = (struct request){cs->number, batch_of(c),
                              clock_monotonic() + (REQUEST_SECONDS + REQUEST_GRACE_SECONDS) * CLOCK_SECOND};
        c->request_count++;
    }
    free(subject);
    free(reply);
    buf_free(&body);
    return s == NATS_OK || error_set(e, CENTRAL_UNAVAILABLE, "%s: %s", bus_url(cs->bus), natsStatus_GetText(s));
}

static void drop_request(struct consumer *c, size_t i)
{
    memmove(&c->requests[i], &c->requests[i + 1], (c->request_count - i - 1) * sizeof *c->requests);
    c->request_count--;
}

/* Keeps enough asked for: the next request goes out when half of the last is used up. */
static bool ask_ahead(struct consumers *cs, struct error *e)
{
    unsigned losses = bus_losses(cs->bus);
    int64_t now = clock_monotonic();
    bool anew = losses != cs->losses;

    if (!bus_connected(cs->bus))
        return true;
    cs->losses = losses;
    for (size_t i = 0; i < cs->count; i++) {
        struct consumer *c = cs->at[i];
        unsigned left = 0;
        if (anew)
            c->request_count = 0;
        while (c->request_count && c->requests[0].lost < now)
            drop_request(c, 0);
        if (c->gone && now >= c->retry) {
            c->request_count = 0;
            c->retry = now + CLOCK_SECOND;
            if (!make(cs, c, e)) {
                /* The stream may come back; an operator who deleted it on purpose sees what we wait for. */
                if (bus_connected(cs->bus))
                    return false;
                error_free(e);
                continue;
            }
            c->gone = false;
        }
        if (c->gone)
            continue;
        for (size_t k = 0; k < c->request_count; k++)
            left += c->requests[k].left;
        if (left <= batch_of(c) / 2 && c->request_count < REQUESTS_MAX && !ask(cs, i, e))
            return false;
    }
    return true;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* A message without data that says how a request ended; its subject is our inbox's. */
static void on_status(struct consumers *cs, natsMsg *m, const char *status)
{
    const char *at = natsMsg_GetSubject(m) + strlen(inbox_prefix(cs->inbox)), *description = NULL;
    char *end;
    size_t index = strtoul(at, &end, 10);
    uint64_t number = *end == '.' ? strtoull(end + 1, NULL, 10) : 0;

    if (index >= cs->count || strcmp(status, "100") == 0)
        return;
    struct consumer *c = cs->at[index];
    for (size_t i = 0; i < c->request_count; i++)
        if (c->requests[i].number == number) {
            drop_request(c, i);
            break;
        }
    if (natsMsgHeader_Get(m, "Description", &description) != NATS_OK)
        description = NULL;
    /* 503: nobody listens for the consumer. 409: it was deleted, or too much is asked for, which ends by itself. */
    if (strcmp(status, "503") == 0 || (description && strcasestr(description, "deleted")))
        c->gone = true;
}

static struct consumer *consumer_of(struct consumers *cs, const char *stream, size_t stream_len, const char *name,
                                    size_t name_len)
{
    for (size_t i = 0; i < cs->count; i++) {
        struct consumer *c = cs->at[i];
        if (strlen(c->stream) == stream_len && memcmp(c->stream, stream, stream_len) == 0 &&
            strlen(c->name) == name_len && memcmp(c->name, name, name_len) == 0)
            return c;
    }
    return NULL;
}

/* $JS.ACK.[domain.account.]stream.consumer.delivered.stream-seq.consumer-seq.time.pending[.token] */
#define ACK_TOKENS_MAX 12

static bool read_reply(struct consumers *cs, const char *reply, struct consumed *out)
{
    const char *token[ACK_TOKENS_MAX + 1];
    size_t n = 0;

    if (!reply || strncmp(reply, "$JS.ACK.", 8) != 0)
        return false;
    for (const char *at = reply; at && n < ACK_TOKENS_MAX; at = strchr(at, '.'), at += at ? 1 : 0)
        token[n++] = at;
    if (n < 9)
        return false;
    size_t first = n >= 11 ? 4 : 2;
    out->consumer = consumer_of(cs, token[first], (size_t)(token[first + 1] - token[first] - 1), token[first + 1],
                                (size_t)(token[first + 2] - token[first + 1] - 1));
    out->delivered = strtoull(token[first + 2], NULL, 10);
    out->sequence = strtoull(token[first + 3], NULL, 10);
    out->stored = strtoll(token[first + 5], NULL, 10) / 1000;
    out->pending = strtoull(token[first + 6], NULL, 10);
    return out->consumer != NULL;
}

/* True when m is one to hand out. */
static bool read_message(struct consumers *cs, natsMsg *m, struct consumed *out)
{
    const char *status = NULL;

    *out = (struct consumed){.message = m};
    if (natsMsg_IsNoResponders(m)) {
        on_status(cs, m, "503");
        return false;
    }
    if (!natsMsg_GetReply(m) || strncmp(natsMsg_GetReply(m), "$JS.ACK.", 8) != 0) {
        if (natsMsgHeader_Get(m, "Status", &status) == NATS_OK && status)
            on_status(cs, m, status);
        return false;
    }
    if (!read_reply(cs, natsMsg_GetReply(m), out))
        return false;
    struct consumer *c = out->consumer;
    out->subject = natsMsg_GetSubject(m);
    out->data = natsMsg_GetData(m);
    out->len = (size_t)natsMsg_GetDataLength(m);
    c->pending = out->pending;
    if (out->sequence > c->last)
        c->last = out->sequence;
    if (c->request_count && --c->requests[0].left == 0)
        drop_request(c, 0);
    return true;
}

int consumers_next(struct consumers *cs, int timeout_ms, struct consumed *out, struct error *e)
{
    int64_t end = clock_monotonic() + (int64_t)timeout_ms * 1000;

    for (;;) {
        while (cs->next < cs->taken) {
            natsMsg *m = cs->messages[cs->next++];
            if (read_message(cs, m, out))
                return 1;
            natsMsg_Destroy(m);
        }
        if (!ask_ahead(cs, e))
            return -1;
        int64_t left = timeout_ms < 0 ? TURN_MS : (end - clock_monotonic()) / 1000;
        cs->next = 0;
        cs->taken = inbox_take(cs->inbox, left > TURN_MS ? TURN_MS : left > 0 ? (int)left : 0, true, &cs->messages);
        if (cs->taken)
            continue;
        if (signals_stop()) {
            error_free(e);
            return -1;
        }
        if (timeout_ms >= 0 && clock_monotonic() >= end)
            return 0;
    }
}

bool consumers_drained(struct consumers *cs, struct error *e)
{
    struct buf answer = {0};
    bool drained = cs->next == cs->taken;

    for (size_t i = 0; i < cs->count; i++)
        drained = drained && cs->at[i]->pending == 0;
    for (size_t i = 0; drained && i < cs->count; i++) {
        char *subject = mem_format("CONSUMER.INFO.%s.%s", cs->at[i]->stream, cs->at[i]->name);
        struct json info;
        int64_t unacknowledged = 0;
        drained = bus_api(cs->bus, subject, "", 0, &answer, &info, NULL, e);
        free(subject);
        if (!drained)
            break;
        note_pending(cs->at[i], info);
        json_int(json_get(info, "num_ack_pending"), &unacknowledged);
        drained = cs->at[i]->pending == 0 && unacknowledged == 0;
    }
    buf_free(&answer);
    return drained;
}

/* --- answering ----------------------------------------------------------------------------------------------------- */

static bool answer(struct consumers *cs, const struct consumed *m, const char *text, struct error *e)
{
    if (m->consumer->options.no_ack)
        return true;
    natsStatus s = natsConnection_PublishString(bus_connection(cs->bus), natsMsg_GetReply(m->message), text);

    return s == NATS_OK || error_set(e, CENTRAL_UNAVAILABLE, "%s: %s", bus_url(cs->bus), natsStatus_GetText(s));
}

bool consumed_ack(struct consumers *cs, const struct consumed *m, struct error *e)
{
    return answer(cs, m, "+ACK", e);
}

bool consumed_nak(struct consumers *cs, const struct consumed *m, struct error *e)
{
    return answer(cs, m, "-NAK", e);
}

bool consumers_sync(struct consumers *cs, struct error *e)
{
    natsStatus s = natsConnection_FlushTimeout(bus_connection(cs->bus), BUS_REQUEST_MS);

    return s == NATS_OK || error_set(e, CENTRAL_UNAVAILABLE, "%s: %s", bus_url(cs->bus), natsStatus_GetText(s));
}

void consumed_free(struct consumed *m)
{
    natsMsg_Destroy(m->message);
    *m = (struct consumed){0};
}

static void give_back(struct consumers *cs)
{
    struct consumed m;

    for (;;) {
        while (cs->next < cs->taken) {
            natsMsg *raw = cs->messages[cs->next++];
            if (read_message(cs, raw, &m))
                consumed_nak(cs, &m, NULL);
            natsMsg_Destroy(raw);
        }
        cs->next = 0;
        cs->taken = inbox_take(cs->inbox, 0, false, &cs->messages);
        if (!cs->taken)
            return;
    }
}

void consumers_close(struct consumers *cs)
{
    struct buf ignored = {0};

    if (!cs)
        return;
    give_back(cs);
    for (size_t i = 0; i < cs->count; i++) {
        struct consumer *c = cs->at[i];
        if (!c->durable && c->name && bus_connected(cs->bus)) {
            /* It goes by itself after a minute; this is only tidier. */
            char *subject = mem_format("CONSUMER.DELETE.%s.%s", c->stream, c->name);
            struct json v;
            struct error e = {0};
            bus_api(cs->bus, subject, "", 0, &ignored, &v, NULL, &e);
            error_free(&e);
            free(subject);
        }
        free_consumer(c);
    }
    natsConnection_FlushTimeout(bus_connection(cs->bus), BUS_REQUEST_MS);
    buf_free(&ignored);
    inbox_close(cs->inbox);
    free(cs->at);
    free(cs);
}
