#include "central/utf8.h"

size_t utf8_next(const char *text, size_t len, uint32_t *c)
{
    const unsigned char *t = (const unsigned char *)text;
    uint32_t code;
    size_t n;

    if (len == 0)
        return 0;
    if (t[0] < 0x80) {
        if (c)
            *c = t[0];
        return 1;
    }
    if (t[0] >= 0xc2 && t[0] <= 0xdf) {
        n = 2;
        code = t[0] & 0x1fu;
    } else if (t[0] >= 0xe0 && t[0] <= 0xef) {
        n = 3;
        code = t[0] & 0x0fu;
    } else if (t[0] >= 0xf0 && t[0] <= 0xf4) {
        n = 4;
        code = t[0] & 0x07u;
    } else {
        return 0;
    }
    if (len < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((t[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (t[i] & 0x3fu);
    }
    if ((n == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) ||
        (n == 4 && (code < 0x10000 || code > 0x10ffff)))
        return 0;
    if (c)
        *c = code;
    return n;
}

size_t utf8_write(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}
