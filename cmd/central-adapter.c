/* central-adapter - the sources and their settings: what there is, whether it is alive, what it makes of an answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter.h"
#include "central/adapter_file.h"
#include "central/cadence.h"
#include "central/clock.h"
#include "central/credential.h"
#include "central/lint.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/path.h"
#include "central/settings.h"
#include "central/tool.h"
#include "central/trial.h"
#include "central/unit.h"

#define SETTINGS_MAX (16 * 1024 * 1024)
/* Without --max-age a source is stale when so many of its cadences passed without a complete poll. */
#define STALE_CADENCES 3

struct sources {
    bool json, regen, dry_run;
    int64_t max_age; /* seconds, 0: not given */
    const char **from;
    size_t from_count;
    char **words; /* of the command line, behind the command */
    size_t count;
    struct buf out;
};

/* What is known of a source without asking it. */
struct look {
    struct adapter *adapter; /* NULL: does not load */
    struct cadence cadence;
    bool polled, running, enabled, needs_credential, has_credential;
    int64_t every;
    struct error broken;
};

static void look_at(const char *name, struct look *l)
{
    *l = (struct look){0};
    l->adapter = adapter_open(name, &l->broken);
    l->polled = cadence_look(&l->cadence, name, &l->running);
    if (!l->adapter)
        return;
    struct json settings = adapter_settings(l->adapter);
    char *credential = json_string(json_get(adapter_about(l->adapter), "credential"));
    l->enabled = json_bool(json_get(settings, "enabled")) == 1;
    l->needs_credential = credential != NULL;
    l->has_credential = credential && credential_exists(credential);
    l->every = adapter_every(l->adapter);
    free(credential);
}

static void look_free(struct look *l)
{
    adapter_close(l->adapter);
    cadence_close(&l->cadence);
    error_free(&l->broken);
}

static void put_line(struct sources *s)
{
    puts(buf_text(&s->out));
    buf_clear(&s->out);
}

/* Lines that are whole, each with its newline. */
static void tell(struct sources *s)
{
    fputs(buf_text(&s->out), stdout);
    buf_clear(&s->out);
    fflush(stdout);
}

static const char *state_word(const struct look *l)
{
    if (!l->adapter)
        return "broken";
    if (l->running)
        return "polling";
    if (!l->polled)
        return l->cadence.error ? "unknown" : "never";
    return l->cadence.state ? l->cadence.state : "cut off";
}

static char *about_text(const struct look *l, const char *name)
{
    char *text = l->adapter ? json_string(json_get(adapter_about(l->adapter), name)) : NULL;

    return text ? text : mem_string("");
}

/* --- list ----------------------------------------------------------------------------------------------------------
 */

static void list_one(struct sources *s, const char *name)
{
    struct look l;
    look_at(name, &l);
    char *title = about_text(&l, "title"), *kind = about_text(&l, "kind");
    const char *credential = !l.needs_credential ? "-" : l.has_credential ? "present" : "missing";

    if (s->json) {
        json_begin(&s->out, '{');
        json_put_member_text(&s->out, "name", name);
        json_put_member_text(&s->out, "title", title);
        json_put_member_text(&s->out, "kind", kind);
        json_put_member_int(&s->out, "every", l.every);
        json_put_member_bool(&s->out, "enabled", l.enabled);
        json_put_member_text(&s->out, "credential", l.needs_credential ? credential : NULL);
        clock_put_member(&s->out, "last_poll", l.cadence.last != 0, l.cadence.last);
        clock_put_member(&s->out, "last_complete", l.cadence.last_complete != 0, l.cadence.last_complete);
        json_put_member_text(&s->out, "state", state_word(&l));
        json_put_member_text(&s->out, "error", l.broken.text ? l.broken.text : l.cadence.error);
        json_end(&s->out, '}');
    } else {
        struct buf every = {0}, age = {0};
        duration_put(&every, l.every);
        if (l.polled)
            clock_put_age(&age, clock_now() - l.cadence.last);
        buf_add_format(&s->out, "%-17s %-9s %6s %-8s %-10s %9s %-9s %s", name, kind, buf_text(&every),
                       l.enabled ? "enabled" : "disabled", credential, age.len ? buf_text(&age) : "-", state_word(&l),
                       l.broken.text ? l.broken.text : title);
        buf_free(&every);
        buf_free(&age);
    }
    put_line(s);
    free(title);
    free(kind);
    look_free(&l);
}

static enum central_exit list(struct sources *s)
{
    char **names = adapter_names();

    if (!s->json)
        printf("%-17s %-9s %6s %-8s %-10s %9s %-9s %s\n", "NAME", "KIND", "EVERY", "", "CREDENTIAL", "LAST POLL",
               "STATE", "TITLE");
    for (char **name = names; *name; name++)
        list_one(s, *name);
    adapter_list_free(names);
    return CENTRAL_OK;
}

/* --- show ----------------------------------------------------------------------------------------------------------
 */

static void show_setting(struct sources *s, struct json name, struct json about, struct json settings)
{
    char *key = json_string(name), *help = json_string(json_get(about, "help")),
         *type = json_string(json_get(about, "type"));
    struct json value = json_get(settings, key), choices = json_get(about, "enum");

    buf_add_format(&s->out, "  %-14s ", key);
    if (json_is_null(value))
        buf_add_text(&s->out, "-");
    else
        buf_add(&s->out, value.at, value.len);
    put_line(s);
    buf_add_format(&s->out, "  %-14s   %s%s%s", "", type ? type : "string", help ? ": " : "", help ? help : "");
    if (json_exists(choices)) {
        buf_add_text(&s->out, ", of ");
        buf_add(&s->out, choices.at, choices.len);
    }
    put_line(s);
    free(key);
    free(help);
    free(type);
}

static enum central_exit show_one(struct sources *s, const char *name)
{
    struct error e = {0};
    struct adapter *a = adapter_open(name, &e);
    struct json key, value;

    if (!a)
        return log_failure(&e);
    if (s->json) {
        json_begin(&s->out, '{');
        json_put_member_text(&s->out, "file", adapter_file(a));
        json_put_member(&s->out, "about", adapter_about(a));
        json_put_member(&s->out, "settings", adapter_settings(a));
        json_end(&s->out, '}');
        put_line(s);
    } else {
        char *path = adapter_settings_path(name), *title = json_string(json_get(adapter_about(a), "title"));
        struct json own = json_get(adapter_about(a), "settings");
        printf("%s: %s\n  adapter        %s\n  settings       %s%s\n", name, title ? title : "", adapter_file(a), path,
               path_exists(path) ? "" : " (not there: defaults)");
        for (struct json_iter i = json_walk(own); json_next(&i, &key, &value);)
            show_setting(s, key, value, adapter_settings(a));
        for (struct json_iter i = json_walk(settings_common()); json_next(&i, &key, &value);) {
            char *text = json_string(key);
            if (!json_exists(json_get(own, text)))
                show_setting(s, key, value, adapter_settings(a));
            free(text);
        }
        free(path);
        free(title);
    }
    adapter_close(a);
    return CENTRAL_OK;
}

static enum central_exit show(struct sources *s)
{
    enum central_exit status = CENTRAL_OK;

    for (size_t i = 0; i < s->count; i++)
        status = error_worse(status, show_one(s, s->words[i]));
    return status;
}

/* --- status --------------------------------------------------------------------------------------------------------
 */

/* Is the feed alive: 0 fresh, 1 stale or failing, 2 nobody can tell. */
static enum central_exit status_one(struct sources *s, const char *name)
{
    struct look l;
    look_at(name, &l);
    int64_t limit = s->max_age ? s->max_age : STALE_CADENCES * l.every;
    int64_t age = l.cadence.last_complete ? clock_now() - l.cadence.last_complete : -1;
    enum central_exit status = CENTRAL_OK;
    const char *word = "OK";
    struct buf text = {0};

    if (!l.adapter || !l.polled) {
        status = CENTRAL_UNKNOWN;
        word = "UNKNOWN";
        buf_add_text(&text, !l.adapter        ? l.broken.text
                            : l.cadence.error ? "its last poll is not known"
                                              : "never polled");
    } else if (age < 0 || age > limit * CLOCK_SECOND) {
        status = CENTRAL_DIFFERS;
        word = "STALE";
        if (age < 0) {
            buf_add_text(&text, "no complete poll yet");
        } else {
            buf_add_text(&text, "last complete poll ");
            clock_put_age(&text, age);
            buf_add_text(&text, " ago");
        }
    } else if (l.cadence.error) {
        status = CENTRAL_DIFFERS;
        word = "FAILING";
        buf_add_text(&text, l.cadence.state ? l.cadence.state : "");
    } else {
        buf_add_format(&text, "%s, %lld items, ", state_word(&l), (long long)l.cadence.items);
        clock_put_age(&text, age);
        buf_add_text(&text, " ago");
    }
    if (l.cadence.error)
        buf_add_format(&text, ": %s", l.cadence.error);
    if (s->json) {
        json_begin(&s->out, '{');
        json_put_member_text(&s->out, "name", name);
        json_put_member_text(&s->out, "status", word);
        clock_put_member(&s->out, "last_poll", l.cadence.last != 0, l.cadence.last);
        clock_put_member(&s->out, "last_complete", l.cadence.last_complete != 0, l.cadence.last_complete);
        json_put_member_text(&s->out, "state", state_word(&l));
        json_put_member_text(&s->out, "error", l.cadence.error);
        json_end(&s->out, '}');
    } else {
        struct buf line = {0};
        buf_add_format(&line, "%s %s: %s", word, name, buf_text(&text));
        log_harmless(&s->out, line.data, line.len);
        buf_free(&line);
    }
    put_line(s);
    buf_free(&text);
    look_free(&l);
    return status;
}

/* The worst of several: failing before unknown. */
static enum central_exit worse_status(enum central_exit a, enum central_exit b)
{
    return a == CENTRAL_DIFFERS || b == CENTRAL_DIFFERS ? CENTRAL_DIFFERS : a > b ? a : b;
}

static enum central_exit status(struct sources *s)
{
    enum central_exit worst = CENTRAL_OK;
    size_t asked = 0;

    for (size_t i = 0; i < s->count; i++, asked++)
        worst = worse_status(worst, status_one(s, s->words[i]));
    char **names = s->count ? mem_alloc(sizeof *names) : adapter_names();
    for (char **name = names; *name; name++) {
        struct look l;
        look_at(*name, &l);
        bool enabled = l.enabled;
        look_free(&l);
        if (enabled) {
            worst = worse_status(worst, status_one(s, *name));
            asked++;
        }
    }
    adapter_list_free(names);
    if (!asked) {
        log_error("no source is enabled (central-adapter enable NAME)");
        return CENTRAL_UNKNOWN;
    }
    return worst;
}

/* --- check ---------------------------------------------------------------------------------------------------------
 */

static enum central_exit check_one(struct sources *s, const char *word)
{
    bool is_file = strchr(word, '/') != NULL;
    const char *base = is_file ? strrchr(word, '/') + 1 : word;
    char *name = mem_bytes(base, strlen(base) - (is_file && strlen(base) > 3 ? 3 : 0));
    struct error e = {0};
    char *file = is_file ? mem_string(word) : adapter_path(word, &e);
    struct adapter *a = !file ? NULL : is_file ? adapter_open_with(file, name, "", &e) : adapter_open(name, &e);
    unsigned cases = 0;

    if (!a) {
        free(file);
        free(name);
        return log_failure(&e);
    }
    unsigned wrong = lint(a, s->regen, &cases, &s->out);
    tell(s);
    if (!cases)
        printf("%s: no golden cases (%.*s.cases/CASE/answer*, expected; --regen writes expected)\n", name,
               (int)(strlen(file) - 3), file);
    if (!wrong)
        printf("%s: ok, %u golden cases\n", name, cases);
    adapter_close(a);
    free(file);
    free(name);
    return wrong ? CENTRAL_DIFFERS : CENTRAL_OK;
}

static enum central_exit check(struct sources *s)
{
    enum central_exit worst = CENTRAL_OK;
    char **names = s->count ? NULL : adapter_names();

    for (size_t i = 0; i < s->count; i++)
        worst = error_worse(worst, check_one(s, s->words[i]));
    for (char **name = names; name && *name; name++)
        worst = error_worse(worst, check_one(s, *name));
    adapter_list_free(names);
    return worst;
}

/* --- preview -------------------------------------------------------------------------------------------------------
 */

struct preview {
    struct sources *s;
    uint64_t rejected;
};

/* What a person would call it: the first of these that the payload has. */
static char *headline(struct json data)
{
    static const char *const names[] = {"headline", "title",       "place",   "IncidentName",
                                        "event",    "description", "message", "monitoring_location_id",
                                        "name",     "time_tag"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = json_string(json_get(data, names[i]));
        if (text && *text)
            return text;
        free(text);
    }
    return mem_string("");
}

static void preview_event(void *closure, const char *line, size_t len)
{
    struct preview *p = closure;
    struct event ev;

    if (p->s->json) {
        fwrite(line, 1, len, stdout);
        putchar('\n');
        return;
    }
    if (!event_read(line, len, &ev, NULL))
        return;
    struct buf time = {0}, row = {0};
    char *category = json_string(ev.category), *text = headline(json_get(ev.data, "data"));
    clock_put(&time, ev.time, CLOCK_Z);
    buf_add_format(&row, "%-20.19s %c %-38s %.100s", buf_text(&time), ev.severity < 0 ? '-' : '0' + ev.severity,
                   category, text);
    log_harmless(&p->s->out, row.data, row.len);
    put_line(p->s);
    buf_free(&time);
    buf_free(&row);
    free(category);
    free(text);
}

static void preview_reject(void *closure, const char *reason, struct json record)
{
    struct preview *p = closure;

    p->rejected++;
    log_warning("rejected: %s: %.*s", reason, (int)(record.len < 200 ? record.len : 200), record.at);
}

static void preview_report(void *closure, const struct event *report, const struct adapter_counts *counts)
{
    char *state = json_string(json_get(report->data, "state"));
    int64_t items = 0;

    (void)closure;
    json_int(json_get(report->data, "items"), &items);
    fflush(stdout);
    log_info("%s, %lld items: %llu events, %llu skipped, %llu outside the region, %llu rejected", state,
             (long long)items, (unsigned long long)counts->events, (unsigned long long)counts->skipped,
             (unsigned long long)counts->outside, (unsigned long long)counts->rejected);
    free(state);
}

static enum central_exit preview(struct sources *s)
{
    struct preview p = {.s = s};
    const struct trial trial = {preview_event, preview_reject, preview_report, &p};
    struct poll_options o = {.from = s->from, .state = "null", .tries = 1};
    struct poll_result result = {0};
    struct error e = {0};
    char *key = NULL;
    struct adapter *a = adapter_open(s->words[0], &e);
    char *credential = a ? json_string(json_get(adapter_about(a), "credential")) : NULL;
    char *contact = a ? json_string(json_get(adapter_settings(a), "contact_email")) : NULL;
    /* Before the credential is known. */
    struct parser *parser = a ? parser_open(a, &e) : NULL;
    bool ok = parser && (!credential || s->from || credential_read(credential, &key, &e));
    struct http *h = ok ? http_open(contact, &e) : NULL;

    o.key = key;
    ok = h && trial_run(a, parser, h, &o, &trial, &result, &e);
    enum central_exit exit_status = ok ? result.status : log_failure(&e);
    poll_result_free(&result);
    credential_free(key);
    free(credential);
    free(contact);
    http_close(h);
    parser_close(parser);
    adapter_close(a);
    return exit_status;
}

/* --- set, enable, disable ------------------------------------------------------------------------------------------
 */

static bool write_settings(const char *name, char *const *pairs, size_t count, struct error *e)
{
    char *path = adapter_settings_path(name), *file = adapter_path(name, e);
    /* Loaded without its settings: what is to be mended may be what keeps it from loading. */
    struct adapter *a = file ? adapter_open_with(file, name, "", e) : NULL;
    struct buf old = {0}, changed = {0};
    struct json before = {0}, after;
    bool ok = a != NULL;

    if (ok && path_exists(path)) {
        ok = path_read(path, SETTINGS_MAX, &old, e) &&
             (json_check(buf_text(&old), old.len, &before, e) || error_prefix(e, "%s", path));
        if (!ok && e->status == CENTRAL_REJECTED)
            e->status = CENTRAL_CONFIG;
    }
    ok = ok && settings_apply(adapter_about(a), before, pairs, count, &changed, e) &&
         json_check(changed.data, changed.len, &after, e) &&
         (settings_check(adapter_about(a), after, e) || error_prefix(e, "%s", name));
    if (ok) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        ok = path_make(path, e);
        *slash = '/';
        buf_add_char(&changed, '\n');
        ok = ok && path_write(path, changed.data, changed.len, 0644, e);
    }
    adapter_close(a);
    buf_free(&old);
    buf_free(&changed);
    free(path);
    free(file);
    return ok;
}

/* How often, and with what, is the settings' and the adapter's to say. */
static bool make_timer(const char *name, struct error *e)
{
    struct adapter *a = adapter_open(name, e);
    char *credential = a ? json_string(json_get(adapter_about(a), "credential")) : NULL;
    bool ok = a && unit_enable(name, adapter_every(a), credential, e);

    free(credential);
    adapter_close(a);
    return ok;
}

static enum central_exit set(struct sources *s)
{
    struct error e = {0};

    if (s->count < 2) {
        log_error("set: %s: which settings? key=value ... (central-adapter show %s)", s->words[0], s->words[0]);
        return CENTRAL_USAGE;
    }
    /* A timer follows its settings. */
    bool ok = write_settings(s->words[0], s->words + 1, s->count - 1, &e) &&
              (!unit_enabled(s->words[0]) || make_timer(s->words[0], &e));
    return ok ? CENTRAL_OK : log_failure(&e);
}

static enum central_exit enable_one(struct sources *s, const char *name)
{
    char *pair = mem_string("enabled=true");
    struct error e = {0};
    struct look l;

    look_at(name, &l);
    bool ok = l.adapter ? true : error_set(&e, l.broken.status, "%s", l.broken.text);
    if (ok && l.needs_credential && !l.has_credential)
        ok = error_set(&e, CENTRAL_CONFIG, "%s: its credential is missing (central-adapter(1))", name);
    bool timer = unit_available();
    if (ok && s->dry_run)
        printf("%s: would be enabled, %s\n", name, timer ? "with a timer of systemd" : "for cron");
    else if (ok && (ok = write_settings(name, &pair, 1, &e) && (!timer || make_timer(name, &e)))) {
        if (timer)
            printf("%s: enabled, every %lld s (central-source@%s.timer)\n", name, (long long)l.every, name);
        else
            printf("%s: enabled. For cron, a line such as:\n"
                   "* * * * * central-source %s\n",
                   name, name);
    }
    look_free(&l);
    free(pair);
    return ok ? CENTRAL_OK : log_failure(&e);
}

static enum central_exit enable(struct sources *s)
{
    enum central_exit worst = CENTRAL_OK;

    for (size_t i = 0; i < s->count; i++)
        worst = error_worse(worst, enable_one(s, s->words[i]));
    return worst;
}

static enum central_exit disable(struct sources *s)
{
    char *pair = mem_string("enabled=false");
    enum central_exit worst = CENTRAL_OK;

    for (size_t i = 0; i < s->count; i++) {
        struct error e = {0};
        if (s->dry_run)
            printf("%s: would be disabled\n", s->words[i]);
        else if (!write_settings(s->words[i], &pair, 1, &e) || !unit_disable(s->words[i], &e))
            worst = error_worse(worst, log_failure(&e));
    }
    free(pair);
    return worst;
}

/* --- the program ---------------------------------------------------------------------------------------------------
 */

static const struct command {
    const char *name;
    enum central_exit (*run)(struct sources *);
    bool needs_name;
} commands[] = {{"list", list, false},    {"show", show, true},       {"status", status, false},
                {"check", check, false},  {"preview", preview, true}, {"set", set, true},
                {"enable", enable, true}, {"disable", disable, true}};

static const struct argp_option options[] = {
    {"json", 'j', 0, 0, "Write JSON, one object a line", 0},
    {"max-age", 'a', "DURATION", 0, "status: stale when the last complete poll is older (default three cadences)", 0},
    {"from", 'F', "FILE|URL", 0, "preview: take the answer from there, once per request", 0},
    {"dry-run", 'n', 0, 0, "enable, disable: only say what would be done", 0},
    {"regen", 'r', 0, 0, "check: write what golden cases expect anew", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct sources *s = state->input;

    switch (key) {
    case 'j':
        s->json = true;
        return 0;
    case 'a':
        s->max_age = tool_duration(state, "--max-age", arg);
        return 0;
    case 'F':
        s->from = mem_resize(s->from, (s->from_count + 2) * sizeof *s->from);
        s->from[s->from_count++] = arg;
        s->from[s->from_count] = NULL;
        return 0;
    case 'n':
        s->dry_run = true;
        return 0;
    case 'r':
        s->regen = true;
        return 0;
    case ARGP_KEY_ARG:
        s->words = mem_resize(s->words, (s->count + 1) * sizeof *s->words);
        s->words[s->count++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "list\nshow NAME...\nstatus [NAME...]\ncheck [NAME|FILE.jq...]\npreview NAME\n"
                                     "set NAME KEY=VALUE...\nenable NAME...\ndisable NAME...",
                                     "Show the sources and whether they are alive, try them, change their settings.\v"
                                     "Manual: central-adapter(1), central-adapter(5)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct sources s = {0};
    const struct command *c = NULL;
    enum central_exit exit_status = CENTRAL_USAGE;

    tool_start("central-adapter");
    tool_parse(&argp, argc, argv, &s);
    for (size_t i = 0; s.count && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, s.words[0]) == 0)
            c = &commands[i];
    if (!c) {
        log_error("%s: not one of list, show, status, check, preview, set, enable, disable (--help)",
                  s.count ? s.words[0] : "no command");
    } else if (c->needs_name && s.count < 2) {
        log_error("%s: which source? (central-adapter list)", c->name);
    } else {
        memmove(s.words, s.words + 1, --s.count * sizeof *s.words);
        exit_status = c->run(&s);
    }
    buf_free(&s.out);
    free(s.words);
    free(s.from);
    return exit_status;
}
