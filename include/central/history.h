/* history.h - events of the past for the desk: from the archive where it can be reached, else from the streams.
 *
 * A thread of its own, with connections of its own, so that a slow answer holds up neither the screen nor the live
 * events. It also tells, every HISTORY_LOOK_MS, whether the archive is there. */
#ifndef CENTRAL_HISTORY_H
#define CENTRAL_HISTORY_H

#include <stdbool.h>
#include "central/mailbox.h"
#include "central/stream.h"

/* The most events of one answer. */
#define HISTORY_MAX 2000
#define HISTORY_LOOK_MS 5000

struct history;
/* db as in db_open, NULL; copied. list and m are kept, not owned. NULL when no thread can be started. */
struct history *history_open(const char *db, const struct stream_list *list, struct mailbox *m);
/* Asks for the newest events that pass the sieve written as text, which sieve_read took before. A later question takes
 * the place of one that waits. The answer comes as LETTER_HISTORY for each, then LETTER_ANSWER, with the number that is
 * returned. */
unsigned history_ask(struct history *h, const char *text);
/* As watch_close. */
bool history_close(struct history *h, int wait_ms);

#endif
