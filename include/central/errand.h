/* errand.h - another of Central's programs, run on the side: its words are collected, nothing waits for it. */
#ifndef CENTRAL_ERRAND_H
#define CENTRAL_ERRAND_H

#include <stdbool.h>
#include <sys/types.h>
#include "central/buf.h"
#include "central/error.h"

/* Of what a program says, kept. */
#define ERRAND_OUTPUT_MAX (1024 * 1024)

struct errand {
    bool runs;
    pid_t pid;
    int fd;         /* what it says comes here; -1 */
    int status;     /* exit status once it has ended; 128 + n when a signal ended it */
    char *what;     /* its command line, for a person */
    struct buf out; /* standard output and error */
};
/* Runs the program argv[0] that stands beside this one, never through a shell; its standard input is empty.
 * CENTRAL_CONFIG when it is not there, CENTRAL_TRY_AGAIN. */
bool errand_start(struct errand *r, const char *const *argv, struct error *e);
/* Reads what has come, without waiting. True once it has ended. */
bool errand_look(struct errand *r);
/* Forgets what it said. One that still runs goes on, unheard. */
void errand_end(struct errand *r);

#endif
