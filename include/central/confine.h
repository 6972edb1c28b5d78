/* confine.h - rights a program gives up after its start, where the kernel can take them: Landlock (files) and seccomp
 * (system calls), both behind no_new_privs. What is open already stays open.
 *
 * A kernel without one of them leaves the program as it was, which log_debug tells: confinement is a second line of
 * defence, behind a parser that is right. */
#ifndef CENTRAL_CONFINE_H
#define CENTRAL_CONFINE_H

/* No new socket, and no other program in this one's place. */
void confine_network(void);
/* Of the whole file system only what is beneath these can still be opened, for reading; a list that ends with NULL.
 * What is not there is passed over. */
void confine_reading(const char *const *beneath);
/* Files can be made, changed and removed only beneath these, and devices written to; reading stays free. */
void confine_writing(const char *const *beneath);

#endif
