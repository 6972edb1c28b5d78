#include "central/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "central/mem.h"
#include "central/path.h"

extern char **environ;

/* Beside this program: the same build, whatever PATH says. */
static char *program(const char *name)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0)
        return mem_string(name);
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    return mem_format("%.*s/%s", (int)(slash ? slash - self : 0), self, name);
}

static char *command_line(const char *const *argv)
{
    struct buf text = {0};

    for (size_t i = 0; argv[i]; i++)
        buf_add_format(&text, i ? " %s" : "%s", argv[i]);
    char *line = mem_string(buf_text(&text));
    buf_free(&text);
    return line;
}

/* Signals as they were before this program blocked some. */
static int spawn(struct errand *r, const char *path, const char *const *argv, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, ours;

    sigemptyset(&none);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &ours);
    /* A ^C on the terminal is for the screen. */
    posix_spawnattr_setpgroup(&attributes, 0);
    int failed = posix_spawn(&r->pid, path, &files, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

bool errand_start(struct errand *r, const char *const *argv, struct error *e)
{
    int ends[2];
    char *path = program(argv[0]);

    *r = (struct errand){.fd = -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        free(path);
        return error_set(e, CENTRAL_TRY_AGAIN, "pipe: %s", strerror(errno));
    }
    int failed = spawn(r, path, argv, ends[1]);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        error_set(e, failed == ENOENT ? CENTRAL_CONFIG : CENTRAL_TRY_AGAIN, "%s: %s", path, strerror(failed));
        free(path);
        return false;
    }
    free(path);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    r->fd = ends[0];
    r->runs = true;
    r->what = command_line(argv);
    return true;
}

bool errand_look(struct errand *r)
{
    char text[4096];
    ssize_t n = 0;
    int status;

    while (r->fd >= 0 && (n = read(r->fd, text, sizeof text)) > 0)
        if (r->out.len < ERRAND_OUTPUT_MAX)
            buf_add(&r->out, text, (size_t)n);
    if (r->fd >= 0 && n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (r->fd >= 0) {
        close(r->fd);
        r->fd = -1;
    }
    /* Its output has ended and so will it, at once in all but the strangest cases; the next look asks again. */
    if (!r->runs || waitpid(r->pid, &status, WNOHANG) != r->pid)
        return !r->runs;
    r->runs = false;
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

void errand_end(struct errand *r)
{
    if (r->fd >= 0 && r->what)
        close(r->fd);
    free(r->what);
    buf_free(&r->out);
    *r = (struct errand){.fd = -1};
}
