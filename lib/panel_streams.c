/* panel_streams.c - the streams and who reads them. */
#include "central/panel.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"

struct streams {
    struct scroll scroll;
};

static void *open(void)
{
    return mem_alloc(sizeof(struct streams));
}

static int wanted(void *self, struct view *v)
{
    (void)self;
    return (int)v->desk->stream_count + 1;
}

static void draw_stream(const struct area *a, int row, const struct desk_stream *s, int64_t now, bool selected)
{
    struct buf text = {0}, bytes = {0}, limit = {0}, age = {0}, rate = {0}, keep = {0};
    int col = 18;

    area_text(a, row, 0, 17, STYLE_BOLD, s->name);
    if (s->exists) {
        put_bytes(&bytes, s->bytes);
        if (s->max_bytes > 0)
            put_bytes(&limit, s->max_bytes);
        put_rate(&rate, s->rate);
        put_age(&age, now, s->last_time);
        if (s->max_age > 0)
            duration_put(&keep, s->max_age);
        buf_add_format(&text, "%10lld %10lld %6s %6s %6s %6s %6s %3zu ", (long long)s->messages,
                       (long long)s->last_sequence, buf_text(&bytes), limit.len ? buf_text(&limit) : "-",
                       keep.len ? buf_text(&keep) : "-", buf_text(&rate), buf_text(&age), s->consumer_count);
        col += area_text(a, row, col, -1, STYLE_NORMAL, buf_text(&text));
        draw_spark(a, row, col, a->cols - col > DESK_RATES ? DESK_RATES : a->cols - col, s->rates, s->rate_count);
    } else {
        area_text(a, row, col, -1, s->looked ? STYLE_ALARM : STYLE_DIM,
                  s->looked ? "not there (central-streams apply)" : "...");
    }
    if (selected)
        area_style(a, row, 0, -1, STYLE_SELECTED);
    buf_free(&text);
    buf_free(&bytes);
    buf_free(&limit);
    buf_free(&age);
    buf_free(&rate);
    buf_free(&keep);
}

static void draw_consumers(const struct area *a, const struct desk_stream *s)
{
    struct buf head = {0};

    buf_add_format(&head, "READERS OF %-29s %9s %9s %9s", s->name, "PENDING", "UNACKED", "AGAIN");
    draw_head(a, 0, buf_text(&head));
    buf_free(&head);
    for (size_t i = 0; i < s->consumer_count && (int)i + 1 < a->rows; i++) {
        const struct desk_consumer *c = &s->consumers[i];
        area_text(a, (int)i + 1, 0, 28, c->durable ? STYLE_NORMAL : STYLE_DIM, c->name);
        area_text(a, (int)i + 1, 29, 11, STYLE_DIM, c->durable ? "durable" : "passing");
        area_format(a, (int)i + 1, 41, c->durable && c->pending ? STYLE_WARN : STYLE_NORMAL, "%9lld %9lld %9lld",
                    (long long)c->pending, (long long)c->ack_pending, (long long)c->redelivered);
    }
    if (!s->consumer_count)
        area_text(a, 1, 0, -1, STYLE_DIM, "nobody");
}

static void draw(void *self, struct view *v, const struct area *a)
{
    struct streams *s = self;
    int list = (int)v->desk->stream_count + 1;

    list = list > a->rows ? a->rows : list;
    draw_head(a, 0, "STREAM              MESSAGES   SEQUENCE  BYTES    MAX    AGE   RATE NEWEST   R");
    scroll_fit(&s->scroll, (long)v->desk->stream_count, list - 1);
    for (int row = 1; row < list && s->scroll.top + row - 1 < s->scroll.count; row++)
        draw_stream(a, row, &v->desk->streams[s->scroll.top + row - 1], v->now,
                    s->scroll.top + row - 1 == s->scroll.at);
    for (int row = 1; row < list && !desk_current(v->desk); row++)
        area_style(a, row, 0, -1, STYLE_DIM);
    struct area below = area_part(a, list + 1, 0, a->rows - list - 1, a->cols);
    if (v->desk->stream_count && below.rows > 1)
        draw_consumers(&below, &v->desk->streams[s->scroll.at]);
}

static void read_stream(struct view *v, const struct desk_stream *s)
{
    struct json info;

    pager_begin(&v->pager, s->name);
    pager_add(&v->pager, STYLE_NORMAL, "subjects", s->subjects, strlen(s->subjects));
    pager_text(&v->pager, STYLE_HEAD, s->exists ? "What the server says" : "Not on the server");
    if (json_check(s->info.data ? s->info.data : "", s->info.len, &info, NULL))
        brief_tell_json(info, pager_take_json, &v->pager);
    v->reading = true;
}

static void act(struct view *v, const struct desk_stream *s, int key)
{
    const char *const retention[] = {"central-streams", "retention", s->name, "", NULL};
    const char *const apply[] = {"central-streams", "apply", s->name, NULL};
    const char *const diff[] = {"central-streams", "diff", s->name, NULL};
    struct buf keep = {0};

    if (v->readonly && key != 'c') {
        view_say(v, "--readonly: nothing is changed from here");
        return;
    }
    duration_put(&keep, s->max_age);
    if (key == 'r')
        question_ask(&v->question, mem_format("Keep the messages of %s for:", s->name), buf_text(&keep), retention);
    else if (key == 'a')
        question_ask(&v->question, mem_format("Make %s as streams.conf says?", s->name), NULL, apply);
    else
        question_ask(&v->question, mem_format("Compare %s with streams.conf?", s->name), NULL, diff);
    buf_free(&keep);
}

static bool press(void *self, struct view *v, int key)
{
    struct streams *s = self;

    if (scroll_press(&s->scroll, key))
        return true;
    if (!v->desk->stream_count)
        return false;
    if (key == PRESS_CLICK && v->mouse_row >= 1 && v->mouse_row <= s->scroll.rows) {
        s->scroll.at = s->scroll.top + v->mouse_row - 1;
        scroll_fit(&s->scroll, s->scroll.count, s->scroll.rows);
        return true;
    }
    if (key >= PRESS_F0 + 5 && key <= PRESS_F0 + 7)
        key = "rca"[key - PRESS_F0 - 5];
    switch (key) {
    case PRESS_ENTER:
        read_stream(v, &v->desk->streams[s->scroll.at]);
        return true;
    case 'r':
    case 'a':
    case 'c':
        act(v, &v->desk->streams[s->scroll.at], key);
        return true;
    default:
        return false;
    }
}

static bool search(void *self, struct view *v, const char *text, int step)
{
    struct streams *s = self;
    long n = (long)v->desk->stream_count;

    for (long i = 1; i <= n; i++) {
        long at = ((s->scroll.at + step * i) % n + n) % n;
        if (strcasestr(v->desk->streams[at].name, text) || strcasestr(v->desk->streams[at].subjects, text)) {
            s->scroll.at = at;
            return true;
        }
    }
    return false;
}

static const char *const help[] = {"Enter  what the server says of it, whole",
                                   "r F5   keep its messages for another time (central-streams retention)",
                                   "c F6   compare it with streams.conf (central-streams diff)",
                                   "a F7   make it as streams.conf says (central-streams apply)",
                                   "Below: who reads the selected stream, and how far behind.",
                                   NULL};

const struct panel_class panel_streams = {.name = "Streams",
                                          .help = help,
                                          .bar = {[4] = "Retention", [5] = "Compare", [6] = "Apply"},
                                          .open = open,
                                          .close = free,
                                          .rows = wanted,
                                          .draw = draw,
                                          .press = press,
                                          .search = search};
