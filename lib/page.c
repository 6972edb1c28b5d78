#include "central/page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "central/log.h"
#include "central/mem.h"
#include "central/text.h"
#include "central/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"

enum style style_severity(int severity)
{
    return severity < 0 || severity > 4 ? STYLE_UNRATED : (enum style)(STYLE_SEVERITY + severity);
}

/* --- the page ----------------------------------------------------------------------------------------------------- */

static void blank(struct page *p)
{
    for (int i = 0; i < p->rows * p->cols; i++)
        p->at[i] = (struct cell){.text = " ", .style = STYLE_NORMAL};
}

void page_open(struct page *p, int rows, int cols, bool utf8)
{
    *p = (struct page){.utf8 = utf8};
    page_clear(p, rows, cols);
}

void page_clear(struct page *p, int rows, int cols)
{
    rows = rows < 1 ? 1 : rows;
    cols = cols < 1 ? 1 : cols;
    if (rows != p->rows || cols != p->cols) {
        free(p->at);
        p->at = mem_alloc_array((size_t)rows * (size_t)cols, sizeof *p->at);
        p->rows = rows;
        p->cols = cols;
    }
    blank(p);
}

void page_close(struct page *p)
{
    free(p->at);
    *p = (struct page){0};
}

const struct cell *page_cell(const struct page *p, int row, int col)
{
    return &p->at[row * p->cols + col];
}

void page_text(const struct page *p, int row, struct buf *out)
{
    size_t start = out->len;

    for (int c = 0; c < p->cols; c++)
        buf_add_text(out, page_cell(p, row, c)->text);
    while (out->len > start && out->data[out->len - 1] == ' ')
        out->len--;
}

int page_used(const struct page *p)
{
    for (int i = p->rows * p->cols; i > 0; i--)
        if (strcmp(p->at[i - 1].text, " ") != 0)
            return (i - 1) / p->cols + 1;
    return 0;
}

/* --- areas -------------------------------------------------------------------------------------------------------- */

struct area page_area(struct page *p)
{
    return (struct area){.page = p, .rows = p->rows, .cols = p->cols};
}

struct area area_part(const struct area *a, int top, int left, int rows, int cols)
{
    struct area part = {.page = a->page};

    top = top < 0 ? 0 : top > a->rows ? a->rows : top;
    left = left < 0 ? 0 : left > a->cols ? a->cols : left;
    part.top = a->top + top;
    part.left = a->left + left;
    part.rows = rows < 0 ? 0 : rows > a->rows - top ? a->rows - top : rows;
    part.cols = cols < 0 ? 0 : cols > a->cols - left ? a->cols - left : cols;
    return part;
}

static struct cell *cell_at(const struct area *a, int row, int col)
{
    if (row < 0 || col < 0 || row >= a->rows || col >= a->cols)
        return NULL;
    return &a->page->at[(a->top + row) * a->page->cols + a->left + col];
}

/* What is put begins or ends at col: half of a wide character would be left over there, maybe outside of the area. */
static void break_wide(const struct area *a, int row, int col)
{
    const struct page *p = a->page;
    int at = a->left + col;

    if (row < 0 || row >= a->rows || at < 1 || at >= p->cols)
        return;
    struct cell *here = &p->at[(a->top + row) * p->cols + at];
    if (!here->text[0]) {
        here->text[0] = here[-1].text[0] = ' ';
        here->text[1] = here[-1].text[1] = '\0';
    }
}

static void set_cell(struct cell *c, enum style s, const char *text, size_t len)
{
    memcpy(c->text, text, len);
    c->text[len] = '\0';
    c->style = (uint8_t)s;
}

static void add_mark(struct cell *c, const char *text, size_t len)
{
    size_t have = strlen(c->text), marks = 0;
    uint32_t code;

    for (size_t i = utf8_next(c->text, have, &code); i < have; marks++)
        i += utf8_next(c->text + i, have - i, &code);
    if (have && marks < PAGE_MARKS) {
        memcpy(c->text + have, text, len);
        c->text[have + len] = '\0';
    }
}

/* Joiners, selectors and tags change how terminals count columns; none is needed to read a text. */
static bool invisible(uint32_t c)
{
    return c == 0xad || (c >= 0x200b && c <= 0x200d) || (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) ||
           (c >= 0xfff9 && c <= 0xfffb) || c == 0x034f || c == 0x115f || c == 0x1160 || c == 0x3164 || c >= 0xe0000;
}

/* Harmless text, character by character; returns the column behind it. */
static int put_flat(const struct area *a, int row, int col, int end, enum style s, const char *text, size_t len)
{
    struct cell *last = NULL;

    for (uint32_t c; len;) {
        size_t n = utf8_next(text, len, &c);
        bool ascii = n == 1;
        int w = n ? text_columns_of(c) : 1;
        if (n > 1 && invisible(c)) {
            text += n;
            len -= n;
            continue;
        }
        if (w == 0) {
            if (last && a->page->utf8)
                add_mark(last, text, n);
        } else {
            struct cell *at = cell_at(a, row, col), *second = cell_at(a, row, col + 1);
            if (!at || col + w > end || (w == 2 && !second))
                break;
            break_wide(a, row, col);
            break_wide(a, row, col + w);
            bool plain = ascii || (a->page->utf8 && n && wcwidth((wchar_t)c) > 0);
            set_cell(at, s, plain ? text : "?", plain ? n : 1);
            if (w == 2)
                set_cell(second, s, plain ? "" : "?", plain ? 0 : 1);
            last = at;
            col += w;
        }
        text += n ? n : 1;
        len -= n ? n : 1;
    }
    return col;
}

int area_put(const struct area *a, int row, int col, int width, enum style s, const char *text, size_t len)
{
    struct buf flat = {0};
    int end = width < 0 || col + width > a->cols ? a->cols : col + width, start = col;

    if (row < 0 || row >= a->rows || col >= end)
        return 0;
    /* No more than the widest page can show is looked at: marks count as well, a text may be all marks. */
    size_t most = (size_t)(end - col) * 4 * (1 + PAGE_MARKS) + 4;
    log_harmless(&flat, len ? text : "", len < most ? len : most);
    bool cut = text_columns(flat.len ? flat.data : "", flat.len) > end - col;
    col = put_flat(a, row, col, cut && end - col > 1 ? end - 1 : end, s, flat.len ? flat.data : "", flat.len);
    if (cut && end - start > 1 && col < end)
        col = put_flat(a, row, col, end, s, a->page->utf8 ? ELLIPSIS : "~", a->page->utf8 ? strlen(ELLIPSIS) : 1);
    buf_free(&flat);
    return col - start;
}

int area_text(const struct area *a, int row, int col, int width, enum style s, const char *text)
{
    return area_put(a, row, col, width, s, text ? text : "", text ? strlen(text) : 0);
}

void area_right(const struct area *a, int row, int col, int width, enum style s, const char *text)
{
    int w = text_columns(text, strlen(text));

    area_text(a, row, w < width ? col + width - w : col, w < width ? w : width, s, text);
}

int area_format(const struct area *a, int row, int col, enum style s, const char *format, ...)
{
    struct buf text = {0};
    va_list args;

    va_start(args, format);
    buf_add_vformat(&text, format, args);
    va_end(args);
    int taken = area_put(a, row, col, -1, s, buf_text(&text), text.len);
    buf_free(&text);
    return taken;
}

void area_style(const struct area *a, int row, int col, int width, enum style s)
{
    for (int i = 0; i < width || width < 0; i++) {
        struct cell *c = cell_at(a, row, col + i);
        if (!c)
            break;
        c->style = (uint8_t)s;
    }
}

void area_glyph(const struct area *a, int row, int col, enum style s, const char *utf8, char ascii)
{
    struct cell *c = cell_at(a, row, col);

    if (!c)
        return;
    break_wide(a, row, col);
    break_wide(a, row, col + 1);
    set_cell(c, s, a->page->utf8 ? utf8 : &ascii, a->page->utf8 ? strlen(utf8) : 1);
}
