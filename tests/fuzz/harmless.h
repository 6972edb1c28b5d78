/* harmless.h - what may go to a terminal: UTF-8 without control characters and marks that turn text. */
#ifndef FUZZ_HARMLESS_H
#define FUZZ_HARMLESS_H

#include "fuzz.h"

#include "central/utf8.h"

/* but: one control character that is right there, such as \n between lines; 0: none. */
static inline void must_be_harmless(const char *text, size_t len, uint32_t but)
{
    for (size_t i = 0; i < len;) {
        uint32_t c = 0;
        size_t n = utf8_next(text + i, len - i, &c);
        MUST_SAY(n > 0, text, len);
        MUST_SAY((but && c == but) || !(c < 0x20 || (c >= 0x7f && c < 0xa0)), text, len);
        MUST_SAY(!(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069), text, len);
        MUST_SAY(c != 0x200e && c != 0x200f && c != 0x061c && c != 0xfeff, text, len);
        i += n;
    }
}

#endif
