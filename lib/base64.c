#include "central/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_decode(const char *text, size_t len, struct buf *out)
{
    size_t padding = len && text[len - 1] == '=' ? 1 + (len > 1 && text[len - 2] == '=') : 0;
    uint32_t bits = 0;

    if (len % 4)
        return false;
    buf_reserve(out, len / 4 * 3);
    for (size_t i = 0; i < len; i++) {
        const char *at = i < len - padding ? memchr(alphabet, text[i], sizeof alphabet - 1) : alphabet;
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        if (i % 4 != 3)
            continue;
        for (size_t k = 0; k < 3 - (i + 1 == len ? padding : 0); k++)
            buf_add_char(out, (char)(bits >> (16 - 8 * k) & 0xff));
    }
    return true;
}
