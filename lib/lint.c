#include "central/lint.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/path.h"
#include "central/settings.h"
#include "central/trial.h"

#define FILE_MAX (16 * 1024 * 1024)

/* Says what is wrong with the file as it stands; returns how much. */
static unsigned complain(struct buf *out, const char *name, const char *what)
{
    buf_add_format(out, "%s: %s\n", name, what);
    return 1;
}

static unsigned lint_about(const char *name, struct json about, struct buf *out)
{
    static const char *const needed[] = {"name", "title", "every", "kind"};
    struct json key, value, kind = json_get(about, "kind"), keep = json_get(about, "keep");
    unsigned wrong = 0;
    struct json records = json_get(about, "records");
    int64_t every = 0;

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (json_is_null(json_get(about, needed[i]))) {
            char *text = mem_format("about: no %s", needed[i]);
            wrong += complain(out, name, text);
            free(text);
        }
    if (!json_equals(json_get(about, "name"), name))
        wrong += complain(out, name, "about: name is not that of the file");
    if (!json_equals(kind, "snapshot") && !json_equals(kind, "window") && !json_equals(kind, "log"))
        wrong += complain(out, name, "about: kind is none of snapshot, window, log");
    if (!json_int(json_get(about, "every"), &every) || every < SETTINGS_EVERY_MIN)
        wrong += complain(out, name, "about: every is not a number of seconds from 10 on");
    if (json_exists(keep) && (json_kind(keep) != JSON_STRING || !duration_parse(keep.at + 1, keep.len - 2, &every)))
        wrong += complain(out, name, "about: keep is no duration such as \"14d\"");
    if (json_exists(records) && json_kind(records) != JSON_STRING)
        wrong += complain(out, name, "about: records is no text");
    for (struct json_iter i = json_walk(json_get(about, "settings")); json_next(&i, &key, &value);)
        if (json_is_null(json_get(value, "type")) || json_is_null(json_get(value, "help"))) {
            char *text = mem_format("about: setting %.*s has no type or no help", (int)key.len, key.at);
            wrong += complain(out, name, text);
            free(text);
        }
    return wrong;
}

/* A ? or try without catch in jq 1.6 swallows errors raised behind it: records would vanish. Comments and strings are
 * left out roughly: a # ends the line, a quote begins a string. */
static unsigned lint_text(const char *name, const char *file, struct buf *out)
{
    struct buf text = {0};
    unsigned wrong = 0, line = 1;
    bool string = false, comment = false;

    if (!path_read(file, FILE_MAX, &text, NULL))
        return complain(out, name, "cannot be read");
    for (const char *at = buf_text(&text); *at; at++) {
        if (*at == '\n') {
            line++;
            comment = false;
        } else if (comment) {
            continue;
        } else if (string && *at == '\\' && at[1]) {
            at++;
        } else if (*at == '"') {
            string = !string;
        } else if (!string && *at == '#') {
            comment = true;
        } else if (!string && *at == '?') {
            char *what = mem_format(
                "line %u: ? hides errors raised behind it (central-adapter(5)); use number, filled or if", line);
            wrong += complain(out, name, what);
            free(what);
        }
    }
    buf_free(&text);
    return wrong;
}

/* Where an adapter's golden cases are: beside it (NAME.cases), or tests/adapters/NAME of the tree it stands in. */
static char *cases_folder(const char *name, const char *file)
{
    char *beside = mem_format("%.*s.cases", (int)(strlen(file) - 3), file);

    if (path_exists(beside))
        return beside;
    free(beside);
    char *in_tree = mem_format("%.*s/../../tests/adapters/%s", (int)(strrchr(file, '/') - file), file, name);
    if (path_exists(in_tree))
        return in_tree;
    free(in_tree);
    return NULL;
}

static int is_case(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static unsigned run_cases(const char *name, const char *file, bool regen, unsigned *count, struct buf *out)
{
    char *folder = cases_folder(name, file);
    struct dirent **entries = NULL;
    unsigned wrong = 0;
    int n = folder ? scandir(folder, &entries, is_case, alphasort) : 0;

    for (int i = 0; i < n; i++) {
        char *dir = path_join(folder, entries[i]->d_name);
        struct buf differences = {0};
        struct error e = {0};
        if (!trial_case(file, name, dir, regen, &differences, &e)) {
            wrong++;
            buf_add_format(out, "%s: case %s: %s\n%s", name, entries[i]->d_name, e.text ? e.text : "differs",
                           buf_text(&differences));
        }
        (*count)++;
        error_free(&e);
        buf_free(&differences);
        free(dir);
        free(entries[i]);
    }
    free(entries);
    free(folder);
    return wrong;
}

unsigned lint(struct adapter *a, bool regen, unsigned *cases, struct buf *out)
{
    const char *name = adapter_name(a), *file = adapter_file(a);
    unsigned wrong = lint_about(name, adapter_about(a), out) + lint_text(name, file, out);
    struct error e = {0};

    if (!settings_check(adapter_about(a), adapter_settings(a), &e))
        wrong += complain(out, name, e.text);
    error_free(&e);
    *cases = 0;
    return wrong + run_cases(name, file, regen, cases, out);
}
