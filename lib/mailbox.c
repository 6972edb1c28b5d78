#include "central/mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "central/mem.h"

struct mailbox {
    pthread_mutex_t lock;
    struct letter *first, **last;
    size_t count, others; /* letters, those that must not go */
    uint64_t lost;
    int fd;
};

struct letter *letter_new(enum letter_kind kind)
{
    struct letter *l = mem_alloc(sizeof *l);

    l->kind = kind;
    return l;
}

void letter_free(struct letter *l)
{
    if (!l)
        return;
    free(l->name);
    free(l->text);
    buf_free(&l->line);
    buf_free(&l->extra);
    brief_free(l->brief);
    free(l);
}

struct mailbox *mailbox_open(void)
{
    struct mailbox *m = mem_alloc(sizeof *m);

    pthread_mutex_init(&m->lock, NULL);
    m->last = &m->first;
    m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->fd < 0) {
        free(m);
        return NULL;
    }
    return m;
}

void mailbox_close(struct mailbox *m)
{
    uint64_t lost;

    if (!m)
        return;
    for (struct letter *l = mailbox_take(m, &lost), *next; l; l = next) {
        next = l->next;
        letter_free(l);
    }
    close(m->fd);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

int mailbox_fd(const struct mailbox *m)
{
    return m->fd;
}

void mailbox_wake(struct mailbox *m)
{
    const uint64_t one = 1;

    /* It fails only when the counter is full: the reader is awake then. */
    if (write(m->fd, &one, sizeof one) < 0)
        return;
}

static bool may_go(const struct letter *l)
{
    return l->kind == LETTER_EVENT || l->kind == LETTER_ODD;
}

static void drop_oldest_event(struct mailbox *m)
{
    for (struct letter **at = &m->first; *at; at = &(*at)->next)
        if (may_go(*at)) {
            struct letter *l = *at;
            *at = l->next;
            if (!*at)
                m->last = at;
            letter_free(l);
            m->count--;
            m->lost++;
            return;
        }
}

void mailbox_post(struct mailbox *m, struct letter *l)
{
    pthread_mutex_lock(&m->lock);
    bool was_empty = !m->first;
    l->next = NULL;
    *m->last = l;
    m->last = &l->next;
    m->count++;
    m->others += !may_go(l);
    if (m->count > MAILBOX_LETTERS)
        drop_oldest_event(m);
    pthread_mutex_unlock(&m->lock);
    if (was_empty)
        mailbox_wake(m);
}

bool mailbox_busy(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    bool busy = m->others > MAILBOX_BUSY;
    pthread_mutex_unlock(&m->lock);
    return busy;
}

struct letter *mailbox_take(struct mailbox *m, uint64_t *lost)
{
    uint64_t count;

    if (read(m->fd, &count, sizeof count) < 0)
        count = 0;
    pthread_mutex_lock(&m->lock);
    struct letter *l = m->first;
    m->first = NULL;
    m->last = &m->first;
    m->count = m->others = 0;
    *lost = m->lost;
    m->lost = 0;
    pthread_mutex_unlock(&m->lock);
    return l;
}
