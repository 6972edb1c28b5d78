#include "central/table.h"

#include <stdlib.h>

#include "central/mem.h"
#include "central/text.h"

struct buf *table_row(struct table *t)
{
    size_t at = t->rows++ * t->columns;

    t->cells = mem_resize(t->cells, t->rows * t->columns * sizeof *t->cells);
    for (size_t k = 0; k < t->columns; k++)
        t->cells[at + k] = (struct buf){0};
    return t->cells + at;
}

void table_heads(struct table *t, const char *const *texts)
{
    struct buf *row = table_row(t);

    for (size_t k = 0; k < t->columns; k++)
        buf_add_text(&row[k], texts[k]);
}

static size_t width_of(const struct buf *cell)
{
    return (size_t)text_columns(cell->data, cell->len);
}

static void put_blanks(struct buf *out, size_t n)
{
    while (n--)
        buf_add_char(out, ' ');
}

static void put_cell(const struct table *t, size_t column, size_t width, const struct buf *cell, struct buf *out)
{
    size_t blanks = width - width_of(cell);
    bool last = column + 1 == t->columns;

    if (t->right[column])
        put_blanks(out, blanks);
    buf_add(out, cell->data, cell->len);
    if (!t->right[column] && !last)
        put_blanks(out, blanks);
    if (!last)
        buf_add_text(out, "  ");
}

void table_put(struct table *t, struct buf *out)
{
    size_t *widths = mem_alloc_array(t->columns, sizeof *widths);

    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t n = width_of(&t->cells[i]);
        if (widths[i % t->columns] < n)
            widths[i % t->columns] = n;
    }
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t column = i % t->columns;
        put_cell(t, column, widths[column], &t->cells[i], out);
        if (column + 1 == t->columns)
            buf_add_char(out, '\n');
        buf_free(&t->cells[i]);
    }
    free(widths);
    free(t->cells);
    t->cells = NULL;
    t->rows = 0;
}

void table_size(struct buf *cell, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double n = (double)bytes;
    size_t unit = 0;

    for (; n >= 1000 && unit < 4; unit++)
        n /= 1024;
    buf_add_format(cell, unit && n < 99.95 ? "%.1f%s" : "%.0f%s", n, units[unit]);
}
