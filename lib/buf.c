#include "central/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/mem.h"

#define BUF_FIRST 256

char *buf_grow(struct buf *b, size_t extra)
{
    size_t want = b->capacity ? b->capacity : BUF_FIRST;

    while (want - b->len <= extra)
        want = want > SIZE_MAX / 2 ? SIZE_MAX : want * 2;
    b->data = mem_resize(b->data, want);
    b->capacity = want;
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    char *to = buf_reserve(b, len);

    if (len)
        memcpy(to, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_add_format(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_add_vformat(b, format, args);
    va_end(args);
}

void buf_add_vformat(struct buf *b, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args); // NOLINT(clang-analyzer-valist.Uninitialized): it is the caller's
    if (n > 0) {
        char *to = buf_reserve(b, (size_t)n);
        vsnprintf(to, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *buf_text(struct buf *b)
{
    if (!b->data)
        return "";
    b->data[b->len] = '\0';
    return b->data;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void buf_trim(struct buf *b, size_t limit)
{
    if (b->capacity > limit && b->len < limit) {
        b->data = mem_resize(b->data, b->len + 1);
        b->capacity = b->len + 1;
    }
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}
