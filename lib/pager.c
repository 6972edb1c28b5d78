#include "central/pager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/log.h"
#include "central/mem.h"
#include "central/press.h"
#include "central/text.h"

#define NAME_COLUMNS 12
#define TAB_COLUMNS 4

struct pager_line {
    enum style style;
    char *name, *text; /* harmless */
    size_t len;
};
struct pager_row {
    size_t line, from, len;
};

static void empty(struct pager *p)
{
    for (size_t i = 0; i < p->line_count; i++) {
        free(p->lines[i].name);
        free(p->lines[i].text);
    }
    p->line_count = p->row_count = 0;
    p->top = 0;
    p->width = 0;
    free(p->found);
    p->found = NULL;
    free(p->title);
    p->title = NULL;
}

void pager_begin(struct pager *p, const char *title)
{
    empty(p);
    p->title = mem_string(title);
}

void pager_close(struct pager *p)
{
    empty(p);
    free(p->lines);
    free(p->rows);
    *p = (struct pager){0};
}

void pager_add(struct pager *p, enum style s, const char *name, const char *text, size_t len)
{
    struct buf plain = {0}, harmless = {0};

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\t')
            buf_add_format(&plain, "%*s", TAB_COLUMNS, "");
        else if (text[i] != '\r')
            buf_add_char(&plain, text[i]);
    }
    log_harmless(&harmless, plain.len ? plain.data : "", plain.len);
    p->lines = mem_resize(p->lines, (p->line_count + 1) * sizeof *p->lines);
    p->lines[p->line_count++] = (struct pager_line){.style = s,
                                                    .name = mem_string(name),
                                                    .text = mem_bytes(buf_text(&harmless), harmless.len),
                                                    .len = harmless.len};
    p->width = 0;
    buf_free(&plain);
    buf_free(&harmless);
}

void pager_text(struct pager *p, enum style s, const char *text)
{
    pager_add(p, s, NULL, text, strlen(text));
}

void pager_take(void *pager, const char *name, const char *text, size_t len)
{
    pager_add(pager, STYLE_NORMAL, name, text, len);
}

void pager_take_json(void *pager, const char *name, const char *text, size_t len)
{
    (void)name;
    pager_add(pager, STYLE_NORMAL, NULL, text, len);
}

/* --- wrapping ----------------------------------------------------------------------------------------------------- */

static void add_row(struct pager *p, size_t line, size_t from, size_t len)
{
    /* Doubling: a perimeter has tens of thousands of lines. */
    if ((p->row_count & (p->row_count - 1)) == 0)
        p->rows = mem_resize(p->rows, (p->row_count ? 2 * p->row_count : 1) * sizeof *p->rows);
    p->rows[p->row_count++] = (struct pager_row){line, from, len};
}

/* At a blank where there is one in the last third. */
static size_t break_at(const char *text, size_t len, int width)
{
    size_t n = text_fitting(text, len, width);

    if (n == len)
        return n;
    for (size_t i = n; i > n - n / 3; i--)
        if (text[i] == ' ')
            return i + 1;
    return n ? n : 1;
}

static void wrap(struct pager *p, int width)
{
    p->row_count = 0;
    p->width = width;
    for (size_t i = 0; i < p->line_count; i++) {
        const struct pager_line *l = &p->lines[i];
        int room = width - (l->name ? NAME_COLUMNS : 0);
        size_t at = 0;
        room = room < 8 ? 8 : room;
        do {
            size_t n = break_at(l->text + at, l->len - at, room);
            /* The blank at which it breaks is not drawn. */
            add_row(p, i, at, at + n < l->len && n > 1 && l->text[at + n - 1] == ' ' ? n - 1 : n);
            at += n;
        } while (at < l->len);
    }
}

static void fit(struct pager *p)
{
    long last = (long)p->row_count - p->height;

    if (p->top > last)
        p->top = last;
    if (p->top < 0)
        p->top = 0;
}

/* --- drawing ------------------------------------------------------------------------------------------------------ */

static void draw_found(struct pager *p, const struct area *a, int row, int col, const char *text, size_t len)
{
    char *part = mem_bytes(text, len);

    for (const char *at = part; p->found && *p->found && (at = strcasestr(at, p->found)); at += strlen(p->found))
        area_style(a, row, col + text_columns(part, (size_t)(at - part)), text_columns(at, strlen(p->found)),
                   STYLE_FOUND);
    free(part);
}

void pager_draw(struct pager *p, const struct area *a)
{
    struct area body = area_part(a, 1, 0, a->rows - 1, a->cols);
    char place[64];

    if (p->width != body.cols)
        wrap(p, body.cols);
    p->height = body.rows;
    fit(p);
    for (int c = 0; c < a->cols; c++)
        area_text(a, 0, c, 1, STYLE_HEAD, " ");
    long last = p->top + body.rows < (long)p->row_count ? p->top + body.rows : (long)p->row_count;
    snprintf(place, sizeof place, " %ld-%ld of %zu ", p->row_count ? p->top + 1 : 0, last, p->row_count);
    area_text(a, 0, 0, a->cols - (int)strlen(place), STYLE_HEAD, p->title);
    area_right(a, 0, a->cols - (int)strlen(place), (int)strlen(place), STYLE_HEAD, place);
    for (int r = 0; r < body.rows && p->top + r < (long)p->row_count; r++) {
        const struct pager_row *row = &p->rows[p->top + r];
        const struct pager_line *l = &p->lines[row->line];
        int col = l->name ? NAME_COLUMNS : 0;
        if (l->name && row->from == 0)
            area_text(&body, r, 0, NAME_COLUMNS - 1, STYLE_BOLD, l->name);
        area_put(&body, r, col, -1, l->style, l->text + row->from, row->len);
        draw_found(p, &body, r, col, l->text + row->from, row->len);
    }
}

bool pager_press(struct pager *p, int key)
{
    /* Less, not a list: the top moves. */
    struct scroll s = {.at = p->top, .count = (long)p->row_count - p->height + 1, .rows = p->height};

    s.count = s.count < 1 ? 1 : s.count;
    if (key == ' ')
        key = PRESS_PAGE_DOWN;
    if (key == 'b')
        key = PRESS_PAGE_UP;
    bool ours = scroll_press(&s, key);
    p->top = s.at;
    fit(p);
    return ours;
}

static bool row_holds(const struct pager *p, size_t row)
{
    const struct pager_row *r = &p->rows[row];
    char *part = mem_bytes(p->lines[r->line].text + r->from, r->len);
    bool holds = strcasestr(part, p->found) != NULL;

    free(part);
    return holds;
}

bool pager_search(struct pager *p, const char *text, bool backwards)
{
    if (text) {
        free(p->found);
        p->found = mem_string(text);
    }
    if (!p->found || !*p->found || !p->row_count)
        return false;
    long n = (long)p->row_count, step = backwards ? -1 : 1;
    /* A new search takes the line at the top as well; around the end it goes on at the beginning. */
    for (long i = text ? 0 : 1, at; i <= n; i++) {
        at = ((p->top + step * i) % n + n) % n;
        if (row_holds(p, (size_t)at)) {
            p->top = at;
            /* The last page may hold it without it being at the top. */
            fit(p);
            return true;
        }
    }
    return false;
}
