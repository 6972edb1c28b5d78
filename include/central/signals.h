/* signals.h - a signal sets a flag, the loop does the work.
 *
 * After signals_open SIGTERM and SIGINT are blocked except inside signals_wait, so a flag is never missed between a
 * test and a wait. SIGPIPE is ignored: a closed pipe is a write error. */
#ifndef CENTRAL_SIGNALS_H
#define CENTRAL_SIGNALS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

void signals_open(void);
/* True once SIGTERM or SIGINT arrived (looks for pending ones as well, at the cost of a system call). */
bool signals_stop(void);
/* Waits until fd can be read (or written), the time is over (milliseconds, -1 for ever) or a signal came. Returns 1
 * ready, 0 time over, -1 signal or error (errno EINTR for a signal). fd -1 waits for time and signals only. */
int signals_wait(int fd, bool write, int timeout_ms);
/* poll(), which SIGTERM and SIGINT interrupt as they do signals_wait. */
int signals_poll(struct pollfd *fds, size_t count, int timeout_ms);

#endif
