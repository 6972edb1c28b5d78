/* central-subscribe - JetStream to standard output, one event per line. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/consumer.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/signals.h"
#include "central/stream.h"
#include "central/tool.h"

/* Acknowledged at once at the latest after so many lines: a reader of a quiet pipe waits for none of it. */
#define ACK_EVERY 1024

struct subscribe {
    char **wanted; /* subjects or streams of the command line */
    size_t wanted_count;
    const char *file;
    struct consumer_options options;
    bool has_start, follow, stop;
    uint64_t limit, count;
    struct stream_list list;
    struct bus *bus;
    struct consumers *consumers;
    struct line_writer out;
    struct buf scratch;
    struct consumed *held; /* written, not yet flushed and acknowledged */
    size_t held_count;
};

static const struct argp_option options[] = {
    {"all", 'a', 0, 0, "All that the streams hold, then stop", 0},
    {"last", 'l', 0, 0, "The last event of each subject, then stop", 0},
    {"since", 's', "TIME|DURATION", 0, "What came since then, then stop", 0},
    {"new", 'N', 0, 0, "What comes from now on (default)", 0},
    {"follow", 'f', 0, 0, "Do not stop at the end", 0},
    {"durable", 'd', "NAME", 0, "Remember under this name what was read, and go on there next time", 0},
    {"count", 'n', "N", 0, "Stop after so many events", 0},
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
    case 'S':
        s->file = arg;
        return 0;
    case ARGP_KEY_ARG:
        s->wanted = mem_resize(s->wanted, (s->wanted_count + 1) * sizeof *s->wanted);
        s->wanted[s->wanted_count++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Whether a subject with wildcards can match one of filter's (central.<word>.>). */
static bool can_match(const char *subject, const char *filter)
{
    while (*filter && *subject) {
        size_t f = strcspn(filter, "."), n = strcspn(subject, ".");
        if ((f == 1 && *filter == '>') || (n == 1 && *subject == '>'))
            return true;
        if (!(n == 1 && *subject == '*') && (f != n || strncmp(filter, subject, n) != 0))
            return false;
        filter += f + (filter[f] == '.');
        subject += n + (subject[n] == '.');
    }
    return !*filter && !*subject;
}

static bool add(struct subscribe *s, const struct stream *st, const char *filter, struct error *e)
{
    s->options.stream = st->name;
    s->options.filter = filter;
    s->options.no_ack = !s->options.durable;
    return consumers_add(s->consumers, &s->options, NULL, e);
}

static bool add_wanted(struct subscribe *s, const char *wanted, struct error *e)
{
    const struct stream *named = stream_named(&s->list, wanted);
    bool any = false;

    if (named)
        return add(s, named, NULL, e);
    for (size_t i = 0; i < s->list.count; i++) {
        const struct stream *st = &s->list.at[i];
        bool match = false;
        for (size_t k = 0; k < st->subject_count; k++)
            match = match || can_match(wanted, st->subjects[k]);
        if (!match)
            continue;
        any = true;
        if (!add(s, st, wanted, e))
            return false;
    }
    return any || error_set(e, CENTRAL_USAGE, "'%s' is neither a stream of %s nor a subject in one of them", wanted,
                            s->list.path);
}

static bool add_all(struct subscribe *s, struct error *e)
{
    if (s->wanted_count > 1 && s->options.durable)
        return error_set(e, CENTRAL_USAGE, "--durable goes with one subject or stream");
    for (size_t i = 0; i < s->wanted_count; i++)
        if (!add_wanted(s, s->wanted[i], e))
            return false;
    for (size_t i = 0; !s->wanted_count && i < s->list.count; i++)
        if (!add(s, &s->list.at[i], NULL, e))
            return false;
    return true;
}

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

/* A message that is no event, whoever sent it, becomes a reject line: every line stays an event. A foreign publisher
 * may have put white space between tokens. */
static void write_message(struct subscribe *s, const struct consumed *m)
{
    struct event ev;
    struct error e = {0};
    bool ok = event_read(m->data, m->len, &ev, &e);

    buf_clear(&s->scratch);
    if (ok) {
        json_put(&s->scratch, ev.line);
    } else {
        const struct reject r = {.stage = log_tool(),
                                 .adapter = "unknown",
                                 .source = m->subject,
                                 .reason = e.text,
                                 .original = m->data,
                                 .original_len = m->len};
        log_warning("%s: message %llu on %s: %s", consumer_stream(m->consumer), (unsigned long long)m->sequence,
                    m->subject, e.text);
        event_put_reject(&s->scratch, &r);
    }
    error_free(&e);
    line_write(&s->out, s->scratch.data, s->scratch.len);
}

static enum central_exit follow(struct subscribe *s, struct error *e)
{
    struct consumed m;

    while (!s->out.error && (!s->limit || s->count < s->limit)) {
        int got = consumers_next(s->consumers, 0, &m, e);
        if (got == 0) {
            /* Nothing at hand: what was written goes out before waiting. */
            if (!acknowledge(s, e))
                break;
            if (s->stop && consumers_drained(s->consumers, e))
                return CENTRAL_OK;
            if (e->text)
                break;
            got = consumers_next(s->consumers, s->stop ? 100 : -1, &m, e);
        }
        if (got < 0)
            break;
        if (got == 0)
            continue;
        write_message(s, &m);
        s->held[s->held_count++] = m;
        s->count++;
        if (s->held_count == ACK_EVERY && !acknowledge(s, e))
            break;
    }
    if (e->text)
        return e->status;
    return acknowledge(s, e) && (!s->options.durable || consumers_sync(s->consumers, e)) ? CENTRAL_OK : e->status;
}

static enum central_exit run(struct subscribe *s)
{
    struct error e = {0};

    if (!stream_list_read(s->file, &s->list, &e) || !(s->bus = bus_open(log_tool(), &e)) ||
        !(s->consumers = consumers_open(s->bus, &e)) || !add_all(s, &e))
        return log_failure(&e);
    s->held = mem_alloc_array(ACK_EVERY, sizeof *s->held);
    s->stop = s->stop && !s->follow;
    enum central_exit status = follow(s, &e);
    for (size_t i = 0; i < s->held_count; i++)
        consumed_free(&s->held[i]);
    return e.text ? log_failure(&e) : status;
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

    tool_start("central-subscribe");
    argp_parse(&argp, argc, argv, 0, NULL, &s);
    line_writer_open(&s.out, STDOUT_FILENO);
    enum central_exit status = run(&s);
    consumers_close(s.consumers);
    bus_close(s.bus);
    stream_list_free(&s.list);
    buf_free(&s.scratch);
    free(s.held);
    free(s.wanted);
    return tool_end(&s.out, status);
}
