#include "central/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/log.h"
#include "central/signals.h"

static char version_text[64];

/* What argp and printf wrote to stdout may fail as late as now. A tool that uses a line_writer closed it before. */
static void check_stdout(void)
{
    if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
        return;
    bool failed = ferror(stdout);
    if (fflush(stdout) == 0 && !failed)
        return;
    if (errno != EPIPE)
        log_error("standard output: %s", strerror(errno));
    _exit(CENTRAL_IO);
}

void tool_start(const char *name)
{
    /* In order, so that open gives the lowest free one. stdin read from a write-only descriptor, and the other way
     * round, fails with EBADF: what the caller closed stays an error. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(CENTRAL_IO);
    log_open(name);
    signals_open();
    snprintf(version_text, sizeof version_text, "%s (Central) %s", name, CENTRAL_VERSION);
    argp_program_version = version_text;
    argp_err_exit_status = EX_USAGE;
    atexit(check_stdout);
}

void tool_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    int failed = argp_parse(argp, argc, argv, 0, NULL, input);

    if (!failed)
        return;
    log_error("the command line: %s", strerror(failed));
    exit(failed == ENOMEM ? CENTRAL_TRY_AGAIN : CENTRAL_BUG);
}

int tool_end(struct line_writer *w, enum central_exit status)
{
    struct error e = {0};

    if (w && !line_writer_close(w, &e)) {
        if (e.text)
            log_error("%s", e.text);
        error_free(&e);
        return CENTRAL_IO;
    }
    return status;
}

int64_t tool_number(const struct argp_state *state, const char *option, const char *text, int64_t min, int64_t max)
{
    char *end;

    errno = 0;
    intmax_t n = strtoimax(text, &end, 10);
    if (errno || end == text || *end || n < min || n > max)
        argp_error(state, "%s: '%s' is no number from %" PRId64 " to %" PRId64, option, text, min, max);
    return n;
}

int64_t tool_duration(const struct argp_state *state, const char *option, const char *text)
{
    int64_t seconds = 0;

    if (!duration_parse(text, strlen(text), &seconds))
        argp_error(state, "%s: '%s' is no duration such as 90s, 15m, 24h, 7d", option, text);
    return seconds;
}

int64_t tool_time(const struct argp_state *state, const char *option, const char *text)
{
    int64_t time = 0;

    if (!clock_parse_since(text, clock_now(), &time))
        argp_error(state, "%s: '%s' is no time such as 2026-05-17T20:08:00Z, 2026-05-17, now, 2h (ago)", option, text);
    return time;
}
