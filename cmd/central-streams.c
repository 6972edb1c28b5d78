/* central-streams - JetStream's streams as data: what streams.conf wants, what the server has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/stream.h"
#include "central/tool.h"

#define NANOSECONDS INT64_C(1000000000)

struct streams {
    const char *file;
    bool json, dry_run;
    char **names; /* of the command line, none: all */
    size_t name_count;
    struct bus *bus;
    struct stream_list list;
    struct buf out; /* one result */
    size_t shown;   /* streams, by list */
};

/* One stream as the server has it. */
struct look {
    struct buf answer, diff;
    struct json info;
    bool missing;
    size_t differing;
};

static bool look_at(struct streams *s, const struct stream *st, struct look *l, struct error *e)
{
    *l = (struct look){0};
    if (!stream_info(s->bus, st->name, &l->answer, &l->info, &l->missing, e) && !l->missing)
        return false;
    l->differing = stream_diff(st, l->missing ? json_absent : l->info, &l->diff);
    return true;
}

static void look_free(struct look *l)
{
    buf_free(&l->answer);
    buf_free(&l->diff);
}

static bool chosen(const struct streams *s, const char *name)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (strcmp(s->names[i], name) == 0)
            return true;
    return s->name_count == 0;
}

static int64_t state_int(struct json info, const char *name)
{
    int64_t n = 0;

    json_int(json_get_path(info, "state", name, NULL), &n);
    return n;
}

/* When the newest message came; 0: none. */
static int64_t newest(struct json info)
{
    struct json v = json_get_path(info, "state", "last_ts", NULL);
    int64_t time = 0;

    if (state_int(info, "messages") == 0 || json_kind(v) != JSON_STRING || !clock_parse(v.at + 1, v.len - 2, &time))
        return 0;
    return time;
}

static void put_line(struct streams *s)
{
    puts(buf_text(&s->out));
    buf_clear(&s->out);
}

/* The differing fields as an array of strings. */
static void put_diff(struct buf *out, const struct buf *diff)
{
    const char *at = diff->data;

    json_put_name(out, "drift");
    json_begin(out, '[');
    while (at && *at) {
        size_t n = strcspn(at, "\n");
        json_put_string(out, at, n);
        at += n + (at[n] != '\0');
    }
    json_end(out, ']');
}

static void put_json(struct streams *s, const struct stream *st, const struct look *l)
{
    json_begin(&s->out, '{');
    json_put_member_text(&s->out, "name", st->name);
    json_put_member_bool(&s->out, "exists", !l->missing);
    json_put_member_bool(&s->out, "in_streams_conf", true);
    json_put_name(&s->out, "subjects");
    json_begin(&s->out, '[');
    for (size_t i = 0; i < st->subject_count; i++)
        json_put_text(&s->out, st->subjects[i]);
    json_end(&s->out, ']');
    json_put_member_int(&s->out, "max_age_seconds", st->max_age);
    json_put_member_int(&s->out, "max_bytes", st->max_bytes);
    json_put_member_bool(&s->out, "archive", st->archived);
    json_put_member_bool(&s->out, "top", st->top);
    if (!l->missing) {
        json_put_member_int(&s->out, "messages", state_int(l->info, "messages"));
        json_put_member_int(&s->out, "bytes", state_int(l->info, "bytes"));
        json_put_member_int(&s->out, "first_seq", state_int(l->info, "first_seq"));
        json_put_member_int(&s->out, "last_seq", state_int(l->info, "last_seq"));
        json_put_member(&s->out, "last_time",
                        newest(l->info) ? json_get_path(l->info, "state", "last_ts", NULL) : json_absent);
        json_put_member_int(&s->out, "consumers", state_int(l->info, "consumer_count"));
    }
    put_diff(&s->out, &l->diff);
    json_end(&s->out, '}');
    put_line(s);
}

/* --- list --------------------------------------------------------------------------------------------------------- */

enum { NAME, SUBJECTS, MESSAGES, BYTES, NEWEST, MAX_AGE, MAX_BYTES, CONFIGURATION, COLUMNS };

struct row {
    struct buf cell[COLUMNS];
};

struct table {
    struct row *at;
    size_t count;
};

/* A new row, of empty cells. */
static struct row *add_row(struct table *t)
{
    t->at = mem_resize(t->at, (t->count + 1) * sizeof *t->at);
    t->at[t->count] = (struct row){0};
    return &t->at[t->count++];
}

/* Columns as wide as what is in them; the last one ends the line. Frees the rows. */
static void put_table(struct streams *s, struct table *t)
{
    static const bool right[COLUMNS] = {
        [MESSAGES] = true, [BYTES] = true, [NEWEST] = true, [MAX_AGE] = true, [MAX_BYTES] = true};
    int width[COLUMNS] = {0};

    for (size_t i = 0; i < t->count; i++)
        for (size_t k = 0; k < COLUMNS; k++)
            if (width[k] < (int)t->at[i].cell[k].len)
                width[k] = (int)t->at[i].cell[k].len;
    for (size_t i = 0; i < t->count; i++) {
        for (size_t k = 0; k < COLUMNS; k++) {
            const char *text = buf_text(&t->at[i].cell[k]);
            if (k == CONFIGURATION)
                buf_add_text(&s->out, text);
            else
                buf_add_format(&s->out, right[k] ? "%*s  " : "%-*s  ", width[k], text);
        }
        put_line(s);
        for (size_t k = 0; k < COLUMNS; k++)
            buf_free(&t->at[i].cell[k]);
    }
    free(t->at);
    *t = (struct table){0};
}

/* For a person: three digits tell enough. */
static void put_size(struct buf *out, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double n = (double)bytes;
    size_t unit = 0;

    for (; n >= 1000 && unit < 4; unit++)
        n /= 1024;
    buf_add_format(out, unit && n < 99.95 ? "%.1f%s" : "%.0f%s", n, units[unit]);
}

static void fill_row(struct row *r, const struct stream *st, const struct look *l)
{
    struct json config = json_get(l->info, "config");
    int64_t last = l->missing ? 0 : newest(l->info), max_age = st->max_age, max_bytes = st->max_bytes;

    buf_add_text(&r->cell[NAME], st->name);
    for (size_t i = 0; i < st->subject_count; i++)
        buf_add_format(&r->cell[SUBJECTS], i ? ",%s" : "%s", st->subjects[i]);
    buf_add_text(&r->cell[CONFIGURATION], l->missing     ? "missing"
                                          : l->differing ? "differs (central-streams diff)"
                                                         : "as streams.conf");
    if (l->missing)
        return;
    /* What counts is what the server has. */
    if (json_int(json_get(config, "max_age"), &max_age))
        max_age /= NANOSECONDS;
    json_int(json_get(config, "max_bytes"), &max_bytes);
    buf_add_format(&r->cell[MESSAGES], "%lld", (long long)state_int(l->info, "messages"));
    put_size(&r->cell[BYTES], state_int(l->info, "bytes"));
    if (last)
        clock_put_age(&r->cell[NEWEST], clock_now() - last);
    else
        buf_add_char(&r->cell[NEWEST], '-');
    if (max_age > 0)
        duration_put(&r->cell[MAX_AGE], max_age);
    else
        buf_add_char(&r->cell[MAX_AGE], '-');
    if (max_bytes > 0)
        size_put(&r->cell[MAX_BYTES], max_bytes);
    else
        buf_add_char(&r->cell[MAX_BYTES], '-');
}

static void put_other(struct streams *s, const char *name, struct table *t)
{
    s->shown++;
    if (!s->json) {
        struct row *r = add_row(t);
        log_harmless(&r->cell[NAME], name, strlen(name));
        buf_add_text(&r->cell[CONFIGURATION], "not in streams.conf");
        return;
    }
    json_begin(&s->out, '{');
    json_put_member_text(&s->out, "name", name);
    json_put_member_bool(&s->out, "exists", true);
    json_put_member_bool(&s->out, "in_streams_conf", false);
    json_end(&s->out, '}');
    put_line(s);
}

/* Streams on the server that the file does not know: shown, never touched. The server answers in pages. */
static bool list_others(struct streams *s, struct table *t, struct error *e)
{
    struct buf answer = {0}, body = {0};
    int64_t offset = 0, total = 1;
    bool ok = true;

    while (ok && offset < total) {
        struct json v, name, names;
        buf_clear(&body);
        json_begin(&body, '{');
        json_put_member_int(&body, "offset", offset);
        json_end(&body, '}');
        ok = bus_api(s->bus, "STREAM.NAMES", body.data, body.len, &answer, &v, NULL, e);
        names = ok ? json_get(v, "streams") : json_absent;
        if (json_count(names) == 0 || !json_int(json_get(v, "total"), &total))
            break;
        offset += (int64_t)json_count(names);
        for (struct json_iter i = json_walk(names); json_next(&i, NULL, &name);) {
            char *text = json_string(name);
            if (text && !stream_named(&s->list, text) && chosen(s, text))
                put_other(s, text, t);
            free(text);
        }
    }
    buf_free(&answer);
    buf_free(&body);
    return ok;
}

static enum central_exit list(struct streams *s, struct error *e)
{
    static const char *const heads[COLUMNS] = {"STREAM", "SUBJECTS", "MESSAGES",  "BYTES",
                                               "NEWEST", "MAX-AGE",  "MAX-BYTES", "CONFIGURATION"};
    struct table t = {0};
    bool ok = true;

    struct row *head = s->json ? NULL : add_row(&t);
    for (size_t k = 0; head && k < COLUMNS; k++)
        buf_add_text(&head->cell[k], heads[k]);
    for (size_t i = 0; ok && i < s->list.count; i++) {
        struct look l;
        if (!chosen(s, s->list.at[i].name))
            continue;
        ok = look_at(s, &s->list.at[i], &l, e);
        s->shown++;
        if (ok && s->json)
            put_json(s, &s->list.at[i], &l);
        else if (ok)
            fill_row(add_row(&t), &s->list.at[i], &l);
        look_free(&l);
    }
    ok = ok && list_others(s, &t, e);
    put_table(s, &t);
    if (ok && s->shown < s->name_count)
        ok = error_set(e, CENTRAL_DIFFERS, "%zu of %zu streams are neither in %s nor on %s", s->name_count - s->shown,
                       s->name_count, s->list.path, bus_url(s->bus));
    return ok ? CENTRAL_OK : e->status;
}

/* --- show --------------------------------------------------------------------------------------------------------- */

/* The server's own JSON, config and state, whatever it knows. */
static enum central_exit show(struct streams *s, struct error *e)
{
    for (size_t i = 0; i < s->name_count; i++) {
        struct buf answer = {0};
        struct json info;
        bool missing;
        if (!stream_info(s->bus, s->names[i], &answer, &info, &missing, e)) {
            buf_free(&answer);
            if (!missing)
                return e->status;
            error_set(e, CENTRAL_DIFFERS, "%s: no stream %s", bus_url(s->bus), s->names[i]);
            return CENTRAL_DIFFERS;
        }
        json_put(&s->out, info);
        put_line(s);
        buf_free(&answer);
    }
    return CENTRAL_OK;
}

/* --- diff, apply -------------------------------------------------------------------------------------------------- */

static void put_changes(struct streams *s, const struct stream *st, const struct look *l, const char *done)
{
    if (s->json) {
        json_begin(&s->out, '{');
        json_put_member_text(&s->out, "name", st->name);
        json_put_member_text(&s->out, "action", done);
        put_diff(&s->out, &l->diff);
        json_end(&s->out, '}');
        put_line(s);
        return;
    }
    buf_add_format(&s->out, "%s: %s", st->name, done);
    put_line(s);
    for (const char *at = l->missing ? NULL : l->diff.data; at && *at;) {
        size_t n = strcspn(at, "\n");
        buf_add_format(&s->out, "    %.*s", (int)n, at);
        put_line(s);
        at += n + (at[n] != '\0');
    }
}

static enum central_exit diff(struct streams *s, struct error *e)
{
    enum central_exit status = CENTRAL_OK;

    for (size_t i = 0; i < s->list.count; i++) {
        struct look l;
        if (!chosen(s, s->list.at[i].name))
            continue;
        if (!look_at(s, &s->list.at[i], &l, e)) {
            look_free(&l);
            return e->status;
        }
        if (l.differing) {
            put_changes(s, &s->list.at[i], &l, l.missing ? "missing" : "differs");
            status = CENTRAL_DIFFERS;
        }
        look_free(&l);
    }
    return status;
}

/* Smaller limits delete the oldest messages at once: asked for, but not to be a surprise. */
static void warn_loss(struct streams *s, const struct stream *st, const struct look *l)
{
    struct buf why = {0};

    if (!l->missing)
        stream_loss(st, l->info, clock_now(), &why);
    if (why.len)
        log_warning("%s: %s: its oldest messages %s", st->name, buf_text(&why), s->dry_run ? "would go" : "go");
    buf_free(&why);
}

static bool apply_one(struct streams *s, const struct stream *st, struct error *e)
{
    struct look l;
    bool ok = look_at(s, st, &l, e);

    if (ok && l.differing) {
        warn_loss(s, st, &l);
        ok = s->dry_run || stream_apply(s->bus, st, e);
    }
    if (ok)
        put_changes(s, st, &l,
                    !l.differing ? "unchanged"
                    : s->dry_run ? l.missing ? "would be created" : "would be updated"
                    : l.missing  ? "created"
                                 : "updated");
    look_free(&l);
    return ok;
}

/* A stream that the server does not want so is no reason to leave the others out. */
static enum central_exit apply(struct streams *s, struct error *e)
{
    enum central_exit status = CENTRAL_OK;

    for (size_t i = 0; i < s->list.count; i++) {
        if (!chosen(s, s->list.at[i].name) || apply_one(s, &s->list.at[i], e))
            continue;
        if (e->status != CENTRAL_CONFIG)
            return e->status;
        status = error_worse(status, log_failure(e));
    }
    return status;
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static const struct command {
    const char *name;
    enum central_exit (*run)(struct streams *, struct error *);
    bool in_file; /* its names must be those of streams.conf */
    bool needs_name;
} commands[] = {
    {"list", list, false, false},
    {"show", show, false, true},
    {"diff", diff, true, false},
    {"apply", apply, true, false},
};

static const struct argp_option options[] = {{"file", 'f', "FILE", 0, "Read this streams.conf", 0},
                                             {"json", 'j', 0, 0, "Write JSON, one object per stream", 0},
                                             {"dry-run", 'n', 0, 0, "Change nothing, say what would be", 0},
                                             {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct streams *s = state->input;

    switch (key) {
    case 'f':
        s->file = arg;
        return 0;
    case 'j':
        s->json = true;
        return 0;
    case 'n':
        s->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        s->names = mem_resize(s->names, (s->name_count + 1) * sizeof *s->names);
        s->names[s->name_count++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static enum central_exit run(struct streams *s, const struct command *c)
{
    struct error e = {0};

    if (!stream_list_read(s->file, &s->list, &e))
        return log_failure(&e);
    for (size_t i = 0; c->in_file && i < s->name_count; i++)
        if (!stream_named(&s->list, s->names[i])) {
            error_set(&e, CENTRAL_CONFIG, "%s: no stream %s in it", s->list.path, s->names[i]);
            return log_failure(&e);
        }
    s->bus = bus_open(log_tool(), &e);
    if (!s->bus)
        return log_failure(&e);
    enum central_exit status = c->run(s, &e);
    if (e.text)
        status = log_failure(&e);
    return status;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "list|show|diff|apply [STREAM...]",
                                     "Show JetStream's streams, and make them as streams.conf wants.\v"
                                     "Manual: central-streams(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct streams s = {0};

    tool_start("central-streams");
    tool_parse(&argp, argc, argv, &s);
    const struct command *c = s.name_count ? command_named(s.names[0]) : NULL;
    if (!c || (c->needs_name && s.name_count < 2)) {
        log_error(c ? "%s: which stream?" : "%s: not one of list, show, diff, apply (--help)",
                  s.name_count ? s.names[0] : "no command");
        free(s.names);
        return CENTRAL_USAGE;
    }
    memmove(s.names, s.names + 1, --s.name_count * sizeof *s.names);
    enum central_exit status = run(&s, c);
    bus_close(s.bus);
    stream_list_free(&s.list);
    buf_free(&s.out);
    free(s.names);
    return status;
}
