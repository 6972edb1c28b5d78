/* crew.h - workers that do the same work beside each other, of which the results come in order.
 *
 * A task goes to the next worker in turn; what the workers answer is taken in the order in which the tasks were given,
 * so nothing says afterwards that there were several. Workers are forked, without what they do not need (worker.h), and
 * keep what this process has given up. All pipes are served at once, so nobody waits for one who waits for him; memory
 * is bounded, for a worker has at most CREW_AHEAD tasks that are not taken. */
#ifndef CENTRAL_CREW_H
#define CENTRAL_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"

#define CREW_WORKERS_MAX 64
#define CREW_AHEAD 2                        /* one at hand, one to go on with */
#define CREW_ANSWER_MAX ((size_t)256 << 20) /* more than a worker in its senses has to say to a task */

/* What a task and an answer are made of: items of a kind, each with a head (a struct, by its bytes) and data. */
void crew_put(struct buf *to, int kind, const void *head, size_t head_len, const void *data, size_t len);
struct crew_item {
    int kind;
    const char *data; /* head and data, until crew_head has taken the head */
    size_t len;
};
/* The item at *at, which moves on. False at the end, and where there is none. */
bool crew_next(const struct buf *in, size_t *at, struct crew_item *item);
/* Copies the head out of item. False when it has none of that size. */
bool crew_head(struct crew_item *item, void *head, size_t len);

struct crew_work {
    /* In a worker: does the task, appends to answer. */
    void (*work)(void *closure, const struct buf *task, struct buf *answer);
    /* Here: what came of the next task. False with e ends it all. */
    bool (*take)(void *closure, const struct buf *answer, struct error *e);
    void *closure;
};
struct crew;
/* Forks so many workers (up to CREW_WORKERS_MAX). NULL with e. Call before a thread is started. */
struct crew *crew_open(unsigned workers, const struct crew_work *work, struct error *e);
/* Gives a task, when need be after the next answers were waited for; takes the answers that are there. False with e:
 * take said so, or a worker is gone, which crew_broken tells. */
bool crew_give(struct crew *c, const struct buf *task, struct error *e);
/* Is there a task that was not taken? */
bool crew_due(const struct crew *c);
/* Waits until an answer was taken, or fd can be read or a signal came: *more. */
bool crew_wait(struct crew *c, int fd, bool *more, struct error *e);
/* Takes all that is due. */
bool crew_finish(struct crew *c, struct error *e);
/* A worker did not answer: killed or without memory (CENTRAL_TRY_AGAIN), or wrong (CENTRAL_BUG). */
bool crew_broken(const struct crew *c);
/* Ends the workers, at once where a task is due. NULL is fine. */
void crew_close(struct crew *c);

#endif
