#include "central/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "central/confine.h"

void worker_end_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
        _exit(CENTRAL_IO);
}

void worker_stand_on(int in, int out)
{
    /* In this order: in the parser's starter standard input is the socket, whose place is taken. */
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(CENTRAL_IO);
    confine_descriptors(STDOUT_FILENO + 1);
}

_Noreturn void worker_leave(enum central_exit status)
{
#ifdef CENTRAL_UNCONFINED
    exit(status);
#else
    _exit(status);
#endif
}

bool worker_write(int fd, const char *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, data + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}
