#include "central/panel.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"

void question_end(struct question *q)
{
    for (char **at = q->argv; at && *at; at++)
        free(*at);
    free(q->argv);
    free(q->text);
    free(q->initial);
    *q = (struct question){0};
}

void question_ask(struct question *q, char *text, const char *initial, const char *const *argv)
{
    size_t n = 0;

    question_end(q);
    while (argv[n])
        n++;
    q->argv = mem_alloc_array(n + 1, sizeof *q->argv);
    for (size_t i = 0; i < n; i++)
        q->argv[i] = mem_string(argv[i]);
    q->text = text;
    q->initial = mem_string(initial);
    q->asked = true;
}

void view_say(struct view *v, const char *format, ...)
{
    struct buf text = {0};
    va_list args;

    va_start(args, format);
    buf_add_vformat(&text, format, args);
    va_end(args);
    free(v->message);
    v->message = mem_string(buf_text(&text));
    buf_free(&text);
}

void tell_event(struct pager *p, const struct brief *b)
{
    struct json line;

    pager_begin(p, b->headline);
    brief_tell(b, pager_take, p);
    pager_text(p, STYLE_NORMAL, "");
    pager_text(p, STYLE_HEAD, "JSON, whole");
    if (json_check(b->line, b->len, &line, NULL))
        brief_tell_json(line, pager_take_json, p);
}

void view_read_event(struct view *v)
{
    const struct brief *b = roll_selected(v->roll);

    if (!b)
        return;
    tell_event(&v->pager, b);
    v->reading = v->reading_event = true;
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

const char *text_reason(const char *text)
{
    size_t address = strcspn(text, " ");

    if (address < 2 || text[address] == '\0' || text[address - 1] != ':' || !memmem(text, address, "://", 3))
        return text;
    return text + address + 1;
}

void put_age(struct buf *out, int64_t now, int64_t time)
{
    if (time)
        clock_put_age(out, now > time ? now - time : 0);
    else
        buf_add_char(out, '-');
}

void put_bytes(struct buf *out, int64_t bytes)
{
    static const char units[] = "BKMGTPE";
    double n = (double)bytes;
    size_t unit = 0;

    for (; n >= 999.5 && unit < sizeof units - 2; unit++)
        n /= 1024;
    buf_add_format(out, unit && n < 9.95 ? "%.1f%c" : "%.0f%c", n, units[unit]);
}

void put_moment(struct buf *out, int64_t time)
{
    struct buf text = {0};

    clock_put(&text, time - time % CLOCK_SECOND, CLOCK_Z);
    /* 2026-11-24T02:41:38Z */
    if (text.len >= 19) {
        buf_add(out, text.data + 5, 5);
        buf_add_char(out, ' ');
        buf_add(out, text.data + 11, 8);
    }
    buf_free(&text);
}

void put_rate(struct buf *out, double rate)
{
    if (rate <= 0)
        buf_add_text(out, "0/s");
    else if (rate < 0.095)
        buf_add_format(out, "%.0f/h", rate * 3600);
    else if (rate < 9.95)
        buf_add_format(out, "%.1f/s", rate);
    else if (rate < 9999.5)
        buf_add_format(out, "%.0f/s", rate);
    else
        buf_add_format(out, "%.0fk/s", rate / 1000);
}

void draw_spark(const struct area *a, int row, int col, int width, const float *rates, size_t count)
{
    static const char *const blocks[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
                                         "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};
    static const char ascii[] = "_.-:=+*#";
    float most = 0;

    if (width <= 0)
        return;
    size_t n = count < (size_t)width ? count : (size_t)width;
    for (size_t i = count - n; i < count; i++)
        most = rates[i] > most ? rates[i] : most;
    for (size_t i = 0; i < n; i++) {
        float r = rates[count - n + i];
        int level = most > 0 ? (int)(r / most * 7.0f + 0.5f) : 0;
        area_glyph(a, row, col + width - (int)n + (int)i, r > 0 ? STYLE_GOOD : STYLE_DIM, blocks[level], ascii[level]);
    }
}

void draw_head(const struct area *a, int row, const char *text)
{
    for (int c = 0; c < a->cols; c++)
        area_text(a, row, c, 1, STYLE_HEAD, " ");
    area_text(a, row, 0, -1, STYLE_HEAD, text);
}

enum style source_style(enum source_state s)
{
    switch (s) {
    case SOURCE_FAILED:
    case SOURCE_LATE:
        return STYLE_ALARM;
    case SOURCE_PARTIAL:
    case SOURCE_EMPTY:
    case SOURCE_NEVER:
        return STYLE_WARN;
    case SOURCE_NEW:
    case SOURCE_UNCHANGED:
        return STYLE_GOOD;
    default:
        return STYLE_DIM;
    }
}

/* --- rows of events ----------------------------------------------------------------------------------------------- */

#define TIME_COLUMNS 14
#define SEVERITY_COLUMNS 3
#define ADAPTER_COLUMNS 16
#define CATEGORY_COLUMNS 30
/* Less than that and the category is left out. */
#define HEADLINE_MIN 48

static void draw_event(const struct area *a, int row, const struct brief *b, int category, bool selected)
{
    bool over = b->removal || b->superseded;
    enum style s = over ? STYLE_DIM : style_severity(b->severity), plain = over ? STYLE_DIM : STYLE_NORMAL;
    struct buf moment = {0};
    char severity[] = {b->severity < 0 ? '-' : (char)('0' + b->severity), '\0'};
    int col = 0;

    put_moment(&moment, b->time);
    area_text(a, row, col, TIME_COLUMNS, plain, buf_text(&moment));
    col += TIME_COLUMNS + 1;
    area_text(a, row, col + 1, 1, s, severity);
    col += SEVERITY_COLUMNS + 1;
    area_text(a, row, col, ADAPTER_COLUMNS, plain, b->adapter);
    col += ADAPTER_COLUMNS + 1;
    if (category) {
        area_text(a, row, col, category, plain, b->category);
        col += category + 1;
    }
    if (b->removal)
        col += area_text(a, row, col, -1, STYLE_DIM, "gone: ");
    area_text(a, row, col, -1, s, b->headline);
    if (selected)
        area_style(a, row, 0, -1, STYLE_SELECTED);
    buf_free(&moment);
}

static const char *why_empty(const struct view *v)
{
    const struct roll *r = v->roll;

    if (r->waiting)
        return "asking ...";
    if (r->past && !r->answered)
        return "no answer (p asks again)";
    if (!r->past && !v->desk->ready)
        return "waiting for the streams ...";
    return sieve_empty(v->sieve) ? "no events" : "no event passes the filter (\\ changes it, Esc drops it)";
}

void draw_events(struct view *v, const struct area *a, bool bar)
{
    struct roll *r = v->roll;
    int fixed = TIME_COLUMNS + SEVERITY_COLUMNS + ADAPTER_COLUMNS + 3;
    int category = a->cols - fixed - 1 >= HEADLINE_MIN + CATEGORY_COLUMNS ? CATEGORY_COLUMNS : 0;
    struct buf head = {0};

    buf_add_format(&head, "%-*s %-*s %-*s ", TIME_COLUMNS, "TIME (UTC)", SEVERITY_COLUMNS, "SEV", ADAPTER_COLUMNS,
                   "ADAPTER");
    if (category)
        buf_add_format(&head, "%-*s ", category, "CATEGORY");
    buf_add_text(&head, "HEADLINE");
    draw_head(a, 0, buf_text(&head));
    buf_free(&head);
    long top = 0;
    if (bar) {
        scroll_fit(&r->scroll, (long)r->count, a->rows - 1);
        top = r->scroll.top;
    }
    for (int row = 1; row < a->rows && top + row - 1 < (long)r->count; row++)
        draw_event(a, row, r->at[top + row - 1], category, bar && top + row - 1 == r->scroll.at);
    if (!r->count && a->rows > 1)
        area_text(a, 1, 0, -1, STYLE_DIM, why_empty(v));
}
