/* utf8.h - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef CENTRAL_UTF8_H
#define CENTRAL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the character that text begins with (1 to 4) and, if c is not NULL, its code point; 0 when text does
 * not begin with a whole valid character. */
size_t utf8_next(const char *text, size_t len, uint32_t *c);
/* Writes c, which must be no surrogate and at most U+10FFFF, and returns how many bytes (1 to 4) it took. */
size_t utf8_write(char *to, uint32_t c);

#endif
