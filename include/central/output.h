/* output.h - events as text for programs and people: a table of formats. */
#ifndef CENTRAL_OUTPUT_H
#define CENTRAL_OUTPUT_H

#include <stdbool.h>
#include "central/json.h"
#include "central/line.h"

struct output;
/* Writes to w. NULL for a name that is none; output_names says which there are. width is the terminal's, in columns,
 * for formats that cut lines; 0: do not cut. */
struct output *output_open(const char *format, struct line_writer *w, int width);
bool output_known(const char *format);
/* "ndjson, table" */
const char *output_names(void);
/* A canonical event's envelope; copied where it is kept. False once a write has failed. */
bool output_event(struct output *o, struct json envelope);
/* Writes what is kept back and frees. NULL is fine. */
bool output_close(struct output *o);
/* The columns of the terminal behind fd, or what COLUMNS says; 0 when it is none. */
int output_width(int fd);

#endif
