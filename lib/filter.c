#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/log.h"
#include "central/signals.h"
#include "central/tool.h"

struct idling {
    struct filter *filter;
    struct error *e;
};

static bool idle(void *context)
{
    const struct idling *i = context;

    return !i->filter->idle || i->filter->idle(i->filter->closure, i->e);
}

static bool blank(const char *text, size_t len)
{
    return strspn(text, " \t\r") == len;
}

/* True to go on. */
static bool bad_line(struct filter *f, const struct error *why, const struct filter_line *line, struct error *e)
{
    log_error("line %llu: %s", (unsigned long long)line->number, why->text);
    if (f->bad)
        return f->bad(f->closure, why->text, line, e);
    f->status = error_worse(f->status, CENTRAL_REJECTED);
    return true;
}

bool filter_take(struct filter *f, const struct filter_line *line, struct error *e)
{
    struct error why = {0};
    struct event ev;

    if (line->total)
        error_set(&why, CENTRAL_REJECTED, "too long: %zu bytes, the limit is %zu (CENTRAL_LINE_MAX)", line->total,
                  line->max);
    else if (blank(line->text, line->len))
        return true;
    else if (event_read(line->text, line->len, &ev, &why))
        return f->event(f->closure, &ev, line, e);
    else if (line->half)
        error_prefix(&why, "the input ended inside a line");
    bool ok = bad_line(f, &why, line, e);
    error_free(&why);
    return ok;
}

enum central_exit filter_run(struct filter *f)
{
    struct error e = {0};
    struct line_reader in;
    struct idling idling = {f, &e};

    if (!line_reader_open(&in, STDIN_FILENO, f->writer, &e))
        return log_failure(&e);
    in.idle = idle;
    in.idle_context = &idling;
    for (bool go_on = true; go_on;) {
        struct filter_line line = {0};
        char *text;
        switch (line_read(&in, &text, &line.len, &e)) {
        case LINE_TOO_LONG:
            line.total = in.long_len;
            /* fallthrough */
        case LINE_OK:
            line.text = text;
            line.max = in.max;
            line.number = in.number;
            line.half = in.half_line;
            go_on = f->line ? f->line(f->closure, &line, &e) : filter_take(f, &line, &e);
            break;
        case LINE_STOP:
            /* Who waits for us must not take what was read for all there was. */
            if (signals_stop())
                f->status = error_worse(f->status, CENTRAL_TRY_AGAIN);
            go_on = false;
            break;
        case LINE_END:
        case LINE_ERROR:
            go_on = false;
            break;
        }
    }
    line_reader_close(&in);
    if (e.text)
        return error_worse(log_failure(&e), f->status);
    return error_worse(e.status, f->status);
}
