/* panel_sources.c - every source that is known here or that reported, and what can be done to it. */
#include "central/panel.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/text.h"

struct sources {
    struct scroll scroll;
    char *name; /* under the bar: sources come in between, and what is done must be done to the one that was meant */
};

static void *open(void)
{
    return mem_alloc(sizeof(struct sources));
}

static void close_sources(void *self)
{
    struct sources *s = self;

    free(s->name);
    free(s);
}

static void keep_name(struct sources *s, const struct desk *d)
{
    free(s->name);
    s->name = d->source_count ? mem_string(d->sources[s->scroll.at].name) : NULL;
}

/* Brings the bar back to its source. */
static void find_name(struct sources *s, const struct desk *d)
{
    for (size_t i = 0; s->name && i < d->source_count; i++)
        if (strcmp(d->sources[i].name, s->name) == 0)
            s->scroll.at = (long)i;
    scroll_fit(&s->scroll, (long)d->source_count, s->scroll.rows);
}

static int wanted(void *self, struct view *v)
{
    (void)self;
    return (int)v->desk->source_count + 1;
}

static void put_count(struct buf *out, int64_t n, int width)
{
    if (n < 0)
        buf_add_format(out, " %*s", width, "-");
    else
        buf_add_format(out, " %*lld", width, (long long)n);
}

/* Narrower than that, and what a poll revised and removed is left to the report. */
#define ALL_COUNTS 100

static void draw_source(const struct area *a, int row, const struct desk *d, const struct desk_source *s, int64_t now,
                        bool selected)
{
    enum source_state state = desk_source_state(d, s, now);
    struct buf text = {0}, age = {0}, every = {0};
    int col = 0;

    area_text(a, row, 0, 17, STYLE_BOLD, s->name);
    area_text(a, row, 18, 9, source_style(state), source_state_name(state));
    col = 28;
    area_text(a, row, col, 8, s->known && !s->enabled ? STYLE_DIM : STYLE_NORMAL,
              !s->known    ? "?"
              : s->enabled ? "enabled"
                           : "disabled");
    col += 8;
    if (s->every)
        duration_put(&every, s->every);
    put_age(&age, now, s->last);
    buf_add_format(&text, " %5s %5s", every.len ? buf_text(&every) : "-", buf_text(&age));
    put_count(&text, s->items, 6);
    put_count(&text, s->published, 5);
    if (a->cols >= ALL_COUNTS) {
        put_count(&text, s->revised, 5);
        put_count(&text, s->removed, 4);
    }
    put_count(&text, s->rejected, 4);
    buf_add_char(&text, ' ');
    col += area_text(a, row, col, -1, STYLE_NORMAL, buf_text(&text));
    buf_clear(&text);
    if (s->error)
        text_flat(&text, text_reason(s->error), strlen(text_reason(s->error)));
    else if (s->credential && strcmp(s->credential, "missing") == 0)
        buf_add_text(&text, "its credential is missing");
    bool wrong = text.len > 0;
    if (!wrong && s->title)
        text_flat(&text, s->title, strlen(s->title));
    area_text(a, row, col, -1, wrong ? STYLE_ALARM : STYLE_DIM, buf_text(&text));
    if (selected)
        area_style(a, row, 0, -1, STYLE_SELECTED);
    buf_free(&text);
    buf_free(&age);
    buf_free(&every);
}

static void draw(void *self, struct view *v, const struct area *a)
{
    struct sources *s = self;

    draw_head(a, 0,
              a->cols >= ALL_COUNTS
                  ? "SOURCE            STATE     HERE     EVERY  LAST  ITEMS  SENT   REV GONE  REJ TITLE OR ERROR"
                  : "SOURCE            STATE     HERE     EVERY  LAST  ITEMS  SENT  REJ TITLE OR ERROR");
    find_name(s, v->desk);
    scroll_fit(&s->scroll, (long)v->desk->source_count, a->rows - 1);
    keep_name(s, v->desk);
    for (int row = 1; row < a->rows && s->scroll.top + row - 1 < s->scroll.count; row++)
        draw_source(a, row, v->desk, &v->desk->sources[s->scroll.top + row - 1], v->now,
                    s->scroll.top + row - 1 == s->scroll.at);
    if (!v->desk->source_count)
        area_text(a, 1, 0, -1, STYLE_DIM, "no source is known here and none has reported");
}

static void read_source(struct view *v, const struct desk_source *s)
{
    struct json line;

    pager_begin(&v->pager, s->name);
    if (s->title)
        pager_add(&v->pager, STYLE_NORMAL, "source", s->title, strlen(s->title));
    if (s->error)
        pager_add(&v->pager, STYLE_ALARM, "error", s->error, strlen(s->error));
    if (s->last_reject)
        pager_add(&v->pager, STYLE_WARN, "last reject", s->last_reject, strlen(s->last_reject));
    pager_text(&v->pager, STYLE_HEAD, s->reported ? "The report of its last poll" : "No report yet");
    if (json_check(s->report.data ? s->report.data : "", s->report.len, &line, NULL))
        brief_tell_json(line, pager_take_json, &v->pager);
    v->reading = true;
}

static void act(struct view *v, const struct desk_source *s, int key)
{
    const char *const enable[] = {"central-adapter", "enable", s->name, NULL};
    const char *const disable[] = {"central-adapter", "disable", s->name, NULL};
    const char *const poll[] = {"central-source", "--now", s->name, NULL};
    const char *const show[] = {"central-adapter", "show", s->name, NULL};

    if (v->readonly)
        view_say(v, "--readonly: nothing is changed from here");
    else if (key == 'e')
        question_ask(&v->question, mem_format("Enable %s?", s->name), NULL, enable);
    else if (key == 'd')
        question_ask(&v->question, mem_format("Disable %s?", s->name), NULL, disable);
    else if (key == 'p')
        question_ask(&v->question, mem_format("Poll %s now?", s->name), NULL, poll);
    else
        question_ask(&v->question, mem_format("Show the settings of %s?", s->name), NULL, show);
}

static bool press(void *self, struct view *v, int key)
{
    struct sources *s = self;

    find_name(s, v->desk);
    const struct desk_source *at = v->desk->source_count ? &v->desk->sources[s->scroll.at] : NULL;
    if (key == PRESS_CLICK && v->mouse_row >= 1) {
        s->scroll.at = s->scroll.top + v->mouse_row - 1;
        scroll_fit(&s->scroll, s->scroll.count, s->scroll.rows);
        keep_name(s, v->desk);
        return true;
    }
    if (scroll_press(&s->scroll, key)) {
        keep_name(s, v->desk);
        return true;
    }
    if (!at)
        return false;
    if (key >= PRESS_F0 + 5 && key <= PRESS_F0 + 8)
        key = "pedo"[key - PRESS_F0 - 5];
    switch (key) {
    case PRESS_ENTER:
        read_source(v, at);
        return true;
    case 'e':
    case 'd':
    case 'p':
    case 'o':
        act(v, at, key);
        return true;
    default:
        return false;
    }
}

static bool search(void *self, struct view *v, const char *text, int step)
{
    struct sources *s = self;
    long n = (long)v->desk->source_count;

    for (long i = 1; i <= n; i++) {
        long at = ((s->scroll.at + step * i) % n + n) % n;
        const struct desk_source *source = &v->desk->sources[at];
        if (strcasestr(source->name, text) || (source->title && strcasestr(source->title, text)) ||
            (source->error && strcasestr(source->error, text))) {
            s->scroll.at = at;
            keep_name(s, v->desk);
            return true;
        }
    }
    return false;
}

static const char *const help[] = {"HERE: whether it is enabled in the settings of this machine.",
                                   "Enter  the report of its last poll, and the last reject",
                                   "p F5   poll it now (central-source --now)",
                                   "e F6   enable, d F7 disable it (central-adapter)",
                                   "o F8   show its settings (central-adapter show)",
                                   NULL};

const struct panel_class panel_sources = {.name = "Sources",
                                          .help = help,
                                          .bar = {[4] = "Poll", [5] = "Enable", [6] = "Disable", [7] = "Settings"},
                                          .open = open,
                                          .close = close_sources,
                                          .rows = wanted,
                                          .draw = draw,
                                          .press = press,
                                          .search = search};
