/* pager.h - text to be read on a page: wrapped, scrolled, searched. */
#ifndef CENTRAL_PAGER_H
#define CENTRAL_PAGER_H

#include <stdbool.h>
#include <stddef.h>
#include "central/page.h"

struct pager {
    char *title;
    struct pager_line *lines;
    size_t line_count;
    struct pager_row *rows; /* lines wrapped to width */
    size_t row_count;
    int width, height; /* of the last drawing */
    long top;
    char *found; /* what is searched for, NULL */
};
/* Empties it and takes the title. */
void pager_begin(struct pager *p, const char *title);
/* A line; name stands before it in a column of its own. Text from outside is made harmless. */
void pager_add(struct pager *p, enum style s, const char *name, const char *text, size_t len);
void pager_text(struct pager *p, enum style s, const char *text);
/* The same as brief_line, with a pager as closure; JSON needs no column for names. */
void pager_take(void *pager, const char *name, const char *text, size_t len);
void pager_take_json(void *pager, const char *name, const char *text, size_t len);
void pager_close(struct pager *p);
void pager_draw(struct pager *p, const struct area *a);
/* Keys that scroll (press.h); false for others. */
bool pager_press(struct pager *p, int key);
/* Goes to the next (previous) line that holds text, upper and lower case alike; NULL: the same text again. False when
 * there is none. */
bool pager_search(struct pager *p, const char *text, bool backwards);

#endif
