#include "central/csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "central/charset.h"
#include "central/json.h"
#include "central/mem.h"

struct table {
    char **names;
    size_t columns;
    size_t row;   /* from 1, the header */
    size_t field; /* of the row at hand */
    bool any;     /* the row at hand has a cell with something in it */
    struct buf cells;
    struct buf *out;
    struct error *e;
    bool failed;
};

static void fail(struct table *t, const char *what)
{
    if (!t->failed)
        error_set(t->e, CENTRAL_REJECTED, "not CSV: row %zu: %s", t->row + 1, what);
    t->failed = true;
}

static void add_name(struct table *t, const char *name, size_t len)
{
    if (t->columns >= CSV_COLUMNS_MAX) {
        fail(t, "too many columns");
        return;
    }
    t->names = mem_resize(t->names, (t->columns + 1) * sizeof *t->names);
    t->names[t->columns] = mem_bytes(name, len);
    for (size_t i = 0; i < t->columns; i++)
        if (strcmp(t->names[i], t->names[t->columns]) == 0)
            fail(t, "two columns of one name");
    t->columns++;
}

static void on_field(void *text, size_t len, void *closure)
{
    struct table *t = closure;

    if (t->failed)
        return;
    t->any = t->any || len;
    if (t->row == 0) {
        add_name(t, text ? text : "", len);
    } else if (t->field >= t->columns) {
        fail(t, "more cells than the header has columns");
    } else {
        json_put_name(&t->cells, t->names[t->field]);
        json_put_string(&t->cells, text ? text : "", len);
    }
    t->field++;
}

static void on_row(int end, void *closure)
{
    struct table *t = closure;

    (void)end;
    if (t->failed)
        return;
    if (t->row == 0) {
        json_put_name(t->out, "header");
        json_begin(t->out, '[');
        for (size_t i = 0; i < t->columns; i++)
            json_put_text(t->out, t->names[i]);
        json_end(t->out, ']');
        json_put_name(t->out, "rows");
        json_begin(t->out, '[');
        t->row++;
    } else if (t->any) {
        for (; t->field < t->columns; t->field++)
            json_put_member_text(&t->cells, t->names[t->field], "");
        json_begin(t->out, '{');
        buf_add(t->out, t->cells.data, t->cells.len);
        json_end(t->out, '}');
        if (t->row++ >= CSV_ROWS_MAX)
            fail(t, "too many rows");
        else if (t->out->len > CSV_JSON_MAX)
            fail(t, "too large as JSON");
    }
    buf_clear(&t->cells);
    t->field = 0;
    t->any = false;
}

bool csv_to_json(const char *text, size_t len, const char *charset, struct buf *out, struct error *e)
{
    struct table t = {.out = out, .e = e};
    struct csv_parser parser;
    struct buf utf8 = {0};

    if (!charset_to_utf8(text, len, charset, &utf8, e)) {
        buf_free(&utf8);
        return false;
    }
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL)) {
        buf_free(&utf8);
        return error_set(e, CENTRAL_TRY_AGAIN, "libcsv does not start");
    }
    json_begin(out, '{');
    if (utf8.len && csv_parse(&parser, utf8.data, utf8.len, on_field, on_row, &t) != utf8.len && !t.failed)
        fail(&t, csv_strerror(csv_error(&parser)));
    if (!t.failed && csv_fini(&parser, on_field, on_row, &t))
        fail(&t, csv_strerror(csv_error(&parser)));
    csv_free(&parser);
    if (!t.failed && t.row == 0)
        fail(&t, "empty");
    json_end(out, ']');
    json_end(out, '}');
    for (size_t i = 0; i < t.columns; i++)
        free(t.names[i]);
    free(t.names);
    buf_free(&t.cells);
    buf_free(&utf8);
    return !t.failed;
}
