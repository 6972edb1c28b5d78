/* notify.h - what systemd is told (sd_notify(3)): by one datagram each, without a library. Nothing happens where no
 * NOTIFY_SOCKET is set. */
#ifndef CENTRAL_NOTIFY_H
#define CENTRAL_NOTIFY_H

/* Remembers NOTIFY_SOCKET and WATCHDOG_USEC, and takes them out of the environment. */
void notify_open(void);
/* Assignments, one a line: "READY=1", "STOPPING=1", "STATUS=...". A failure is no reason to stop and is not told. */
void notify_send(const char *state);
/* To be called where the program has got on: tells the watchdog, at most twice in its interval. */
void notify_progress(void);

#endif
