#include "central/output.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/feature.h"
#include "central/headline.h"
#include "central/mem.h"
#include "central/text.h"

/* Widths are those of so many lines; the next so many may be wider. Nothing more is kept. */
#define PAGE 256
/* A headline may be a page of text. */
#define HEADLINE_MAX 72
#define ID_MAX 48
#define SHRUNK_MIN 12
#define ELLIPSIS "\xe2\x80\xa6"

/* RFC 8142: each text of the sequence begins with it. */
#define RECORD_SEPARATOR '\x1e'

enum column { TIME, SEVERITY, ADAPTER, CATEGORY, REVISION, STATE, HEADLINE, ID, COLUMNS };

struct output {
    const struct format *format;
    struct line_writer *w;
    struct output_options options;
    struct buf line;
    bool begun;
    int fields;                   /* of the CSV row at hand */
    struct buf (*cells)[COLUMNS]; /* PAGE of them */
    size_t count;
    int widths[COLUMNS];
};

struct format {
    const char *name;
    bool geometry;
    bool (*event)(struct output *o, const struct archived *event);
    /* NULL: there is no form for it. */
    bool (*count)(struct output *o, const char *value, bool number, int64_t count);
    /* NULL: nothing to do. It comes once, also when nothing came before it. */
    bool (*end)(struct output *o, bool complete);
};

static bool write_line(struct output *o)
{
    return line_write(o->w, o->line.data, o->line.len);
}

/* --- ndjson ------------------------------------------------------------------------------------------------------- */

static bool ndjson_event(struct output *o, const struct archived *event)
{
    buf_clear(&o->line);
    json_put(&o->line, event->envelope);
    return write_line(o);
}

static bool ndjson_count(struct output *o, const char *value, bool number, int64_t count)
{
    const char *what = o->options.by;

    buf_clear(&o->line);
    json_begin(&o->line, '{');
    if (what) {
        json_put_name(&o->line, what);
        if (number && value)
            json_put(&o->line, (struct json){value, strlen(value)});
        else
            json_put_text(&o->line, value);
    }
    json_put_member_int(&o->line, "count", count);
    json_end(&o->line, '}');
    return write_line(o);
}

/* --- geojson, geojson-seq ----------------------------------------------------------------------------------------- */

static bool collection_begin(struct output *o)
{
    static const char head[] = "{\"type\":\"FeatureCollection\",\"features\":[";

    o->begun = true;
    return line_write(o->w, head, sizeof head - 1);
}

/* A line a feature, so that grep, head and diff have something to hold on to. */
static bool collection_event(struct output *o, const struct archived *event)
{
    bool first = !o->begun;

    if (first && !collection_begin(o))
        return false;
    buf_clear(&o->line);
    if (!first)
        buf_add_char(&o->line, ',');
    feature_put(&o->line, event);
    return write_line(o);
}

static bool collection_end(struct output *o, bool complete)
{
    if (!complete)
        return true;
    return (o->begun || collection_begin(o)) && line_write(o->w, "]}", 2);
}

static bool sequence_event(struct output *o, const struct archived *event)
{
    buf_clear(&o->line);
    buf_add_char(&o->line, RECORD_SEPARATOR);
    feature_put(&o->line, event);
    return write_line(o);
}

/* --- csv ---------------------------------------------------------------------------------------------------------- */

static void put_field(struct output *o, const char *text, size_t len)
{
    bool quoted =
        memchr(text, ',', len) || memchr(text, '"', len) || memchr(text, '\n', len) || memchr(text, '\r', len);

    if (o->fields++)
        buf_add_char(&o->line, ',');
    if (quoted)
        buf_add_char(&o->line, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            buf_add_char(&o->line, '"');
        buf_add_char(&o->line, text[i]);
    }
    if (quoted)
        buf_add_char(&o->line, '"');
}

/* A string's characters, a number as it stands, else nothing. */
static void put_json_field(struct output *o, struct json v)
{
    struct buf text = {0};

    if (json_kind(v) == JSON_NUMBER)
        buf_add(&text, v.at, v.len);
    else
        json_decode(v, &text);
    put_field(o, buf_text(&text), text.len);
    buf_free(&text);
}

static void put_time_field(struct output *o, bool has, int64_t time)
{
    struct buf text = {0};

    if (has)
        clock_put(&text, time, CLOCK_Z);
    put_field(o, buf_text(&text), text.len);
    buf_free(&text);
}

static void put_list_field(struct output *o, struct json list)
{
    struct buf text = {0};
    struct json v;

    for (struct json_iter i = json_walk(list); json_next(&i, NULL, &v);) {
        if (text.len)
            buf_add_char(&text, ';');
        json_decode(v, &text);
    }
    put_field(o, buf_text(&text), text.len);
    buf_free(&text);
}

static void csv_begin(struct output *o)
{
    buf_clear(&o->line);
    o->fields = 0;
}

/* RFC 4180 ends lines with CRLF. */
static bool csv_line(struct output *o)
{
    buf_add_char(&o->line, '\r');
    return write_line(o);
}

static bool csv_title(struct output *o)
{
    static const char *const events[] = {"time",      "expires",  "severity", "adapter",  "category",
                                         "id",        "revision", "received", "removed",  "superseded",
                                         "longitude", "latitude", "regions",  "headline", "subject"};
    static const char *const counts[] = {"count"};
    const char *const *names = o->options.counts ? counts : events;
    size_t count = o->options.counts ? 1 : sizeof events / sizeof *events;

    o->begun = true;
    csv_begin(o);
    if (o->options.counts && o->options.by)
        put_field(o, o->options.by, strlen(o->options.by));
    for (size_t i = 0; i < count; i++)
        put_field(o, names[i], strlen(names[i]));
    return csv_line(o);
}

static bool csv_event(struct output *o, const struct archived *event)
{
    struct json data = json_get(event->envelope, "data"), geo = json_get(data, "geo");
    struct json revision = json_get(event->envelope, "centralrevision"), centroid = json_get(geo, "centroid");

    if (!o->begun && !csv_title(o))
        return false;
    csv_begin(o);
    put_json_field(o, json_get(data, "time"));
    put_json_field(o, json_get(data, "expires"));
    put_json_field(o, json_get(data, "severity"));
    put_json_field(o, json_get(data, "adapter"));
    put_json_field(o, json_get(data, "category"));
    put_json_field(o, json_get(data, "id"));
    put_json_field(o, json_exists(revision) ? revision : (struct json){"1", 1});
    put_time_field(o, true, event->received);
    put_time_field(o, event->has_removed, event->removed);
    put_time_field(o, event->has_superseded, event->superseded);
    put_json_field(o, json_at(centroid, 0));
    put_json_field(o, json_at(centroid, 1));
    put_list_field(o, json_get(geo, "regions"));
    put_json_field(o, headline(data));
    put_json_field(o, json_get(event->envelope, "centralsubject"));
    return csv_line(o);
}

static bool csv_count(struct output *o, const char *value, bool number, int64_t count)
{
    struct buf digits = {0};

    (void)number;
    if (!o->begun && !csv_title(o))
        return false;
    csv_begin(o);
    if (o->options.by)
        put_field(o, value ? value : "", value ? strlen(value) : 0);
    json_put_int(&digits, count);
    put_field(o, digits.data, digits.len);
    buf_free(&digits);
    return csv_line(o);
}

static bool csv_end(struct output *o, bool complete)
{
    return o->begun || !complete || csv_title(o);
}

/* --- table -------------------------------------------------------------------------------------------------------- */

/* Text from outside on one line: blanks folded, nothing that moves a cursor; at most so many columns. */
static void put_cell(struct buf *out, const char *text, size_t len, int columns)
{
    struct buf flat = {0};

    text_flat(&flat, text, len);
    if (text_columns(flat.data, flat.len) <= columns) {
        buf_add(out, flat.data, flat.len);
    } else {
        buf_add(out, flat.data, text_fitting(flat.data, flat.len, columns - 1));
        buf_add_text(out, ELLIPSIS);
    }
    buf_free(&flat);
}

static void put_string_cell(struct buf *out, struct json v, int columns)
{
    struct buf text = {0};

    if (json_kind(v) == JSON_STRING && json_decode(v, &text))
        put_cell(out, buf_text(&text), text.len, columns);
    buf_free(&text);
}

static const char *const titles[COLUMNS] = {"TIME", "SEV", "ADAPTER", "CATEGORY", "REV", "STATE", "HEADLINE", "ID"};

static bool shown(const struct output *o, int column)
{
    return o->options.history || (column != REVISION && column != STATE);
}

/* What is wider than the terminal is taken from headline, id and category, in this order. */
static void shrink(struct output *o, int widths[COLUMNS])
{
    static const enum column order[] = {HEADLINE, ID, CATEGORY};
    int total = -1;

    for (int c = 0; c < COLUMNS; c++)
        total += shown(o, c) ? widths[c] + 1 : 0;
    for (size_t i = 0; i < sizeof order / sizeof *order && o->options.width && total > o->options.width; i++) {
        int *w = &widths[order[i]], least = order[i] == HEADLINE ? 2 * SHRUNK_MIN : SHRUNK_MIN;
        int less = total - o->options.width < *w - least ? total - o->options.width : *w - least;
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
        if (!shown(o, c))
            continue;
        const char *text = cells ? buf_text(&cells[c]) : titles[c];
        struct buf cell = {0};
        put_cell(&cell, text, strlen(text), widths[c]);
        if (c)
            buf_add_char(&o->line, ' ');
        buf_add(&o->line, cell.data, cell.len);
        for (int i = c + 1 < COLUMNS ? text_columns(buf_text(&cell), cell.len) : widths[c]; i < widths[c]; i++)
            buf_add_char(&o->line, ' ');
        buf_free(&cell);
    }
    size_t fits = o->options.width ? text_fitting(o->line.data, o->line.len, o->options.width) : o->line.len;
    return line_write(o->w, o->line.data, fits);
}

static bool table_page(struct output *o)
{
    int widths[COLUMNS];

    for (int c = 0; c < COLUMNS; c++) {
        if (!o->begun)
            o->widths[c] = (int)strlen(titles[c]);
        for (size_t i = 0; i < o->count; i++) {
            int w = text_columns(buf_text(&o->cells[i][c]), o->cells[i][c].len);
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

static const char *state_of(const struct archived *event)
{
    return event->has_superseded ? "superseded" : event->has_removed ? "removed" : "stands";
}

static void put_number_cell(struct buf *out, struct json v, const char *otherwise)
{
    if (json_kind(v) == JSON_NUMBER)
        buf_add(out, v.at, v.len);
    else
        buf_add_text(out, otherwise);
}

static bool table_event(struct output *o, const struct archived *event)
{
    struct json data = json_get(event->envelope, "data");

    if (!o->cells)
        o->cells = mem_alloc_array(PAGE, sizeof *o->cells);
    struct buf *cells = o->cells[o->count++];
    for (int c = 0; c < COLUMNS; c++)
        buf_clear(&cells[c]);
    put_string_cell(&cells[TIME], json_get(data, "time"), HEADLINE_MAX);
    put_number_cell(&cells[SEVERITY], json_get(data, "severity"), "-");
    put_string_cell(&cells[ADAPTER], json_get(data, "adapter"), HEADLINE_MAX);
    put_string_cell(&cells[CATEGORY], json_get(data, "category"), HEADLINE_MAX);
    put_number_cell(&cells[REVISION], json_get(event->envelope, "centralrevision"), "1");
    buf_add_text(&cells[STATE], state_of(event));
    put_string_cell(&cells[HEADLINE], headline(data), HEADLINE_MAX);
    put_string_cell(&cells[ID], json_get(data, "id"), o->options.width ? ID_MAX : 4 * ID_MAX);
    return o->count < PAGE || table_page(o);
}

/* As uniq -c has it: the numbers are aligned though nobody knows yet how long the names are. */
static bool count_title(struct output *o)
{
    o->begun = true;
    if (!o->options.by)
        return true;
    buf_clear(&o->line);
    buf_add_format(&o->line, "%12s ", "COUNT");
    for (const char *at = o->options.by; *at; at++)
        buf_add_char(&o->line, (char)toupper((unsigned char)*at));
    return write_line(o);
}

static bool table_count(struct output *o, const char *value, bool number, int64_t count)
{
    (void)number;
    if (!o->begun && !count_title(o))
        return false;
    buf_clear(&o->line);
    if (o->options.by) {
        buf_add_format(&o->line, "%12" PRId64 " ", count);
        put_cell(&o->line, value ? value : "-", value ? strlen(value) : 1, INT_MAX);
    } else {
        buf_add_format(&o->line, "%" PRId64, count);
    }
    return write_line(o);
}

static bool table_end(struct output *o, bool complete)
{
    if (o->options.counts)
        return o->begun || !complete || count_title(o);
    bool ok = o->count || (!o->begun && complete) ? table_page(o) : true;

    for (size_t i = 0; o->cells && i < PAGE; i++)
        for (int c = 0; c < COLUMNS; c++)
            buf_free(&o->cells[i][c]);
    free(o->cells);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static const struct format formats[] = {
    {"ndjson", false, ndjson_event, ndjson_count, NULL}, {"table", false, table_event, table_count, table_end},
    {"csv", false, csv_event, csv_count, csv_end},       {"geojson", true, collection_event, NULL, collection_end},
    {"geojson-seq", true, sequence_event, NULL, NULL},
};

const char *output_names(void)
{
    return "ndjson, table, csv, geojson, geojson-seq";
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

bool output_shows_geometry(const char *format)
{
    const struct format *f = format_named(format);

    return f && f->geometry;
}

bool output_shows_counts(const char *format)
{
    const struct format *f = format_named(format);

    return f && f->count;
}

struct output *output_open(const char *format, struct line_writer *w, const struct output_options *options)
{
    const struct format *f = format_named(format);

    if (!f)
        return NULL;
    struct output *o = mem_alloc(sizeof *o);
    *o = (struct output){.format = f, .w = w, .options = *options};
    return o;
}

bool output_event(struct output *o, const struct archived *event)
{
    return o->format->event(o, event);
}

bool output_count(struct output *o, const char *value, bool number, int64_t count)
{
    return o->format->count(o, value, number, count);
}

bool output_close(struct output *o, bool complete)
{
    if (!o)
        return true;
    bool ok = !o->format->end || o->format->end(o, complete);
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
