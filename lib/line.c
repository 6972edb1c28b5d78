#include "central/line.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/signals.h"

#define READ_SIZE (64 * 1024)
#define WRITE_SIZE (64 * 1024)
/* After a giant line the buffer goes back to this. */
#define KEEP_SIZE (256 * 1024)

void line_writer_open(struct line_writer *w, int fd)
{
    *w = (struct line_writer){.fd = fd};
}

bool line_flush(struct line_writer *w)
{
    size_t done = 0;

    while (!w->error && done < w->pending.len) {
        ssize_t n = write(w->fd, w->pending.data + done, w->pending.len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            /* A terminal or pipe that somebody else set non-blocking: a slow reader, nothing more. */
            poll(&(struct pollfd){.fd = w->fd, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR)
            w->error = errno;
    }
    buf_clear(&w->pending);
    buf_trim(&w->pending, KEEP_SIZE);
    return !w->error;
}

bool line_write(struct line_writer *w, const char *text, size_t len)
{
    if (w->error)
        return false;
    char *to = buf_reserve(&w->pending, len + 1);
    memcpy(to, text, len);
    to[len] = '\n';
    w->pending.len += len + 1;
    w->lines++;
    return w->pending.len < WRITE_SIZE || line_flush(w);
}

bool line_writer_close(struct line_writer *w, struct error *e)
{
    line_flush(w);
    if (w->fd == STDOUT_FILENO && close(w->fd) && !w->error)
        w->error = errno;
    buf_free(&w->pending);
    if (!w->error)
        return true;
    if (w->error == EPIPE) {
        error_free(e);
        if (e)
            e->status = CENTRAL_IO;
        return false;
    }
    return error_set(e, CENTRAL_IO, "standard output: %s", strerror(w->error));
}

bool line_reader_open(struct line_reader *r, int fd, struct line_writer *writer, struct error *e)
{
    const char *limit = getenv("CENTRAL_LINE_MAX");
    int64_t max = LINE_MAX_DEFAULT;

    if (limit && *limit && (!size_parse(limit, strlen(limit), &max) || max < LINE_LONG_KEPT))
        return error_set(e, CENTRAL_CONFIG, "CENTRAL_LINE_MAX: '%s' is no size of at least %d bytes", limit,
                         LINE_LONG_KEPT);
    *r = (struct line_reader){.fd = fd, .max = (size_t)max, .writer = writer};
    return true;
}

void line_reader_close(struct line_reader *r)
{
    buf_free(&r->buffer);
}

static char *find_newline(struct line_reader *r)
{
    /* Before the first read there is no memory yet to look at. */
    size_t left = r->buffer.len - r->scanned;
    char *found = left ? memchr(r->buffer.data + r->scanned, '\n', left) : NULL;

    r->scanned = found ? (size_t)(found - r->buffer.data) : r->buffer.len;
    return found;
}

/* Moves what is not handed out to the front, then reads more. */
static enum line_result fill(struct line_reader *r, struct error *e)
{
    struct pollfd p = {.fd = r->fd, .events = POLLIN};

    if (r->start) {
        memmove(r->buffer.data, r->buffer.data + r->start, r->buffer.len - r->start);
        r->buffer.len -= r->start;
        r->scanned -= r->start;
        r->start = 0;
        if (r->buffer.len < KEEP_SIZE)
            buf_trim(&r->buffer, KEEP_SIZE);
    }
    if (signals_stop())
        return LINE_STOP;
    if (poll(&p, 1, LINE_LINGER_MS) == 0) {
        if (r->writer && !line_flush(r->writer))
            return LINE_STOP;
        if (r->idle && !r->idle(r->idle_context))
            return LINE_STOP;
    }
    for (;;) {
        /* Interrupted by a signal that does not ask to leave, it looks again. */
        if (signals_wait(r->fd, false, -1) < 0) {
            if (signals_stop())
                return LINE_STOP;
            if (errno == EINTR)
                continue;
            error_set(e, CENTRAL_IO, "standard input: cannot wait for it: %s", strerror(errno));
            return LINE_ERROR;
        }
        ssize_t n = read(r->fd, buf_reserve(&r->buffer, READ_SIZE), READ_SIZE);
        if (n >= 0) {
            r->buffer.len += (size_t)n;
            r->end = n == 0;
            return LINE_OK;
        }
        if (errno != EINTR && errno != EAGAIN) {
            error_set(e, CENTRAL_IO, "standard input: %s", strerror(errno));
            return LINE_ERROR;
        }
    }
}

/* Hands out the bytes from start to end, end being the newline or the end of the input. */
static enum line_result hand_out(struct line_reader *r, size_t end, char **text, size_t *len)
{
    /* The byte of the newline becomes the NUL; at the end of the input buf_reserve has left room for one. */
    r->buffer.data[end] = '\0';
    *text = r->buffer.data + r->start;
    *len = end - r->start;
    if (*len && (*text)[*len - 1] == '\r')
        (*text)[--*len] = '\0';
    r->start = r->scanned = end < r->buffer.len ? end + 1 : end;
    r->number++;
    return LINE_OK;
}

enum line_result line_read(struct line_reader *r, char **text, size_t *len, struct error *e)
{
    for (;;) {
        char *newline = find_newline(r);
        if (r->skipping) {
            /* Keep its beginning, count the rest, drop it. */
            size_t upto = newline ? r->scanned : r->buffer.len;
            r->long_len += upto - r->start - LINE_LONG_KEPT;
            memmove(r->buffer.data + r->start + LINE_LONG_KEPT, r->buffer.data + upto, r->buffer.len - upto);
            r->buffer.len -= upto - r->start - LINE_LONG_KEPT;
            r->scanned = r->start + LINE_LONG_KEPT;
            if (newline || r->end) {
                r->skipping = false;
                r->half_line = !newline;
                hand_out(r, r->scanned, text, len);
                return LINE_TOO_LONG;
            }
        } else if (newline) {
            if (r->scanned - r->start <= r->max)
                return hand_out(r, r->scanned, text, len);
            r->skipping = true;
            r->long_len = LINE_LONG_KEPT;
            continue;
        } else if (r->buffer.len - r->start > r->max) {
            r->skipping = true;
            r->long_len = LINE_LONG_KEPT;
            continue;
        } else if (r->end) {
            if (r->buffer.len == r->start)
                return LINE_END;
            r->half_line = true;
            return hand_out(r, r->buffer.len, text, len);
        }
        if (r->end)
            return LINE_END;
        enum line_result result = fill(r, e);
        if (result != LINE_OK)
            return result;
    }
}
