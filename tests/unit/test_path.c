/* path.h: files whole or not at all, and where things are looked for. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "central/mem.h"
#include "central/path.h"

/* A fresh folder, and the program's own folder, as it is changed into the fresh one. */
static char folder[] = "/tmp/central-path.XXXXXX";
static char *came_from;

static int set_up(void **state)
{
    (void)state;
    strcpy(strrchr(folder, '.'), ".XXXXXX");
    came_from = getcwd(NULL, 0);
    umask(022);
    return came_from && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int failed = chdir(came_from);
    free(came_from);
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(1);
    }
    return failed || waitpid(child, NULL, 0) != child;
}

static void assert_file(const char *path, const char *contents)
{
    struct buf b = {0};
    struct error e = {0};

    if (!path_read(path, 1 << 20, &b, &e))
        fail_msg("%s", e.text);
    assert_int_equal(b.len, strlen(contents));
    assert_string_equal(buf_text(&b), contents);
    buf_free(&b);
}

static int count_files(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(d);
    return n;
}

static void write_file(const char *path, const char *text)
{
    struct error e = {0};

    if (!path_write(path, text, strlen(text), 0644, &e))
        fail_msg("%s", e.text);
}

static void writes_whole_files(void **state)
{
    struct error e = {0};
    struct stat st;

    (void)state;
    write_file("a", "one\n");
    assert_file("a", "one\n");
    ino_t first = (stat("a", &st), st.st_ino);
    /* The old file stays what it is for whoever reads it: the new one takes its name. */
    int old = open("a", O_RDONLY);
    assert_true(path_write("a", "two", 3, 0600, &e));
    char text[8];
    assert_int_equal(read(old, text, sizeof text), 4);
    close(old);
    assert_file("a", "two");
    assert_int_equal(stat("a", &st), 0);
    assert_int_not_equal(st.st_ino, first);
    assert_int_equal(st.st_mode & 07777, 0600);
    char *absolute = path_join(folder, "empty");
    assert_true(path_write(absolute, NULL, 0, 0644, &e));
    assert_file("empty", "");
    free(absolute);
    assert_int_equal(count_files("."), 2);
}

static void leaves_nothing_behind_when_it_fails(void **state)
{
    struct error e = {0};

    (void)state;
    assert_false(path_write("missing/a", "x", 1, 0644, &e));
    assert_int_equal(e.status, CENTRAL_IO);
    assert_non_null(strstr(e.text, "missing/a: "));
    error_free(&e);
    /* The name is a folder: written aside, not renamed, removed. */
    assert_true(path_make("dir/x", &e));
    assert_false(path_write("dir", "x", 1, 0644, &e));
    assert_int_equal(e.status, CENTRAL_IO);
    error_free(&e);
    assert_int_equal(count_files("."), 1);
}

/* A limit on the size of files stands for a full disk: the old contents survive. */
static void keeps_the_old_file_when_the_disk_is_full(void **state)
{
    int status;

    (void)state;
    write_file("a", "old");
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error e = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 2, .rlim_max = 2});
        bool written = path_write("a", "new", 3, 0644, &e);
        _exit(!written && e.status == CENTRAL_IO && strstr(e.text, strerror(EFBIG)) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_file("a", "old");
    assert_int_equal(count_files("."), 1);
}

static void reads_what_is_there(void **state)
{
    struct buf b = {0};
    struct error e = {0};

    (void)state;
    write_file("a", "12345");
    buf_add_text(&b, "before ");
    assert_true(path_read("a", 5, &b, &e));
    assert_string_equal(buf_text(&b), "before 12345");
    assert_false(path_read("a", 4, &b, &e));
    assert_int_equal(e.status, CENTRAL_IO);
    assert_non_null(strstr(e.text, "a: larger than 4 bytes"));
    error_free(&e);
    assert_false(path_read("none", 4, &b, &e));
    assert_int_equal(e.status, CENTRAL_CONFIG);
    assert_non_null(strstr(e.text, strerror(ENOENT)));
    error_free(&e);
    assert_false(path_read("a/b", 4, &b, &e));
    assert_int_equal(e.status, CENTRAL_CONFIG);
    error_free(&e);
    assert_false(path_read(".", 4, &b, &e));
    assert_int_equal(e.status, CENTRAL_IO);
    error_free(&e);
    /* A NUL and many buffers. */
    struct buf big = {0}, back = {0};
    for (int i = 0; i < 300000; i++)
        buf_add_char(&big, (char)(i % 256));
    assert_true(path_write("big", big.data, big.len, 0644, &e));
    assert_true(path_read("big", big.len, &back, &e));
    assert_int_equal(back.len, big.len);
    assert_memory_equal(back.data, big.data, big.len);
    assert_false(path_read("big", big.len - 1, &back, &e));
    error_free(&e);
    buf_free(&big);
    buf_free(&back);
    buf_free(&b);
}

/* As somebody who is not root, in a child. */
static void says_when_it_may_not(void **state)
{
    struct error e = {0};

    (void)state;
    assert_true(path_make("closed", &e));
    write_file("closed/a", "secret");
    write_file("b", "secret");
    assert_int_equal(chmod("closed", 0555), 0);
    assert_int_equal(chmod("b", 0), 0);
    assert_int_equal(chmod(".", 0755), 0);
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct buf b = {0};
        if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(1);
        if (path_read("b", 100, &b, &e) || e.status != CENTRAL_NO_PERMISSION || !strstr(e.text, "b: "))
            _exit(2);
        if (path_write("closed/a", "x", 1, 0644, &e) || e.status != CENTRAL_NO_PERMISSION ||
            !strstr(e.text, "closed/a: "))
            _exit(3);
        if (path_make("closed/new/folder", &e) || e.status != CENTRAL_NO_PERMISSION || !strstr(e.text, "closed/new: "))
            _exit(4);
        error_free(&e);
        buf_free(&b);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count_files("closed"), 1);
    assert_file("closed/a", "secret");
    assert_int_equal(chmod("closed", 0755), 0);
}

static void assert_folder(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0755);
}

static void makes_folders(void **state)
{
    struct error e = {0};

    (void)state;
    assert_true(path_make("a/b/c", &e));
    assert_folder("a/b/c");
    assert_true(path_make("a/b/c", &e));
    assert_true(path_make("d", &e)); /* one letter is a name, too */
    assert_folder("d");
    assert_true(path_make("x//y/", &e));
    assert_folder("x/y");
    assert_true(path_make("./z/../w", &e));
    assert_folder("w");
    char *absolute = path_join(folder, "abs/olute");
    assert_true(path_make(absolute, &e));
    assert_folder("abs/olute");
    free(absolute);
    assert_true(path_make("/", &e));

    write_file("file", "");
    assert_false(path_make("file", &e));
    assert_int_equal(e.status, CENTRAL_IO);
    assert_non_null(strstr(e.text, strerror(ENOTDIR)));
    error_free(&e);
    assert_false(path_make("file/below", &e));
    assert_int_equal(e.status, CENTRAL_IO);
    error_free(&e);
    assert_false(path_make("", &e));
    error_free(&e);
}

static void assert_and_free(char *got, const char *expected)
{
    assert_string_equal(got, expected);
    free(got);
}

static void joins(void **state)
{
    (void)state;
    assert_and_free(path_join("a", "b"), "a/b");
    assert_and_free(path_join("a/", "b"), "a/b");
    assert_and_free(path_join("/", "b"), "/b");
    assert_true(path_exists("/"));
    assert_false(path_exists("nothing"));
}

static void looks_in_order(void **state)
{
    static const char *const names[] = {"CENTRAL_STATE", "STATE_DIRECTORY", "XDG_STATE_HOME", "HOME", "CENTRAL_CONFIG"};
    int status;

    (void)state;
    fflush(stdout);
    /* In a child that is not root; the environment is its own. */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            unsetenv(names[i]);
        if (geteuid() == 0 && strcmp(path_state(), "/var/lib/central") != 0)
            _exit(1);
        if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(2);
        if (strcmp(path_state(), "/var/lib/central") != 0)
            _exit(3);
        setenv("HOME", "/home/x", 1);
        if (strcmp(path_state(), "/home/x/.local/state/central") != 0)
            _exit(4);
        setenv("XDG_STATE_HOME", "/xdg", 1);
        if (strcmp(path_state(), "/xdg/central") != 0)
            _exit(5);
        setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
        if (strcmp(path_state(), "/var/lib/one") != 0)
            _exit(6);
        setenv("CENTRAL_STATE", "", 1); /* empty is unset */
        if (strcmp(path_state(), "/var/lib/one") != 0)
            _exit(7);
        setenv("CENTRAL_STATE", "/mine", 1);
        if (strcmp(path_state(), "/mine") != 0)
            _exit(8);
        if (strcmp(path_config(), "/etc/central") != 0)
            _exit(9);
        setenv("CENTRAL_CONFIG", "/conf", 1);
        if (strcmp(path_config(), "/conf") != 0)
            _exit(10);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Built in a tree, this program finds the tree; built elsewhere, the installed folder. */
static void finds_its_data(void **state)
{
    static const struct {
        const char *what, *in_tree;
    } places[] = {{"adapters", "/lib/adapters"}, {"sql", "/sql"}, {"streams.conf", "/examples/streams.conf"}};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    (void)state;
    assert_true(n > 0);
    self[n] = '\0';
    char *build = strstr(self, "/build/");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *got = path_data(places[i].what), *expected;
        char *mark = build ? mem_format("%.*s/lib/adapters/central.jq", (int)(build - self), self) : NULL;
        if (mark && path_exists(mark))
            expected = mem_format("%.*s%s", (int)(build - self), self, places[i].in_tree);
        else
            expected = mem_format("%.*s/../share/central/%s", (int)(strrchr(self, '/') - self), self, places[i].what);
        assert_string_equal(got, expected);
        free(mark);
        free(got);
        free(expected);
    }
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FRESH(writes_whole_files),
        FRESH(leaves_nothing_behind_when_it_fails),
        FRESH(keeps_the_old_file_when_the_disk_is_full),
        FRESH(reads_what_is_there),
        FRESH(says_when_it_may_not),
        FRESH(makes_folders),
        FRESH(joins),
        FRESH(looks_in_order),
        FRESH(finds_its_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
