/* central-subscribe - JetStream to standard output, one event per line. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/consumer.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/stream.h"
#include "central/tool.h"

/* The archiver's sign of life, which is no event. */
#define HEARTBEAT "central.meta.heartbeat"
/* While waiting, so often is looked whether reader and server are still there. */
#define WATCH_MS 500
#define WATCH_END_MS 50
/* Who reads to the end does not wait for ever for a server that is away. */
#define GIVE_UP_SECONDS 30
/* Told with each message that is no event: the first ones in full, the rest as a count. */
#define REJECTS_SHOWN 3

/* What is wanted of one stream: everything, or some subjects. */
struct want {
    bool all;
    char **subjects;
    size_t count;
    struct consumer *consumer;
};

struct subscribe {
    char **arguments; /* subjects or streams */
    size_t argument_count;
    const char *file;
    struct consumer_options options;
    bool has_start, follow, stop, raw;
    uint64_t limit, count, rejects;
    struct stream_list list;
    struct want *wants; /* one for each of list */
    struct bus *bus;
    int64_t away; /* monotonic: since when the server is, 0 */
    struct consumers *consumers;
    struct line_writer out;
    struct buf scratch;
    struct consumed *held; /* written, not yet flushed and acknowledged */
    size_t held_count, held_room;
};

static const struct argp_option options[] = {
    {"all", 'a', 0, 0, "All that the streams hold, then stop", 0},
    {"last", 'l', 0, 0, "The last event of each subject, then stop", 0},
    {"since", 's', "TIME|DURATION", 0, "What came since then, then stop", 0},
    {"new", 'N', 0, 0, "What comes from now on (default)", 0},
    {"follow", 'f', 0, 0, "Do not stop at the end", 0},
    {"durable", 'd', "NAME", 0, "Remember under this name what was read, and go on there next time", 0},
    {"count", 'n', "N", 0, "Stop after so many events", 0},
    {"raw", 'r', 0, 0, "Write any JSON message as it is, unchecked", 0},
    {"streams", 'S', "FILE", 0, "Read this streams.conf", 0},
    {0}};

static void start_at(struct subscribe *s, int from, struct argp_state *state)
{
    if (s->has_start)
        argp_error(state, "one of --all, --last, --since, --new");
    s->has_start = true;
    s->options.from = from;
    s->stop = from != CONSUMER_NEW;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct subscribe *s = state->input;

    switch (key) {
    case 'a':
        start_at(s, CONSUMER_ALL, state);
        return 0;
    case 'l':
        start_at(s, CONSUMER_LAST_PER_SUBJECT, state);
        return 0;
    case 's':
        start_at(s, CONSUMER_SINCE, state);
        s->options.since = tool_time(state, "--since", arg);
        return 0;
    case 'N':
        start_at(s, CONSUMER_NEW, state);
        return 0;
    case 'f':
        s->follow = true;
        return 0;
    case 'd':
        if (strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(arg) || !*arg)
            argp_error(state, "--durable: '%s': letters, digits, _ and - only", arg);
        s->options.durable = arg;
        return 0;
    case 'n':
        s->limit = (uint64_t)tool_number(state, "--count", arg, 1, INT64_MAX);
        return 0;
    case 'r':
        s->raw = true;
        return 0;
    case 'S':
        s->file = arg;
        return 0;
    case ARGP_KEY_ARG:
        s->arguments = mem_resize(s->arguments, (s->argument_count + 1) * sizeof *s->arguments);
        s->arguments[s->argument_count++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what is wanted ----------------------------------------------------------------------------------------------- */

/* Takes subject. */
static void want_subject(struct want *w, char *subject)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->subjects[i], subject) == 0) {
            free(subject);
            return;
        }
    w->subjects = mem_resize(w->subjects, (w->count + 1) * sizeof *w->subjects);
    w->subjects[w->count++] = subject;
}

static bool want(struct subscribe *s, const char *argument, struct error *e)
{
    const struct stream *named = stream_named(&s->list, argument);
    bool any = named != NULL;

    if (named)
        s->wants[named - s->list.at].all = true;
    for (size_t i = 0; !named && i < s->list.count; i++) {
        const struct stream *st = &s->list.at[i];
        for (size_t k = 0; k < st->subject_count; k++) {
            char *common = stream_subject_meet(argument, st->subjects[k]);
            if (!common)
                continue;
            any = true;
            if (st->subject_count == 1 && strcmp(common, st->subjects[k]) == 0)
                s->wants[i].all = true;
            want_subject(&s->wants[i], common);
        }
    }
    return any || error_set(e, CENTRAL_USAGE, "'%s' is neither a stream of %s nor a subject in one of them", argument,
                            s->list.path);
}

/* One consumer per stream, so that no message comes twice: several subjects are told apart here. */
static bool open_consumers(struct subscribe *s, struct error *e)
{
    s->wants = mem_alloc_array(s->list.count, sizeof *s->wants);
    for (size_t i = 0; i < s->argument_count; i++)
        if (!want(s, s->arguments[i], e))
            return false;
    if (s->limit && s->limit < CONSUMER_BATCH)
        s->options.batch = (unsigned)s->limit;
    s->options.no_ack = !s->options.durable;
    if (!(s->bus = bus_open(log_tool(), e)) || !(s->consumers = consumers_open(s->bus, e)))
        return false;
    for (size_t i = 0; i < s->list.count; i++) {
        struct want *w = &s->wants[i];
        w->all = w->all || !s->argument_count;
        if (!w->all && !w->count)
            continue;
        s->options.stream = s->list.at[i].name;
        s->options.filter = !w->all && w->count == 1 ? w->subjects[0] : NULL;
        if (!consumers_add(s->consumers, &s->options, &w->consumer, e))
            return false;
    }
    return true;
}

static bool wanted(const struct subscribe *s, const struct consumed *m)
{
    const struct want *w = s->wants;

    while (w->consumer != m->consumer)
        w++;
    for (size_t i = 0; !w->all && i < w->count; i++)
        if (stream_subject_matches(w->subjects[i], m->subject))
            return s->raw || strcmp(m->subject, HEARTBEAT) != 0;
    return w->all && (s->raw || strcmp(m->subject, HEARTBEAT) != 0);
}

/* --- lines out ---------------------------------------------------------------------------------------------------- */

/* What is on standard output for good is acknowledged. */
static bool acknowledge(struct subscribe *s, struct error *e)
{
    bool ok = line_flush(&s->out);

    if (!ok)
        e->status = CENTRAL_IO;
    for (size_t i = 0; i < s->held_count; i++) {
        ok = ok && consumed_ack(s->consumers, &s->held[i], e);
        consumed_free(&s->held[i]);
    }
    s->held_count = 0;
    return ok;
}

static void put_reject(struct subscribe *s, const struct consumed *m, const char *reason)
{
    const struct reject r = {.stage = log_tool(),
                             .adapter = EVENT_NOBODY,
                             .source = m->subject,
                             .line = m->sequence,
                             .reason = reason,
                             .original = m->data,
                             .original_len = m->len};

    if (++s->rejects <= REJECTS_SHOWN)
        log_warning("%s: message %llu on %s: %s", consumer_stream(m->consumer), (unsigned long long)m->sequence,
                    m->subject, reason);
    event_put_reject(&s->scratch, &r);
}

/* A message that is no event, whoever sent it, becomes a reject line: every line stays an event. */
static void write_message(struct subscribe *s, const struct consumed *m)
{
    struct event ev;
    struct json value;
    struct error e = {0};
    bool ok = s->raw ? json_check(m->data, m->len, &value, &e) : event_read(m->data, m->len, &ev, &e);

    if (ok && !s->raw)
        value = ev.line;
    /* The usual case: it is a line already. A foreign publisher may have put white space between tokens. */
    if (ok && !memchr(value.at, '\n', value.len) && !memchr(value.at, '\r', value.len)) {
        line_write(&s->out, value.at, value.len);
        return;
    }
    buf_clear(&s->scratch);
    if (ok)
        json_put(&s->scratch, value);
    else
        put_reject(s, m, e.text);
    error_free(&e);
    line_write(&s->out, s->scratch.data, s->scratch.len);
}

/* Takes m. */
static bool handle(struct subscribe *s, struct consumed *m, struct error *e)
{
    bool full;

    if (wanted(s, m)) {
        write_message(s, m);
        s->count++;
    }
    if (s->held_count == s->held_room) {
        s->held_room = s->held_room ? 2 * s->held_room : 256;
        s->held = mem_resize(s->held, s->held_room * sizeof *s->held);
    }
    s->held[s->held_count++] = *m;
    /* The writer flushes by itself when it has enough. */
    full = s->out.pending.len == 0 || s->held_count == CONSUMER_BATCH;
    return !full || acknowledge(s, e);
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

/* While nothing comes: a reader that went away would be noticed with the next event only, a server never. */
static bool watch(struct subscribe *s, struct error *e)
{
    struct pollfd p = {.fd = STDOUT_FILENO};

    if (poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP)) {
        s->out.error = EPIPE;
        return false;
    }
    if (bus_connected(s->bus)) {
        if (s->away)
            log_info("%s: connected again", bus_url(s->bus));
        s->away = 0;
        return true;
    }
    if (!s->away) {
        log_warning("%s: connection lost, trying again", bus_url(s->bus));
        s->away = clock_monotonic();
    }
    if (s->stop && clock_monotonic() - s->away > GIVE_UP_SECONDS * CLOCK_SECOND)
        return error_set(e, CENTRAL_UNAVAILABLE, "%s: connection lost for %d seconds", bus_url(s->bus),
                         GIVE_UP_SECONDS);
    return true;
}

/* Until the end, the limit, a signal (true) or a failure. */
static bool pass(struct subscribe *s, struct error *e)
{
    struct consumed m;

    while (!s->limit || s->count < s->limit) {
        int got = consumers_next(s->consumers, 0, &m, e);
        if (got == 0) {
            /* Nothing at hand: what was written goes out before waiting. */
            if (!acknowledge(s, e))
                return false;
            if (s->stop && consumers_drained(s->consumers, e))
                return true;
            if (e->text)
                return false;
            got = consumers_next(s->consumers, s->stop ? WATCH_END_MS : WATCH_MS, &m, e);
        }
        if (got < 0)
            return !e->text;
        if (got == 0 ? !watch(s, e) : !handle(s, &m, e))
            return false;
    }
    return true;
}

static enum central_exit run(struct subscribe *s)
{
    struct error e = {0}, last = {0};

    if (!stream_list_read(s->file, &s->list, &e) || !open_consumers(s, &e))
        return log_failure(&e);
    s->stop = s->stop && !s->follow;
    bool ok = pass(s, &e);
    if (ok)
        ok = acknowledge(s, &e) && (!s->options.durable || consumers_sync(s->consumers, &e));
    else if (!s->out.error)
        acknowledge(s, &last);
    error_free(&last);
    if (s->rejects > REJECTS_SHOWN)
        log_warning("%llu messages in all were no events", (unsigned long long)s->rejects);
    return e.text ? log_failure(&e) : ok ? CENTRAL_OK : CENTRAL_IO;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "[SUBJECT|STREAM...]",
                                     "Write events of JetStream to standard output, one per line.\v"
                                     "Manual: central-subscribe(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct subscribe s = {0};

    /* Of one arena what a thread has freed serves the others; of many each would keep its own. */
    mallopt(M_ARENA_MAX, 1);
    tool_start("central-subscribe");
    tool_parse(&argp, argc, argv, &s);
    line_writer_open(&s.out, STDOUT_FILENO);
    enum central_exit status = run(&s);
    for (size_t i = 0; i < s.held_count; i++)
        consumed_free(&s.held[i]);
    consumers_close(s.consumers);
    bus_close(s.bus);
    for (size_t i = 0; s.wants && i < s.list.count; i++) {
        for (size_t k = 0; k < s.wants[i].count; k++)
            free(s.wants[i].subjects[k]);
        free(s.wants[i].subjects);
    }
    free(s.wants);
    stream_list_free(&s.list);
    buf_free(&s.scratch);
    free(s.held);
    free(s.arguments);
    return tool_end(&s.out, status);
}
