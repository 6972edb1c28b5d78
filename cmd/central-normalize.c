/* central-normalize - raw events in, canonical events out, each through its adapter's jq. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter.h"
#include "central/adapter_file.h"
#include "central/clock.h"
#include "central/confine.h"
#include "central/crew.h"
#include "central/geos.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/tool.h"

/* So much of the input is a worker's task, or the line that goes beyond it: what a worker needs to have a moment's
 * work, and little enough for several to have some of a poll. */
#define RUN_BYTES (32 * 1024)

/* One source and what became of its records since its last poll report. */
struct source {
    char *name;
    struct adapter *adapter; /* NULL: not needed here so far */
    struct adapter_counts counts;
};

struct normalize {
    struct line_writer out;
    struct filter filter;
    const char *file; /* -f */
    struct source *sources;
    size_t count;
    struct buf scratch;
    /* the line at hand */
    const struct event *ev;
    const struct filter_line *line;
    /* --jobs */
    unsigned jobs;
    struct crew *crew; /* NULL: none */
    struct buf run;    /* lines for the next worker */
    uint64_t answered; /* the last line of which is known what came of it */
    bool over;         /* it ended by what came of a line */
    /* In a worker */
    struct buf *answer; /* what is to be written goes there */
    struct buf said;    /* and what is to be said */
};

/* What a task is made of, and what an answer is. */
enum item {
    LINE,   /* struct filter_line, text with its NUL */
    OUTPUT, /* a line for standard output */
    SAID,   /* lines for standard error */
    COUNTS, /* struct adapter_counts to be added, the source's name with its NUL */
    REPORT, /* a poll report, as it came, with its NUL */
    FAILED, /* enum central_exit, why with its NUL: this ends the tool */
    DONE,   /* the number of the last line of the task */
};

static bool lost_stdout(struct error *e)
{
    /* The writer has latched the reason; tool_end says it. */
    error_free(e);
    e->status = CENTRAL_IO;
    return false;
}

static bool put_line(struct normalize *n, const char *text, size_t len)
{
    if (!n->answer)
        return line_write(&n->out, text, len);
    crew_put(n->answer, OUTPUT, NULL, 0, text, len);
    return true;
}

/* The record at hand, or a line that is none, goes on as a reject. */
static bool write_reject(struct normalize *n, const char *adapter, const char *source, const char *reason)
{
    struct reject r = {.stage = log_tool(),
                       .adapter = adapter,
                       .source = source,
                       .line = n->line->number,
                       .reason = reason,
                       .original = n->line->text,
                       .original_len = n->line->len,
                       .original_total = n->line->total};

    buf_clear(&n->scratch);
    event_put_reject(&n->scratch, &r);
    return put_line(n, n->scratch.data, n->scratch.len);
}

static bool write_event(void *closure, const char *line, size_t len)
{
    return put_line(closure, line, len);
}

static bool reject_record(void *closure, const char *reason)
{
    struct normalize *n = closure;
    char *adapter = json_string(n->ev->adapter), *url = json_string(n->ev->source);

    log_warning("line %llu: %s: %s", (unsigned long long)n->line->number, adapter, reason);
    bool ok = write_reject(n, adapter, url, reason);
    free(adapter);
    free(url);
    return ok;
}

/* The source of a name, added where it is new. */
static struct source *source_named(struct normalize *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->sources[i].name, name) == 0)
            return &n->sources[i];
    n->sources = mem_resize(n->sources, (n->count + 1) * sizeof *n->sources);
    n->sources[n->count] = (struct source){.name = mem_string(name)};
    return &n->sources[n->count++];
}

/* The same with its adapter loaded; NULL with e when it has none. */
static struct source *source_loaded(struct normalize *n, const char *name, struct error *e)
{
    struct source *s = source_named(n, name);

    if (!s->adapter)
        s->adapter = n->file ? adapter_open_file(n->file, name, e) : adapter_open(name, e);
    return s->adapter ? s : NULL;
}

static bool normalize_raw(struct normalize *n, struct error *e)
{
    const struct adapter_sink sink = {write_event, reject_record, n};
    char *name = json_string(n->ev->adapter), *url = json_string(n->ev->source);
    char *tag = json_exists(n->ev->tag) ? json_string(n->ev->tag) : NULL;
    struct adapter_context context = {url, tag, n->ev->time};
    struct source *s = source_loaded(n, name, e);
    bool ok = s && adapter_events(s->adapter, n->ev->data, &context, &sink, &s->counts, e);

    if (s && !ok)
        lost_stdout(e);
    free(name);
    free(url);
    free(tag);
    return ok;
}

/* A worker tells what it counted, to be added up. */
static void tell_counts(struct normalize *n)
{
    for (struct source *s = n->sources; s < n->sources + n->count; s++) {
        crew_put(n->answer, COUNTS, &s->counts, sizeof s->counts, s->name, strlen(s->name) + 1);
        s->counts = (struct adapter_counts){0};
    }
}

/* The report gets this stage's counts, and they start again. */
static bool pass_report(struct normalize *n, const struct event *report)
{
    if (n->answer) {
        tell_counts(n);
        crew_put(n->answer, REPORT, NULL, 0, n->line->text, n->line->len + 1);
        return true;
    }
    char *name = json_string(report->adapter);
    struct source *s = source_named(n, name);
    const struct adapter_counts c = s->counts;
    const struct event_count counts[] = {{"normalized", (int64_t)c.events},
                                         {"skipped", (int64_t)c.skipped},
                                         {"outside_region", (int64_t)c.outside},
                                         {"rejected", (int64_t)c.rejected}};

    free(name);
    s->counts = (struct adapter_counts){0};
    buf_clear(&n->scratch);
    event_put_poll(&n->scratch, report, counts, sizeof counts / sizeof *counts);
    return line_write(&n->out, n->scratch.data, n->scratch.len);
}

static bool on_event(void *closure, const struct event *ev, const struct filter_line *line, struct error *e)
{
    struct normalize *n = closure;

    n->ev = ev;
    n->line = line;
    switch (ev->kind) {
    case EVENT_RAW:
        return normalize_raw(n, e);
    case EVENT_POLL:
        return pass_report(n, ev) || lost_stdout(e);
    default:
        return put_line(n, line->text, line->len) || lost_stdout(e);
    }
}

static bool on_bad(void *closure, const char *reason, const struct filter_line *line, struct error *e)
{
    struct normalize *n = closure;

    n->line = line;
    return write_reject(n, EVENT_NOBODY, NULL, reason) || lost_stdout(e);
}

/* --- workers -------------------------------------------------------------------------------------------------------
 *
 * A worker does with each line what this process does without them, but for writing, speaking and adding up. */

static void work(void *closure, const struct buf *task, struct buf *answer)
{
    struct normalize *n = closure;
    struct filter_line line = {0};
    struct crew_item item;
    struct error e = {0};
    bool ok = true;

    n->answer = answer;
    log_gather(&n->said);
    for (size_t at = 0; ok && crew_next(task, &at, &item) && crew_head(&item, &line, sizeof line);) {
        line.text = item.data;
        ok = filter_take(&n->filter, &line, &e);
        if (n->said.len)
            crew_put(answer, SAID, NULL, 0, n->said.data, n->said.len);
        buf_clear(&n->said);
    }
    tell_counts(n);
    if (!ok)
        crew_put(answer, FAILED, &e.status, sizeof e.status, e.text, strlen(e.text) + 1);
    error_free(&e);
    crew_put(answer, DONE, &line.number, sizeof line.number, NULL, 0);
}

static bool add_counts(struct normalize *n, struct crew_item *item)
{
    struct adapter_counts c;

    if (!crew_head(item, &c, sizeof c) || !item->len || item->data[item->len - 1])
        return false;
    struct adapter_counts *sum = &source_named(n, item->data)->counts;
    sum->events += c.events;
    sum->outside += c.outside;
    sum->skipped += c.skipped;
    sum->rejected += c.rejected;
    return true;
}

/* One item of an answer. */
static bool take_item(struct normalize *n, struct crew_item *item, struct error *e)
{
    const bool text = item->len && !item->data[item->len - 1];
    enum central_exit status;
    struct event ev;

    switch (item->kind) {
    case OUTPUT:
        return line_write(&n->out, item->data, item->len) || lost_stdout(e);
    case SAID:
        log_pass(item->data, item->len);
        return true;
    case COUNTS:
        if (add_counts(n, item))
            return true;
        break;
    case REPORT:
        if (!text || !event_read(item->data, item->len - 1, &ev, e) || ev.kind != EVENT_POLL)
            break;
        return pass_report(n, &ev) || lost_stdout(e);
    case FAILED:
        if (text && crew_head(item, &status, sizeof status))
            return error_set(e, status, "%s", item->data);
        break;
    case DONE:
        if (crew_head(item, &n->answered, sizeof n->answered))
            return true;
        break;
    default:
        break;
    }
    return error_set(e, CENTRAL_BUG, "a worker's answer is none");
}

static bool take(void *closure, const struct buf *answer, struct error *e)
{
    struct normalize *n = closure;
    struct crew_item item;
    bool ok = true;

    for (size_t at = 0; ok && crew_next(answer, &at, &item);)
        ok = take_item(n, &item, e);
    return ok;
}

/* What the crew did, or why it did not. */
static bool went_well(struct normalize *n, bool ok, struct error *e)
{
    n->over = n->over || !ok;
    return ok || !crew_broken(n->crew) ||
           error_prefix(e, "from line %llu on nothing is written", (unsigned long long)n->answered + 1);
}

static bool give_run(struct normalize *n, struct error *e)
{
    bool ok = !n->run.len || crew_give(n->crew, &n->run, e);

    buf_clear(&n->run);
    return went_well(n, ok, e) && ok;
}

static bool on_line(void *closure, const struct filter_line *line, struct error *e)
{
    struct normalize *n = closure;

    crew_put(&n->run, LINE, line, sizeof *line, line->text, line->len + 1);
    return n->run.len < RUN_BYTES || give_run(n, e);
}

/* Nothing to read: what was read goes to work, and what is ready goes out, until there is more to read. */
static bool on_idle(void *closure, struct error *e)
{
    struct normalize *n = closure;
    bool ok = give_run(n, e), more = false;

    while (ok && !more && crew_due(n->crew)) {
        ok = crew_wait(n->crew, STDIN_FILENO, &more, e);
        ok = went_well(n, ok, e) && ok && (line_flush(&n->out) || lost_stdout(e));
    }
    return ok;
}

/* filter_run with workers. */
static enum central_exit run_crew(struct normalize *n)
{
    const struct crew_work crew = {work, take, n};
    struct error e = {0};

    n->crew = crew_open(n->jobs, &crew, &e);
    if (!n->crew)
        return log_failure(&e);
    n->filter.line = on_line;
    n->filter.idle = on_idle;
    enum central_exit status = filter_run(&n->filter);
    if (!n->over && give_run(n, &e))
        went_well(n, crew_finish(n->crew, &e), &e);
    crew_close(n->crew);
    buf_free(&n->run);
    if (e.text)
        return error_worse(log_failure(&e), status);
    return error_worse(e.status, status);
}

/* --- the tool ------------------------------------------------------------------------------------------------------
 */

/* What maps text from outside needs the adapters and libraries, and nothing else. */
static void confine(const char *file)
{
    char **files = adapter_files();
    size_t count = 0, libraries = 0;

    while (files[count])
        count++;
    while (geos_files[libraries])
        libraries++;
    files = mem_resize(files, (count + libraries + 5) * sizeof *files);
    for (size_t i = 0; i < libraries; i++)
        files[count++] = mem_string(geos_files[i]);
    if (file) {
        const char *slash = strrchr(file, '/');
        files[count++] = slash ? mem_bytes(file, (size_t)(slash - file) + 1) : mem_string(".");
        files[count++] = mem_string(file);
    }
    /* libjq's strftime. */
    files[count++] = mem_string("/etc/localtime");
    files[count++] = mem_string("/usr/share/zoneinfo");
    files[count] = NULL;
    confine_network();
    confine_reading((const char *const *)files);
    adapter_list_free(files);
}

static const struct argp_option options[] = {
    {"file", 'f', "FILE.jq", 0, "Map every raw event through this adapter file, whatever source it names", 0},
    {"jobs", 'j', "N", 0, "Let N workers do it (1 to 64; 1, none beside this process); the order stays", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct normalize *n = state->input;

    switch (key) {
    case 'f':
        n->file = arg;
        return 0;
    case 'j':
        n->jobs = (unsigned)tool_number(state, "--jobs", arg, 1, CREW_WORKERS_MAX);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': this tool reads standard input and takes no arguments", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     NULL,
                                     "Turn raw events on standard input into canonical events on standard output.\v"
                                     "Manual: central-normalize(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct normalize n = {.jobs = 1, .filter = {.event = on_event, .bad = on_bad, .closure = &n, .writer = &n.out}};

    tool_start("central-normalize");
    tool_parse(&argp, argc, argv, &n);
    confine(n.file);
    line_writer_open(&n.out, STDOUT_FILENO);
    enum central_exit status = n.jobs > 1 ? run_crew(&n) : filter_run(&n.filter);
    for (size_t i = 0; i < n.count; i++) {
        adapter_close(n.sources[i].adapter);
        free(n.sources[i].name);
    }
    free(n.sources);
    buf_free(&n.scratch);
    return tool_end(&n.out, status);
}
