#include "central/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_decode(const char *text, size_t len, struct buf *out)
{
    size_t padding = len && text[len - 1] == '=' ? (len > 1 && text[len - 2] == '=' ? 2 : 1) : 0;
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
        const char bytes[3] = {(char)(bits >> 16 & 0xff), (char)(bits >> 8 & 0xff), (char)(bits & 0xff)};
        buf_add(out, bytes, i + 1 == len ? 3 - padding : 3);
    }
    return true;
}
