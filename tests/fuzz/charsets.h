/* charsets.h - the charset that an answer's content type names, by the first byte of an input. */
#ifndef FUZZ_CHARSETS_H
#define FUZZ_CHARSETS_H

#include <stddef.h>

static inline const char *charset_named(unsigned char c)
{
    switch (c) {
    case 'l':
        return "ISO-8859-1";
    case 'w':
        return "windows-1252";
    case 's':
        return "UTF-16";
    case 'b':
        return "UTF-16BE";
    case '7':
        return "UTF-7";
    case 'j':
        return "EUC-JP";
    case 'k':
        return "ISO-2022-KR";
    case 'x':
        return "no such charset";
    default:
        return NULL;
    }
}

#endif
