#include "central/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "central/mem.h"
#include "central/signals.h"
#include "central/worker.h"

#define PIECE (64 * 1024) /* what a pipe holds */
/* After giant answers the buffer goes back to this. */
#define KEEP_SIZE (1024 * 1024)

/* --- items ---------------------------------------------------------------------------------------------------------
 */

/* Without a hole: all of it is sent. */
struct item_start {
    int64_t kind;
    size_t len;
};

void crew_put(struct buf *to, int kind, const void *head, size_t head_len, const void *data, size_t len)
{
    const struct item_start start = {kind, head_len + len};

    buf_add(to, &start, sizeof start);
    buf_add(to, head, head_len);
    buf_add(to, data, len);
}

bool crew_next(const struct buf *in, size_t *at, struct crew_item *item)
{
    struct item_start start;

    if (in->len - *at < sizeof start)
        return false;
    memcpy(&start, in->data + *at, sizeof start);
    if (start.len > in->len - *at - sizeof start)
        return false;
    *item = (struct crew_item){(int)start.kind, in->data + *at + sizeof start, start.len};
    *at += sizeof start + start.len;
    return true;
}

bool crew_head(struct crew_item *item, void *head, size_t len)
{
    if (item->len < len)
        return false;
    memcpy(head, item->data, len);
    item->data += len;
    item->len -= len;
    return true;
}

/* --- a worker ------------------------------------------------------------------------------------------------------
 */

/* False at the end of the input. */
static bool read_all(char *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(STDIN_FILENO, to + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            worker_leave(CENTRAL_IO);
        if (n == 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Tasks and answers go through the pipes with their length before them. */
static _Noreturn void serve(const struct crew_work *w)
{
    struct buf task = {0}, answer = {0};
    size_t len;

    while (read_all((char *)&len, sizeof len)) {
        buf_clear(&task);
        if (!read_all(buf_reserve(&task, len), len))
            break;
        task.len = len;
        buf_clear(&answer);
        buf_add(&answer, &len, sizeof len);
        w->work(w->closure, &task, &answer);
        len = answer.len - sizeof len;
        memcpy(answer.data, &len, sizeof len);
        if (!worker_write(STDOUT_FILENO, answer.data, answer.len))
            worker_leave(CENTRAL_IO);
    }
    buf_free(&task);
    buf_free(&answer);
    worker_leave(CENTRAL_OK);
}

/* --- this process --------------------------------------------------------------------------------------------------
 */

/* A worker as it is seen from here. */
struct hand {
    pid_t pid;
    int to, from;       /* -1: closed */
    struct buf tasks;   /* on their way */
    struct buf answers; /* that have come, the first at its beginning */
    size_t sent;        /* of tasks */
    unsigned due;       /* tasks that were not taken */
};

struct crew {
    struct crew_work work;
    bool broken;
    unsigned count;
    uint64_t given, taken;
    unsigned next_given, next_taken; /* whose turn it is */
    struct hand hands[];
};

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool fork_worker(struct crew *c, struct hand *h, struct error *e)
{
    int to[2], from[2];
    pid_t self = getpid();

    if (pipe2(to, O_CLOEXEC))
        return error_set(e, CENTRAL_TRY_AGAIN, "pipe: %s", strerror(errno));
    if (pipe2(from, O_CLOEXEC)) {
        error_set(e, CENTRAL_TRY_AGAIN, "pipe: %s", strerror(errno));
        close(to[0]);
        close(to[1]);
        return false;
    }
    h->pid = fork();
    if (h->pid == 0) {
        worker_end_with(self);
        worker_stand_on(to[0], from[1]);
        serve(&c->work);
    }
    if (h->pid < 0)
        error_set(e, CENTRAL_TRY_AGAIN, "no process for a worker: %s", strerror(errno));
    close(to[0]);
    close(from[1]);
    h->to = to[1];
    h->from = from[0];
    fcntl(h->to, F_SETFL, O_NONBLOCK);
    fcntl(h->from, F_SETFL, O_NONBLOCK);
    return h->pid > 0;
}

struct crew *crew_open(unsigned workers, const struct crew_work *work, struct error *e)
{
    struct crew *c = mem_alloc(sizeof *c + workers * sizeof *c->hands);

    c->work = *work;
    for (unsigned i = 0; i < workers; i++)
        c->hands[i] = (struct hand){.to = -1, .from = -1};
    /* What is in stdio's buffer would be written twice. */
    fflush(stdout);
    while (c->count < workers)
        if (!fork_worker(c, &c->hands[c->count++], e)) {
            crew_close(c);
            return NULL;
        }
    return c;
}

static void send_some(struct hand *h)
{
    ssize_t n = write(h->to, h->tasks.data + h->sent, h->tasks.len - h->sent);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        shut(&h->to);
    h->sent += n > 0 ? (size_t)n : 0;
    if (h->sent == h->tasks.len) {
        buf_clear(&h->tasks);
        h->sent = 0;
    }
}

static void receive_some(struct hand *h)
{
    ssize_t n = read(h->from, buf_reserve(&h->answers, PIECE), PIECE);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        shut(&h->from);
    h->answers.len += n > 0 ? (size_t)n : 0;
}

/* Why a worker's answer is not there. */
static bool gone(struct crew *c, struct hand *h, struct error *e)
{
    const unsigned number = (unsigned)(h - c->hands) + 1;
    int status = 0;

    c->broken = true;
    shut(&h->to);
    /* One that only closed its pipe ends now; the status of one that has ended stays. */
    kill(h->pid, SIGKILL);
    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    h->pid = 0;
    if (WIFSIGNALED(status))
        return error_set(e, WTERMSIG(status) == SIGKILL ? CENTRAL_TRY_AGAIN : CENTRAL_BUG,
                         "worker %u was killed by SIG%s", number, sigabbrev_np(WTERMSIG(status)));
    if (WEXITSTATUS(status) == CENTRAL_TRY_AGAIN)
        return error_set(e, CENTRAL_TRY_AGAIN, "worker %u: out of memory", number);
    return error_set(e, CENTRAL_BUG, "worker %u ended with status %d", number, WEXITSTATUS(status));
}

static unsigned after(const struct crew *c, unsigned hand)
{
    return hand + 1 < c->count ? hand + 1 : 0;
}

/* Takes what is next as long as it is there. */
static bool take_some(struct crew *c, struct error *e)
{
    bool ok = true;

    while (ok && c->taken < c->given) {
        struct hand *h = &c->hands[c->next_taken];
        size_t len = 0;
        if (h->answers.len >= sizeof len)
            memcpy(&len, h->answers.data, sizeof len);
        if (len > CREW_ANSWER_MAX) {
            c->broken = true;
            return error_set(e, CENTRAL_BUG, "worker %u answers with %zu bytes", (unsigned)(h - c->hands) + 1, len);
        }
        if (h->answers.len < sizeof len || h->answers.len - sizeof len < len)
            return h->from >= 0 || gone(c, h, e);
        const struct buf answer = {.data = h->answers.data + sizeof len, .len = len};
        ok = c->work.take(c->work.closure, &answer, e);
        h->answers.len -= sizeof len + len;
        memmove(h->answers.data, answer.data + len, h->answers.len);
        buf_trim(&h->answers, KEEP_SIZE);
        h->due--;
        c->taken++;
        c->next_taken = after(c, c->next_taken);
    }
    return ok;
}

/* Serves the pipes once. fd: also waits for that (-1: for none), and for signals; *more: it can be read, or one came.
 */
static bool turn(struct crew *c, int fd, bool *more, int timeout, struct error *e)
{
    struct pollfd fds[2 * CREW_WORKERS_MAX + 1] = {{.fd = fd, .events = POLLIN}};
    const nfds_t count = 2 * c->count + 1;

    for (unsigned i = 0; i < c->count; i++) {
        const struct hand *h = &c->hands[i];
        fds[2 * i + 1] = (struct pollfd){.fd = h->tasks.len ? h->to : -1, .events = POLLOUT};
        fds[2 * i + 2] = (struct pollfd){.fd = h->due ? h->from : -1, .events = POLLIN};
    }
    if ((fd < 0 ? poll(fds, count, timeout) : signals_poll(fds, count, timeout)) < 0) {
        if (errno == EINTR) {
            *more = fd >= 0;
            return true;
        }
        return error_set(e, CENTRAL_IO, "cannot wait for workers: %s", strerror(errno));
    }
    *more = fds[0].revents;
    for (unsigned i = 0; i < c->count; i++) {
        if (fds[2 * i + 1].revents)
            send_some(&c->hands[i]);
        if (fds[2 * i + 2].revents)
            receive_some(&c->hands[i]);
    }
    return take_some(c, e);
}

bool crew_give(struct crew *c, const struct buf *task, struct error *e)
{
    struct hand *h = &c->hands[c->next_given];
    bool more;

    while (h->due == CREW_AHEAD)
        if (!turn(c, -1, &more, -1, e))
            return false;
    buf_add(&h->tasks, &task->len, sizeof task->len);
    buf_add(&h->tasks, task->data, task->len);
    h->due++;
    c->given++;
    c->next_given = after(c, c->next_given);
    return turn(c, -1, &more, 0, e);
}

bool crew_due(const struct crew *c)
{
    return c->taken < c->given;
}

bool crew_wait(struct crew *c, int fd, bool *more, struct error *e)
{
    const uint64_t before = c->taken;

    for (*more = false; !*more && crew_due(c) && c->taken == before;)
        if (!turn(c, fd, more, -1, e))
            return false;
    return true;
}

bool crew_finish(struct crew *c, struct error *e)
{
    bool more;

    while (crew_due(c))
        if (!turn(c, -1, &more, -1, e))
            return false;
    return true;
}

bool crew_broken(const struct crew *c)
{
    return c->broken;
}

void crew_close(struct crew *c)
{
    if (!c)
        return;
    const bool at_once = crew_due(c);
    /* All ends first: a worker leaves when there is nothing more to read. */
    for (unsigned i = 0; i < c->count; i++) {
        struct hand *h = &c->hands[i];
        shut(&h->to);
        shut(&h->from);
        if (at_once && h->pid > 0)
            kill(h->pid, SIGKILL);
    }
    for (unsigned i = 0; i < c->count; i++) {
        struct hand *h = &c->hands[i];
        while (h->pid > 0 && waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        buf_free(&h->tasks);
        buf_free(&h->answers);
    }
    free(c);
}
