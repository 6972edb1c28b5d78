/* central-streams - JetStream's streams as data: what streams.conf wants, what the server has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/stream_check.h"
#include "central/stream_view.h"
#include "central/tool.h"

struct streams {
    const char *file;
    bool json, dry_run;
    char **names; /* of the command line, none: all */
    size_t name_count;
    struct bus *bus;
    struct stream_list list;
    struct buf out; /* one result */
    struct table table;
    size_t shown; /* streams, by list */
};

static bool chosen(const struct streams *s, const char *name)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (strcmp(s->names[i], name) == 0)
            return true;
    return s->name_count == 0;
}

static void put_line(struct streams *s)
{
    puts(buf_text(&s->out));
    buf_clear(&s->out);
}

/* --- list --------------------------------------------------------------------------------------------------------- */

/* Lines that are whole already. */
static void put_table(struct streams *s, struct table *t)
{
    table_put(t, &s->out);
    fputs(buf_text(&s->out), stdout);
    buf_clear(&s->out);
}

static void list_one(struct streams *s, const char *name, const struct stream *st, const struct stream_look *l)
{
    s->shown++;
    if (!s->json) {
        stream_row(&s->table, name, st, l);
        return;
    }
    stream_json(&s->out, name, st, l);
    put_line(s);
}

/* A stream on the server that the file does not know: shown, never touched. */
static bool list_other(void *closure, struct json v, struct error *e)
{
    struct streams *s = closure;
    char *name = json_string(v);

    (void)e;
    if (name && !stream_named(&s->list, name) && chosen(s, name))
        list_one(s, name, NULL, NULL);
    free(name);
    return true;
}

static enum central_exit list(struct streams *s, struct error *e)
{
    bool ok = true;

    if (!s->json)
        s->table = stream_table();
    for (size_t i = 0; ok && i < s->list.count; i++) {
        struct stream_look l;
        if (!chosen(s, s->list.at[i].name))
            continue;
        ok = stream_look(s->bus, &s->list.at[i], &l, e);
        if (ok)
            list_one(s, s->list.at[i].name, &s->list.at[i], &l);
        stream_look_free(&l);
    }
    ok = ok && stream_pages(s->bus, "STREAM.NAMES", "streams", list_other, s, e);
    if (!s->json)
        put_table(s, &s->table);
    if (ok && s->shown < s->name_count)
        ok = error_set(e, CENTRAL_DIFFERS, "%zu of %zu streams are neither in %s nor on %s", s->name_count - s->shown,
                       s->name_count, s->list.path, bus_url(s->bus));
    return ok ? CENTRAL_OK : e->status;
}

/* --- consumers ---------------------------------------------------------------------------------------------------- */

static bool consumers_one(void *closure, struct json v, struct error *e)
{
    struct streams *s = closure;

    (void)e;
    if (!s->json) {
        consumer_row(&s->table, v, clock_now());
        return true;
    }
    consumer_json(&s->out, v);
    put_line(s);
    return true;
}

static bool consumers_of(struct streams *s, const char *name, struct error *e)
{
    struct buf answer = {0};
    struct json info;
    bool missing, ok = stream_info(s->bus, name, &answer, &info, &missing, e);

    buf_free(&answer);
    if (!ok && missing)
        return error_set(e, CENTRAL_DIFFERS, "%s: no stream %s", bus_url(s->bus), name);
    char *subject = mem_format("CONSUMER.LIST.%s", name);
    ok = ok && stream_pages(s->bus, subject, "consumers", consumers_one, s, e);
    free(subject);
    return ok;
}

static bool consumers_each(void *closure, struct json v, struct error *e)
{
    char *name = json_string(v);
    bool ok = !name || consumers_of(closure, name, e);

    free(name);
    return ok;
}

static enum central_exit consumers(struct streams *s, struct error *e)
{
    bool ok = true;

    if (!s->json)
        s->table = consumer_table();
    for (size_t i = 0; ok && i < s->name_count; i++)
        ok = consumers_of(s, s->names[i], e);
    if (!s->name_count)
        ok = stream_pages(s->bus, "STREAM.NAMES", "streams", consumers_each, s, e);
    if (!s->json)
        put_table(s, &s->table);
    return ok ? CENTRAL_OK : e->status;
}

/* --- check -------------------------------------------------------------------------------------------------------- */

static void put_finding(struct streams *s, const struct finding *f)
{
    if (s->json) {
        json_begin(&s->out, '{');
        json_put_member_text(&s->out, "level", check_word(f->level));
        json_put_member_text(&s->out, "subject", f->subject);
        json_put_member_text(&s->out, "text", f->text);
        json_end(&s->out, '}');
    } else {
        buf_add_format(&s->out, "%s %s: %s", check_word(f->level), f->subject, f->text);
    }
    put_line(s);
}

/* The worst comes first: a monitor shows one line. */
static enum central_exit check(struct streams *s, struct error *e)
{
    struct findings found = {0};
    bool ok = check_server(s->bus, &found, e);

    for (size_t i = 0; ok && i < s->list.count; i++)
        if (chosen(s, s->list.at[i].name))
            ok = check_streams(s->bus, &s->list.at[i], clock_now(), &found, e);
    for (enum check_level level = CHECK_IS_CRITICAL + 1; level-- > CHECK_IS_OK;)
        for (size_t i = 0; i < found.count; i++)
            if (found.at[i].level == level)
                put_finding(s, &found.at[i]);
    enum check_level worst = check_worst(&found);
    findings_free(&found);
    return ok ? (enum central_exit)worst : e->status;
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

static void put_changes(struct streams *s, const struct stream *st, const struct stream_look *l, const char *done)
{
    if (s->json) {
        json_begin(&s->out, '{');
        json_put_member_text(&s->out, "name", st->name);
        json_put_member_text(&s->out, "action", done);
        stream_drift_json(&s->out, &l->diff);
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
        struct stream_look l;
        if (!chosen(s, s->list.at[i].name))
            continue;
        if (!stream_look(s->bus, &s->list.at[i], &l, e)) {
            stream_look_free(&l);
            return e->status;
        }
        if (l.differing) {
            put_changes(s, &s->list.at[i], &l, l.missing ? "missing" : "differs");
            status = CENTRAL_DIFFERS;
        }
        stream_look_free(&l);
    }
    return status;
}

/* Smaller limits delete the oldest messages at once: asked for, but not to be a surprise. */
static void warn_loss(struct streams *s, const struct stream *st, const struct stream_look *l)
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
    struct stream_look l;
    bool ok = stream_look(s->bus, st, &l, e);

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
    stream_look_free(&l);
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
    {"consumers", consumers, false, false},
    {"check", check, true, false},
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
                                     "list|show|diff|apply|consumers|check [STREAM...]",
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
        log_error(c ? "%s: which stream?" : "%s: not one of list, show, diff, apply, consumers, check (--help)",
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
