/* log.h - one line on stderr: tool, subject, cause.
 *
 * Text from outside may stand in any argument: the finished line is made harmless before it is written (control
 * characters, escape sequences and invalid UTF-8 become \xNN). Under systemd ($JOURNAL_STREAM names stderr) lines start
 * with a <N> priority; CENTRAL_LOG=json writes one JSON object per line; CENTRAL_LOG=debug shows log_debug(). Several
 * words are separated by commas. Never put a secret in a message. */
#ifndef CENTRAL_LOG_H
#define CENTRAL_LOG_H

#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"

/* Call first in main. tool is kept: a string literal or argv[0]'s last part. */
void log_open(const char *tool);
const char *log_tool(void);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* From now on finished lines are appended to into instead of being written; NULL: they are written again. For a process
 * whose words another one passes on, in their order, by log_pass. */
void log_gather(struct buf *into);
void log_pass(const char *lines, size_t len);
/* Reports e as an error, frees it and returns its exit status: return log_failure(&e); */
enum central_exit log_failure(struct error *e);
/* Appends text so that no byte of it can move a cursor, change a colour or end a line. Printable UTF-8 stays. */
void log_harmless(struct buf *out, const char *text, size_t len);

#endif
