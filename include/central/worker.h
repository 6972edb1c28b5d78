/* worker.h - what processes that are forked to do a part of the work have in common. */
#ifndef CENTRAL_WORKER_H
#define CENTRAL_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "central/error.h"

/* In the child: it ends when parent, which forked it, does. */
void worker_end_with(pid_t parent);
/* In the child: in and out become standard input and output; no other descriptor stays (confine.h). */
void worker_stand_on(int in, int out);
/* Ends the child. What is done at exit is the parent's, all but counting coverage: a leak checker would count what the
 * parent holds. */
_Noreturn void worker_leave(enum central_exit status);
/* Blocking, all of it. False when it cannot be: the other end has said why elsewhere. */
bool worker_write(int fd, const char *data, size_t len);

#endif
