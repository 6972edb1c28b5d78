/* central-publish - events on standard input to JetStream; echoes each line once it is acknowledged. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/publisher.h"
#include "central/tool.h"

/* A reject's place is META; a reject that finds none is not rejected again. */
enum what { LINE_EVENT, LINE_REPORT, LINE_REJECT };
#define LINE_KINDS 3

/* Lines that are not durable are told once a cause, and counted at the end. So many causes. */
#define CAUSES_SHOWN 8

struct cause {
    char *text;
    uint64_t lines;
};

struct publish {
    struct publisher_options options;
    bool dry_run, quiet, receipt;
    struct line_writer out;
    struct bus *bus;
    struct publisher *publisher;
    enum central_exit status;
    struct cause causes[CAUSES_SHOWN];
    size_t cause_count;
    uint64_t other_causes;
    /* since the last poll report */
    int64_t published, duplicates, turned_away, failed;
    int64_t began;   /* monotonic, of the first line; 0: none yet */
    uint64_t number; /* of the line at hand */
    struct buf subject, id, scratch, echo;
    struct buf refused; /* rejects of lines that the server will never take, each with its '\n', not sent yet */
};

static void note_failure(struct publish *p, uint64_t number, const struct error *e)
{
    for (size_t i = 0; i < p->cause_count; i++) {
        if (strcmp(p->causes[i].text, e->text) == 0) {
            p->causes[i].lines++;
            return;
        }
    }
    if (p->cause_count == CAUSES_SHOWN) {
        p->other_causes++;
        return;
    }
    p->causes[p->cause_count++] = (struct cause){mem_string(e->text), 1};
    log_error("line %llu: %s", (unsigned long long)number, e->text);
}

static void count_failures(struct publish *p)
{
    for (size_t i = 0; i < p->cause_count; i++) {
        if (p->causes[i].lines > 1)
            log_error("%s: %llu lines in all", p->causes[i].text, (unsigned long long)p->causes[i].lines);
        free(p->causes[i].text);
    }
    if (p->other_causes)
        log_error("%llu more lines were not acknowledged, for other reasons", (unsigned long long)p->other_causes);
}

/* It has a place in META. */
static void keep_refused(struct publish *p, const struct publisher_result *r, uint64_t number)
{
    struct event ev;
    char *adapter = event_read(r->line, r->len, &ev, NULL) ? json_string(ev.adapter) : NULL;
    const struct reject reject = {.stage = log_tool(),
                                  .adapter = adapter ? adapter : EVENT_NOBODY,
                                  .line = number,
                                  .reason = r->error->text,
                                  .original = r->line,
                                  .original_len = r->len};

    event_put_reject(&p->refused, &reject);
    buf_add_char(&p->refused, '\n');
    free(adapter);
}

static void write_receipt(struct publish *p, const struct publisher_result *r)
{
    buf_clear(&p->echo);
    event_put_receipt(&p->echo, r->line, r->len, r->stream, r->sequence);
    line_write(&p->out, p->echo.data, p->echo.len);
}

static void on_done(void *closure, const struct publisher_result *r)
{
    struct publish *p = closure;
    enum what what = (enum what)((uintptr_t)r->context % LINE_KINDS);
    uint64_t number = (uintptr_t)r->context / LINE_KINDS;

    if (r->acknowledged) {
        if (what == LINE_EVENT) {
            p->published += !r->duplicate;
            p->duplicates += r->duplicate;
        }
        if (!p->quiet && p->receipt && what == LINE_EVENT)
            write_receipt(p, r);
        else if (!p->quiet)
            line_write(&p->out, r->line, r->len);
        return;
    }
    note_failure(p, number, r->error);
    /* Refused for good, not for now: its reject is what has to be durable. */
    if (what != LINE_REJECT && r->error->status == CENTRAL_REJECTED) {
        p->turned_away += what == LINE_EVENT;
        keep_refused(p, r, number);
        return;
    }
    p->failed += what == LINE_EVENT;
    p->status = error_worse(p->status, r->error->status);
}

/* The publisher's own error was told with the lines it cost. */
static void told(struct error *e)
{
    free(e->text);
    e->text = NULL;
}

/* Hands a checked line to the publisher. */
static bool send_line(struct publish *p, const struct event *ev, const char *text, size_t len, enum what what,
                      struct error *e)
{
    buf_clear(&p->subject);
    buf_clear(&p->id);
    json_decode(ev->subject, &p->subject);
    event_put_message_id(&p->id, ev);
    if (p->dry_run) {
        buf_add_char(&p->subject, ' ');
        buf_add(&p->subject, p->id.data, p->id.len);
        if (line_write(&p->out, p->subject.data, p->subject.len))
            return true;
        e->status = CENTRAL_IO;
        return false;
    }
    if (!p->began)
        p->began = clock_monotonic();
    void *context = (void *)(uintptr_t)(p->number * LINE_KINDS + what);
    if (!publisher_add(p->publisher, buf_text(&p->subject), buf_text(&p->id), text, len, context, e)) {
        told(e);
        return false;
    }
    if (p->out.error)
        e->status = CENTRAL_IO;
    return !p->out.error;
}

static bool send_reject(struct publish *p, const char *text, size_t len, struct error *e)
{
    struct event ev;

    return event_read(text, len, &ev, e) && send_line(p, &ev, text, len, LINE_REJECT, e);
}

/* Sends the rejects of what was refused meanwhile. */
static bool send_refused(struct publish *p, struct error *e)
{
    struct buf refused = p->refused;
    bool ok = true;

    if (!refused.len)
        return true;
    p->refused = (struct buf){0};
    for (char *at = refused.data, *end; ok && *at; at = end + 1) {
        end = strchr(at, '\n');
        ok = send_reject(p, at, (size_t)(end - at), e);
    }
    buf_free(&refused);
    return ok;
}

/* Waits for everything in flight, and for the rejects that come of it. */
static bool settle(struct publish *p, struct error *e)
{
    if (p->dry_run)
        return true;
    do {
        if (!publisher_finish(p->publisher, e)) {
            told(e);
            return false;
        }
        if (!send_refused(p, e))
            return false;
    } while (publisher_in_flight(p->publisher));
    return true;
}

/* The counts are right only when everything before the report is told. */
static bool send_report(struct publish *p, const struct event *ev, struct error *e)
{
    struct event report;

    if (!settle(p, e))
        return false;
    const struct event_count counts[] = {{"published", p->published},
                                         {"duplicates", p->duplicates},
                                         {"refused", p->turned_away},
                                         {"failed", p->failed},
                                         {"publish_ms", p->began ? (clock_monotonic() - p->began) / 1000 : 0}};
    p->published = p->duplicates = p->turned_away = p->failed = p->began = 0;
    buf_clear(&p->scratch);
    event_put_poll(&p->scratch, ev, counts, sizeof counts / sizeof *counts);
    return event_read(p->scratch.data, p->scratch.len, &report, e) &&
           send_line(p, &report, p->scratch.data, p->scratch.len, LINE_REPORT, e);
}

static bool place_reject(struct publish *p, const char *adapter, const char *reason, const struct filter_line *line,
                         struct error *e)
{
    const struct reject reject = {.stage = log_tool(),
                                  .adapter = adapter,
                                  .line = line->number,
                                  .reason = reason,
                                  .original = line->text,
                                  .original_len = line->len,
                                  .original_total = line->total};

    if (p->dry_run)
        p->status = error_worse(p->status, CENTRAL_REJECTED);
    buf_clear(&p->scratch);
    event_put_reject(&p->scratch, &reject);
    return send_reject(p, p->scratch.data, p->scratch.len, e);
}

static bool on_event(void *closure, const struct event *ev, const struct filter_line *line, struct error *e)
{
    struct publish *p = closure;

    p->number = line->number;
    if (!send_refused(p, e))
        return false;
    switch (ev->kind) {
    case EVENT_RAW: {
        static const char reason[] = "a raw event: central-normalize comes before";
        char *adapter = json_string(ev->adapter);
        log_error("line %llu: %s", (unsigned long long)line->number, reason);
        bool ok = place_reject(p, adapter, reason, line, e);
        free(adapter);
        return ok;
    }
    case EVENT_POLL:
        return send_report(p, ev, e);
    case EVENT_REJECT:
        return send_line(p, ev, line->text, line->len, LINE_REJECT, e);
    default:
        if (!json_exists(ev->stream))
            return send_line(p, ev, line->text, line->len, LINE_EVENT, e);
        /* The receipt of another time. */
        buf_clear(&p->scratch);
        event_put_bare(&p->scratch, ev);
        return send_line(p, ev, p->scratch.data, p->scratch.len, LINE_EVENT, e);
    }
}

static bool on_bad(void *closure, const char *reason, const struct filter_line *line, struct error *e)
{
    struct publish *p = closure;

    p->number = line->number;
    return send_refused(p, e) && place_reject(p, EVENT_NOBODY, reason, line, e);
}

static bool settle_and_tell(struct publish *p)
{
    struct error e = {0};

    if (settle(p, &e))
        return true;
    p->status = error_worse(p->status, e.status);
    if (e.text)
        log_error("%s", e.text);
    error_free(&e);
    return false;
}

/* Nothing to read: what is in flight is waited for and written, so that an idle pipe holds nothing back. */
static bool on_idle(void *closure, struct error *e)
{
    struct publish *p = closure;

    return settle(p, e) && line_flush(&p->out);
}

static const struct argp_option options[] = {
    {"window", 'w', "N", 0, "Lines in flight (default 4096)", 0},
    {"ack-wait", 'a', "DURATION", 0, "Send a line again when it is not acknowledged in this time (default 5s)", 0},
    {"give-up", 'g', "DURATION", 0, "End when the oldest line was not acknowledged for so long (default 30s)", 0},
    {"dry-run", 'n', 0, 0, "Check only; write each line's subject and message id, publish nothing", 0},
    {"receipt", 'r', 0, 0, "Echo each event with its stream and sequence", 0},
    {"quiet", 'q', 0, 0, "Echo nothing", 0},
    {0}};

/* Milliseconds of an int. */
#define SECONDS_MAX 86400

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct publish *p = state->input;
    int64_t seconds;

    switch (key) {
    case 'w':
        p->options.window = (unsigned)tool_number(state, "--window", arg, 1, 65536);
        return 0;
    case 'a':
    case 'g':
        seconds = tool_duration(state, key == 'a' ? "--ack-wait" : "--give-up", arg);
        if (seconds < 1 || seconds > SECONDS_MAX)
            argp_error(state, "%s: from 1s to 1d", key == 'a' ? "--ack-wait" : "--give-up");
        *(key == 'a' ? &p->options.ack_wait_ms : &p->options.give_up_ms) = (int)(seconds * 1000);
        return 0;
    case 'n':
        p->dry_run = true;
        return 0;
    case 'r':
        p->receipt = true;
        return 0;
    case 'q':
        p->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': this tool reads standard input and takes no arguments", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum central_exit run(struct publish *p)
{
    struct filter filter = {.event = on_event, .bad = on_bad, .idle = on_idle, .closure = p, .writer = &p->out};
    struct error e = {0};

    p->options.done = on_done;
    p->options.closure = p;
    if (!p->dry_run &&
        (!(p->bus = bus_open(log_tool(), &e)) || !(p->publisher = publisher_open(p->bus, &p->options, &e))))
        return log_failure(&e);
    enum central_exit status = filter_run(&filter);
    /* After a lost server there is nothing in flight any more; after anything else there may be. */
    settle_and_tell(p);
    count_failures(p);
    return error_worse(status, p->status);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        NULL,
        "Publish events from standard input to JetStream; echo each line once it is acknowledged.\v"
        "Manual: central-publish(1)",
        NULL,
        NULL,
        NULL};
    struct publish p = {0};

    tool_start("central-publish");
    tool_parse(&argp, argc, argv, &p);
    line_writer_open(&p.out, STDOUT_FILENO);
    enum central_exit status = run(&p);
    publisher_close(p.publisher);
    bus_close(p.bus);
    buf_free(&p.subject);
    buf_free(&p.id);
    buf_free(&p.scratch);
    buf_free(&p.echo);
    buf_free(&p.refused);
    return tool_end(&p.out, status);
}
