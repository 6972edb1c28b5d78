/* central-audit - whether state, bus and archive hold the same, by id and revision; --repair sends what is missing. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter.h"
#include "central/adapter_name.h"
#include "central/archive.h"
#include "central/audit.h"
#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/repair.h"
#include "central/stream.h"
#include "central/tool.h"

/* What was sent so short ago may still be on its way to the archive. */
#define GRACE_SECONDS 60
/* The archive notes when a message came to it: by another clock, and before the bus where standard input fed it. */
#define SLACK (INT64_C(86400) * CLOCK_SECOND)

struct source {
    const char *name;
    struct state *state; /* NULL: it has none */
    int lock;            /* when it will be written; else -1 */
    uint64_t gaps, open;
};

struct tool {
    char **names;
    size_t name_count;
    char *url;
    int64_t since, grace;
    bool repair, learn, no_archive, json, quiet;
    struct source *sources;
    struct stream_list list;
    struct bus *bus;
    struct db *db;
    struct archive *archive; /* --repair; holds db */
    struct audit *audit;
    struct repair *repairing;
    struct line_writer out;
    struct buf line;
    struct error *e; /* inside callbacks */
};

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* How long the source's state remembers an id: its adapter's keep; a snapshot's as long as it stands. A source whose
 * adapter is gone may have a state; one that has neither is a name that was mistyped, and must not look sound. */
static bool remembers(const char *name, int64_t *seconds, struct error *e)
{
    struct adapter *a = adapter_open_uncompiled(name, e);

    *seconds = 0;
    if (!a) {
        if (!state_exists(name))
            return false;
        log_warning("%s", e->text);
        error_free(e);
        return true;
    }
    struct json keep = json_get(adapter_about(a), "keep");
    if (json_equals(json_get(adapter_about(a), "kind"), "snapshot") || json_kind(keep) != JSON_STRING ||
        !duration_parse(keep.at + 1, keep.len - 2, seconds))
        *seconds = 0;
    adapter_close(a);
    return true;
}

static bool open_source(struct tool *t, struct source *s, struct error *e)
{
    int64_t seconds;

    if (!remembers(s->name, &seconds, e))
        return false;
    if (t->repair && (s->lock = state_lock(s->name, e)) < 0)
        return false;
    if ((t->repair || state_exists(s->name)) && !(s->state = state_open(s->name, e)))
        return false;
    return audit_read_state(t->audit, s->name, s->state, seconds, e);
}

static bool on_row(void *closure, PGresult *row)
{
    struct tool *t = closure;

    return audit_add_archived(t->audit, PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0),
                              *PQgetvalue(row, 0, 1) == 't', *PQgetvalue(row, 0, 2) == 't',
                              strtoll(PQgetvalue(row, 0, 3), NULL, 10), t->e);
}

static bool read_archive(struct tool *t, struct error *e)
{
    static const char sql[] =
        "select payload::text, true, removed is not null, floor(extract(epoch from received))::bigint from events"
        " where adapter = any (string_to_array($1, ',')) and received >= to_timestamp($2::bigint)"
        " union all select payload::text, false, false, floor(extract(epoch from received))::bigint from events_history"
        " where adapter = any (string_to_array($1, ',')) and received >= to_timestamp($2::bigint)";
    struct buf names = {0}, from = {0};

    for (size_t i = 0; i < t->name_count; i++) {
        if (i)
            buf_add_char(&names, ',');
        buf_add_text(&names, t->names[i]);
    }
    buf_add_format(&from, "%lld", (long long)(t->since > SLACK ? (t->since - SLACK) / CLOCK_SECOND : 0));
    const char *const values[] = {buf_text(&names), buf_text(&from)};
    t->e = e;
    audit_has_archive(t->audit);
    bool ok = db_stream(t->db, sql, 2, NULL, values, on_row, t, e);
    if (!ok && strcmp(db_sqlstate(t->db), "42P01") == 0) {
        error_free(e);
        /* Nothing was ever archived there: then there is nothing to learn. */
        ok = t->learn || error_set(e, CENTRAL_CONFIG, "%s: no table events: central-archive --migrate", db_name(t->db));
    }
    buf_free(&names);
    buf_free(&from);
    return ok;
}

static bool read_stream(void *closure, const char *name)
{
    struct tool *t = closure;
    const struct stream *s = stream_named(&t->list, name);

    return audit_read_stream(t->audit, t->bus, name, s ? s->keep : 0, t->since > SLACK ? t->since - SLACK : 0, t->e);
}

static bool read_streams(struct tool *t, struct error *e)
{
    bool all;

    t->e = e;
    if (!stream_list_read(NULL, &t->list, e) || !audit_names_none(t->audit, &all, e))
        return false;
    if (!all)
        return audit_each_stream(t->audit, read_stream, t, e);
    /* A source that never told its stream may be in any. */
    for (size_t i = 0; i < t->list.count; i++)
        if (t->list.at[i].archived && !read_stream(t, t->list.at[i].name))
            return false;
    return true;
}

static bool read_all(struct tool *t, struct error *e)
{
    if (!(t->audit = audit_open(e)) || !(t->bus = bus_open(log_tool(), e)))
        return false;
    if (!t->no_archive && !(t->db = db_open(t->url, log_tool(), e)))
        return false;
    for (size_t i = 0; i < t->name_count; i++)
        if (!open_source(t, &t->sources[i], e))
            return false;
    return read_streams(t, e) && (t->no_archive || read_archive(t, e));
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static const char *const kinds[] = {"sent", "archived", "known", "removed", "content"};
static const char *const repairs[] = {NULL, "published", "archived", "learned", "lost"};

static void put_json(struct buf *out, const struct gap *g, enum repaired repaired)
{
    json_begin(out, '{');
    json_put_member_text(out, "source", g->source);
    json_put_member_text(out, "id", g->id);
    json_put_member_int(out, "revision", g->revision);
    json_put_member_text(out, "gap", kinds[g->kind]);
    json_put_member_bool(out, "removal", g->removal);
    json_put_member_bool(out, "bus", g->on_bus);
    json_put_member_bool(out, "archive", g->in_archive);
    json_put_member_text(out, "stream", g->stream);
    json_put_name(out, "sequence");
    if (g->stream)
        json_put_int(out, g->sequence);
    else
        json_put_null(out);
    json_put_member_text(out, "repair", repairs[repaired]);
    json_end(out, '}');
}

static void put_place(struct buf *out, const struct tool *t, const struct gap *g)
{
    const char *stream = g->stream ? g->stream : "its stream";

    switch (g->kind) {
    case GAP_SENT:
        if (g->stream)
            buf_add_format(out, "not in %s, where it was %lld", stream, (long long)g->sequence);
        else
            buf_add_text(out, "in no stream any more");
        if (!t->no_archive)
            buf_add_text(out, g->in_archive ? "; the archive has it" : ", nor in the archive");
        break;
    case GAP_ARCHIVED:
        buf_add_format(out, "not in the archive; %s has it at %lld", stream, (long long)g->sequence);
        break;
    case GAP_KNOWN:
        buf_add_text(out, "unknown to the state;");
        if (g->on_bus)
            buf_add_format(out, " %s has it at %lld%s", stream, (long long)g->sequence, g->in_archive ? ", and" : "");
        if (g->in_archive)
            buf_add_text(out, " the archive has it");
        break;
    case GAP_REMOVED:
        buf_add_text(out, g->removed ? "removed in the archive, not in the state"
                                     : "removed in the state; the archive has its removal, and does not show it");
        break;
    case GAP_CONTENT:
        buf_add_text(out, "one revision with two contents");
        break;
    }
}

static void put_text(struct buf *out, const struct tool *t, const struct gap *g, enum repaired repaired)
{
    static const char *const words[] = {"", ": published again", ": archived", ": learned",
                                        ": the next poll that sees it sends it again"};

    buf_add_format(out, "%s: %s", g->source, g->removal && g->kind == GAP_SENT ? "removal of " : "");
    log_harmless(out, g->id, strlen(g->id));
    if (g->revision > 1)
        buf_add_format(out, "@%lld", (long long)g->revision);
    buf_add_text(out, ": ");
    put_place(out, t, g);
    buf_add_text(out, words[repaired]);
}

static struct source *source_named(struct tool *t, const char *name)
{
    size_t i = 0;

    while (strcmp(t->sources[i].name, name) != 0)
        i++;
    return &t->sources[i];
}

static bool on_gap(void *closure, const struct gap *g)
{
    struct tool *t = closure;
    struct source *s = source_named(t, g->source);
    enum repaired repaired = REPAIR_NONE;
    bool found = false;

    if (t->learn && g->kind != GAP_KNOWN && g->kind != GAP_REMOVED)
        return true;
    /* The archive was read from a day before the period on; what it is said to lack may be older. */
    if (t->since && !g->in_archive && t->db && (g->kind == GAP_SENT || g->kind == GAP_ARCHIVED)) {
        if (!repair_find_archived(t->db, g, NULL, &found, t->e))
            return false;
        if (found && (g->kind == GAP_ARCHIVED || !g->stream))
            return true;
    }
    if (t->repair && !state_open_transaction(s->state) && !state_begin(s->state, t->e))
        return false;
    if (t->repair && !repair_gap(t->repairing, s->state, g, &repaired, t->e))
        return false;
    s->gaps++;
    s->open += repaired == REPAIR_NONE || repaired == REPAIR_LOST;
    if (t->learn)
        return true;
    buf_clear(&t->line);
    if (t->json)
        put_json(&t->line, g, repaired);
    else
        put_text(&t->line, t, g, repaired);
    return line_write(&t->out, t->line.data, t->line.len);
}

static bool summarize(struct tool *t, struct source *s, struct error *e)
{
    struct audit_counts c;

    if (!audit_count(t->audit, s->name, &c, e))
        return false;
    if (t->quiet || (t->learn && !s->gaps))
        return true;
    if (t->learn) {
        log_info("%s: learned the revisions of %llu events", s->name, (unsigned long long)s->gaps);
        return true;
    }
    struct buf archive = {0};
    if (!t->no_archive)
        buf_add_format(&archive, ", %lld in the archive", (long long)c.archive);
    if (s->gaps == 0)
        log_info("%s: %lld in the state, %lld on the bus%s: equal", s->name, (long long)c.state, (long long)c.bus,
                 buf_text(&archive));
    else
        log_info("%s: %lld in the state, %lld on the bus%s: gaps: %llu, open: %llu", s->name, (long long)c.state,
                 (long long)c.bus, buf_text(&archive), (unsigned long long)s->gaps, (unsigned long long)s->open);
    buf_free(&archive);
    return true;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static bool compare(struct tool *t, struct error *e)
{
    int64_t now = clock_now();

    if (!read_all(t, e))
        return false;
    if (t->repair && !t->learn && t->db) {
        struct db *d = t->db;
        if (!(t->archive = archive_open(d, e))) {
            t->db = NULL;
            return false;
        }
    }
    if (t->repair && !(t->repairing = repair_open(t->bus, t->db, t->archive, e)))
        return false;
    t->e = e;
    /* In whole seconds: without grace the one at hand counts too. */
    bool ok = audit_each(t->audit, t->since, now - t->grace * CLOCK_SECOND + CLOCK_SECOND, on_gap, t, e);
    /* What was done is noted, also when more could not be. */
    for (size_t i = 0; i < t->name_count; i++) {
        struct source *s = &t->sources[i];
        struct error later = {0};
        if (s->state && state_open_transaction(s->state) && !state_commit(s->state, ok ? e : &later))
            ok = false;
        error_free(&later);
        ok = ok && summarize(t, s, e);
    }
    return ok;
}

static enum central_exit run(struct tool *t)
{
    struct error e = {0};
    char **all = t->name_count ? NULL : state_names();
    enum central_exit status = CENTRAL_OK;

    if (all) {
        t->names = all;
        while (all[t->name_count])
            t->name_count++;
    }
    t->sources = mem_alloc_array(t->name_count + 1, sizeof *t->sources);
    for (size_t i = 0; i < t->name_count; i++)
        t->sources[i] = (struct source){.name = t->names[i], .lock = -1};
    if (!t->name_count)
        error_set(&e, CENTRAL_CONFIG, "no source has a state: name one, or poll one (central-source NAME)");
    if (!t->name_count || !compare(t, &e))
        status = t->out.error && !e.text ? CENTRAL_IO : log_failure(&e);
    for (size_t i = 0; i < t->name_count; i++) {
        if (status == CENTRAL_OK && t->sources[i].open)
            status = CENTRAL_DIFFERS;
        state_close(t->sources[i].state);
        if (t->sources[i].lock >= 0)
            close(t->sources[i].lock);
    }
    repair_close(t->repairing);
    if (t->archive)
        archive_close(t->archive);
    else if (t->db)
        db_close(t->db);
    bus_close(t->bus);
    audit_close(t->audit);
    stream_list_free(&t->list);
    for (size_t i = 0; all && i < t->name_count; i++)
        free(all[i]);
    free(all);
    free(t->sources);
    return status;
}

static const struct argp_option options[] = {
    {"db", 'd', "URL", 0, "The database (default: DATABASE_URL, libpq's environment)", 0},
    {"grace", 'g', "DURATION", 0, "What was sent shorter ago may be on its way (default 1m)", 0},
    {"json", 'j', 0, 0, "A JSON object a gap", 0},
    {"learn", 'l', 0, 0, "Only make states know what bus and archive hold", 0},
    {"no-archive", 'n', 0, 0, "Compare state and bus only", 0},
    {"quiet", 'q', 0, 0, "No summary line for each source", 0},
    {"repair", 'r', 0, 0, "Send what is missing from where it still is", 0},
    {"since", 's', "TIME", 0, "Of what was sent from then on: a time, or how long ago (default: everything)", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct tool *t = state->input;

    switch (key) {
    case 'd':
        t->url = mem_string(arg);
        /* Others can read our arguments, and it may hold a password. */
        memset(arg, '*', strlen(arg));
        return 0;
    case 'g':
        t->grace = tool_duration(state, "--grace", arg);
        return 0;
    case 'j':
        t->json = true;
        return 0;
    case 'l':
        t->learn = t->repair = true;
        t->grace = 0;
        return 0;
    case 'n':
        t->no_archive = true;
        return 0;
    case 'q':
        t->quiet = true;
        return 0;
    case 'r':
        t->repair = true;
        return 0;
    case 's':
        t->since = tool_time(state, "--since", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (!adapter_name_ok(arg, strlen(arg)))
            argp_error(state, "'%s' is no source's name", arg);
        for (size_t i = 0; i < t->name_count; i++)
            if (strcmp(t->names[i], arg) == 0)
                return 0;
        t->names = mem_resize(t->names, (t->name_count + 1) * sizeof *t->names);
        t->names[t->name_count++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "[NAME...]",
                                     "Compare what sources have sent with what the bus and the archive hold, by id and "
                                     "revision.\vManual: central-audit(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct tool t = {.grace = GRACE_SECONDS};

    tool_start("central-audit");
    tool_parse(&argp, argc, argv, &t);
    char **named = t.names;
    line_writer_open(&t.out, STDOUT_FILENO);
    enum central_exit status = run(&t);
    free(named);
    free(t.url);
    buf_free(&t.line);
    return tool_end(&t.out, status);
}
