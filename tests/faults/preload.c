/* preload - a library for LD_PRELOAD that makes the n-th call of a class fail, for tests.
 *
 * FAULT_CALL   write, fsync, rename, connect, malloc, open, read, send or recv
 * FAULT_N      the number, from 1, of the call that fails; all others are as they always are
 * FAULT_MODE   fail: it returns its error, ENOSPC for write and so on (see below; default)
 *              half: of write, read, send and recv only half of the bytes go through
 *              kill, term: the process gets SIGKILL or SIGTERM before the call, which then is made
 * FAULT_TOOL   only in the process of that name, of all that inherit the environment
 * FAULT_COUNT  a file: at exit "NAME CLASS COUNT", a line a class, is appended to it
 * FAULT_HIT    a file: made when the fault happens, with the name of the object (program, library) that made the call
 *
 * Only calls made through the dynamic linker are seen: those of the tools and of the libraries under them (SQLite,
 * libpq, nats.c, libcurl, libjq), not what libc calls within itself (stdio). Counting starts when the libraries are
 * loaded. Standard error is exempt, for how a tool ends is told there; and so is what no disk or network stands behind
 * (eventfd). */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { WRITE, FSYNC, RENAME, CONNECT, MALLOC, OPEN, READ, SEND, RECV, CALLS };

static const struct {
    const char *name;
    int error;
} calls[CALLS] = {{"write", ENOSPC},   {"fsync", EIO},   {"rename", EACCES}, {"connect", ECONNREFUSED},
                  {"malloc", ENOMEM},  {"open", EMFILE}, {"read", EIO},      {"send", ECONNRESET},
                  {"recv", ECONNRESET}};

enum mode { FAIL, HALF, KILL };

/* What libc's own allocator is called; dlsym would allocate. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static bool armed;
static unsigned long count[CALLS], when;
static enum call what = CALLS;
static enum mode mode;
static int number = SIGKILL;
static int hit_file = -1, count_file = -1; /* opened first: a tool may give up opening files */

static int open_named(const char *variable)
{
    const char *file = getenv(variable);
    int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;

    /* Out of the way of the numbers that the tool is used to. */
    int high = fd >= 0 ? (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 200) : -1;
    if (fd >= 0)
        syscall(SYS_close, fd);
    return high;
}

__attribute__((constructor)) static void start(void)
{
    const char *tool = getenv("FAULT_TOOL"), *call = getenv("FAULT_CALL"), *n = getenv("FAULT_N"),
               *how = getenv("FAULT_MODE");

    if (tool && *tool && strcmp(tool, program_invocation_short_name) != 0)
        return;
    for (enum call c = 0; call && c < CALLS; c++)
        if (strcmp(call, calls[c].name) == 0)
            what = c;
    when = n ? strtoul(n, NULL, 10) : 0;
    if (how && strcmp(how, "half") == 0)
        mode = HALF;
    else if (how && (strcmp(how, "kill") == 0 || strcmp(how, "term") == 0))
        mode = KILL;
    if (how && strcmp(how, "term") == 0)
        number = SIGTERM;
    hit_file = open_named("FAULT_HIT");
    count_file = open_named("FAULT_COUNT");
    /* The first one allocates. */
    void *frame;
    backtrace(&frame, 1);
    armed = true;
}

__attribute__((destructor)) static void end(void)
{
    int fd = armed ? count_file : -1;

    armed = false;
    for (enum call c = 0; fd >= 0 && c < CALLS; c++) {
        char line[256];
        int len = snprintf(line, sizeof line, "%s %s %lu\n", program_invocation_short_name, calls[c].name, count[c]);
        if (syscall(SYS_write, fd, line, (size_t)len) != len)
            abort();
    }
    if (fd >= 0)
        syscall(SYS_close, fd);
}

/* Whose call it is: the nearest object of the stack that is neither this one nor libc. */
static void note_hit(void)
{
    void *frames[24];
    Dl_info object;
    bool told = false;

    for (int i = 0, n = backtrace(frames, 24); i < n; i++) {
        const char *name = dladdr(frames[i], &object) && object.dli_fname ? object.dli_fname : "";
        name = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
        if (*name && !strstr(name, "preload.so") && strncmp(name, "libc.so", 7) != 0) {
            told = syscall(SYS_write, hit_file, name, strlen(name)) > 0;
            break;
        }
    }
    if (!told && syscall(SYS_write, hit_file, "?", (size_t)1) < 0)
        abort();
}

/* Counts the call. True when it is to fail, with errno set, or to go through by half. */
static bool fault(enum call c)
{
    if (!armed)
        return false;
    unsigned long n = __atomic_add_fetch(&count[c], 1, __ATOMIC_RELAXED);
    if (c != what || n != when)
        return false;
    if (hit_file >= 0)
        note_hit();
    if (mode == KILL) {
        syscall(SYS_kill, getpid(), number);
        return false;
    }
    errno = calls[c].error;
    return true;
}

#define EXPORT __attribute__((visibility("default")))

/* --- memory ------------------------------------------------------------------------------------------------------- */

EXPORT void *malloc(size_t size)
{
    return fault(MALLOC) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
    return fault(MALLOC) ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return fault(MALLOC) ? NULL : __libc_realloc(old, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = fault(MALLOC) ? NULL : __libc_memalign(alignment, size);

    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

static bool exempt(int fd)
{
    struct stat st;

    return !armed || fd == STDERR_FILENO || (fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == 0);
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* DECLARED as in the header, ARGS as given on; LEN of them is cut by half. A connection that was reset stays so:
 * nothing more comes, also where a library tries again to read what the server said last. */
#define BYTES(call, name, FD, LEN, DECLARED, ARGS)                                                                     \
    EXPORT ssize_t name DECLARED                                                                                       \
    {                                                                                                                  \
        static ssize_t(*real) DECLARED;                                                                                \
        if (!real)                                                                                                     \
            real = (ssize_t(*) DECLARED)dlsym(RTLD_NEXT, #name);                                                       \
        if (!exempt(FD) && fault(call)) {                                                                              \
            if (mode != HALF && (call == SEND || call == RECV))                                                        \
                shutdown(FD, SHUT_RDWR);                                                                               \
            errno = calls[call].error;                                                                                 \
            if (mode != HALF)                                                                                          \
                return -1;                                                                                             \
            (LEN) = (LEN) > 1 ? (LEN) / 2 : (LEN);                                                                     \
        }                                                                                                              \
        return real ARGS;                                                                                              \
    }

BYTES(WRITE, write, fd, len, (int fd, const void *data, size_t len), (fd, data, len))
BYTES(WRITE, writev, fd, n, (int fd, const struct iovec *v, int n), (fd, v, n))
BYTES(WRITE, pwrite, fd, len, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
BYTES(WRITE, pwrite64, fd, len, (int fd, const void *data, size_t len, off64_t at), (fd, data, len, at))
BYTES(READ, read, fd, len, (int fd, void *data, size_t len), (fd, data, len))
BYTES(READ, pread, fd, len, (int fd, void *data, size_t len, off_t at), (fd, data, len, at))
BYTES(READ, pread64, fd, len, (int fd, void *data, size_t len, off64_t at), (fd, data, len, at))
BYTES(SEND, send, fd, len, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags))
BYTES(RECV, recv, fd, len, (int fd, void *data, size_t len, int flags), (fd, data, len, flags))

/* --- files and servers -------------------------------------------------------------------------------------------- */

#define WHOLE(call, name, DECLARED, ARGS)                                                                              \
    EXPORT int name DECLARED                                                                                           \
    {                                                                                                                  \
        static int(*real) DECLARED;                                                                                    \
        if (!real)                                                                                                     \
            real = (int(*) DECLARED)dlsym(RTLD_NEXT, #name);                                                           \
        return fault(call) ? -1 : real ARGS;                                                                           \
    }

WHOLE(FSYNC, fsync, (int fd), (fd))
WHOLE(FSYNC, fdatasync, (int fd), (fd))
WHOLE(RENAME, rename, (const char *from, const char *to), (from, to))
WHOLE(RENAME, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WHOLE(CONNECT, connect, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
/* What is too small grows before it is written to: SQLite's index of the log. */
WHOLE(WRITE, ftruncate, (int fd, off_t len), (fd, len))
WHOLE(WRITE, ftruncate64, (int fd, off64_t len), (fd, len))

/* make coverage writes its counters when a program ends: no call of the tool. */
static bool counters(const char *path)
{
    size_t len = strlen(path);

    return len > 5 && strcmp(path + len - 5, ".gcda") == 0;
}

#define OPENS(name)                                                                                                    \
    EXPORT int name(const char *path, int flags, ...)                                                                  \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        int bits = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(args, int) : 0;                                          \
        va_end(args);                                                                                                  \
        return !counters(path) && fault(OPEN) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, bits);            \
    }

OPENS(open)
OPENS(open64)

EXPORT int mkostemp(char *path, int flags)
{
    static int (*real)(char *path, int flags);

    if (!real)
        real = (int (*)(char *, int))dlsym(RTLD_NEXT, "mkostemp");
    return fault(OPEN) ? -1 : real(path, flags);
}
