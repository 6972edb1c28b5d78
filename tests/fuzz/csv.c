/* csv.h: every row has the header's columns; written as CSV once more it reads the same. */
#include "fuzz.h"

#include "central/csv.h"
#include "charsets.h"

static void put_cell(struct buf *csv, struct json v, bool first)
{
    struct buf text = {0};

    MUST(json_decode(v, &text));
    buf_add_text(csv, first ? "\"" : ",\"");
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            buf_add_char(csv, '"');
        buf_add_char(csv, text.data[i]);
    }
    buf_add_char(csv, '"');
    buf_free(&text);
}

static void put_row(struct buf *csv, struct json header, struct json row)
{
    struct json column, name, cell;
    struct json_iter columns = json_walk(header);
    bool first = true;

    MUST(json_count(row) == json_count(header));
    for (struct json_iter i = json_walk(row); json_next(&i, &name, &cell); first = false) {
        MUST(json_next(&columns, NULL, &column) && same_meaning(column, name));
        put_cell(csv, cell, first);
    }
    buf_add_char(csv, '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    const char *charset = charset_named(input_byte(&in));
    struct buf out = {0}, csv = {0}, again = {0};
    struct error e = {0};
    struct json name, row;

    if (!csv_to_json(in.at, in.left, charset, &out, &e)) {
        must_say(&e, CENTRAL_REJECTED);
        buf_free(&out);
        return 0;
    }
    struct json table = written(&out), header = json_get(table, "header"), rows = json_get(table, "rows");
    MUST(json_count(header) > 0 && json_kind(rows) == JSON_ARRAY);
    bool first = true;
    for (struct json_iter i = json_walk(header); json_next(&i, NULL, &name); first = false)
        put_cell(&csv, name, first);
    buf_add_char(&csv, '\n');
    for (struct json_iter i = json_walk(rows); json_next(&i, NULL, &row);)
        put_row(&csv, header, row);
    MUST_SAY(csv_to_json(csv.data, csv.len, NULL, &again, &e), csv.data, csv.len);
    MUST_SAY(same_meaning(table, written(&again)), csv.data, csv.len);
    buf_free(&out);
    buf_free(&csv);
    buf_free(&again);
    return 0;
}
