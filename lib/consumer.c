#include "central/consumer.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/inbox.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/signals.h"

/* A request for messages ends after this; then it is asked again. When its end does not come, so long after, something
 * is wrong that the server does not tell (2.9 swallows requests for a consumer that went with its stream). */
#define REQUEST_SECONDS 5
#define REQUEST_GRACE_SECONDS 2
/* What one request may bring: messages that are asked for ahead wait in memory. */
#define REQUEST_BYTES (2 * 1024 * 1024)
/* When nothing is at hand after so many bytes, what they took goes back: they came on another thread than they are
 * freed on, and by itself malloc would keep as much as ever was there at once. */
#define TRIM_BYTES (8 * 1024 * 1024)
/* While waiting, so often is looked at the connection and at requests that ended. */
#define TURN_MS 250
/* After the server said "not now" or "not there". */
#define RETRY_MS 250
/* Known to be on their way and not here so long after the last message: the server is asked whether they still are. */
#define QUIET_MS 500
/* The server is asked no more often than this whether all was given. */
#define LOOK_MS 50
/* A stream that is gone so long will not come back by itself. */
#define GONE_SECONDS 30
#define INACTIVE_SECONDS 30
/* Sequences that are looked through, at most, for messages that were given to a process that died. */
#define RECLAIM_MAX 100000
#define RECLAIM_MS 1000
/* A call of consumers_next with messages at hand looks for a signal only so often: it is a system call. */
#define SIGNAL_EVERY 32
#define NANOSECONDS INT64_C(1000000000)
#define MS INT64_C(1000) /* of a monotonic time */

/* Stream sequences (from 1), open addressing. */
struct set {
    uint64_t *at; /* 0: free */
    size_t room;  /* a power of two */
    size_t count;
};

struct consumer {
    struct consumer_options options; /* its texts are ours */
    struct consumers *all;
    char *name;
    char *created; /* the stream's birthday: another stream may come under its name */
    unsigned life; /* counts the streams */
    bool made;     /* it stood once: made anew, it goes on behind what was given */
    size_t index;
    unsigned epoch;   /* of requests and of an ephemeral consumer's name; what answers an older one says nothing */
    unsigned asked;   /* messages asked for that have not come */
    int64_t ended;    /* monotonic: by then every request has ended */
    bool attach;      /* to be looked up, or made, before more is asked for */
    int64_t retry;    /* monotonic: nothing is asked before this */
    int64_t gone;     /* monotonic: since when the stream is not there, 0 */
    uint64_t pending; /* messages that the stream holds for it, as last told */
    uint64_t last;    /* stream sequence: what comes is behind this, except what comes again */
    uint64_t number;  /* consumer sequence of the last message that came for the first time */
    uint64_t mark;    /* and its stream sequence */
    struct set held;  /* given and not freed yet: a message that comes again in the meantime is passed over */
    struct buf acknowledged; /* where the last acknowledgement went, since consumers_sync */
};

struct consumers {
    struct bus *bus;
    struct inbox *inbox;
    char *unique; /* part of the names of ephemeral consumers */
    struct consumer **at;
    size_t count;
    natsMsg **messages; /* taken from the inbox, not handed out yet */
    size_t next, taken;
    bool empty; /* the inbox was, when last looked into */
    unsigned losses, denials, turns;
    size_t passed;   /* bytes, since malloc was trimmed */
    int64_t heard;   /* monotonic: when something last came */
    int64_t emptied; /* monotonic: when the inbox was last found empty */
    int64_t looked;  /* monotonic: when consumers_drained last asked */
};

/* --- sets --------------------------------------------------------------------------------------------------------- */

static size_t home_of(const struct set *s, uint64_t n)
{
    return (size_t)(n * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (s->room - 1);
}

static size_t find(const struct set *s, uint64_t n)
{
    size_t i = home_of(s, n);

    while (s->at[i] && s->at[i] != n)
        i = (i + 1) & (s->room - 1);
    return i;
}

static bool set_has(const struct set *s, uint64_t n)
{
    return s->room && s->at[find(s, n)];
}

static void set_add(struct set *s, uint64_t n)
{
    if (s->count * 2 >= s->room) {
        struct set larger = {.room = s->room ? s->room * 2 : 64};
        larger.at = mem_alloc_array(larger.room, sizeof *larger.at);
        for (size_t i = 0; i < s->room; i++)
            if (s->at[i])
                larger.at[find(&larger, s->at[i])] = s->at[i];
        larger.count = s->count;
        free(s->at);
        *s = larger;
    }
    s->at[find(s, n)] = n;
    s->count++;
}

static void set_remove(struct set *s, uint64_t n)
{
    if (!set_has(s, n))
        return;
    size_t hole = find(s, n);
    s->at[hole] = 0;
    s->count--;
    /* What stands behind the hole without a gap may belong before it. */
    for (size_t i = (hole + 1) & (s->room - 1); s->at[i]; i = (i + 1) & (s->room - 1)) {
        uint64_t moved = s->at[i];
        s->at[i] = 0;
        s->at[find(s, moved)] = moved;
    }
}

/* The lowest, or otherwise when it is empty. */
static uint64_t set_lowest(const struct set *s, uint64_t otherwise)
{
    uint64_t lowest = UINT64_MAX;

    for (size_t i = 0; i < s->room; i++)
        if (s->at[i] && s->at[i] < lowest)
            lowest = s->at[i];
    return s->count ? lowest : otherwise;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

struct consumers *consumers_open(struct bus *b, struct error *e)
{
    struct consumers *cs = mem_alloc(sizeof *cs);

    cs->bus = b;
    cs->losses = bus_losses(b);
    cs->denials = bus_denials(b);
    cs->empty = true;
    cs->heard = clock_monotonic();
    cs->inbox = inbox_open(b, e);
    if (!cs->inbox) {
        free(cs);
        return NULL;
    }
    /* "_INBOX.x." is x: as good as any random name. */
    const char *prefix = inbox_prefix(cs->inbox), *dot = strchr(prefix, '.');
    cs->unique = dot ? mem_bytes(dot + 1, strcspn(dot + 1, ".")) : mem_string(prefix);
    return cs;
}

const char *consumer_stream(const struct consumer *c)
{
    return c->options.stream;
}

const char *consumer_name(const struct consumer *c)
{
    return c->name;
}

static uint64_t number_in(struct json v, const char *name, const char *member)
{
    int64_t n = 0;

    v = json_get(v, name);
    json_int(member ? json_get(v, member) : v, &n);
    return n < 0 ? 0 : (uint64_t)n;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

static bool publish(struct consumers *cs, const char *subject, const char *reply, const char *text, size_t len)
{
    natsConnection *nc = bus_connection(cs->bus);
    natsStatus s = reply ? natsConnection_PublishRequest(nc, subject, reply, text, (int)len)
                         : natsConnection_Publish(nc, subject, text, (int)len);
    return s == NATS_OK;
}

/* Where a consumer that is made anew begins: behind what was given. */
static uint64_t resume_at(const struct consumer *c)
{
    return set_lowest(&c->held, c->last + 1);
}

static bool resumes(const struct consumer *c)
{
    return c->made && c->options.from != CONSUMER_LAST_PER_SUBJECT;
}

static void put_start(struct buf *out, const struct consumer *c)
{
    const struct consumer_options *o = &c->options;
    struct buf time = {0};

    if (resumes(c)) {
        json_put_member_text(out, "deliver_policy", "by_start_sequence");
        json_put_member_int(out, "opt_start_seq", (int64_t)resume_at(c));
        return;
    }
    switch (o->from) {
    case CONSUMER_NEW:
        json_put_member_text(out, "deliver_policy", "new");
        break;
    case CONSUMER_ALL:
        json_put_member_text(out, "deliver_policy", "all");
        break;
    case CONSUMER_LAST:
        json_put_member_text(out, "deliver_policy", "last");
        break;
    case CONSUMER_LAST_PER_SUBJECT:
        json_put_member_text(out, "deliver_policy", "last_per_subject");
        break;
    case CONSUMER_SINCE:
        clock_put(&time, o->since, CLOCK_Z);
        json_put_member_text(out, "deliver_policy", "by_start_time");
        json_put_member_text(out, "opt_start_time", buf_text(&time));
        buf_free(&time);
        break;
    case CONSUMER_SEQUENCE:
        json_put_member_text(out, "deliver_policy", "by_start_sequence");
        json_put_member_int(out, "opt_start_seq", (int64_t)o->sequence);
        break;
    }
}

static void put_config(struct buf *out, const struct consumer *c)
{
    const struct consumer_options *o = &c->options;

    json_begin(out, '{');
    json_put_member_text(out, "stream_name", o->stream);
    json_put_name(out, "config");
    json_begin(out, '{');
    json_put_member_text(out, o->durable ? "durable_name" : "name", c->name);
    put_start(out, c);
    json_put_member_text(out, "ack_policy", o->no_ack ? "none" : "explicit");
    if (!o->no_ack) {
        json_put_member_int(out, "ack_wait", o->ack_wait_seconds * NANOSECONDS);
        json_put_member_int(out, "max_ack_pending", o->max_ack_pending);
    }
    if (o->filter)
        json_put_member_text(out, "filter_subject", o->filter);
    json_put_member_text(out, "replay_policy", "instant");
    if (!o->durable) {
        json_put_member_int(out, "inactive_threshold", INACTIVE_SECONDS * NANOSECONDS);
        json_put_member_bool(out, "mem_storage", true);
    }
    json_end(out, '}');
    json_end(out, '}');
}

static bool same_text(struct json v, const char *text)
{
    return text ? json_equals(v, text) : json_is_null(v) || json_equals(v, "");
}

/* The configuration the durable has, with filter, ack_wait and max_ack_pending as we need them. */
static void put_update(struct buf *out, const struct consumer *c, struct json config)
{
    static const char *const ours[] = {"filter_subject", "ack_wait", "max_ack_pending"};
    struct json name, value;

    json_begin(out, '{');
    json_put_member_text(out, "stream_name", c->options.stream);
    json_put_name(out, "config");
    json_begin(out, '{');
    for (struct json_iter i = json_walk(config); json_next(&i, &name, &value);) {
        if (json_equals(name, ours[0]) || json_equals(name, ours[1]) || json_equals(name, ours[2]))
            continue;
        json_put(out, name);
        buf_add_char(out, ':');
        json_put(out, value);
    }
    if (c->options.filter)
        json_put_member_text(out, ours[0], c->options.filter);
    json_put_member_int(out, ours[1], c->options.ack_wait_seconds * NANOSECONDS);
    json_put_member_int(out, ours[2], c->options.max_ack_pending);
    json_end(out, '}');
    json_end(out, '}');
}

/* The server's refusal of a configuration is no matter of trying again. */
static bool create(struct consumer *c, const char *verb, const struct buf *body, struct buf *answer, struct json *info,
                   struct error *e)
{
    char *subject = mem_format("CONSUMER.%s.%s.%s", verb, c->options.stream, c->name);
    int code;
    bool ok = bus_api(c->all->bus, subject, body->data, body->len, answer, info, &code, e);

    free(subject);
    if (!ok && code && e && e->status == CENTRAL_UNAVAILABLE)
        e->status = CENTRAL_CONFIG;
    return ok;
}

/* What was given to a process that is no more would come again when its ack_wait is over: up to a minute after a crash,
 * out of order. Nobody waits at this durable, so it is given back in that process's name. The server works on
 * acknowledgements apart from requests for messages: nothing is asked for before it answered the last one. */
static void reclaim(struct consumer *c, struct json info)
{
    uint64_t first = number_in(info, "ack_floor", "stream_seq") + 1, last = number_in(info, "delivered", "stream_seq");
    char *subject = NULL;

    if (number_in(info, "num_ack_pending", NULL) <= c->held.count || number_in(info, "num_waiting", NULL) > 0 ||
        last < first || last - first >= RECLAIM_MAX)
        return;
    for (uint64_t n = first; n <= last; n++) {
        if (set_has(&c->held, n))
            continue;
        if (subject)
            publish(c->all, subject, NULL, "-NAK", 4);
        free(subject);
        /* The server looks at the stream sequence; a message that was acknowledged is passed over. */
        subject = mem_format("$JS.ACK.%s.%s.1.%llu.%llu.0.0", c->options.stream, c->name, (unsigned long long)n,
                             (unsigned long long)number_in(info, "delivered", "consumer_seq"));
    }
    if (subject) {
        struct buf nothing = {0};
        bus_request(c->all->bus, subject, "-NAK", 4, RECLAIM_MS, &nothing, NULL);
        buf_free(&nothing);
    }
    free(subject);
}

static void set_mark(struct consumer *c, struct json info)
{
    c->number = number_in(info, "delivered", "consumer_seq");
    c->mark = number_in(info, "delivered", "stream_seq");
}

/* The server numbers what it delivers, to whomever. Where the stream's sequence grew more than that number, messages
 * went before anybody was given them. Deliveries again are numbered too, so it may be more, never less, than told. */
static void look_for_gap(struct consumer *c, uint64_t number, uint64_t sequence)
{
    uint64_t given = number - c->number, passed = sequence - c->mark;

    if (number > c->number && sequence > c->mark && passed > given && !c->options.filter)
        log_warning("%s: %llu messages before %llu are gone from the stream, and %s was never given them: purged, or "
                    "the stream's limits are too tight",
                    c->options.stream, (unsigned long long)(passed - given), (unsigned long long)sequence, c->name);
    c->number = number;
    c->mark = sequence;
}

/* A durable that is there goes on where it was. */
static bool take(struct consumer *c, struct json info, struct error *e)
{
    struct json config = json_get(info, "config");
    struct buf body = {0}, answer = {0};
    struct json updated;
    bool ok = true;

    if (!json_is_null(json_get(config, "deliver_subject")) || !json_equals(json_get(config, "ack_policy"), "explicit"))
        return error_set(e, CENTRAL_CONFIG,
                         "%s: the consumer %s of %s is of another kind (push, or without acknowledgement)",
                         bus_url(c->all->bus), c->name, c->options.stream);
    if (!same_text(json_get(config, "filter_subject"), c->options.filter) ||
        number_in(config, "ack_wait", NULL) != (uint64_t)(c->options.ack_wait_seconds * NANOSECONDS) ||
        number_in(config, "max_ack_pending", NULL) != c->options.max_ack_pending) {
        put_update(&body, c, config);
        ok = create(c, "DURABLE.CREATE", &body, &answer, &updated, e);
        if (ok)
            c->pending = number_in(updated, "num_pending", NULL);
    }
    uint64_t floor = number_in(info, "ack_floor", "stream_seq");
    if (floor > c->last)
        c->last = floor;
    if (ok) {
        set_mark(c, info);
        reclaim(c, info);
    }
    buf_free(&body);
    buf_free(&answer);
    return ok;
}

/* Reads what there is of the stream. One that is not the one we knew, or has lost its end, has other sequences. */
static bool look_at_stream(struct consumer *c, struct error *e)
{
    struct buf answer = {0};
    struct json info;
    char *subject = mem_format("STREAM.INFO.%s", c->options.stream);
    int code;
    bool ok = bus_api(c->all->bus, subject, "", 0, &answer, &info, &code, e);

    free(subject);
    if (ok) {
        char *created = json_string(json_get(info, "created"));
        bool same = created && c->created && strcmp(created, c->created) == 0;
        if (c->made && (!same || number_in(info, "state", "last_seq") < c->last)) {
            log_warning("stream %s %s: it is read from its beginning", c->options.stream,
                        same ? "has lost its end" : "was made anew");
            c->life++;
            c->last = 0;
            free(c->held.at);
            c->held = (struct set){0};
        }
        free(c->created);
        c->created = created;
        c->gone = 0;
    } else if (code == BUS_STREAM_NOT_FOUND) {
        error_set(e, CENTRAL_UNAVAILABLE, "%s: no stream %s: is it applied? (central-streams apply)",
                  bus_url(c->all->bus), c->options.stream);
        if (!c->gone)
            c->gone = clock_monotonic();
    }
    buf_free(&answer);
    return ok;
}

static void delete_consumer(struct consumer *c)
{
    struct buf answer = {0};
    struct json v;
    struct error e = {0};
    char *subject = mem_format("CONSUMER.DELETE.%s.%s", c->options.stream, c->name);

    bus_api(c->all->bus, subject, "", 0, &answer, &v, NULL, &e);
    error_free(&e);
    free(subject);
    buf_free(&answer);
}

static bool make(struct consumer *c, struct error *e)
{
    struct buf body = {0}, answer = {0};
    struct json info;

    if (!c->options.durable) {
        free(c->name);
        c->name = mem_format("%s-%zu-%u", c->all->unique, c->index, c->epoch);
    }
    put_config(&body, c);
    bool ok = create(c, c->options.durable ? "DURABLE.CREATE" : "CREATE", &body, &answer, &info, e);
    if (ok) {
        uint64_t before = number_in(info, "delivered", "stream_seq");
        c->pending = number_in(info, "num_pending", NULL);
        set_mark(c, info);
        /* The server begins at its end when that comes before what we asked for: in a stream that was deleted and made
         * anew behind our back, where it is not ours to skip anything. */
        if (resumes(c) && before + 1 < resume_at(c)) {
            delete_consumer(c);
            ok =
                error_set(e, CENTRAL_TRY_AGAIN, "%s: stream %s was made anew", bus_url(c->all->bus), c->options.stream);
        } else if (before > c->last) {
            c->last = before;
        }
    }
    buf_free(&body);
    buf_free(&answer);
    return ok;
}

/* Looks the consumer up, or makes it. */
static bool attach(struct consumer *c, struct error *e)
{
    struct buf answer = {0};
    struct json info;
    unsigned life = c->life;
    int code = 0;
    bool ok;

    c->epoch++;
    c->asked = 0;
    if (!look_at_stream(c, e))
        return false;
    if (c->options.no_ack || !c->name) {
        /* Without acknowledgements nobody knows what was under way when the connection broke: begin behind what came.
         */
        ok = make(c, e);
    } else {
        char *subject = mem_format("CONSUMER.INFO.%s.%s", c->options.stream, c->name);
        ok = bus_api(c->all->bus, subject, "", 0, &answer, &info, &code, e);
        free(subject);
        if (ok) {
            c->pending = number_in(info, "num_pending", NULL);
            ok = take(c, info, e);
        } else if (code == BUS_CONSUMER_NOT_FOUND) {
            error_free(e);
            ok = make(c, e);
            if (ok && c->made && c->life == life)
                log_warning("%s: consumer %s was deleted: made anew behind what it was given", c->options.stream,
                            c->name);
        }
        buf_free(&answer);
    }
    c->attach = !ok;
    c->made = c->made || ok;
    return ok;
}

static void free_consumer(struct consumer *c)
{
    free((char *)c->options.stream);
    free((char *)c->options.durable);
    free((char *)c->options.filter);
    free(c->name);
    free(c->created);
    free(c->held.at);
    buf_free(&c->acknowledged);
    free(c);
}

bool consumers_add(struct consumers *cs, const struct consumer_options *o, struct consumer **out, struct error *e)
{
    struct consumer *c = mem_alloc(sizeof *c);

    c->all = cs;
    c->index = cs->count;
    c->options = *o;
    c->options.stream = mem_string(o->stream);
    c->options.durable = mem_string(o->durable);
    /* The server wants to be told of which subjects. */
    c->options.filter = mem_string(!o->filter && o->from == CONSUMER_LAST_PER_SUBJECT ? ">" : o->filter);
    c->options.batch = o->batch ? o->batch : CONSUMER_BATCH;
    c->options.ack_wait_seconds = o->ack_wait_seconds ? o->ack_wait_seconds : CONSUMER_ACK_WAIT;
    c->options.max_ack_pending = o->max_ack_pending ? o->max_ack_pending : 8 * c->options.batch;
    c->name = mem_string(o->durable);
    if (!attach(c, e)) {
        free_consumer(c);
        return false;
    }
    cs->at = mem_resize(cs->at, (cs->count + 1) * sizeof *cs->at);
    cs->at[cs->count++] = c;
    if (out)
        *out = c;
    return true;
}

/* --- asking for messages ------------------------------------------------------------------------------------------ */

/* The next request goes out when half of the last is used up, so that the server always has one. */
static void ask(struct consumer *c)
{
    struct consumers *cs = c->all;

    if (c->asked > c->options.batch / 2)
        return;
    int64_t now = clock_monotonic(), bytes = bus_max_payload(cs->bus) * 2;
    if (c->attach || now < c->retry || !bus_connected(cs->bus))
        return;
    struct buf body = {0};
    char *subject = mem_format("$JS.API.CONSUMER.MSG.NEXT.%s.%s", c->options.stream, c->name);
    char *reply = mem_format("%s%zu.%u", inbox_prefix(cs->inbox), c->index, c->epoch);
    unsigned batch = c->options.batch - c->asked;

    json_begin(&body, '{');
    json_put_member_int(&body, "batch", batch);
    json_put_member_int(&body, "max_bytes", bytes > REQUEST_BYTES ? bytes : REQUEST_BYTES);
    json_put_member_int(&body, "expires", REQUEST_SECONDS * NANOSECONDS);
    json_end(&body, '}');
    if (publish(cs, subject, reply, body.data, body.len)) {
        c->asked += batch;
        c->ended = now + (REQUEST_SECONDS + REQUEST_GRACE_SECONDS) * CLOCK_SECOND;
    }
    free(subject);
    free(reply);
    buf_free(&body);
}

/* Requests and acknowledgements get no answer that says so: messages would not come, or come for ever. */
static bool permitted(struct consumers *cs, struct error *e)
{
    unsigned denials = bus_denials(cs->bus);

    if (denials == cs->denials)
        return true;
    cs->denials = denials;
    return !bus_denied(cs->bus, "$JS.API.CONSUMER.MSG.NEXT.", e) && !bus_denied(cs->bus, "$JS.ACK.", e);
}

/* Looks at connection, clock and consumers, and keeps enough asked for. */
static bool tend(struct consumers *cs, struct error *e)
{
    unsigned losses = bus_losses(cs->bus);
    bool connected = bus_connected(cs->bus);
    int64_t now = clock_monotonic();

    if (!permitted(cs, e))
        return false;
    /* What was asked for and sent is gone; what came before is read first, so that it is known. */
    bool lost = connected && cs->empty && losses != cs->losses;
    if (lost)
        cs->losses = losses;
    for (size_t i = 0; i < cs->count; i++) {
        struct consumer *c = cs->at[i];
        c->attach = c->attach || lost;
        if (connected && c->attach && now >= c->retry && !attach(c, e)) {
            bool away = c->gone ? now - c->gone < GONE_SECONDS * CLOCK_SECOND
                                : e->status == CENTRAL_UNAVAILABLE || e->status == CENTRAL_TRY_AGAIN;
            if (!away)
                return false;
            error_free(e);
            c->retry = now + RETRY_MS * MS;
        }
        if (c->asked && c->ended < cs->emptied) {
            c->asked = 0;
            c->attach = true;
        }
        ask(c);
    }
    return true;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* A message without data that says how a request ended; its subject is our inbox's. */
static bool on_status(struct consumers *cs, natsMsg *m, struct error *e)
{
    const char *at = natsMsg_GetSubject(m) + strlen(inbox_prefix(cs->inbox)), *status = NULL, *description = NULL,
               *left = NULL;
    char *end;
    size_t index = strtoul(at, &end, 10);
    unsigned long epoch = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

    if (natsMsgHeader_Get(m, "Status", &status) != NATS_OK || !status || index >= cs->count ||
        epoch != cs->at[index]->epoch)
        return true;
    struct consumer *c = cs->at[index];
    int code = atoi(status);
    if (code == 100)
        return true;
    if (natsMsgHeader_Get(m, "Description", &description) != NATS_OK || !description)
        description = "";
    /* 404, 408: it has run out. What it did not bring is not on its way. */
    if (natsMsgHeader_Get(m, "Nats-Pending-Messages", &left) == NATS_OK && left) {
        unsigned long n = strtoul(left, NULL, 10);
        c->asked -= n < c->asked ? (unsigned)n : c->asked;
    } else {
        c->asked = 0;
    }
    if (code == 503 || strcasestr(description, "deleted")) {
        c->attach = true;
        c->retry = clock_monotonic() + (code == 503 ? RETRY_MS * MS : 0);
    } else if (code == 400 || strcasestr(description, "push based") || strcasestr(description, "exceeded maxrequest")) {
        return error_set(e, CENTRAL_CONFIG, "%s: consumer %s of %s: %s", bus_url(cs->bus), c->name, c->options.stream,
                         description);
    } else if (code == 409 && !strcasestr(description, "maxbytes")) {
        /* A new leader, a server that shuts down, too much under way: not now. */
        c->retry = clock_monotonic() + RETRY_MS * MS;
    }
    return true;
}

/* $JS.ACK.[domain.account.]stream.consumer.delivered.stream-seq.consumer-seq.time.pending[.token] */
#define ACK_PREFIX "$JS.ACK."
#define ACK_TOKENS_MAX 12

static bool token_is(const char *token, const char *text)
{
    size_t n = strlen(text);

    return strncmp(token, text, n) == 0 && token[n] == '.';
}

static bool read_reply(struct consumers *cs, const char *reply, struct consumed *out, uint64_t *number)
{
    const char *token[ACK_TOKENS_MAX];
    size_t n = 0;

    for (const char *at = reply; at && n < ACK_TOKENS_MAX; at = strchr(at, '.'), at = at ? at + 1 : NULL)
        token[n++] = at;
    if (n < 9)
        return false;
    const char **t = token + (n >= 11 ? 4 : 2);
    for (size_t i = 0; i < cs->count && !out->consumer; i++)
        if (token_is(t[0], cs->at[i]->options.stream) && token_is(t[1], cs->at[i]->name))
            out->consumer = cs->at[i];
    out->delivered = strtoull(t[2], NULL, 10);
    out->sequence = strtoull(t[3], NULL, 10);
    *number = strtoull(t[4], NULL, 10);
    out->stored = strtoll(t[5], NULL, 10) / 1000;
    out->pending = strtoull(t[6], NULL, 10);
    return out->consumer != NULL;
}

/* 1: m is to be handed out. 0: it is not. -1: failed. */
static int read_message(struct consumers *cs, natsMsg *m, struct consumed *out, struct error *e)
{
    const char *reply = natsMsg_GetReply(m);
    uint64_t number = 0;

    *out = (struct consumed){.message = m};
    if (!reply || strncmp(reply, ACK_PREFIX, strlen(ACK_PREFIX)) != 0)
        return on_status(cs, m, e) ? 0 : -1;
    if (!read_reply(cs, reply, out, &number))
        return 0;
    struct consumer *c = out->consumer;
    c->asked -= c->asked > 0;
    ask(c);
    c->pending = out->pending;
    if (c->options.no_ack) {
        if (number != c->number + 1) {
            /* One is missing, and would be for ever. */
            c->attach = true;
            return 0;
        }
        c->number = number;
        if (c->attach || out->sequence <= c->last)
            return 0;
    } else {
        if (set_has(&c->held, out->sequence))
            return 0;
        set_add(&c->held, out->sequence);
        if (out->delivered == 1)
            look_for_gap(c, number, out->sequence);
    }
    if (out->sequence > c->last)
        c->last = out->sequence;
    out->life = c->life;
    out->subject = natsMsg_GetSubject(m);
    out->data = natsMsg_GetData(m);
    out->len = (size_t)natsMsg_GetDataLength(m);
    cs->passed += out->len;
    return 1;
}

/* The next of those that were taken from the inbox, 0 when there is none. */
static int next_taken(struct consumers *cs, struct consumed *out, struct error *e)
{
    while (cs->next < cs->taken) {
        natsMsg *m = cs->messages[cs->next++];
        int got = read_message(cs, m, out, e);
        if (got > 0)
            return got;
        natsMsg_Destroy(m);
        if (got < 0)
            return got;
    }
    return 0;
}

static int stopped(struct error *e)
{
    error_free(e);
    return -1;
}

int consumers_next(struct consumers *cs, int timeout_ms, struct consumed *out, struct error *e)
{
    int64_t end = 0;

    if (++cs->turns % SIGNAL_EVERY == 0 && signals_stop())
        return stopped(e);
    for (;;) {
        int got = next_taken(cs, out, e);
        if (got)
            return got;
        if (!tend(cs, e))
            return -1;
        int64_t now = clock_monotonic();
        if (!end)
            end = now + timeout_ms * MS;
        int64_t left = timeout_ms < 0 ? TURN_MS : (end - now) / MS;
        cs->next = 0;
        cs->taken = inbox_take(cs->inbox, left > TURN_MS ? TURN_MS : left > 0 ? (int)left : 0, true, &cs->messages);
        now = clock_monotonic();
        cs->empty = !cs->taken;
        *(cs->taken ? &cs->heard : &cs->emptied) = now;
        if (cs->taken)
            continue;
        if (cs->passed > TRIM_BYTES) {
            malloc_trim(0);
            cs->passed = 0;
        }
        if (signals_stop())
            return stopped(e);
        if (timeout_ms >= 0 && now >= end)
            return 0;
    }
}

/* Asks the server how far c is: whether all was given, and settled. */
static bool look(struct consumer *c, bool *drained, struct error *e)
{
    struct consumers *cs = c->all;
    struct buf answer = {0};
    struct json info;
    char *subject = mem_format("CONSUMER.INFO.%s.%s", c->options.stream, c->name);
    int code;
    bool ok = bus_api(cs->bus, subject, "", 0, &answer, &info, &code, e);

    free(subject);
    if (ok) {
        c->pending = number_in(info, "num_pending", NULL);
        /* What is on its way was given, but has not come. */
        bool here = c->options.no_ack ? number_in(info, "delivered", "consumer_seq") <= c->number
                                      : number_in(info, "num_ack_pending", NULL) == 0;
        *drained = *drained && c->pending == 0 && here;
    } else {
        *drained = false;
        if (code == BUS_CONSUMER_NOT_FOUND || code == BUS_STREAM_NOT_FOUND)
            c->attach = true;
        ok = code || !bus_connected(cs->bus);
        if (ok)
            error_free(e);
    }
    buf_free(&answer);
    return ok;
}

bool consumers_drained(struct consumers *cs, struct error *e)
{
    int64_t now = clock_monotonic();
    bool quiet = now - cs->heard > QUIET_MS * MS, drained = true;

    if (cs->next < cs->taken || !bus_connected(cs->bus) || bus_losses(cs->bus) != cs->losses ||
        now - cs->looked < LOOK_MS * MS)
        return false;
    for (size_t i = 0; i < cs->count; i++)
        if (cs->at[i]->attach || (cs->at[i]->pending && !quiet))
            return false;
    cs->looked = now;
    for (size_t i = 0; i < cs->count && drained; i++)
        if (!look(cs->at[i], &drained, e))
            return false;
    return drained;
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

static const char *reply_of(const struct consumed *m)
{
    return m->reply ? m->reply : natsMsg_GetReply(m->message);
}

static bool answer(struct consumers *cs, const struct consumed *m, const char *text, struct error *e)
{
    struct consumer *c = m->consumer;

    /* Of a stream that is no more: its sequence may be another message's now. */
    if (c->options.no_ack || m->life != c->life)
        return true;
    natsStatus s = natsConnection_PublishString(bus_connection(cs->bus), reply_of(m), text);
    return s == NATS_OK || error_set(e, CENTRAL_UNAVAILABLE, "%s: %s", bus_url(cs->bus), natsStatus_GetText(s));
}

static bool settle(struct consumers *cs, const struct consumed *m, const char *text, struct error *e)
{
    struct consumer *c = m->consumer;

    if (!c->options.no_ack && m->life == c->life) {
        buf_clear(&c->acknowledged);
        buf_add_text(&c->acknowledged, reply_of(m));
    }
    return answer(cs, m, text, e);
}

bool consumed_ack(struct consumers *cs, const struct consumed *m, struct error *e)
{
    return settle(cs, m, "+ACK", e);
}

bool consumed_term(struct consumers *cs, const struct consumed *m, struct error *e)
{
    return settle(cs, m, "+TERM", e);
}

bool consumed_nak(struct consumers *cs, const struct consumed *m, struct error *e)
{
    return answer(cs, m, "-NAK", e);
}

/* The server takes a consumer's acknowledgements in order: it says when it has done the last one. */
bool consumers_sync(struct consumers *cs, struct error *e)
{
    struct buf nothing = {0};
    bool ok = true;

    for (size_t i = 0; i < cs->count && ok; i++) {
        struct buf *last = &cs->at[i]->acknowledged;
        ok = !last->len || bus_request(cs->bus, buf_text(last), "+ACK", 4, BUS_REQUEST_MS, &nothing, e);
        buf_clear(last);
    }
    buf_free(&nothing);
    return ok;
}

void consumed_shed(struct consumed *m)
{
    m->reply = mem_string(reply_of(m));
    natsMsg_Destroy(m->message);
    m->message = NULL;
    m->subject = m->data = NULL;
    m->len = 0;
}

void consumed_free(struct consumed *m)
{
    if (m->consumer && m->life == m->consumer->life)
        set_remove(&m->consumer->held, m->sequence);
    natsMsg_Destroy(m->message);
    free(m->reply);
    *m = (struct consumed){0};
}

/* What came and was not handed out is for somebody else: where to say so, a text per message. */
static char **not_handed_out(struct consumers *cs, size_t *count)
{
    struct consumed m;
    char **replies = NULL;

    *count = 0;
    for (size_t i = 0; i < cs->count; i++)
        cs->at[i]->attach = true; /* no more is asked for */
    do {
        while (cs->next < cs->taken) {
            natsMsg *raw = cs->messages[cs->next++];
            struct error ignored = {0};
            if (read_message(cs, raw, &m, &ignored) > 0) {
                replies = mem_resize(replies, (*count + 1) * sizeof *replies);
                replies[(*count)++] = mem_string(natsMsg_GetReply(raw));
            }
            error_free(&ignored);
            natsMsg_Destroy(raw);
        }
        cs->next = 0;
        cs->taken = inbox_take(cs->inbox, 0, false, &cs->messages);
    } while (cs->taken);
    return replies;
}

void consumers_close(struct consumers *cs)
{
    size_t count;

    if (!cs)
        return;
    char **replies = not_handed_out(cs, &count);
    /* Before anything is given back, or it would be given to us. */
    inbox_close(cs->inbox);
    for (size_t i = 0; i < count; i++) {
        publish(cs, replies[i], NULL, "-NAK", 4);
        free(replies[i]);
    }
    free(replies);
    for (size_t i = 0; i < cs->count; i++) {
        /* An ephemeral consumer goes by itself when nobody asks; this is only tidier. */
        if (!cs->at[i]->options.durable && bus_connected(cs->bus))
            delete_consumer(cs->at[i]);
        free_consumer(cs->at[i]);
    }
    if (bus_connected(cs->bus))
        natsConnection_FlushTimeout(bus_connection(cs->bus), BUS_REQUEST_MS);
    free(cs->unique);
    free(cs->at);
    free(cs);
}
