/* central-query - events of the archive to standard output. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter_name.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/output.h"
#include "central/query.h"
#include "central/tool.h"

#define LIMIT_DEFAULT 100

struct options {
    struct query query;
    char *db;
    const char *format;
};

static bool on_row(void *closure, struct json envelope)
{
    return output_event(closure, envelope);
}

static enum central_exit run(struct options *o, struct line_writer *w)
{
    struct error e = {0};
    struct db *db = db_open(o->db, log_tool(), &e);
    enum central_exit status = CENTRAL_OK;

    if (!db)
        return log_failure(&e);
    struct output *output = output_open(o->format, w, output_width(STDOUT_FILENO));
    if (!query_run(db, &o->query, on_row, output, &e) && e.text)
        status = log_failure(&e);
    output_close(output);
    db_close(db);
    return status;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static void parse_adapter(struct query *q, const char *arg, struct argp_state *state)
{
    if (!adapter_name_ok(arg, strlen(arg)))
        argp_error(state, "--adapter: '%s' is no adapter's name", arg);
    if (q->adapters.len)
        buf_add_char(&q->adapters, ',');
    buf_add_text(&q->adapters, arg);
}

static void parse_box(struct query *q, const char *arg, struct argp_state *state)
{
    const char *at = arg;

    for (int i = 0; i < 4; i++) {
        char *end;
        q->box[i] = strtod(at, &end);
        if (end == at || *end != (i < 3 ? ',' : '\0') || !isfinite(q->box[i]) || fabs(q->box[i]) > (i % 2 ? 90 : 180))
            argp_error(state, "--bbox: '%s' is not WEST,SOUTH,EAST,NORTH in degrees", arg);
        at = end + 1;
    }
    if (q->box[1] > q->box[3])
        argp_error(state, "--bbox: '%s': south is north of north (the order is WEST,SOUTH,EAST,NORTH)", arg);
    q->has_box = true;
}

static const struct argp_option options[] = {
    {"adapter", 'a', "NAME", 0, "Of this adapter; may be given several times", 0},
    {"category", 'c', "PREFIX", 0, "Of categories that begin so", 0},
    {"since", 's', "TIME", 0, "Whose time is this or later: a point in time, or how long ago (24h)", 0},
    {"until", 'u', "TIME", 0, "Whose time is before this", 0},
    {"bbox", 'b', "W,S,E,N", 0, "That touch this box, in degrees", 0},
    {"severity", 'S', "N", 0, "Of this severity at least, 0 to 4", 0},
    {"id", 'i', "ID", 0, "Of this id", 0},
    {"active", 'A', 0, 0, "Neither removed nor expired", 0},
    {"limit", 'n', "N", 0, "At most so many, the newest first (default 100)", 0},
    {"all", 'l', 0, 0, "All of them, the oldest first", 0},
    {"format", 'f', "FORMAT", 0, "ndjson or table; default table on a terminal, else ndjson", 0},
    {"db", 'd', "URL", 0, "The database; default $DATABASE_URL, else as psql finds it", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    struct query *q = &o->query;

    switch (key) {
    case 'a':
        parse_adapter(q, arg, state);
        return 0;
    case 'c':
        q->category = arg;
        return 0;
    case 's':
        q->since = tool_time(state, "--since", arg);
        q->has_since = true;
        return 0;
    case 'u':
        q->until = tool_time(state, "--until", arg);
        q->has_until = true;
        return 0;
    case 'b':
        parse_box(q, arg, state);
        return 0;
    case 'S':
        q->severity = (int)tool_number(state, "--severity", arg, 0, 4);
        return 0;
    case 'i':
        q->id = arg;
        return 0;
    case 'A':
        q->active = true;
        return 0;
    case 'n':
        q->limit = tool_number(state, "--limit", arg, 1, INT64_MAX);
        return 0;
    case 'l':
        q->oldest_first = true;
        return 0;
    case 'f':
        o->format = arg;
        return 0;
    case 'd':
        o->db = mem_string(arg);
        /* Others can read our arguments, and it may hold a password. */
        memset(arg, '*', strlen(arg));
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': this tool takes no arguments", arg);
        return 0;
    case ARGP_KEY_END:
        if (!output_known(o->format))
            argp_error(state, "--format: '%s' is none of %s", o->format, output_names());
        if (!q->limit && !q->oldest_first)
            q->limit = LIMIT_DEFAULT;
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
                                     "Write events of the archive to standard output.\v"
                                     "Manual: central-query(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct options o = {.query = {.severity = -1}};
    struct line_writer w;

    /* For the width of characters; output is UTF-8 in any case. */
    setlocale(LC_CTYPE, "C.UTF-8");
    tool_start("central-query");
    o.format = isatty(STDOUT_FILENO) ? "table" : "ndjson";
    tool_parse(&argp, argc, argv, &o);
    line_writer_open(&w, STDOUT_FILENO);
    enum central_exit status = run(&o, &w);
    buf_free(&o.query.adapters);
    free(o.db);
    return tool_end(&w, status);
}
