/* buf.h - a byte buffer that grows.
 *
 * struct buf b = {0}; is an empty buffer. data is NUL-terminated once anything was added or buf_text() was called;
 * the NUL is not counted in len. Contents may hold NUL bytes. */
#ifndef CENTRAL_BUF_H
#define CENTRAL_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len;
    size_t capacity;
};

/* Makes room for extra more bytes after len and returns where they start. The caller writes them and adds to len. */
static inline char *buf_reserve(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *data, size_t len);
static inline void buf_add_char(struct buf *b, char c);
void buf_add_text(struct buf *b, const char *text);
/* For messages; never for SQL or JSON. */
void buf_add_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_add_vformat(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* The contents as a C string, "" when empty; valid until the next change. */
const char *buf_text(struct buf *b);
/* Empties b and keeps its memory. */
void buf_clear(struct buf *b);
/* Gives the memory back if it is larger than limit: one giant line must not be paid for for ever. */
void buf_trim(struct buf *b, size_t limit);
void buf_free(struct buf *b);

/* What buf_reserve does when there is no room yet. */
char *buf_grow(struct buf *b, size_t extra);

/* In the header, for writing JSON is little else. */
static inline char *buf_reserve(struct buf *b, size_t extra)
{
    /* One byte more, always, for the NUL of buf_text. */
    return b->capacity - b->len > extra ? b->data + b->len : buf_grow(b, extra);
}

static inline void buf_add_char(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);

    to[0] = c;
    to[1] = '\0';
    b->len++;
}

#endif
