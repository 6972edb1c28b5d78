#include "central/unit.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "central/buf.h"
#include "central/mem.h"
#include "central/path.h"

/* So long after its timer was started a source is polled first, as in units/central-source@.timer. */
#define UNIT_FIRST "5s"

extern char **environ;

static const char *folder(void)
{
    const char *given = getenv("CENTRAL_UNITS");

    return given && *given ? given : "/etc/systemd/system";
}

bool unit_available(void)
{
    static const char *const installed[] = {"/etc/systemd/system", "/usr/local/lib/systemd/system",
                                            "/usr/lib/systemd/system", "/lib/systemd/system"};
    bool found = false;

    if (getenv("CENTRAL_UNITS"))
        return true;
    for (size_t i = 0; i < sizeof installed / sizeof *installed && !found; i++) {
        char *path = path_join(installed[i], "central-source@.timer");
        found = path_exists(path);
        free(path);
    }
    return found && geteuid() == 0 && path_exists("/run/systemd/system");
}

static char *drop_in(const char *source, const char *type)
{
    return mem_format("%s/central-source@%s.%s.d/central.conf", folder(), source, type);
}

bool unit_enabled(const char *source)
{
    char *path = drop_in(source, "timer");
    bool there = path_exists(path);

    free(path);
    return there;
}

/* verb NULL-terminated, without the program's name. */
static bool systemctl(const char *const *words, struct error *e)
{
    char *argv[6] = {mem_string("systemctl")};
    int status = 0;
    pid_t pid;

    for (size_t i = 0; i < 4 && words[i]; i++)
        argv[i + 1] = mem_string(words[i]);
    int failed = posix_spawnp(&pid, "systemctl", NULL, NULL, argv, environ);
    for (size_t i = 0; argv[i]; i++)
        free(argv[i]);
    if (failed)
        return error_set(e, CENTRAL_UNAVAILABLE, "systemctl: %s", strerror(failed));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(e, CENTRAL_UNAVAILABLE, "systemctl: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return error_set(e, CENTRAL_UNAVAILABLE, "systemctl %s: ended with %d", words[0],
                         WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return true;
}

static bool reload(struct error *e)
{
    return systemctl((const char *const[]){"daemon-reload", NULL}, e);
}

static bool act(const char *verb, const char *source, struct error *e)
{
    char *unit = mem_format("central-source@%s.timer", source);
    bool ok = systemctl((const char *const[]){verb, "--now", unit, NULL}, e);

    free(unit);
    return ok;
}

static bool write_drop_in(const char *source, const char *type, const struct buf *text, struct error *e)
{
    char *path = drop_in(source, type), *slash = strrchr(path, '/');

    *slash = '\0';
    bool ok = path_make(path, e);
    *slash = '/';
    ok = ok && path_write(path, text->data, text->len, 0644, e);
    free(path);
    return ok;
}

static bool remove_drop_in(const char *source, const char *type, struct error *e)
{
    char *path = drop_in(source, type);
    bool ok = unlink(path) == 0 || errno == ENOENT ||
              error_set(e, errno == EACCES ? CENTRAL_NO_PERMISSION : CENTRAL_IO, "%s: %s", path, strerror(errno));

    /* Others may have put theirs beside it. */
    if (ok) {
        *strrchr(path, '/') = '\0';
        rmdir(path);
    }
    free(path);
    return ok;
}

bool unit_enable(const char *source, int64_t every_seconds, const char *credential, struct error *e)
{
    struct buf timer = {0}, service = {0};

    /* The empty value takes all of the timer's times away, not only those of its own name: without OnActiveSec again
     * nothing would ever begin. */
    buf_add_format(&timer,
                   "# Written by central-adapter from the settings of %s; a change here is lost.\n"
                   "[Timer]\nOnUnitInactiveSec=\nOnActiveSec=" UNIT_FIRST "\nOnUnitInactiveSec=%llds\n",
                   source, (long long)every_seconds);
    if (credential)
        buf_add_format(&service,
                       "# Written by central-adapter; a change here is lost.\n"
                       "[Service]\nLoadCredential=%s:/etc/central/credentials/%s\n",
                       credential, credential);
    bool ok = write_drop_in(source, "timer", &timer, e) &&
              (credential ? write_drop_in(source, "service", &service, e) : remove_drop_in(source, "service", e)) &&
              reload(e) && act("enable", source, e);
    buf_free(&timer);
    buf_free(&service);
    return ok;
}

bool unit_disable(const char *source, struct error *e)
{
    return !unit_enabled(source) || (act("disable", source, e) && remove_drop_in(source, "timer", e) &&
                                     remove_drop_in(source, "service", e) && reload(e));
}
