/* charset.h - text in other encodings to UTF-8 (the C library's iconv underneath). */
#ifndef CENTRAL_CHARSET_H
#define CENTRAL_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"

/* Appends text as UTF-8 without a byte order mark. charset NULL is UTF-8; ISO-8859-1 is read as windows-1252, as
 * browsers do. CENTRAL_REJECTED when text is not of that charset, or nobody knows the charset. */
bool charset_to_utf8(const char *text, size_t len, const char *charset, struct buf *out, struct error *e);
/* Takes from files what charset_to_utf8 needs for this one, for a process that is about to give them up. */
void charset_load(const char *charset);

#endif
