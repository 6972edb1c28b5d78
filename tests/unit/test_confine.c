/* What a confined process can no longer do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "central/confine.h"
#include "central/log.h"

/* The exit status of a child that runs try: it keeps what it gave up to itself. */
static int in_child(int (*try)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(try());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int no_sockets(void)
{
    int pipes[2], before = socket(AF_UNIX, SOCK_DGRAM, 0);

    confine_network();
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 1;
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 2;
    if (execl("/bin/true", "true", (char *)NULL) != -1 || errno != EPERM)
        return 3;
    /* What is open stays open, and pipes are no network. */
    return before >= 0 && close(before) == 0 && pipe(pipes) == 0 ? 0 : 4;
}

static char folder[] = "/tmp/central-confine.XXXXXX";

static int only_reading_there(void)
{
    const char *const beneath[] = {folder, "/nowhere", NULL};
    char file[sizeof folder + 8];

    confine_reading(beneath);
    snprintf(file, sizeof file, "%s/there", folder);
    if (open(file, O_RDONLY | O_CLOEXEC) < 0)
        return 1;
    if (open(file, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES)
        return 2;
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
        return 3;
    return unlink(file) == -1 && errno == EACCES ? 0 : 4;
}

static int only_writing_there(void)
{
    const char *const beneath[] = {folder, NULL};
    char file[sizeof folder + 8];

    confine_writing(beneath);
    snprintf(file, sizeof file, "%s/new", folder);
    if (open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 || unlink(file))
        return 1;
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 || open("/dev/null", O_WRONLY | O_CLOEXEC) < 0)
        return 2;
    return open("/tmp/central-confine-not", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) == -1 && errno == EACCES ? 0 : 3;
}

/* What reads answers: memory and what is open, nothing else. */
static int only_computing(void)
{
    int pipes[2];
    char byte = 'x', *large;

    if (pipe(pipes))
        return 1;
    confine_calls();
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM)
        return 2;
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 3;
    if (fork() >= 0 || kill(getppid(), 0) == 0 || execl("/bin/true", "true", (char *)NULL) != -1)
        return 4;
    if (write(pipes[1], &byte, 1) != 1 || read(pipes[0], &byte, 1) != 1)
        return 5;
    large = malloc(64 << 20);
    if (!large)
        return 6;
    for (size_t i = 0; i < 64 << 20; i += 4096)
        large[i] = 'x';
    free(large);
    return time(NULL) > 0 ? 0 : 7;
}

static int closes_descriptors(void)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 700);

    if (fd < 700)
        return 1;
    confine_descriptors(STDOUT_FILENO);
    if (fcntl(fd, F_GETFD) != -1 || fcntl(STDOUT_FILENO, F_GETFD) != -1)
        return 2;
    return fcntl(STDIN_FILENO, F_GETFD) != -1 ? 0 : 3;
}

static int has_limits(void)
{
    const struct confine_limits first = {128 << 20, 20, 60}, second = {256 << 20, 30, 60};
    void *volatile p;

    confine_resources(&first);
    p = malloc(200 << 20);
    if (p || !(p = malloc(20 << 20)))
        return 1;
    free(p);
    /* What holds already stands. */
    if (confine_limits(&second).memory != first.memory || confine_limits(&second).cpu_seconds != first.cpu_seconds)
        return 2;
    confine_resources(&second);
    return malloc(200 << 20) ? 3 : alarm(0) ? 0 : 4;
}

static int landlock_version(void)
{
    return (int)syscall(__NR_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
}

static void test_network(void **state)
{
    (void)state;
    if (CONFINED)
        assert_int_equal(in_child(no_sockets), 0);
    else
        print_message("# skipped: built without confinement\n");
}

static void test_computing(void **state)
{
    (void)state;
    if (!CONFINED) {
        print_message("# skipped: built without confinement\n");
        return;
    }
    assert_int_equal(in_child(only_computing), 0);
    assert_int_equal(in_child(closes_descriptors), 0);
    assert_int_equal(in_child(has_limits), 0);
}

static void test_files(void **state)
{
    char file[sizeof folder + 8];

    (void)state;
    if (!CONFINED || landlock_version() < 1) {
        print_message("# skipped: built without confinement, or no Landlock in this kernel\n");
        return;
    }
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/there", folder);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(in_child(only_reading_there), 0);
    assert_int_equal(in_child(only_writing_there), 0);
    unlink(file);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_network), cmocka_unit_test(test_computing),
                                       cmocka_unit_test(test_files)};

    log_open("test_confine");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
