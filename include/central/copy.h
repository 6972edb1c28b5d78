/* copy.h - rows in PostgreSQL's binary COPY format: lengths and numbers in network byte order.
 *
 *     copy_begin(&b); copy_row(&b, 2); copy_int(&b, 4, 7); copy_text(&b, "x", 1); copy_end(&b);
 *
 * The columns' types must be exactly those written; the server converts nothing. */
#ifndef CENTRAL_COPY_H
#define CENTRAL_COPY_H

#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"

void copy_begin(struct buf *out);
void copy_end(struct buf *out);
/* Begins a row of so many fields; each of them follows by one call. */
void copy_row(struct buf *out, unsigned fields);
void copy_null(struct buf *out);
/* smallint, integer, bigint: size 2, 4, 8 bytes; the caller sees to the range. */
void copy_int(struct buf *out, unsigned size, int64_t n);
/* text, bytea, geometry (EWKB). Text must be UTF-8 without NUL. */
void copy_bytes(struct buf *out, const char *data, size_t len);
/* timestamptz, from clock.h's microseconds; 0001 to 9999 are well inside what it holds. */
void copy_time(struct buf *out, int64_t time);
/* jsonb, from JSON text. */
void copy_jsonb(struct buf *out, const char *text, size_t len);
/* A field whose length is known at its end: size_t at = copy_open(out); ... bytes ...; copy_close(out, at); */
size_t copy_open(struct buf *out);
void copy_close(struct buf *out, size_t at);
/* The beginning of a text[] of so many elements, each then a copy_bytes; between copy_open and copy_close. */
void copy_text_array(struct buf *out, size_t count);

#endif
