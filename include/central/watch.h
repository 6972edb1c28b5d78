/* watch.h - the desk's eyes on the bus: a thread that reads the streams' messages and figures, and posts them.
 *
 * It needs the NATS connection alone: figures come from $JS.API, events and poll reports from the streams themselves,
 * through consumers that leave nothing behind. It goes on for ever through any loss and says so in letters. */
#ifndef CENTRAL_WATCH_H
#define CENTRAL_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "central/mailbox.h"
#include "central/stream.h"

/* So many of each stream's messages are read at the start. */
#define WATCH_BACKLOG 250
/* Figures are asked for no more often than this, however often the screen is drawn. */
#define WATCH_LOOK_MS 1000

struct watch;
/* list, its streams with option top, and m are kept, not owned. NULL when no thread can be started. */
struct watch *watch_open(const struct stream_list *list, struct mailbox *m, int look_ms);
/* Has the streams' figures asked for at once. */
void watch_look(struct watch *w);
/* Waits at most wait_ms for the thread to end; false when it has not: it then still uses list and m. */
bool watch_close(struct watch *w, int wait_ms);

#endif
