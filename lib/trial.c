#include "central/trial.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/path.h"

#define EXPECTED_MAX (64 * 1024 * 1024)
/* When golden cases are fetched: a removal's id says so. */
#define CASE_TIME (INT64_C(1767225600) * CLOCK_SECOND) /* 2026-01-01T00:00:00Z */

/* --- one run -------------------------------------------------------------------------------------------------------
 */

struct run {
    const struct trial *trial;
    struct adapter *adapter;
    struct adapter_counts counts;
    struct json record; /* at hand */
};

static bool on_event(void *closure, const char *line, size_t len)
{
    struct run *r = closure;

    if (r->trial->event)
        r->trial->event(r->trial->closure, line, len);
    return true;
}

static bool on_reject(void *closure, const char *reason)
{
    struct run *r = closure;

    if (r->trial->reject)
        r->trial->reject(r->trial->closure, reason, r->record);
    return true;
}

static bool take_line(struct run *r, const char *line, size_t len, struct error *e)
{
    const struct adapter_sink sink = {on_event, on_reject, r};
    struct event ev;

    if (!event_read(line, len, &ev, e))
        return false;
    if (ev.kind == EVENT_POLL) {
        if (r->trial->report)
            r->trial->report(r->trial->closure, &ev, &r->counts);
        return true;
    }
    char *url = json_string(ev.source), *tag = json_exists(ev.tag) ? json_string(ev.tag) : NULL;
    const struct adapter_context context = {url, tag, ev.time};
    r->record = ev.data;
    bool ok = adapter_events(r->adapter, ev.data, &context, &sink, &r->counts, e);
    free(url);
    free(tag);
    return ok;
}

bool trial_run(struct adapter *a, struct parser *parser, struct http *h, const struct poll_options *o,
               const struct trial *t, struct poll_result *result, struct error *e)
{
    struct run r = {.trial = t, .adapter = a};
    struct line_writer w;
    struct buf lines = {0};
    int fd = memfd_create("central-trial", MFD_CLOEXEC);

    if (fd < 0)
        return error_set(e, CENTRAL_IO, "memfd_create: %s", strerror(errno));
    line_writer_open(&w, fd);
    bool ok = poll_run(a, parser, h, o, &w, result, e) && line_writer_close(&w, e);
    char *path = mem_format("/proc/self/fd/%d", fd);
    ok = ok && path_read(path, SIZE_MAX, &lines, e);
    free(path);
    close(fd);
    for (const char *at = lines.data; ok && at && *at;) {
        size_t len = strcspn(at, "\n");
        ok = take_line(&r, at, len, e);
        at += len + (at[len] == '\n');
    }
    buf_free(&lines);
    return ok;
}

/* --- golden cases --------------------------------------------------------------------------------------------------
 */

static void put_event(void *closure, const char *line, size_t len)
{
    buf_add(closure, line, len);
    buf_add_char(closure, '\n');
}

static void put_reject(void *closure, const char *reason, struct json record)
{
    struct buf *out = closure;

    json_begin(out, '{');
    json_put_name(out, "reject");
    json_begin(out, '{');
    json_put_member_text(out, "reason", reason);
    json_put_member(out, "original", record);
    json_end(out, '}');
    json_end(out, '}');
    buf_add_char(out, '\n');
}

/* The path of a recording differs from machine to machine; its name stays. */
static void put_error(struct buf *out, struct json error)
{
    char *text = json_string(error), *colon = text ? strstr(text, ": ") : NULL;

    if (!text)
        return;
    if (colon && strncmp(text, "file://", 7) == 0) {
        *colon = '\0';
        char *slash = strrchr(text, '/');
        *colon = ':';
        json_put_text(out, slash + 1);
    } else {
        json_put_text(out, text);
    }
    free(text);
}

static void put_report(void *closure, const struct event *report, const struct adapter_counts *counts)
{
    static const char *const kept[] = {"state", "complete", "items"};
    struct buf *out = closure;
    struct json answer;

    json_begin(out, '{');
    json_put_name(out, "report");
    json_begin(out, '{');
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        json_put_member(out, kept[i], json_get(report->data, kept[i]));
    json_put_member_int(out, "normalized", (int64_t)counts->events);
    json_put_member_int(out, "skipped", (int64_t)counts->skipped);
    json_put_member_int(out, "outside_region", (int64_t)counts->outside);
    json_put_member_int(out, "rejected", (int64_t)counts->rejected);
    json_put_name(out, "errors");
    json_begin(out, '[');
    for (struct json_iter i = json_walk(json_get(report->data, "answers")); json_next(&i, NULL, &answer);)
        put_error(out, json_get(answer, "error"));
    json_end(out, ']');
    json_end(out, '}');
    json_end(out, '}');
    buf_add_char(out, '\n');
}

static int is_answer(const struct dirent *d)
{
    return strncmp(d->d_name, "answer", 6) == 0;
}

static bool same_line(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct json x, y;

    if (!json_check(a, a_len, &x, NULL) || !json_check(b, b_len, &y, NULL))
        return false;
    struct json_hash hx = json_hash(x), hy = json_hash(y);
    return hx.high == hy.high && hx.low == hy.low;
}

/* Line by line; one that is not as expected is shown with what was expected in its place. */
static void compare(const char *got, const char *want, struct buf *out)
{
    for (unsigned number = 1; *got || *want; number++) {
        size_t g = strcspn(got, "\n"), w = strcspn(want, "\n");
        if (!same_line(got, g, want, w))
            buf_add_format(out, "line %u\n  expected %.*s\n       got %.*s\n", number, (int)w, want, (int)g, got);
        got += g + (got[g] == '\n');
        want += w + (want[w] == '\n');
    }
}

/* The records once with what `uses` names and once whole: what differs, `event` looks at and `uses` does not name. */
static bool run_both_ways(struct adapter *a, const struct poll_options *o, struct buf *got, struct buf *differences,
                          struct error *e)
{
    struct buf whole = {0}, missed = {0};
    struct buf *outputs[] = {got, &whole};
    struct parser *parser = parser_open(a, e);
    struct http *h = parser ? http_open(NULL, e) : NULL;
    bool ok = h != NULL;

    for (size_t i = 0; ok && i < 2; i++) {
        const struct trial trial = {put_event, put_reject, put_report, outputs[i]};
        struct poll_result result = {0};
        adapter_give_whole(a, i == 1);
        ok = trial_run(a, parser, h, o, &trial, &result, e);
        poll_result_free(&result);
    }
    if (ok)
        compare(buf_text(got), buf_text(&whole), &missed);
    if (missed.len)
        buf_add_format(differences, "uses does not name all that event looks at; given all of each record:\n%s",
                       buf_text(&missed));
    http_close(h);
    parser_close(parser);
    buf_free(&whole);
    buf_free(&missed);
    return ok;
}

bool trial_case(const char *adapter_file, const char *name, const char *dir, bool regen, struct buf *differences,
                struct error *e)
{
    struct buf got = {0}, want = {0};
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_answer, versionsort);
    char **from = mem_alloc_array((size_t)(count > 0 ? count : 0) + 1, sizeof *from);
    char *settings = path_join(dir, "settings.json"), *expected = path_join(dir, "expected");

    for (int i = 0; i < count; i++) {
        from[i] = path_join(dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    const struct poll_options o = {.from = (const char *const *)from, .state = "null", .now = CASE_TIME, .quiet = true};
    struct adapter *a = count > 0 ? adapter_open_with(adapter_file, name, settings, e) : NULL;
    if (count <= 0)
        error_set(e, CENTRAL_CONFIG, "%s: no answer* in it", dir);
    bool ok = a && run_both_ways(a, &o, &got, differences, e);
    if (ok && regen)
        ok = path_write(expected, buf_text(&got), got.len, 0644, e);
    else if (ok && (ok = path_read(expected, EXPECTED_MAX, &want, e)))
        compare(buf_text(&got), buf_text(&want), differences);
    adapter_close(a);
    for (int i = 0; i < count; i++)
        free(from[i]);
    free(from);
    free(settings);
    free(expected);
    buf_free(&got);
    buf_free(&want);
    return ok && !differences->len;
}
