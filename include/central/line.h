/* line.h - lines in, lines out: what every filter does with stdin and stdout.
 *
 * Reading: lines of at most CENTRAL_LINE_MAX bytes (environment CENTRAL_LINE_MAX, with a unit: 8MiB). A longer one is
 * reported once, skipped to its end, and reading goes on. A last line without newline is a line; half_line says so.
 * Writing: full buffers while input is at hand, flushed when reading has to wait for more than LINE_LINGER_MS, so that
 * an idle pipe holds nothing back. The first write error is latched and asked for at the end (line_close).
 * A signal (signals.h) ends reading between two lines. */
#ifndef CENTRAL_LINE_H
#define CENTRAL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/error.h"

/* The default of nats-server's max_payload: a longer line could not be published. */
#define LINE_MAX_DEFAULT (1024 * 1024)
/* Input that pauses no longer is not idle: what is done then (a write, a transaction, a wait for acknowledgements)
 * costs more than a line, and behind a writer that is as fast as its reader it would be done for every few lines. */
#define LINE_LINGER_MS 4

struct line_writer {
    int fd;
    struct buf pending;
    int error; /* errno of the first failed write, 0 */
    uint64_t lines;
};

/* fd is not closed by line_close unless it is stdout. */
void line_writer_open(struct line_writer *w, int fd);
/* Appends text and a newline. False once a write has failed; nothing more is written then. */
bool line_write(struct line_writer *w, const char *text, size_t len);
bool line_flush(struct line_writer *w);
/* Flushes, closes stdout (a full disk may speak only now), frees. False with e set when any write failed: CENTRAL_IO;
 * a reader that went away (EPIPE) gives CENTRAL_IO as well, without e's text, for a tool ends quietly then. */
bool line_writer_close(struct line_writer *w, struct error *e);

struct line_reader {
    int fd;
    size_t max;
    struct buf buffer;
    size_t start;   /* of what is not yet handed out */
    size_t scanned; /* up to here no newline was found */
    bool skipping;  /* inside a line that is too long */
    bool end;
    struct line_writer *writer; /* flushed before reading waits longer; NULL */
    uint64_t number;            /* of the line last handed out, from 1 */
    uint64_t long_len;          /* bytes of the line that was too long */
    bool half_line;             /* the last line had no newline */
    bool (*idle)(void *);       /* called before reading waits longer, after the flush; false ends reading */
    void *idle_context;
};

enum line_result {
    LINE_OK,       /* text, len: without newline, NUL-terminated, valid until the next call */
    LINE_TOO_LONG, /* text, len: its first LINE_LONG_KEPT bytes; the rest is skipped */
    LINE_END,      /* end of input */
    LINE_STOP,     /* a signal asks to leave, or idle said so */
    LINE_ERROR,    /* e is set, CENTRAL_IO */
};
/* How much of a line that is too long is kept for the reject. */
#define LINE_LONG_KEPT 4096

/* writer may be NULL. The limit comes from CENTRAL_LINE_MAX; false with CENTRAL_CONFIG when that is no size. */
bool line_reader_open(struct line_reader *r, int fd, struct line_writer *writer, struct error *e);
enum line_result line_read(struct line_reader *r, char **text, size_t *len, struct error *e);
void line_reader_close(struct line_reader *r);

#endif
