#include "central/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "central/log.h"

#if defined __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE 0
#endif

/* Rights of Landlock's first version (Linux 5.13); the kernel's own header may know more than the kernel. */
#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING                                                                                                        \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                  \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                     \
     LANDLOCK_ACCESS_FS_MAKE_SYM)

static int no_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* In front of each list: numbers mean other calls on another machine. */
#define HEAD                                                                                                           \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),                                           \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),        \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define DENY BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define CALL(number, what) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), what

static void confine_by(struct sock_filter *program, size_t count)
{
    const struct sock_fprog filter = {(unsigned short)count, program};

    if (!CONFINED || !NATIVE || no_new_privileges() || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
        log_debug("not confined to its descriptors: %s", NATIVE ? strerror(errno) : "unknown machine");
}

void confine_network(void)
{
    struct sock_filter program[] = {
        HEAD,
#ifdef __x86_64__
        /* Those of x32 begin here. */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        DENY,
#endif
        CALL(__NR_socket, DENY),
        CALL(__NR_io_uring_setup, DENY), /* makes sockets, too */
        CALL(__NR_execve, DENY),
        CALL(__NR_execveat, DENY),
        CALL(__NR_ptrace, DENY),
        ALLOW,
    };

    confine_by(program, sizeof program / sizeof *program);
}

void confine_calls(void)
{
    struct sock_filter program[] = {
        HEAD,
        CALL(__NR_read, ALLOW),
        CALL(__NR_write, ALLOW),
        CALL(__NR_close, ALLOW),
        CALL(__NR_brk, ALLOW),
        CALL(__NR_mmap, ALLOW),
        CALL(__NR_mremap, ALLOW),
        CALL(__NR_munmap, ALLOW),
        CALL(__NR_madvise, ALLOW),
        CALL(__NR_futex, ALLOW),
        CALL(__NR_clock_gettime, ALLOW), /* where the vDSO does not do it */
        CALL(__NR_gettimeofday, ALLOW),
        CALL(__NR_getrandom, ALLOW), /* expat salts its tables */
        CALL(__NR_restart_syscall, ALLOW),
        CALL(__NR_rt_sigreturn, ALLOW),
        CALL(__NR_exit, ALLOW),
        CALL(__NR_exit_group, ALLOW),
        DENY,
    };

    confine_by(program, sizeof program / sizeof *program);
}

void confine_descriptors(int first)
{
    if (!CONFINED && first <= STDERR_FILENO) {
        for (int fd = first; fd < STDERR_FILENO; fd++)
            close(fd);
        first = STDERR_FILENO + 1;
    }
    if (close_range((unsigned)first, ~0U, 0))
        log_debug("descriptors stay open: %s", strerror(errno));
}

/* The lower of what is wanted and what holds. */
static rlim_t lower(int resource, rlim_t wanted)
{
    struct rlimit now;

    return getrlimit(resource, &now) == 0 && now.rlim_cur < wanted ? now.rlim_cur : wanted;
}

static int set(int resource, rlim_t value)
{
    struct rlimit now;

    if (getrlimit(resource, &now))
        return -1;
    now.rlim_cur = value;
    return setrlimit(resource, &now);
}

struct confine_limits confine_limits(const struct confine_limits *wanted)
{
    return (struct confine_limits){lower(RLIMIT_DATA, wanted->memory), (unsigned)lower(RLIMIT_CPU, wanted->cpu_seconds),
                                   wanted->seconds};
}

void confine_resources(const struct confine_limits *wanted)
{
    const struct confine_limits in_force = confine_limits(wanted);

    /* A sanitizer's shadow is larger than all memory. */
    if ((CONFINED && set(RLIMIT_DATA, in_force.memory)) || set(RLIMIT_CPU, in_force.cpu_seconds))
        log_debug("not confined in its resources: %s", strerror(errno));
    alarm(in_force.seconds);
}

static void allow(int rules, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights};
    struct stat st;

    if ((rule.parent_fd = open(path, O_PATH | O_CLOEXEC)) < 0)
        return;
    if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    if (syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
        log_debug("%s: %s", path, strerror(errno));
    close(rule.parent_fd);
}

static void confine(uint64_t handled, uint64_t rights, const char *const *beneath, const char *device)
{
    const struct landlock_ruleset_attr attributes = {.handled_access_fs = handled};
    int rules = CONFINED ? (int)syscall(__NR_landlock_create_ruleset, &attributes, sizeof attributes, 0) : -1;

    if (rules < 0) {
        log_debug("not confined to its files: %s", strerror(errno));
        return;
    }
    for (; *beneath; beneath++)
        allow(rules, *beneath, rights);
    if (device)
        allow(rules, device, LANDLOCK_ACCESS_FS_WRITE_FILE);
    if (no_new_privileges() || syscall(__NR_landlock_restrict_self, rules, 0))
        log_debug("not confined to its files: %s", strerror(errno));
    close(rules);
}

void confine_reading(const char *const *beneath)
{
    confine(READING | WRITING, READING, beneath, NULL);
}

void confine_writing(const char *const *beneath)
{
    confine(WRITING, WRITING, beneath, "/dev");
}
