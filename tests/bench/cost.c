/* cost - runs a command and appends what it cost to a file, as one line of JSON: seconds on the clock, of the processor
 * in the program and in the kernel, with all the command waited for, and the greatest resident memory of any one of
 * them in KiB.
 *
 *     cost FILE COMMAND [ARGUMENT...]
 *
 * Exit status: the command's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct rusage used;
    int status;

    if (argc < 3) {
        fprintf(stderr, "usage: cost FILE COMMAND [ARGUMENT...]\n");
        return 64;
    }
    double start = now();
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "cost: fork: %s\n", strerror(errno));
        return 75;
    }
    if (!child) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "cost: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    while (wait4(child, &status, 0, &used) < 0) {
        if (errno != EINTR) {
            fprintf(stderr, "cost: wait: %s\n", strerror(errno));
            return 70;
        }
    }
    double wall = now() - start;
    FILE *out = fopen(argv[1], "a");
    if (!out ||
        fprintf(out, "{\"wall\":%.6f,\"user\":%.6f,\"sys\":%.6f,\"maxrss\":%ld}\n", wall, seconds(used.ru_utime),
                seconds(used.ru_stime), used.ru_maxrss) < 0 ||
        fclose(out) != 0) {
        fprintf(stderr, "cost: %s: %s\n", argv[1], strerror(errno));
        return 74;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
