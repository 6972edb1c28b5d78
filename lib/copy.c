#include "central/copy.h"

#include <string.h>

#include "central/clock.h"

/* 2000-01-01T00:00:00Z, where PostgreSQL's time begins. */
#define EPOCH (INT64_C(946684800) * CLOCK_SECOND)
#define TEXT_OID 25
#define JSONB_VERSION 1

static void put(struct buf *out, unsigned size, uint64_t n)
{
    unsigned char *to = (unsigned char *)buf_reserve(out, size);

    for (unsigned i = size; i--; n >>= 8)
        to[i] = (unsigned char)n;
    out->len += size;
}

void copy_begin(struct buf *out)
{
    /* Signature, flags, length of the header's extension. */
    buf_add(out, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

void copy_end(struct buf *out)
{
    put(out, 2, UINT64_MAX);
}

void copy_row(struct buf *out, unsigned fields)
{
    put(out, 2, fields);
}

void copy_null(struct buf *out)
{
    put(out, 4, UINT64_MAX);
}

void copy_int(struct buf *out, unsigned size, int64_t n)
{
    put(out, 4, size);
    put(out, size, (uint64_t)n);
}

void copy_bytes(struct buf *out, const char *data, size_t len)
{
    put(out, 4, len);
    buf_add(out, data, len);
}

void copy_time(struct buf *out, int64_t time)
{
    copy_int(out, 8, time - EPOCH);
}

void copy_jsonb(struct buf *out, const char *text, size_t len)
{
    put(out, 4, len + 1);
    buf_add_char(out, JSONB_VERSION);
    buf_add(out, text, len);
}

size_t copy_open(struct buf *out)
{
    put(out, 4, 0);
    return out->len;
}

void copy_close(struct buf *out, size_t at)
{
    size_t len = out->len - at;

    for (unsigned i = 0; i < 4; i++)
        out->data[at - 1 - i] = (char)(len >> (8 * i));
}

void copy_text_array(struct buf *out, size_t count)
{
    put(out, 4, count ? 1 : 0); /* dimensions */
    put(out, 4, 0);             /* no nulls */
    put(out, 4, TEXT_OID);
    if (!count)
        return;
    put(out, 4, count);
    put(out, 4, 1); /* lower bound */
}
