/* text.h - text from outside as a terminal shows it: on one line, harmless, and so many columns wide. */
#ifndef CENTRAL_TEXT_H
#define CENTRAL_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"

/* Appends text on one line: blanks folded, the rest as log_harmless writes it. */
void text_flat(struct buf *out, const char *text, size_t len);
/* Columns of one character, 0 to 2. What the C library does not know takes one: it is drawn as a question mark. */
int text_columns_of(uint32_t c);
/* Columns that text takes, and how many bytes of it fit into so many. A byte that is no UTF-8 takes one. */
int text_columns(const char *text, size_t len);
size_t text_fitting(const char *text, size_t len, int columns);

#endif
