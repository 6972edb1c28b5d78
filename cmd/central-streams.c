/* central-streams - JetStream's streams as data: what streams.conf wants, what the server has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/stream_check.h"
#include "central/stream_delete.h"
#include "central/stream_file.h"
#include "central/stream_tune.h"
#include "central/stream_view.h"
#include "central/tool.h"

struct streams {
    const char *file;
    bool json, dry_run, yes;
    struct stream_purge purge;
    bool apply;   /* tune */
    int64_t span; /* tune: so long must have been watched, seconds */
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

/* --- rm, purge ---------------------------------------------------------------------------------------------------- */

static void put_loss(struct streams *s, const struct stream_loss *l, const char *action)
{
    if (s->json)
        stream_loss_json(l, action, &s->out);
    else
        stream_loss_put(l, action, &s->out);
    put_line(s);
}

static bool destroy_one(struct streams *s, struct stream_loss *l, bool whole, struct error *e)
{
    if (!(whole ? stream_remove(s->bus, l->name, e) : stream_purge(s->bus, &s->purge, l, e)))
        return false;
    put_loss(s, l, whole ? "removed" : "purged");
    return true;
}

/* All of them are looked at before the first one goes: a name that is wrong costs nothing. */
static enum central_exit destroy(struct streams *s, bool whole, struct error *e)
{
    struct stream_loss *losses = mem_alloc_array(s->name_count, sizeof *losses);
    bool ok = true;

    for (size_t i = 0; ok && i < s->name_count; i++) {
        losses[i].name = s->names[i];
        ok = stream_find_loss(s->bus, whole ? NULL : &s->purge, &losses[i], e);
    }
    for (size_t i = 0; ok && i < s->name_count; i++) {
        if (s->dry_run)
            put_loss(s, &losses[i], whole ? "would be removed" : "would be purged");
        else
            ok = destroy_one(s, &losses[i], whole, e);
        if (ok && whole && stream_named(&s->list, s->names[i]))
            log_warning("%s: still in %s: the next apply makes it again", s->names[i], s->list.path);
    }
    free(losses);
    return ok ? CENTRAL_OK : e->status;
}

static enum central_exit rm(struct streams *s, struct error *e)
{
    return destroy(s, true, e);
}

static enum central_exit purge(struct streams *s, struct error *e)
{
    return destroy(s, false, e);
}

/* --- retention ---------------------------------------------------------------------------------------------------- */

static void put_edit(struct streams *s, const char *path, const struct buf *line)
{
    if (s->json)
        return;
    buf_add_format(&s->out, "%s: %.*s", path, (int)line->len, line->data);
    put_line(s);
}

/* streams.conf as text is to be, and the server with it. */
static enum central_exit put_file(struct streams *s, const struct stream_list *checked, const struct buf *text,
                                  struct error *e)
{
    if (!s->dry_run && !stream_file_write(checked, text, e))
        return e->status;
    stream_list_free(&s->list);
    return stream_list_parse(checked->path, text->data, text->len, &s->list, e) ? apply(s, e) : e->status;
}

static enum central_exit retention(struct streams *s, struct error *e)
{
    struct buf text = {0}, line = {0};
    struct stream_list checked = {0};
    const char *duration = s->names[1];
    int64_t seconds;
    enum central_exit status;

    if (!duration_parse(duration, strlen(duration), &seconds) || seconds < STREAM_MAX_AGE_MIN ||
        seconds > STREAM_MAX_AGE_MAX) {
        error_set(e, CENTRAL_USAGE, "retention %s: not from 1h to 5y, such as 30d", duration);
        return e->status;
    }
    s->name_count = 1;
    if (!stream_file_read(&s->list, &text, e) || !stream_file_edit(&text, s->names[0], seconds, 0, &line) ||
        !stream_file_check(&s->list, &text, &checked, e)) {
        status = e->status;
    } else {
        put_edit(s, checked.path, &line);
        status = put_file(s, &checked, &text, e);
    }
    stream_list_free(&checked);
    buf_free(&text);
    buf_free(&line);
    return status;
}

/* --- tune --------------------------------------------------------------------------------------------------------- */

static void put_tuning(struct streams *s, const struct stream *st, const struct tuning *t)
{
    if (s->json) {
        json_begin(&s->out, '{');
        json_put_member_text(&s->out, "name", st->name);
        json_put_member_int(&s->out, "bytes", t->bytes);
        json_put_member_int(&s->out, "span_seconds", t->span);
        json_put_member_int(&s->out, "max_age_seconds", st->max_age);
        json_put_name(&s->out, "margin");
        json_put_double(&s->out, TUNE_MARGIN);
        json_put_member_int(&s->out, "account_share", t->most);
        json_put_member_int(&s->out, "max_bytes", st->max_bytes);
        json_put_member_int(&s->out, "tuned", t->max_bytes ? t->max_bytes : st->max_bytes);
        json_end(&s->out, '}');
    } else {
        stream_tune_put(st, t, &s->out);
    }
    put_line(s);
}

/* Tells of one stream, and puts the result into text. */
static bool tune_one(struct streams *s, const struct stream *st, int64_t most, struct buf *text, bool *changed,
                     struct error *e)
{
    struct buf answer = {0}, line = {0};
    struct tuning t;
    struct json info;
    bool missing, ok = stream_info(s->bus, st->name, &answer, &info, &missing, e);

    *changed = false;
    if (!ok && missing) {
        log_warning("%s: not on %s yet", st->name, bus_url(s->bus));
        ok = true;
    } else if (ok) {
        *changed = stream_tune(st, info, most, s->span, &t) && t.max_bytes != st->max_bytes &&
                   stream_file_edit(text, st->name, 0, t.max_bytes, &line);
        put_tuning(s, st, &t);
    }
    buf_free(&answer);
    buf_free(&line);
    return ok;
}

/* What the account grants each stream. */
static bool share(struct streams *s, int64_t *most, struct error *e)
{
    struct buf answer = {0};
    struct json v;
    bool ok = bus_api(s->bus, "INFO", "", 0, &answer, &v, NULL, e);

    if (ok)
        *most = stream_share(v, s->list.count);
    buf_free(&answer);
    return ok;
}

static enum central_exit tune(struct streams *s, struct error *e)
{
    struct stream_list checked = {0};
    struct buf text = {0};
    char **names = mem_alloc_array(s->list.count, sizeof *names);
    size_t count = 0;
    int64_t most = 0;
    enum central_exit status = CENTRAL_OK;
    bool ok = share(s, &most, e) && stream_file_read(&s->list, &text, e), changed;

    for (size_t i = 0; ok && i < s->list.count; i++) {
        const struct stream *st = &s->list.at[i];
        if (!chosen(s, st->name))
            continue;
        ok = tune_one(s, st, most, &text, &changed, e);
        if (changed)
            names[count++] = mem_string(st->name);
    }
    if (!ok || (count && s->apply && !stream_file_check(&s->list, &text, &checked, e))) {
        status = e->status;
    } else if (count && s->apply) {
        char **asked = s->names;
        size_t asked_count = s->name_count;
        /* Only these: what else differs was not asked for. */
        s->names = names;
        s->name_count = count;
        status = put_file(s, &checked, &text, e);
        s->names = asked;
        s->name_count = asked_count;
    }
    while (count)
        free(names[--count]);
    free(names);
    stream_list_free(&checked);
    buf_free(&text);
    return status;
}

/* --- the program -------------------------------------------------------------------------------------------------- */

#define ANY SIZE_MAX
static const struct command {
    const char *name;
    enum central_exit (*run)(struct streams *, struct error *);
    size_t in_file;     /* so many of its names must be those of streams.conf */
    size_t least, most; /* names */
    bool asks;          /* it deletes: only with --yes or --dry-run */
} commands[] = {
    {"list", list, 0, 0, ANY, false},           {"show", show, 0, 1, ANY, false},
    {"diff", diff, ANY, 0, ANY, false},         {"apply", apply, ANY, 0, ANY, false},
    {"consumers", consumers, 0, 0, ANY, false}, {"check", check, ANY, 0, ANY, false},
    {"retention", retention, 1, 2, 2, false},   {"tune", tune, ANY, 0, ANY, false},
    {"purge", purge, 0, 1, ANY, true},          {"rm", rm, 0, 1, ANY, true},
};

static const struct argp_option options[] = {
    {"file", 'f', "FILE", 0, "Read this streams.conf", 0},
    {"json", 'j', 0, 0, "Write JSON, one object per stream", 0},
    {"dry-run", 'n', 0, 0, "Change nothing, say what would be", 0},
    {"yes", 'y', 0, 0, "rm and purge: delete", 0},
    {"subject", 's', "FILTER", 0, "purge: only messages with such a subject", 0},
    {"keep", 'k', "N", 0, "purge: keep the newest N", 0},
    {"apply", 'a', 0, 0, "tune: change streams.conf and the streams", 0},
    {"span", 'S', "DURATION", 0, "tune: least time that tells a rate (default 1h)", 0},
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
    case 'y':
        s->yes = true;
        return 0;
    case 'a':
        s->apply = true;
        return 0;
    case 'S':
        s->span = tool_duration(state, "--span", arg);
        if (s->span < 1)
            argp_error(state, "invalid --span '%s': at least 1s", arg);
        return 0;
    case 's':
        /* An empty filter would be none. */
        if (!*arg)
            argp_error(state, "invalid --subject '': a subject, * and > allowed");
        s->purge.subject = arg;
        return 0;
    case 'k':
        s->purge.keep = tool_number(state, "--keep", arg, 1, INT64_MAX);
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
    for (size_t i = 0; i < c->in_file && i < s->name_count; i++)
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

/* The first of the names is the command still. */
static bool usage_ok(const struct streams *s, const struct command *c)
{
    if (!c) {
        log_error("%s: not one of list, show, diff, apply, consumers, check, retention, tune, purge, rm (--help)",
                  s->name_count ? s->names[0] : "no command");
    } else if (s->name_count - 1 < c->least) {
        log_error(c->least > 1 ? "%s: which stream, and how long?" : "%s: which stream?", c->name);
    } else if (s->name_count - 1 > c->most) {
        log_error("%s: one word too many: %s", c->name, s->names[c->most + 1]);
    } else if (c->asks && !s->yes && !s->dry_run) {
        log_error("%s: deletes for good: say --yes, or --dry-run to see what", c->name);
    } else if ((s->purge.subject || s->purge.keep) && c->run != purge) {
        log_error("%s: --subject and --keep are for purge", c->name);
    } else if (s->apply && c->run != tune) {
        log_error("%s: --apply is for tune", c->name);
    } else {
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "list|diff|apply|consumers|check|tune [STREAM...]\nshow|purge|rm STREAM...\nretention STREAM DURATION",
        "Show JetStream's streams, and make them as streams.conf wants.\v"
        "Manual: central-streams(1)",
        NULL,
        NULL,
        NULL};
    struct streams s = {.span = TUNE_SPAN};

    tool_start("central-streams");
    tool_parse(&argp, argc, argv, &s);
    const struct command *c = s.name_count ? command_named(s.names[0]) : NULL;
    if (!usage_ok(&s, c)) {
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
