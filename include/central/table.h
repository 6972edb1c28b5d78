/* table.h - a table as text, for people: columns as wide as what is in them. */
#ifndef CENTRAL_TABLE_H
#define CENTRAL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"

/* struct table t = {.columns = 3, .right = right}; the rest by table_row. */
struct table {
    size_t columns;
    const bool *right; /* per column: set flush right */
    struct buf *cells; /* row by row */
    size_t rows;
};

/* A new row of empty cells, as many as there are columns; valid until the next row. Outside text must be made harmless
 * before it goes into one. */
struct buf *table_row(struct table *t);
/* A new row of these texts, as many as there are columns. */
void table_heads(struct table *t, const char *const *texts);
/* Appends the lines, the last column without blanks behind it, and frees the rows. */
void table_put(struct table *t, struct buf *out);

/* Appends bytes with three digits, which tell a person enough: 1.2MiB. */
void table_size(struct buf *cell, int64_t bytes);

#endif
