#include "central/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "central/log.h"
#include "central/mem.h"
#include "central/utf8.h"

/* Widths are those of so many lines; the next so many may be wider. Nothing more is kept. */
#define PAGE 256
/* A headline may be a page of text. */
#define HEADLINE_MAX 72
#define ID_MAX 48
#define SHRUNK_MIN 12
#define ELLIPSIS "\xe2\x80\xa6"

enum column { TIME, SEVERITY, ADAPTER, CATEGORY, HEADLINE, ID, COLUMNS };

struct output {
    const struct format *format;
    struct line_writer *w;
    int width;
    struct buf line;
    bool begun;
    struct buf (*cells)[COLUMNS]; /* PAGE of them */
    size_t count;
    int widths[COLUMNS];
};

struct format {
    const char *name;
    bool (*event)(struct output *o, struct json envelope);
    bool (*end)(struct output *o); /* NULL */
};

/* --- ndjson ------------------------------------------------------------------------------------------------------- */

static bool ndjson_event(struct output *o, struct json envelope)
{
    buf_clear(&o->line);
    json_put(&o->line, envelope);
    return line_write(o->w, o->line.data, o->line.len);
}

/* --- table -------------------------------------------------------------------------------------------------------- */

/* Columns that text takes on a terminal. */
static int width_of(const char *text, size_t len)
{
    int width = 0;

    for (uint32_t c; len;) {
        size_t n = utf8_next(text, len, &c);
        int w = n ? wcwidth((wchar_t)c) : 1;
        width += w < 0 ? 1 : w;
        text += n ? n : 1;
        len -= n ? n : 1;
    }
    return width;
}

/* How many bytes of text fit into so many columns. */
static size_t fitting(const char *text, size_t len, int columns)
{
    size_t at = 0;

    for (uint32_t c; at < len;) {
        size_t n = utf8_next(text + at, len - at, &c);
        int w = n ? wcwidth((wchar_t)c) : 1;
        columns -= w < 0 ? 1 : w;
        if (columns < 0)
            break;
        at += n ? n : 1;
    }
    return at;
}

/* Text from outside on one line: blanks folded, nothing that moves a cursor; at most so many columns. */
static void put_cell(struct buf *out, const char *text, size_t len, int columns)
{
    struct buf flat = {0}, harmless = {0};

    for (size_t i = 0; i < len; i++) {
        bool blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        if (!blank)
            buf_add_char(&flat, text[i]);
        else if (flat.len && flat.data[flat.len - 1] != ' ')
            buf_add_char(&flat, ' ');
    }
    while (flat.len && flat.data[flat.len - 1] == ' ')
        flat.len--;
    log_harmless(&harmless, flat.len ? flat.data : "", flat.len);
    if (width_of(harmless.data, harmless.len) <= columns) {
        buf_add(out, harmless.data, harmless.len);
    } else {
        buf_add(out, harmless.data, fitting(harmless.data, harmless.len, columns - 1));
        buf_add_text(out, ELLIPSIS);
    }
    buf_free(&flat);
    buf_free(&harmless);
}

static void put_string_cell(struct buf *out, struct json v, int columns)
{
    struct buf text = {0};

    if (json_kind(v) == JSON_STRING && json_decode(v, &text))
        put_cell(out, buf_text(&text), text.len, columns);
    buf_free(&text);
}

/* What sources call the line that a person wants to read, the best first. */
static struct json headline(struct json data)
{
    static const char *const names[] = {"headline", "title", "IncidentName", "place",
                                        "event",    "name",  "description",  "message"};
    struct json payload = json_get(data, "data");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct json v = json_get(payload, names[i]);
        if (json_kind(v) == JSON_STRING && v.len > 2)
            return v;
    }
    return json_get(json_get(data, "geo"), "primary_region");
}

static const char *const titles[COLUMNS] = {"TIME", "SEV", "ADAPTER", "CATEGORY", "HEADLINE", "ID"};

/* What is wider than the terminal is taken from headline, id and category, in this order. */
static void shrink(struct output *o, int widths[COLUMNS])
{
    static const enum column order[] = {HEADLINE, ID, CATEGORY};
    int total = COLUMNS - 1;

    for (int c = 0; c < COLUMNS; c++)
        total += widths[c];
    for (size_t i = 0; i < sizeof order / sizeof *order && o->width && total > o->width; i++) {
        int *w = &widths[order[i]], least = order[i] == HEADLINE ? 2 * SHRUNK_MIN : SHRUNK_MIN;
        int less = total - o->width < *w - least ? total - o->width : *w - least;
        if (less > 0) {
            *w -= less;
            total -= less;
        }
    }
}

static bool put_row(struct output *o, struct buf *cells, const int widths[COLUMNS])
{
    buf_clear(&o->line);
    for (int c = 0; c < COLUMNS; c++) {
        const char *text = cells ? buf_text(&cells[c]) : titles[c];
        struct buf cell = {0};
        put_cell(&cell, text, strlen(text), widths[c]);
        if (c)
            buf_add_char(&o->line, ' ');
        buf_add(&o->line, cell.data, cell.len);
        for (int i = c + 1 < COLUMNS ? width_of(buf_text(&cell), cell.len) : widths[c]; i < widths[c]; i++)
            buf_add_char(&o->line, ' ');
        buf_free(&cell);
    }
    size_t fits = o->width ? fitting(o->line.data, o->line.len, o->width) : o->line.len;
    return line_write(o->w, o->line.data, fits);
}

static bool table_page(struct output *o)
{
    int widths[COLUMNS];

    for (int c = 0; c < COLUMNS; c++) {
        if (!o->begun)
            o->widths[c] = (int)strlen(titles[c]);
        for (size_t i = 0; i < o->count; i++) {
            int w = width_of(buf_text(&o->cells[i][c]), o->cells[i][c].len);
            o->widths[c] = w > o->widths[c] ? w : o->widths[c];
        }
        widths[c] = o->widths[c];
    }
    shrink(o, widths);
    bool ok = o->begun || put_row(o, NULL, widths);
    o->begun = true;
    for (size_t i = 0; ok && i < o->count; i++)
        ok = put_row(o, o->cells[i], widths);
    o->count = 0;
    return ok;
}

static bool table_event(struct output *o, struct json envelope)
{
    struct json data = json_get(envelope, "data"), severity = json_get(data, "severity");

    if (!o->cells)
        o->cells = mem_alloc_array(PAGE, sizeof *o->cells);
    struct buf *cells = o->cells[o->count++];
    for (int c = 0; c < COLUMNS; c++)
        buf_clear(&cells[c]);
    put_string_cell(&cells[TIME], json_get(data, "time"), HEADLINE_MAX);
    if (json_kind(severity) == JSON_NUMBER)
        buf_add(&cells[SEVERITY], severity.at, severity.len);
    else
        buf_add_text(&cells[SEVERITY], "-");
    put_string_cell(&cells[ADAPTER], json_get(data, "adapter"), HEADLINE_MAX);
    put_string_cell(&cells[CATEGORY], json_get(data, "category"), HEADLINE_MAX);
    put_string_cell(&cells[HEADLINE], headline(data), HEADLINE_MAX);
    put_string_cell(&cells[ID], json_get(data, "id"), o->width ? ID_MAX : 4 * ID_MAX);
    return o->count < PAGE || table_page(o);
}

static bool table_end(struct output *o)
{
    bool ok = o->count || !o->begun ? table_page(o) : true;

    for (size_t i = 0; o->cells && i < PAGE; i++)
        for (int c = 0; c < COLUMNS; c++)
            buf_free(&o->cells[i][c]);
    free(o->cells);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static const struct format formats[] = {{"ndjson", ndjson_event, NULL}, {"table", table_event, table_end}};

const char *output_names(void)
{
    return "ndjson, table";
}

static const struct format *format_named(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

bool output_known(const char *format)
{
    return format_named(format) != NULL;
}

struct output *output_open(const char *format, struct line_writer *w, int width)
{
    if (!output_known(format))
        return NULL;
    struct output *o = mem_alloc(sizeof *o);
    *o = (struct output){.format = format_named(format), .w = w, .width = width};
    return o;
}

bool output_event(struct output *o, struct json envelope)
{
    return o->format->event(o, envelope);
}

bool output_close(struct output *o)
{
    if (!o)
        return true;
    bool ok = !o->format->end || o->format->end(o);
    buf_free(&o->line);
    free(o);
    return ok;
}

int output_width(int fd)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");

    if (!isatty(fd))
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
        return size.ws_col;
    int n = columns ? atoi(columns) : 0;
    return n > 0 ? n : 80;
}
