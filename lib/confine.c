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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "central/log.h"

/* What looks for leaks at the end has to read /proc and to trace; what measures coverage has to write. */
#if defined __SANITIZE_ADDRESS__ || defined CENTRAL_UNCONFINED
#define CONFINED 0
#else
#define CONFINED 1
#endif

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

void confine_network(void)
{
#define DENY(call)                                                                                                     \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        /* Numbers mean other calls there. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __x86_64__
        /* Those of x32 begin here. */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
#endif
        DENY(__NR_socket),
        DENY(__NR_io_uring_setup), /* makes sockets, too */
        DENY(__NR_execve),
        DENY(__NR_execveat),
        DENY(__NR_ptrace),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof program / sizeof *program, program};
#undef DENY

    if (!CONFINED || !NATIVE || no_new_privileges() || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
        log_debug("not confined to its descriptors: %s", NATIVE ? strerror(errno) : "unknown machine");
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
