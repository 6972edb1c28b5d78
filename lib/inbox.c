#include "central/inbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "central/mem.h"
#include "central/signals.h"

#define CLOSE_MS 1000

struct list {
    natsMsg **at;
    size_t count, room;
};

struct inbox {
    natsSubscription *sub;
    char *prefix;
    int fd; /* readable while coming is not empty */
    pthread_mutex_t lock;
    struct list coming;
    struct list taken;
};

/* On nats.c's thread. */
static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *closure)
{
    struct inbox *i = closure;
    static const uint64_t one = 1;

    (void)nc, (void)sub;
    pthread_mutex_lock(&i->lock);
    if (i->coming.count == i->coming.room) {
        i->coming.room = i->coming.room ? i->coming.room * 2 : 256;
        i->coming.at = mem_resize(i->coming.at, i->coming.room * sizeof *i->coming.at);
    }
    i->coming.at[i->coming.count++] = m;
    /* The counter is far from its end, at most one per time it is emptied, so this neither blocks nor fails. */
    if (i->coming.count == 1 && write(i->fd, &one, sizeof one) != sizeof one)
        abort();
    pthread_mutex_unlock(&i->lock);
}

struct inbox *inbox_open(struct bus *b, struct error *e)
{
    struct inbox *i = mem_alloc(sizeof *i);
    natsInbox *name = NULL;

    pthread_mutex_init(&i->lock, NULL);
    i->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    natsStatus s = i->fd < 0 ? NATS_NO_MEMORY : natsInbox_Create(&name);
    if (s == NATS_OK) {
        char *all = mem_format("%s.>", name);
        i->prefix = mem_format("%s.", name);
        s = natsConnection_Subscribe(&i->sub, bus_connection(b), all, on_message, i);
        free(all);
        natsInbox_Destroy(name);
    }
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(i->sub, -1, -1);
    if (s == NATS_OK)
        return i;
    error_set(e, CENTRAL_UNAVAILABLE, "%s: %s", bus_url(b), natsStatus_GetText(s));
    inbox_close(i);
    return NULL;
}

const char *inbox_prefix(const struct inbox *i)
{
    return i->prefix;
}

size_t inbox_take(struct inbox *i, int timeout_ms, bool interruptible, natsMsg ***list)
{
    struct pollfd p = {.fd = i->fd, .events = POLLIN};
    uint64_t times;

    if (timeout_ms) {
        int ready = interruptible ? signals_wait(i->fd, false, timeout_ms) : poll(&p, 1, timeout_ms);
        if (ready <= 0)
            return 0;
    }
    pthread_mutex_lock(&i->lock);
    /* Under the lock: a message that arrives behind the swap must find the descriptor emptied, or its wake-up is lost.
     */
    if (i->coming.count && read(i->fd, &times, sizeof times) < 0)
        times = 0;
    struct list full = i->coming;
    i->coming = i->taken;
    i->coming.count = 0;
    i->taken = full;
    pthread_mutex_unlock(&i->lock);
    *list = i->taken.at;
    return i->taken.count;
}

void inbox_close(struct inbox *i)
{
    if (!i)
        return;
    if (i->sub) {
        /* Its thread may be inside on_message. */
        if (natsSubscription_Drain(i->sub) == NATS_OK)
            natsSubscription_WaitForDrainCompletion(i->sub, CLOSE_MS);
        natsSubscription_Destroy(i->sub);
    }
    for (size_t n = 0; n < i->coming.count; n++)
        natsMsg_Destroy(i->coming.at[n]);
    free(i->coming.at);
    free(i->taken.at);
    if (i->fd >= 0)
        close(i->fd);
    pthread_mutex_destroy(&i->lock);
    free(i->prefix);
    free(i);
}
