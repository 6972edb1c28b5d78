#include "central/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "central/mem.h"

static bool cannot_read(struct error *e, const char *path, int number)
{
    enum central_exit status = number == EACCES || number == EPERM     ? CENTRAL_NO_PERMISSION
                               : number == ENOENT || number == ENOTDIR ? CENTRAL_CONFIG
                                                                       : CENTRAL_IO;
    return error_set(e, status, "%s: %s", path, strerror(number));
}

static bool cannot_write(struct error *e, const char *path, int number)
{
    return error_set(e, number == EACCES || number == EPERM ? CENTRAL_NO_PERMISSION : CENTRAL_IO, "%s: %s", path,
                     strerror(number));
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

char *path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);

    return mem_format(n && dir[n - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *path_config(void)
{
    const char *dir = environment("CENTRAL_CONFIG");

    return mem_string(dir ? dir : "/etc/central");
}

char *path_state(void)
{
    const char *dir;

    if ((dir = environment("CENTRAL_STATE")))
        return mem_string(dir);
    if ((dir = environment("STATE_DIRECTORY")))
        return mem_bytes(dir, strcspn(dir, ":"));
    if (geteuid() == 0)
        return mem_string("/var/lib/central");
    if ((dir = environment("XDG_STATE_HOME")))
        return path_join(dir, "central");
    dir = environment("HOME");
    return path_join(dir ? dir : "/var/lib", dir ? ".local/state/central" : "central");
}

/* The folder this program stands in, NULL when nobody can tell. */
static char *own_folder(void)
{
    struct buf self = {0};
    size_t room = 256;
    ssize_t n;

    do {
        room *= 2;
        n = readlink("/proc/self/exe", buf_reserve(&self, room), room);
    } while (n > 0 && (size_t)n == room);
    char *slash = n > 0 ? memrchr(self.data, '/', (size_t)n) : NULL;
    char *folder = slash ? mem_bytes(self.data, (size_t)(slash - self.data)) : NULL;
    buf_free(&self);
    return folder;
}

/* The tree above folder: .../build/bin and .../build/asan/bin have lib/adapters two or three folders up. NULL when
 * folder is in none. */
static char *tree_above(const char *folder)
{
    char *path = mem_string(folder), *found = NULL;

    for (int up = 1; up < 4 && !found; up++) {
        char *slash = strrchr(path, '/');
        if (!slash)
            break;
        *slash = '\0';
        char *mark = path_join(path, "lib/adapters/central.jq");
        if (up >= 2 && path_exists(mark))
            found = mem_string(path);
        free(mark);
    }
    free(path);
    return found;
}

char *path_data(const char *what)
{
    static const struct {
        const char *what, *in_tree;
    } places[] = {{"adapters", "lib/adapters"}, {"streams.conf", "examples/streams.conf"}};
    char *folder = own_folder(), *top = folder ? tree_above(folder) : NULL;
    const char *in_tree = what;
    char *path;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(places[i].what, what) == 0)
            in_tree = places[i].in_tree;
    if (top)
        path = path_join(top, in_tree);
    else
        path = mem_format("%s/../share/central/%s", folder ? folder : "/usr/bin", what);
    free(top);
    free(folder);
    return path;
}

bool path_make(const char *dir, struct error *e)
{
    char *path = mem_string(dir);
    bool ok = true;

    for (char *at = path; ok && *at;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char cut = *at;
        *at = '\0';
        if (mkdir(path, 0755) && errno != EEXIST)
            ok = cannot_write(e, path, errno);
        *at = cut;
    }
    /* What is there already may be no folder. */
    struct stat st;
    if (ok && (stat(dir, &st) || !S_ISDIR(st.st_mode)))
        ok = cannot_write(e, dir, ENOTDIR);
    free(path);
    return ok;
}

/* To whom the folder of path belongs. */
static bool folder_owner(const char *path, struct stat *st)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_bytes(path, (size_t)(slash - path + (slash == path))) : mem_string(".");
    bool ok = stat(dir, st) == 0;

    free(dir);
    return ok;
}

int path_open(const char *path, struct error *e)
{
    struct stat owner, file;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (fd >= 0 && geteuid() == 0 && folder_owner(path, &owner) && owner.st_uid != 0 && fstat(fd, &file) == 0 &&
        file.st_uid == 0 && fchown(fd, owner.st_uid, owner.st_gid)) {
        int failed = errno;
        close(fd);
        fd = -1;
        errno = failed;
    }
    if (fd < 0)
        cannot_write(e, path, errno);
    return fd;
}

bool path_read(const char *path, size_t max, struct buf *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t before = out->len;

    if (fd < 0)
        return cannot_read(e, path, errno);
    for (;;) {
        size_t room = 64 * 1024;
        ssize_t n = read(fd, buf_reserve(out, room), room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cannot_read(e, path, errno);
            close(fd);
            return false;
        }
        if (n == 0)
            break;
        out->len += (size_t)n;
        if (out->len - before > max) {
            close(fd);
            return error_set(e, CENTRAL_IO, "%s: larger than %zu bytes", path, max);
        }
    }
    close(fd);
    buf_text(out);
    return true;
}

static bool write_whole(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_bytes(path, slash == path ? 1 : (size_t)(slash - path)) : mem_string(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    free(dir);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

bool path_write(const char *path, const char *data, size_t len, unsigned mode, struct error *e)
{
    char *temporary = mem_format("%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    bool ok = false;

    if (fd < 0) {
        cannot_write(e, path, errno);
        free(temporary);
        return false;
    }
    int failed = 0;
    if (fchmod(fd, (mode_t)mode) || !write_whole(fd, data, len) || fsync(fd))
        failed = errno;
    if (close(fd) && !failed)
        failed = errno;
    if (!failed && rename(temporary, path))
        failed = errno;
    if (failed) {
        unlink(temporary);
        cannot_write(e, path, failed);
    } else if (!sync_folder(path)) {
        error_set(e, CENTRAL_IO, "%s: cannot sync its folder: %s", path, strerror(errno));
    } else {
        ok = true;
    }
    free(temporary);
    return ok;
}
