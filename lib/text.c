#include "central/text.h"

#include <stdbool.h>
#include <wchar.h>

#include "central/log.h"
#include "central/utf8.h"

void text_flat(struct buf *out, const char *text, size_t len)
{
    struct buf flat = {0};

    for (size_t i = 0; i < len; i++) {
        bool blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        if (!blank)
            buf_add_char(&flat, text[i]);
        else if (flat.len && flat.data[flat.len - 1] != ' ')
            buf_add_char(&flat, ' ');
    }
    while (flat.len && flat.data[flat.len - 1] == ' ')
        flat.len--;
    log_harmless(out, flat.len ? flat.data : "", flat.len);
    buf_free(&flat);
}

int text_columns_of(uint32_t c)
{
    int w = c < 0x7f ? 1 : wcwidth((wchar_t)c);

    return w < 0 ? 1 : w;
}

int text_columns(const char *text, size_t len)
{
    int width = 0;

    for (uint32_t c; len;) {
        size_t n = utf8_next(text, len, &c);
        width += n ? text_columns_of(c) : 1;
        text += n ? n : 1;
        len -= n ? n : 1;
    }
    return width;
}

size_t text_fitting(const char *text, size_t len, int columns)
{
    size_t at = 0;

    for (uint32_t c; at < len;) {
        size_t n = utf8_next(text + at, len - at, &c);
        columns -= n ? text_columns_of(c) : 1;
        if (columns < 0)
            break;
        at += n ? n : 1;
    }
    return at;
}
