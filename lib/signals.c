#include "central/signals.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t stop_flag;
static sigset_t outside; /* the mask while waiting */

static void set_flag(int number)
{
    (void)number;
    stop_flag = 1;
}

void signals_open(void)
{
    struct sigaction flag = {.sa_handler = set_flag}, ignore = {.sa_handler = SIG_IGN};
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigprocmask(SIG_BLOCK, &ours, &outside);
    sigdelset(&outside, SIGTERM);
    sigdelset(&outside, SIGINT);
    sigaction(SIGTERM, &flag, NULL);
    sigaction(SIGINT, &flag, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

bool signals_stop(void)
{
    sigset_t pending;

    if (!stop_flag && sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT)))
        stop_flag = 1;
    return stop_flag;
}

int signals_poll(struct pollfd *fds, size_t count, int timeout_ms)
{
    struct timespec t = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};

    if (signals_stop()) {
        errno = EINTR;
        return -1;
    }
    return ppoll(fds, count, timeout_ms < 0 ? NULL : &t, &outside);
}

int signals_wait(int fd, bool write, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = write ? POLLOUT : POLLIN};

    return signals_poll(&p, fd < 0 ? 0 : 1, timeout_ms);
}
