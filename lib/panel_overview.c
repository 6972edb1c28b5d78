/* panel_overview.c - everything at a glance: streams, sources, the hub's heartbeat, the latest events. */
#include "central/panel.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/text.h"

/* From this width on streams and sources stand side by side. */
#define SIDE_BY_SIDE 160
#define LATEST_MIN 5
#define LATEST_BATCH 10

/* --- streams ------------------------------------------------------------------------------------------------------ */

#define NAME_COLUMNS 17

static void draw_stream(const struct area *a, int row, const struct desk_stream *s, int64_t now, int spark)
{
    struct buf text = {0};
    int col = NAME_COLUMNS + 1, percent = desk_stream_percent(s);

    area_text(a, row, 0, NAME_COLUMNS, STYLE_BOLD, s->name);
    if (!s->exists) {
        area_text(a, row, col, -1, s->looked ? STYLE_ALARM : STYLE_DIM,
                  s->looked ? "not there (central-streams apply)" : "...");
        return;
    }
    buf_add_format(&text, "%lld", (long long)s->messages);
    area_right(a, row, col, 9, STYLE_NORMAL, buf_text(&text));
    col += 10;
    buf_clear(&text);
    put_bytes(&text, s->bytes);
    area_right(a, row, col, 5, STYLE_NORMAL, buf_text(&text));
    col += 6;
    buf_clear(&text);
    put_rate(&text, s->rate);
    area_right(a, row, col, 6, STYLE_NORMAL, buf_text(&text));
    col += 7;
    draw_spark(a, row, col, spark, s->rates, s->rate_count);
    col += spark + 1;
    buf_clear(&text);
    put_age(&text, now, s->last_time);
    area_right(a, row, col, 6, STYLE_NORMAL, buf_text(&text));
    col += 7;
    buf_clear(&text);
    if (s->lag >= 0)
        buf_add_format(&text, "%lld", (long long)s->lag);
    else
        buf_add_char(&text, '-');
    area_right(a, row, col, 8, s->lag > 0 ? STYLE_WARN : STYLE_NORMAL, buf_text(&text));
    col += 9;
    buf_clear(&text);
    if (percent >= 0)
        buf_add_format(&text, "%d%%", percent);
    area_right(a, row, col, 5,
               percent >= 95   ? STYLE_ALARM
               : percent >= 80 ? STYLE_WARN
                               : STYLE_NORMAL,
               buf_text(&text));
    buf_free(&text);
}

static void draw_streams(struct view *v, const struct area *a)
{
    int spark = a->cols - (NAME_COLUMNS + 1 + 10 + 6 + 7 + 1 + 7 + 9 + 5);
    struct buf head = {0};

    spark = spark < 0 ? 0 : spark > DESK_RATES ? DESK_RATES : spark;
    buf_add_format(&head, "%-*s %9s %5s %6s %-*s %6s %8s %5s", NAME_COLUMNS, "STREAM", "MESSAGES", "BYTES", "RATE",
                   spark, "", "NEWEST", "LAG", "LIMIT");
    draw_head(a, 0, buf_text(&head));
    buf_free(&head);
    for (size_t i = 0; i < v->desk->stream_count && (int)i + 1 < a->rows; i++)
        draw_stream(a, (int)i + 1, &v->desk->streams[i], v->now, spark);
    /* What was true before the connection was lost must not look like news. */
    for (int row = 1; row < a->rows && !desk_current(v->desk); row++)
        area_style(a, row, 0, -1, STYLE_DIM);
}

/* --- sources ------------------------------------------------------------------------------------------------------ */

struct listed {
    const struct desk_source *source;
    enum source_state state;
};

static int worst_first(const void *x, const void *y)
{
    const struct listed *a = x, *b = y;

    return a->state != b->state ? (a->state < b->state ? -1 : 1) : strcmp(a->source->name, b->source->name);
}

/* What is switched off here and was never heard of is no news. */
static size_t list_sources(const struct desk *d, int64_t now, struct listed *to)
{
    size_t n = 0;

    for (size_t i = 0; i < d->source_count; i++) {
        enum source_state s = desk_source_state(d, &d->sources[i], now);
        if (s != SOURCE_DISABLED || d->sources[i].reported)
            to[n++] = (struct listed){&d->sources[i], s};
    }
    qsort(to, n, sizeof *to, worst_first);
    return n;
}

static void put_count(struct buf *out, int64_t n)
{
    buf_clear(out);
    if (n < 0)
        buf_add_char(out, '-');
    else
        buf_add_format(out, "%lld", (long long)n);
}

static void draw_source(const struct area *a, int row, const struct listed *l, int64_t now)
{
    const struct desk_source *s = l->source;
    const int64_t counts[] = {s->items, s->published, s->rejected};
    struct buf text = {0};
    int col = NAME_COLUMNS + 1;

    area_text(a, row, 0, NAME_COLUMNS, STYLE_BOLD, s->name);
    area_text(a, row, col, 9, source_style(l->state), source_state_name(l->state));
    col += 10;
    put_age(&text, now, s->last);
    area_right(a, row, col, 5, STYLE_NORMAL, buf_text(&text));
    col += 6;
    buf_clear(&text);
    if (!s->next)
        buf_add_char(&text, '-');
    else if (s->next <= now)
        buf_add_text(&text, "due");
    else
        clock_put_age(&text, s->next - now);
    area_right(a, row, col, 5, STYLE_NORMAL, buf_text(&text));
    col += 6;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        put_count(&text, counts[i]);
        area_right(a, row, col, 6, i == 2 && counts[i] > 0 ? STYLE_WARN : STYLE_NORMAL, buf_text(&text));
        col += 7;
    }
    buf_clear(&text);
    if (s->error)
        text_flat(&text, text_reason(s->error), strlen(text_reason(s->error)));
    area_text(a, row, col, -1, STYLE_ALARM, buf_text(&text));
    buf_free(&text);
}

static void draw_sources(const struct area *a, const struct listed *at, size_t count, int64_t now)
{
    struct buf head = {0};
    size_t room = a->rows > 1 ? (size_t)a->rows - 1 : 0, shown = count <= room ? count : room ? room - 1 : 0;

    buf_add_format(&head, "%-*s %-9s %5s %5s %6s %6s %6s %s", NAME_COLUMNS, "SOURCE", "STATE", "LAST", "NEXT", "ITEMS",
                   "SENT", "REJECT", "ERROR");
    draw_head(a, 0, buf_text(&head));
    buf_free(&head);
    for (size_t i = 0; i < shown; i++)
        draw_source(a, (int)i + 1, &at[i], now);
    if (shown < count)
        area_format(a, (int)shown + 1, 0, STYLE_DIM, "and %zu more, none worse (4: all of them)", count - shown);
    if (!count && room)
        area_text(a, 1, 0, -1, STYLE_DIM, "no poll report yet (central-adapter enable NAME)");
}

/* --- the panel ---------------------------------------------------------------------------------------------------- */

static int wanted(void *self, struct view *v)
{
    struct listed *at = mem_alloc_array(v->desk->source_count + 1, sizeof *at);
    int n = (int)list_sources(v->desk, v->now, at);

    (void)self;
    free(at);
    return (int)v->desk->stream_count + 1 + (n ? n : 1) + 1 + LATEST_BATCH + 1;
}

static void draw(void *self, struct view *v, const struct area *a)
{
    struct listed *at = mem_alloc_array(v->desk->source_count + 1, sizeof *at);
    size_t count = list_sources(v->desk, v->now, at);
    int streams = (int)v->desk->stream_count + 1, sources = (int)(count ? count : 1) + 1, top;

    (void)self;
    if (a->cols >= SIDE_BY_SIDE) {
        int half = (a->cols - 2) / 2;
        top = streams > sources ? streams : sources;
        top = top > a->rows - LATEST_MIN ? a->rows - LATEST_MIN : top;
        struct area left = area_part(a, 0, 0, top, half), right = area_part(a, 0, half + 2, top, a->cols - half - 2);
        draw_streams(v, &left);
        draw_sources(&right, at, count, v->now);
    } else {
        int room = a->rows - LATEST_MIN - streams;
        if (sources > room)
            sources = room < 2 ? 2 : room;
        struct area up = area_part(a, 0, 0, streams, a->cols), down = area_part(a, streams, 0, sources, a->cols);
        draw_streams(v, &up);
        draw_sources(&down, at, count, v->now);
        top = streams + sources;
    }
    struct area latest = area_part(a, top, 0, a->rows - top, a->cols);
    draw_events(v, &latest, true);
    free(at);
}

static bool press(void *self, struct view *v, int key)
{
    (void)self;
    if (key == PRESS_ENTER) {
        view_read_event(v);
        return true;
    }
    return roll_press(v->roll, key);
}

static bool search(void *self, struct view *v, const char *text, int step)
{
    (void)self;
    return roll_search(v->roll, text, step);
}

static const char *const help[] = {"STREAM: messages, bytes, rate and its last minute. NEWEST is the age of the",
                                   "newest message, LAG what the durable consumer furthest behind has still to do,",
                                   "LIMIT the bytes in percent of what the stream may hold.",
                                   "SOURCE: the worst first. LAST and NEXT are polls; ITEMS, SENT and REJECT are of",
                                   "the last one.",
                                   NULL};

const struct panel_class panel_overview = {
    .name = "Overview", .help = help, .rows = wanted, .draw = draw, .press = press, .search = search};
