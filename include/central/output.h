/* output.h - events as text for programs and people: a table of formats. */
#ifndef CENTRAL_OUTPUT_H
#define CENTRAL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include "central/archived.h"
#include "central/line.h"

struct output_options {
    int width;      /* of the terminal, for formats that cut lines; 0: do not cut */
    bool history;   /* several versions of one event: a table tells which is which */
    bool counts;    /* no events but counts of them */
    const char *by; /* by what ("adapter") they are counted; NULL: all of them */
};

struct output;
/* Writes to w. NULL for a name that is none; output_names says which there are. */
struct output *output_open(const char *format, struct line_writer *w, const struct output_options *options);
bool output_known(const char *format);
/* "ndjson, table, ..." */
const char *output_names(void);
/* It shows where events are: struct archived needs its geometry. */
bool output_shows_geometry(const char *format);
/* It has a form for counts. */
bool output_shows_counts(const char *format);
/* Copied where it is kept. False once a write has failed. */
bool output_event(struct output *o, const struct archived *event);
/* How many events have this value of options.by, NULL: not said. number: value is a JSON number. */
bool output_count(struct output *o, const char *value, bool number, int64_t count);
/* Writes what is kept back and frees; NULL is fine. An answer that is not complete gets no end that says so: no title
 * of an empty table, no closed FeatureCollection. */
bool output_close(struct output *o, bool complete);
/* The columns of the terminal behind fd, or what COLUMNS says; 0 when it is none. */
int output_width(int fd);

#endif
