/* central-query - events of the archive to standard output. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter_name.h"
#include "central/geo.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/output.h"
#include "central/path.h"
#include "central/query.h"
#include "central/tool.h"
#include "central/utf8.h"

#define LIMIT_DEFAULT 100
/* The outlines of a continent. */
#define AREA_MAX (16 * 1024 * 1024)

struct options {
    struct query query;
    char *db;
    const char *format, *area;
    bool count;
    enum query_by by;
    struct output *output;
};

static bool on_row(void *closure, const struct archived *event)
{
    struct options *o = closure;

    return output_event(o->output, event);
}

static bool on_count(void *closure, const char *value, int64_t count)
{
    struct options *o = closure;

    return output_count(o->output, value, o->by == QUERY_BY_SEVERITY, count);
}

static bool ask(struct options *o, struct db *db, struct error *e)
{
    if (o->count)
        return query_count(db, &o->query, o->by, on_count, o, e);
    return query_run(db, &o->query, on_row, o, e);
}

static void put_hex(struct buf *out, const struct buf *bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes->len; i++) {
        buf_add_char(out, digits[(unsigned char)bytes->data[i] >> 4]);
        buf_add_char(out, digits[(unsigned char)bytes->data[i] & 15]);
    }
}

/* GeoJSON, as it is or in a file. */
static bool read_area(struct options *o, struct error *e)
{
    struct buf text = {0}, ewkb = {0};
    struct json region;
    struct geo_shape *shape = NULL;
    struct geo *g = geo_open();
    bool literal = o->area[strspn(o->area, " \t\r\n")] == '{';

    if (literal)
        buf_add_text(&text, o->area);
    bool ok = literal || path_read(o->area, AREA_MAX, &text, e);
    if (ok && !(json_check(text.data, text.len, &region, e) && geo_region(g, region, &shape, e)))
        ok = error_prefix(e, "--within: %s", literal ? "not GeoJSON of an area" : o->area);
    if (ok && !(shape && geo_put_ewkb(g, shape, &ewkb)))
        ok = error_set(e, CENTRAL_USAGE, "--within: an area of nothing");
    if (ok)
        put_hex(&o->query.area, &ewkb);
    else if (e->status == CENTRAL_REJECTED || literal)
        e->status = CENTRAL_USAGE;
    geo_shape_free(g, shape);
    geo_close(g);
    buf_free(&text);
    buf_free(&ewkb);
    return ok;
}

static enum central_exit run(struct options *o, struct line_writer *w)
{
    struct output_options shape = {.width = output_width(STDOUT_FILENO),
                                   .history = o->query.history,
                                   .counts = o->count,
                                   .by = query_by_name(o->by)};
    struct error e = {0};
    enum central_exit status = CENTRAL_OK;

    if (o->area && !read_area(o, &e))
        return log_failure(&e);
    struct db *db = db_open(o->db, log_tool(), &e);
    if (!db)
        return log_failure(&e);
    o->output = output_open(o->format, w, &shape);
    bool ok = ask(o, db, &e);
    if (!ok && e.text)
        status = log_failure(&e);
    output_close(o->output, ok);
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

/* Text that goes to the server as it is. */
static const char *parse_text(const char *option, const char *arg, struct argp_state *state)
{
    size_t n;

    for (const char *at = arg; *at; at += n)
        if (!(n = utf8_next(at, strlen(at), NULL)))
            argp_error(state, "%s: not UTF-8", option);
    if (!*arg)
        argp_error(state, "%s: nothing is in it", option);
    return arg;
}

static void parse_after(struct query *q, const char *arg, struct argp_state *state)
{
    struct error e = {0};

    query_cursor_free(&q->after);
    if (!query_cursor_read(parse_text("--after", arg, state), &q->after, &e))
        argp_error(state, "--after: %s", e.text);
}

static const struct argp_option options[] = {
    {0, 0, 0, 0, "Which events", 1},
    {"adapter", 'a', "NAME", 0, "Of this adapter; may be given several times", 0},
    {"category", 'c', "PREFIX", 0, "Of categories that begin so", 0},
    {"since", 's', "TIME", 0, "Whose time is this or later: a point in time, or how long ago (24h)", 0},
    {"until", 'u', "TIME", 0, "Whose time is before this", 0},
    {"received-since", 'r', "TIME", 0, "That were archived then or later", 0},
    {"received-until", 'R', "TIME", 0, "That were archived before this", 0},
    {"bbox", 'b', "W,S,E,N", 0, "That touch this box, in degrees", 0},
    {"within", 'w', "AREA", 0, "That touch this area: GeoJSON, or a file of it", 0},
    {"severity", 'S', "N", 0, "Of this severity at least, 0 to 4", 0},
    {"text", 't', "TEXT", 0, "With this text anywhere in what the source says", 0},
    {"id", 'i', "ID", 0, "Of this id", 0},
    {"active", 'A', 0, 0, "Neither removed nor expired", 0},
    {"history", 'H', 0, 0, "The versions that were replaced, too", 0},
    {0, 0, 0, 0, "In which order, and how many", 2},
    {"limit", 'n', "N", 0, "At most so many, the newest first (default 100)", 0},
    {"after", 'p', "TIME/ADAPTER/REVISION/ID", 0, "Those that come after this one", 0},
    {"all", 'l', 0, 0, "All of them, in the order to publish them again", 0},
    {"count", 'C', 0, 0, "How many there are, instead", 0},
    {"by", 'B', "WHAT", 0, "How many of each adapter, category, day or severity", 0},
    {0, 0, 0, 0, "How", 3},
    {"format", 'f', "FORMAT", 0, "ndjson, table, csv, geojson, geojson-seq; default table on a terminal, else ndjson",
     0},
    {"db", 'd', "URL", 0, "The database; default $DATABASE_URL, else as psql finds it", 0},
    {0}};

static void check_options(struct options *o, struct argp_state *state)
{
    struct query *q = &o->query;
    bool all = q->order == QUERY_REPLAY;

    if (!output_known(o->format))
        argp_error(state, "--format: '%s' is none of %s", o->format, output_names());
    if (q->active && q->history)
        argp_error(state, "--active is what stands, --history also what does not: one of them");
    if (q->after.id && all)
        argp_error(state, "--after goes with the newest first, not with --all");
    if (o->by != QUERY_BY_NONE && !o->count)
        argp_error(state, "--by goes with --count");
    if (o->count && (all || q->limit || q->after.id))
        argp_error(state, "--count counts everything: without --all, --limit, --after");
    if (o->count && !output_shows_counts(o->format))
        argp_error(state, "--format: %s has no form for counts", o->format);
    if (!q->limit && !all)
        q->limit = LIMIT_DEFAULT;
    q->geometry = output_shows_geometry(o->format);
}

static error_t parse_filter(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    struct query *q = &o->query;

    switch (key) {
    case 'a':
        parse_adapter(q, arg, state);
        return 0;
    case 'c':
        q->category = parse_text("--category", arg, state);
        return 0;
    case 's':
        q->since = tool_time(state, "--since", arg);
        q->has_since = true;
        return 0;
    case 'u':
        q->until = tool_time(state, "--until", arg);
        q->has_until = true;
        return 0;
    case 'r':
        q->received_since = tool_time(state, "--received-since", arg);
        q->has_received_since = true;
        return 0;
    case 'R':
        q->received_until = tool_time(state, "--received-until", arg);
        q->has_received_until = true;
        return 0;
    case 'b':
        parse_box(q, arg, state);
        return 0;
    case 'w':
        o->area = arg;
        return 0;
    case 'S':
        q->severity = (int)tool_number(state, "--severity", arg, 0, 4);
        return 0;
    case 't':
        q->text = parse_text("--text", arg, state);
        return 0;
    case 'i':
        q->id = parse_text("--id", arg, state);
        return 0;
    case 'A':
        q->active = true;
        return 0;
    case 'H':
        q->history = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    struct query *q = &o->query;

    switch (key) {
    case 'n':
        q->limit = tool_number(state, "--limit", arg, 1, INT64_MAX);
        return 0;
    case 'p':
        parse_after(q, arg, state);
        return 0;
    case 'l':
        q->order = QUERY_REPLAY;
        return 0;
    case 'C':
        o->count = true;
        return 0;
    case 'B':
        if (!query_by_named(arg, &o->by))
            argp_error(state, "--by: '%s' is none of adapter, category, day, severity", arg);
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
        check_options(o, state);
        return 0;
    default:
        return parse_filter(key, arg, state);
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
    buf_free(&o.query.area);
    query_cursor_free(&o.query.after);
    free(o.db);
    return tool_end(&w, status);
}
