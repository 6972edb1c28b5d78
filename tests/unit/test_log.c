/* log.h: what reaches a terminal, a journal or a JSON reader. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "central/json.h"
#include "central/log.h"

#define T(literal) literal, sizeof(literal) - 1

static void makes_text_harmless(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *harmless;
    } cases[] = {
        {T(""), ""},
        {T("plain ~ text"), "plain ~ text"},
        {T("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {T("a\nb\rc\td"), "a\\x0ab\\x0dc\\x09d"},
        {T("\x1b[31mred\x1b]0;title\x07"), "\\x1b[31mred\\x1b]0;title\\x07"},
        {T("\0\x7f"), "\\x00\\x7f"},
        {T("\xc2\x9b"
           "2J\xc2\x85"),
         "\\xc2\\x9b2J\\xc2\\x85"}, /* C1: CSI and NEL in one character */
        {T("\x9b"), "\\x9b"},
        {T("\xff\xfe"), "\\xff\\xfe"},
        {T("\xc3"), "\\xc3"},
        {T("\xe2\x82z"), "\\xe2\\x82z"},
        {T("\xed\xa0\x80"), "\\xed\\xa0\\x80"},
        {T("\xc0\x8a"), "\\xc0\\x8a"},
        {T("a\xe2\x80\xaegpj.exe"), "a\\xe2\\x80\\xaegpj.exe"}, /* right-to-left override */
        {T("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c\xef\xbb\xbf"),
         "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c\\xef\\xbb\\xbf"},
        {T("\xe2\x80\xa8\xe2\x80\xa9"), "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},           /* line and paragraph separator */
        {T("\xc2\xa0\xe2\x80\xa7\xe2\x80\xaf"), "\xc2\xa0\xe2\x80\xa7\xe2\x80\xaf"}, /* their neighbours stay */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        log_harmless(&b, cases[i].text, cases[i].len);
        assert_string_equal(buf_text(&b), cases[i].harmless);
        assert_int_equal(b.len, strlen(b.data ? b.data : ""));
        buf_free(&b);
    }
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        struct buf b = {0};
        log_harmless(&b, &byte, 1);
        assert_int_equal(b.len, c >= 0x20 && c < 0x7f ? 1 : 4);
        buf_free(&b);
    }
}

/* Runs say with stderr in a pipe or file and returns what it wrote. */
static char written[4096];

static void capture(void (*say)(void))
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);

    assert_non_null(file);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    say();
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    written[fread(written, 1, sizeof written - 1, file)] = '\0';
    fclose(file);
}

static void say_all(void)
{
    log_open("central-test");
    log_error("%s: %s", "subject", "cause");
    log_warning("w\n%s", "\x1b[2J");
    log_info("i");
    log_debug("d");
}

static void says_tool_subject_cause(void **state)
{
    (void)state;
    unsetenv("CENTRAL_LOG");
    unsetenv("JOURNAL_STREAM");
    capture(say_all);
    assert_string_equal(written, "central-test: subject: cause\n"
                                 "central-test: w\\x0a\\x1b[2J\n"
                                 "central-test: i\n");
    assert_string_equal(log_tool(), "central-test");
    setenv("CENTRAL_LOG", "debug", 1);
    capture(say_all);
    assert_non_null(strstr(written, "central-test: d\n"));
    static const char *const no_debug[] = {"", "debugger", "nodebug", "debu", "DEBUG", " debug"};
    for (size_t i = 0; i < sizeof no_debug / sizeof *no_debug; i++) {
        setenv("CENTRAL_LOG", no_debug[i], 1);
        capture(say_all);
        assert_null(strstr(written, "central-test: d\n"));
        assert_null(strchr(written, '{'));
    }
    unsetenv("CENTRAL_LOG");
}

/* stderr is named as systemd names it. */
static void say_to_the_journal(void)
{
    struct stat st;
    char name[64];

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", name, 1);
    say_all();
}

static void say_beside_the_journal(void)
{
    struct stat st;
    char name[64];

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
    setenv("JOURNAL_STREAM", name, 1);
    say_all();
}

static void tells_the_journal_priorities(void **state)
{
    static const char *const bad[] = {"", "1", "x:y", ":", "0:0"};

    (void)state;
    setenv("CENTRAL_LOG", "debug", 1);
    capture(say_to_the_journal);
    assert_string_equal(written, "<3>central-test: subject: cause\n"
                                 "<4>central-test: w\\x0a\\x1b[2J\n"
                                 "<6>central-test: i\n"
                                 "<7>central-test: d\n");
    /* A redirected stderr is not the journal, whatever the variable says. */
    capture(say_beside_the_journal);
    assert_int_equal(strncmp(written, "central-test: ", 14), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("JOURNAL_STREAM", bad[i], 1);
        capture(say_all);
        assert_int_equal(strncmp(written, "central-test: ", 14), 0);
    }
    setenv("CENTRAL_LOG", "json", 1);
    capture(say_to_the_journal);
    assert_int_equal(strncmp(written, "<3>{\"time\":", 11), 0);
    unsetenv("JOURNAL_STREAM");
    unsetenv("CENTRAL_LOG");
}

static void say_hostile(void)
{
    log_open("central-test");
    log_error("\"quoted\" \\ \xff \xc2\x9b \x1b \xe2\x80\xae caf\xc3\xa9");
    log_debug("fine");
}

static void writes_json(void **state)
{
    static const char *const levels[] = {"error", "debug"};
    struct json v;
    size_t n = 0;

    (void)state;
    setenv("CENTRAL_LOG", "json,debug", 1);
    capture(say_hostile);
    for (char *line = written, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        *end = '\0';
        assert_true(json_check(line, strlen(line), &v, NULL));
        assert_int_equal(json_count(v), 4);
        assert_true(n < 2 && json_equals(json_get(v, "level"), levels[n]));
        assert_true(json_equals(json_get(v, "tool"), "central-test"));
        char *time = json_string(json_get(v, "time"));
        assert_non_null(time);
        assert_int_equal(time[strlen(time) - 1], 'Z');
        free(time);
        if (n == 0)
            assert_true(json_equals(json_get(v, "message"),
                                    "\"quoted\" \\ \\xff \\xc2\\x9b \\x1b \\xe2\\x80\\xae caf\xc3\xa9"));
        /* A terminal that shows the line as it is comes to no harm. */
        for (const char *at = line; *at; at++)
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
        assert_null(strstr(line, "\xc2\x9b"));
        assert_null(strstr(line, "\xe2\x80\xae"));
    }
    assert_int_equal(n, 2);
    unsetenv("CENTRAL_LOG");
}

static enum central_exit status_of_failure;
static struct error failure;

static void say_failure(void)
{
    log_open("central-test");
    status_of_failure = log_failure(&failure);
}

static void reports_a_failure(void **state)
{
    (void)state;
    error_set(&failure, CENTRAL_UNAVAILABLE, "%s: %s", "nats://localhost:4222", "no\nserver");
    error_prefix(&failure, "stream %s", "CENTRAL_WX");
    capture(say_failure);
    assert_int_equal(status_of_failure, CENTRAL_UNAVAILABLE);
    assert_string_equal(written, "central-test: stream CENTRAL_WX: nats://localhost:4222: no\\x0aserver\n");
    assert_null(failure.text);
    assert_int_equal(failure.status, CENTRAL_OK);
    /* Nobody said why: still one line, and no success. */
    capture(say_failure);
    assert_int_equal(status_of_failure, CENTRAL_BUG);
    assert_non_null(strstr(written, "central-test: "));
}

static void keeps_the_worse_status(void **state)
{
    (void)state;
    assert_int_equal(error_worse(CENTRAL_OK, CENTRAL_OK), CENTRAL_OK);
    assert_int_equal(error_worse(CENTRAL_OK, CENTRAL_IO), CENTRAL_IO);
    assert_int_equal(error_worse(CENTRAL_IO, CENTRAL_OK), CENTRAL_IO);
    assert_int_equal(error_worse(CENTRAL_IO, CENTRAL_UNAVAILABLE), CENTRAL_IO);
    assert_int_equal(error_worse(CENTRAL_REJECTED, CENTRAL_OK), CENTRAL_REJECTED);
    assert_int_equal(error_worse(CENTRAL_REJECTED, CENTRAL_IO), CENTRAL_IO);
    assert_int_equal(error_worse(CENTRAL_IO, CENTRAL_REJECTED), CENTRAL_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_text_harmless),
        cmocka_unit_test(says_tool_subject_cause),
        cmocka_unit_test(tells_the_journal_priorities),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(reports_a_failure),
        cmocka_unit_test(keeps_the_worse_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
