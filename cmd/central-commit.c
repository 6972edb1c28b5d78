/* central-commit - records what was sent and, behind it, that the poll is consumed. The last stage of a source's pipe.
 * --reconcile: forgets what the broker lost after it had acknowledged it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter_name.h"
#include "central/bus.h"
#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/poll_metrics.h"
#include "central/reconcile.h"
#include "central/state.h"
#include "central/tool.h"

/* Recorded in one transaction at most; a poll report ends one too. The lines are held until it is committed. */
#define BATCH_LINES 5000
#define BATCH_BYTES (256 * 1024)

struct commit {
    struct line_writer out;
    bool quiet, reconcile;
    char **names; /* --reconcile */
    int lock;     /* -1: its own */
    size_t name_count;
    struct metrics *metrics; /* NULL: not wanted */
    struct state_list states;
    struct buf hash;
    struct buf held; /* lines recorded and not committed: they are written when they are */
    size_t held_lines;
};

/* The event's state with a transaction under way. */
static struct state *state_for(struct commit *c, const struct event *ev, struct error *e)
{
    struct state *s = state_of(&c->states, ev->adapter, NULL, e);

    return s && (state_open_transaction(s) || state_begin(s, e)) ? s : NULL;
}

/* Commits all, then writes the lines. */
static bool settle(struct commit *c, struct error *e)
{
    for (size_t i = 0; i < c->states.count; i++)
        if (state_open_transaction(c->states.at[i]) && !state_commit(c->states.at[i], e)) {
            /* What was not recorded is not told, now or by a later call: SQLite may have rolled it back already. */
            buf_clear(&c->held);
            c->held_lines = 0;
            return false;
        }
    for (const char *at = c->held.data; at && *at;) {
        size_t len = strcspn(at, "\n");
        line_write(&c->out, at, len);
        at += len + 1;
    }
    buf_clear(&c->held);
    c->held_lines = 0;
    if (c->out.error)
        e->status = CENTRAL_IO;
    return !c->out.error;
}

static bool record_event(struct commit *c, struct state *s, const struct event *ev, struct error *e)
{
    int64_t now = clock_now() / CLOCK_SECOND;
    char *id = json_string(json_exists(ev->removes) ? ev->removes : ev->event_id);
    char *stream = json_string(ev->stream), *envelope = json_string(ev->id);
    const struct state_receipt receipt = {stream, (int64_t)ev->sequence, envelope};
    bool ok;

    if (json_exists(ev->removes)) {
        ok = state_put_removed(s, id, &receipt, now, e);
    } else {
        buf_clear(&c->hash);
        json_put_hash(&c->hash, json_hash(ev->data));
        ok = state_put_sent(s, id, buf_text(&c->hash), ev->revision, &receipt, now, e);
    }
    free(id);
    free(stream);
    free(envelope);
    return ok;
}

static int64_t count_of(struct json data, const char *name)
{
    int64_t n = 0;

    json_int(json_get(data, name), &n);
    return n;
}

/* One line for a person: what came of the poll. */
static void summarize(const struct commit *c, const struct state *s, const struct event *report)
{
    struct json d = report->data;
    char *state = json_string(json_get(d, "state")), *error = json_string(json_get(report->line, "error"));

    if (!c->quiet)
        log_info("%s: %s: %lld new, %lld revised, %lld unchanged, %lld removed, %lld rejected%s, %lld ms%s%s",
                 state_source(s), state, (long long)count_of(d, "fresh"), (long long)count_of(d, "revised"),
                 (long long)count_of(d, "unchanged"), (long long)count_of(d, "removed"),
                 (long long)(count_of(d, "rejected") + count_of(d, "twins_rejected")),
                 count_of(d, "held") ? ", held" : "", (long long)count_of(d, "duration_ms"), error ? ": " : "",
                 error ? error : "");
    free(state);
    free(error);
}

static bool is_settled(const struct event *report)
{
    return json_bool(json_get(report->data, "complete")) == 1 && !count_of(report->data, "failed");
}

/* Figures are no reason to fail a poll. */
static void count_poll(struct commit *c, const struct event *report)
{
    struct error e = {0};

    if (!c->metrics)
        return;
    poll_metrics_add(c->metrics, report, is_settled(report));
    if (!metrics_write(c->metrics, &e))
        log_warning("%s", e.text);
    error_free(&e);
}

/* The cursor moves only behind a poll that was complete and of which every line is durable. */
static bool record_report(struct commit *c, struct state *s, const struct event *ev, struct error *e)
{
    struct json keep = json_get(ev->data, "keep");
    int64_t keep_seconds = 0;

    summarize(c, s, ev);
    if (!is_settled(ev))
        return true;
    if (json_kind(keep) == JSON_STRING && !duration_parse(keep.at + 1, keep.len - 2, &keep_seconds))
        keep_seconds = 0;
    return state_consume(s, ev->data, clock_now() / CLOCK_SECOND, keep_seconds, e);
}

static bool on_event(void *closure, const struct event *ev, const struct filter_line *line, struct error *e)
{
    struct commit *c = closure;
    struct state *s = NULL;
    bool ok = true;

    if (ev->kind == EVENT_RAW)
        return error_set(e, CENTRAL_USAGE, "line %llu: a raw event: only what was published can be committed",
                         (unsigned long long)line->number);
    /* A reject that is no source's has no state. */
    const bool nobodys = ev->kind == EVENT_REJECT && json_equals(ev->adapter, EVENT_NOBODY);
    if (!nobodys && !(s = state_for(c, ev, e)))
        return false;
    if (ev->kind == EVENT_CANONICAL) {
        ok = record_event(c, s, ev, e);
    } else if (nobodys) {
        ok = true;
    } else if (ev->kind == EVENT_REJECT) {
        char *id = json_string(ev->id);
        ok = state_put_reject(s, id, clock_now() / CLOCK_SECOND, e);
        free(id);
    } else {
        ok = record_report(c, s, ev, e);
    }
    if (!ok)
        return false;
    buf_add(&c->held, line->text, line->len);
    buf_add_char(&c->held, '\n');
    if (++c->held_lines < BATCH_LINES && c->held.len < BATCH_BYTES && ev->kind != EVENT_POLL)
        return true;
    ok = settle(c, e);
    if (ok && ev->kind == EVENT_POLL)
        count_poll(c, ev);
    return ok;
}

static bool on_idle(void *closure, struct error *e)
{
    struct commit *c = closure;

    return settle(c, e) && line_flush(&c->out);
}

/* --- --reconcile ---------------------------------------------------------------------------------------------------
 */

static bool reconcile_source(struct bus **bus, const char *name, int given, struct error *e)
{
    int64_t lost = 0, learned = 0;
    int lock = -1;

    if (!state_exists(name))
        return error_set(e, CENTRAL_CONFIG, "%s: has no state: nothing was sent, or the name is wrong", name);
    if (given < 0 ? (lock = state_lock(name, e)) < 0 : !state_lock_at(given, name, e))
        return false;
    struct state *s = state_open(name, e);
    bool ok = s && (*bus || (*bus = bus_open(log_tool(), e))) && reconcile(*bus, s, &lost, &learned, e);
    state_close(s);
    if (lock >= 0)
        close(lock);
    if (learned)
        log_info("%s: learned of %lld events that were published and not recorded", name, (long long)learned);
    if (lost)
        log_warning(
            "%s: the broker has lost %lld events that it had acknowledged: the next poll sends what it still sees of "
            "them; central-audit --repair %s brings back what the archive has",
            name, (long long)lost, name);
    return ok;
}

static enum central_exit reconcile_all(struct commit *c)
{
    struct bus *bus = NULL;
    struct error e = {0};
    char **all = c->name_count ? NULL : state_names();
    enum central_exit status = CENTRAL_OK;

    for (char **name = all ? all : c->names; *name; name++)
        if (!reconcile_source(&bus, *name, c->lock, &e)) {
            status = error_worse(status, log_failure(&e));
            e = (struct error){0};
        }
    for (char **name = all; name && *name; name++)
        free(*name);
    free(all);
    bus_close(bus);
    return status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct commit *c = state->input;

    switch (key) {
    case 'q':
        c->quiet = true;
        return 0;
    case 'm':
        metrics_close(c->metrics);
        c->metrics = poll_metrics_open(arg);
        return 0;
    case 'r':
        c->reconcile = true;
        return 0;
    case 'l':
        c->lock = (int)tool_number(state, "--lock", arg, STDERR_FILENO + 1, INT_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (!adapter_name_ok(arg, strlen(arg)))
            argp_error(state, "'%s' is no source's name", arg);
        c->names = mem_resize(c->names, (c->name_count + 2) * sizeof *c->names);
        c->names[c->name_count++] = arg;
        c->names[c->name_count] = NULL;
        return 0;
    case ARGP_KEY_END:
        if (c->lock >= 0 && (!c->reconcile || c->name_count != 1))
            argp_error(state, "--lock goes with --reconcile and one name");
        if (c->name_count && !c->reconcile)
            argp_error(state, "'%s': this tool reads standard input; names go with --reconcile", c->names[0]);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"reconcile", 'r', 0, 0, "Read no input: forget what the broker lost, so that the next poll sends it again", 0},
        {"lock", 'l', "FD", 0, "With --reconcile: lock the file that is open there, which stays locked", 0},
        {"metrics", 'm', "FILE", 0, "Count the polls there, for Prometheus", 0},
        {"quiet", 'q', 0, 0, "No summary line for each poll", 0},
        {0}};
    static const struct argp argp = {
        options,
        parse,
        "\n--reconcile [NAME...]\n--reconcile --lock=FD NAME",
        "Record published lines from standard input as sent, and their poll as consumed; echo "
        "each once it is recorded.\vManual: central-commit(1)",
        NULL,
        NULL,
        NULL};
    struct commit c = {.lock = -1};
    struct filter filter = {.event = on_event, .idle = on_idle, .closure = &c, .writer = &c.out};
    struct error e = {0};

    tool_start("central-commit");
    tool_parse(&argp, argc, argv, &c);
    line_writer_open(&c.out, STDOUT_FILENO);
    enum central_exit status = c.reconcile ? reconcile_all(&c) : filter_run(&filter);
    /* What was read is durable whatever ended the input. */
    if (!settle(&c, &e))
        status = error_worse(e.text ? log_failure(&e) : e.status, status);
    state_list_close(&c.states);
    metrics_close(c.metrics);
    buf_free(&c.hash);
    buf_free(&c.held);
    free(c.names);
    return tool_end(&c.out, status);
}
