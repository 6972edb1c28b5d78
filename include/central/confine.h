/* confine.h - rights a program gives up after its start, where the kernel can take them: Landlock (files) and seccomp
 * (system calls), both behind no_new_privs. What is open already stays open.
 *
 * A kernel without one of them leaves the program as it was, which log_debug tells: confinement is a second line of
 * defence, behind a parser that is right. */
#ifndef CENTRAL_CONFINE_H
#define CENTRAL_CONFINE_H

#include <stddef.h>

/* What looks for leaks at the end has to read /proc and to trace; what measures coverage has to write. Nothing is given
 * up there. */
#if defined __SANITIZE_ADDRESS__ || defined CENTRAL_UNCONFINED
#define CONFINED 0
#else
#define CONFINED 1
#endif

/* No new socket, and no other program in this one's place. */
void confine_network(void);
/* Of the whole file system only what is beneath these can still be opened, for reading; a list that ends with NULL.
 * What is not there is passed over. */
void confine_reading(const char *const *beneath);
/* Files can be made, changed and removed only beneath these, and devices written to; reading stays free. */
void confine_writing(const char *const *beneath);

/* For a process that only computes. */

/* Closes every descriptor from first on; where nothing is given up, standard error stays. */
void confine_descriptors(int first);
/* Of system calls only those that read and write what is open, take and give back memory, tell the time and end. All
 * others fail with EPERM. */
void confine_calls(void);
struct confine_limits {
    size_t memory;        /* bytes of data: an allocation fails */
    unsigned cpu_seconds; /* SIGXCPU */
    unsigned seconds;     /* SIGALRM */
};
/* An inherited limit that is lower stands, as confine_limits tells. */
void confine_resources(const struct confine_limits *wanted);
struct confine_limits confine_limits(const struct confine_limits *wanted);

#endif
