#include "central/error.h"

#include <stdlib.h>

#include "central/buf.h"

static void set_text(struct error *e, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void set_text(struct error *e, const char *format, va_list args)
{
    struct buf text = {0};

    /* The arguments may hold the old text. */
    buf_add_vformat(&text, format, args);
    buf_add(&text, "", 0);
    free(e->text);
    e->text = text.data;
}

bool error_set(struct error *e, enum central_exit status, const char *format, ...)
{
    va_list args;

    if (!e)
        return false;
    va_start(args, format);
    set_text(e, format, args);
    va_end(args);
    e->status = status;
    return false;
}

bool error_prefix(struct error *e, const char *format, ...)
{
    if (!e || !e->text)
        return false;

    struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_add_vformat(&text, format, args);
    va_end(args);
    buf_add_text(&text, ": ");
    buf_add_text(&text, e->text);
    free(e->text);
    e->text = text.data;
    return false;
}

void error_free(struct error *e)
{
    if (!e)
        return;
    free(e->text);
    *e = (struct error){0};
}

enum central_exit error_worse(enum central_exit a, enum central_exit b)
{
    if (a == CENTRAL_OK || (a == CENTRAL_REJECTED && b != CENTRAL_OK))
        return b;
    return a;
}
