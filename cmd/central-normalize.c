/* central-normalize - raw events in, canonical events out, each through its adapter's jq. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter.h"
#include "central/clock.h"
#include "central/confine.h"
#include "central/geos.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/tool.h"

/* One source's adapter and what became of its records since its last poll report. */
struct source {
    struct adapter *adapter;
    struct adapter_counts counts;
};

struct normalize {
    struct line_writer out;
    const char *file; /* -f */
    struct source *sources;
    size_t count;
    struct buf scratch;
    /* the line at hand */
    const struct event *ev;
    const struct filter_line *line;
};

static bool lost_stdout(struct error *e)
{
    /* The writer has latched the reason; tool_end says it. */
    error_free(e);
    e->status = CENTRAL_IO;
    return false;
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
    return line_write(&n->out, n->scratch.data, n->scratch.len);
}

static bool write_event(void *closure, const char *line, size_t len)
{
    struct normalize *n = closure;

    return line_write(&n->out, line, len);
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

/* The source of a name, its adapter loaded; NULL with e when it has none. */
static struct source *source_named(struct normalize *n, const char *name, bool load, struct error *e)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(adapter_name(n->sources[i].adapter), name) == 0)
            return &n->sources[i];
    if (!load)
        return NULL;
    struct adapter *a = n->file ? adapter_open_file(n->file, name, e) : adapter_open(name, e);
    if (!a)
        return NULL;
    n->sources = mem_resize(n->sources, (n->count + 1) * sizeof *n->sources);
    n->sources[n->count] = (struct source){.adapter = a};
    return &n->sources[n->count++];
}

static bool normalize_raw(struct normalize *n, struct error *e)
{
    const struct adapter_sink sink = {write_event, reject_record, n};
    char *name = json_string(n->ev->adapter), *url = json_string(n->ev->source);
    char *tag = json_exists(n->ev->tag) ? json_string(n->ev->tag) : NULL;
    struct adapter_context context = {url, tag, n->ev->time};
    struct source *s = source_named(n, name, true, e);
    bool ok = s && adapter_events(s->adapter, n->ev->data, &context, &sink, &s->counts, e);

    if (s && !ok)
        lost_stdout(e);
    free(name);
    free(url);
    free(tag);
    return ok;
}

/* The report gets this stage's counts, and they start again. */
static bool pass_report(struct normalize *n)
{
    char *name = json_string(n->ev->adapter);
    struct source *s = source_named(n, name, false, NULL);
    struct adapter_counts c = s ? s->counts : (struct adapter_counts){0};
    const struct event_count counts[] = {{"normalized", (int64_t)c.events},
                                         {"skipped", (int64_t)c.skipped},
                                         {"outside_region", (int64_t)c.outside},
                                         {"rejected", (int64_t)c.rejected}};

    free(name);
    if (s)
        s->counts = (struct adapter_counts){0};
    buf_clear(&n->scratch);
    event_put_poll(&n->scratch, n->ev, counts, sizeof counts / sizeof *counts);
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
        return pass_report(n) || lost_stdout(e);
    default:
        return line_write(&n->out, line->text, line->len) || lost_stdout(e);
    }
}

static bool on_bad(void *closure, const char *reason, const struct filter_line *line, struct error *e)
{
    struct normalize *n = closure;

    n->line = line;
    return write_reject(n, EVENT_NOBODY, NULL, reason) || lost_stdout(e);
}

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
    for (char **at = files; *at; at++)
        free(*at);
    free(files);
}

static const struct argp_option options[] = {
    {"file", 'f', "FILE.jq", 0, "Map every raw event through this adapter file, whatever source it names", 0}, {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct normalize *n = state->input;

    switch (key) {
    case 'f':
        n->file = arg;
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
    struct normalize n = {0};
    struct filter filter = {.event = on_event, .bad = on_bad, .closure = &n, .writer = &n.out};

    tool_start("central-normalize");
    tool_parse(&argp, argc, argv, &n);
    confine(n.file);
    line_writer_open(&n.out, STDOUT_FILENO);
    enum central_exit status = filter_run(&filter);
    for (size_t i = 0; i < n.count; i++)
        adapter_close(n.sources[i].adapter);
    free(n.sources);
    buf_free(&n.scratch);
    return tool_end(&n.out, status);
}
