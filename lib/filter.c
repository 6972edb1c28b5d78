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
static bool bad_line(struct filter *f, const char *reason, const struct filter_line *line, enum central_exit *status,
                     struct error *e)
{
    f->bad_lines++;
    log_error("line %llu: %s", (unsigned long long)line->number, reason);
    if (f->bad)
        return f->bad(f->closure, reason, line, e);
    *status = error_worse(*status, CENTRAL_REJECTED);
    return true;
}

enum central_exit filter_run(struct filter *f)
{
    struct error e = {0};
    struct line_reader in;
    enum central_exit status = CENTRAL_OK;
    struct idling idling = {f, &e};

    if (!line_reader_open(&in, STDIN_FILENO, f->writer, &e))
        return log_failure(&e);
    in.idle = idle;
    in.idle_context = &idling;
    for (bool go_on = true; go_on;) {
        struct filter_line line = {0};
        struct event ev;
        char *text;
        switch (line_read(&in, &text, &line.len, &e)) {
        case LINE_OK:
            line.text = text;
            line.number = in.number;
            f->lines++;
            if (blank(text, line.len))
                break;
            if (event_read(text, line.len, &ev, &e)) {
                go_on = f->event(f->closure, &ev, &line, &e);
                break;
            }
            if (in.half_line)
                error_prefix(&e, "the input ended inside a line");
            char *reason = e.text;
            e = (struct error){0};
            go_on = bad_line(f, reason, &line, &status, &e);
            free(reason);
            break;
        case LINE_TOO_LONG:
            line = (struct filter_line){text, line.len, in.long_len, in.number};
            f->lines++;
            error_set(&e, CENTRAL_REJECTED, "too long: %llu bytes, the limit is %zu (CENTRAL_LINE_MAX)",
                      (unsigned long long)in.long_len, in.max);
            reason = e.text;
            e = (struct error){0};
            go_on = bad_line(f, reason, &line, &status, &e);
            free(reason);
            break;
        case LINE_END:
            go_on = false;
            break;
        case LINE_STOP:
            f->stopped = signals_stop();
            go_on = false;
            break;
        case LINE_ERROR:
            go_on = false;
            break;
        }
    }
    line_reader_close(&in);
    if (e.text)
        return error_worse(log_failure(&e), status);
    return error_worse(e.status, status);
}
