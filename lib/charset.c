#include "central/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#include "central/utf8.h"

static bool copy_utf8(const char *text, size_t len, struct buf *out, struct error *e)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_next(text + i, len - i, NULL);
        if (!n)
            return error_set(e, CENTRAL_REJECTED, "not UTF-8 at byte %zu", i + 1);
        i += n;
    }
    buf_add(out, text, len);
    return true;
}

/* What iconv is to be asked for; NULL: UTF-8. */
static const char *iconv_name(const char *charset)
{
    static const char *const utf8[] = {"", "utf-8", "utf8", "us-ascii"}, *const latin[] = {"iso-8859-1", "latin1"};

    for (size_t i = 0; charset && i < sizeof utf8 / sizeof *utf8; i++)
        if (strcasecmp(charset, utf8[i]) == 0)
            return NULL;
    for (size_t i = 0; charset && i < sizeof latin / sizeof *latin; i++)
        if (strcasecmp(charset, latin[i]) == 0)
            return "WINDOWS-1252";
    return charset;
}

void charset_load(const char *charset)
{
    static const char ours[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    const char *name = iconv_name(charset);

    /* Never closed: glibc would forget it. */
    if (name && !name[strspn(name, ours)] && iconv_open("UTF-8", name) == (iconv_t)-1)
        errno = 0;
}

bool charset_to_utf8(const char *text, size_t len, const char *charset, struct buf *out, struct error *e)
{
    static const char bom[] = "\xef\xbb\xbf";

    if (len >= 3 && memcmp(text, bom, 3) == 0)
        return copy_utf8(text + 3, len - 3, out, e);
    charset = iconv_name(charset);
    if (!charset)
        return copy_utf8(text, len, out, e);
    iconv_t cd = iconv_open("UTF-8", charset);
    if (cd == (iconv_t)-1)
        return error_set(e, CENTRAL_REJECTED, "unknown charset '%s'", charset);
    char *from = (char *)text;
    size_t left = len;
    bool ok = true;
    while (ok && left) {
        size_t room = left * 2 + 16, free_room = room;
        char *to = buf_reserve(out, room);
        if (iconv(cd, &from, &left, &to, &free_room) == (size_t)-1 && errno != E2BIG)
            ok = error_set(e, CENTRAL_REJECTED, "not %s at byte %zu", charset, len - left + 1);
        out->len += room - free_room;
    }
    iconv_close(cd);
    buf_text(out);
    return ok;
}
