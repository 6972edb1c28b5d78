/* page.h - a sheet of character cells: what the panels draw on, and what a screen or a printer takes from it.
 *
 * Nothing here knows of a terminal, so the same drawing goes to curses, to a file and to a test. Text from outside may
 * be put as it came: every way in makes it harmless (control characters, escape sequences and the marks that turn the
 * direction of text become \xNN), a cell holds one character with at most PAGE_MARKS combining ones,
 * and nothing reaches beyond its area. On a page without UTF-8 other characters than ASCII become a question mark. */
#ifndef CENTRAL_PAGE_H
#define CENTRAL_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"

#define PAGE_MARKS 2

enum style {
    STYLE_NORMAL,
    STYLE_DIM,
    STYLE_BOLD,
    STYLE_HEAD,     /* the head of a table */
    STYLE_TAB,      /* a panel's name */
    STYLE_TAB_OPEN, /* that of the panel on the screen */
    STYLE_KEY,      /* what a key does, in the bar */
    STYLE_SELECTED,
    STYLE_FOUND,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_ALARM,
    STYLE_COAST,
    STYLE_REGION,
    STYLE_UNRATED, /* an event without severity; the five severities follow */
    STYLE_SEVERITY,
    STYLE_COUNT = STYLE_SEVERITY + 5
};
/* Of severity 0 to 4, -1 for none. */
enum style style_severity(int severity);

struct cell {
    char text[4 * (1 + PAGE_MARKS) + 1]; /* "" behind a wide character */
    uint8_t style;
};
struct page {
    int rows, cols;
    bool utf8;
    struct cell *at;
};
void page_open(struct page *p, int rows, int cols, bool utf8);
/* Empties it, in another size when it has one. */
void page_clear(struct page *p, int rows, int cols);
void page_close(struct page *p);
const struct cell *page_cell(const struct page *p, int row, int col);
/* Appends a row's text without the blanks at its end. */
void page_text(const struct page *p, int row, struct buf *out);
/* How many rows there are up to the last that is not blank. */
int page_used(const struct page *p);

/* A rectangle of a page, with coordinates of its own. What lies outside of it is not drawn. */
struct area {
    struct page *page;
    int top, left, rows, cols;
};
struct area page_area(struct page *p);
struct area area_part(const struct area *a, int top, int left, int rows, int cols);
/* Puts text from col on, in at most width columns (-1: up to the edge); what is longer ends with an ellipsis. Returns
 * how many columns it took. */
int area_put(const struct area *a, int row, int col, int width, enum style s, const char *text, size_t len);
int area_text(const struct area *a, int row, int col, int width, enum style s, const char *text);
/* The same, ending where the width ends. */
void area_right(const struct area *a, int row, int col, int width, enum style s, const char *text);
int area_format(const struct area *a, int row, int col, enum style s, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Gives cells that are there another style. */
void area_style(const struct area *a, int row, int col, int width, enum style s);
/* One finished glyph of ours, one column wide: UTF-8, and what stands for it without. */
void area_glyph(const struct area *a, int row, int col, enum style s, const char *utf8, char ascii);

#endif
