/* line.h: lines through pipes, long ones, broken ones, and writes that fail. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "central/line.h"
#include "central/signals.h"

#define T(literal) literal, sizeof(literal) - 1

/* Writes text into a pipe in pieces of piece bytes from a thread of its own, then closes it. */
struct feeder {
    const char *text;
    size_t len, piece;
    int fd;
    pthread_t thread;
};

static void *feed(void *closure)
{
    struct feeder *f = closure;

    for (size_t done = 0; done < f->len;) {
        size_t n = f->len - done < f->piece ? f->len - done : f->piece;
        ssize_t written = write(f->fd, f->text + done, n);
        if (written <= 0)
            break;
        done += (size_t)written;
        /* A short pause now and then, so that the reader sees the pieces. */
        if (done < 4096)
            sched_yield();
    }
    close(f->fd);
    return NULL;
}

/* Returns the end to read from. */
static int feed_start(struct feeder *f, const char *text, size_t len, size_t piece)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    *f = (struct feeder){.text = text, .len = len, .piece = piece, .fd = ends[1]};
    assert_int_equal(pthread_create(&f->thread, NULL, feed, f), 0);
    return ends[0];
}

static void feed_end(struct feeder *f, int fd)
{
    close(fd);
    pthread_join(f->thread, NULL);
}

static void open_reader(struct line_reader *r, int fd, struct line_writer *w)
{
    struct error e = {0};

    if (!line_reader_open(r, fd, w, &e))
        fail_msg("%s", e.text);
}

static void assert_line(struct line_reader *r, const char *expected, size_t expected_len)
{
    char *text;
    size_t len;
    struct error e = {0};
    enum line_result result = line_read(r, &text, &len, &e);

    if (result != LINE_OK)
        fail_msg("result %d instead of a line", result);
    assert_int_equal(len, expected_len);
    assert_memory_equal(text, expected, len);
    assert_int_equal(text[len], '\0');
}

static void assert_end(struct line_reader *r)
{
    char *text;
    size_t len;
    struct error e = {0};

    assert_int_equal(line_read(r, &text, &len, &e), LINE_END);
    assert_int_equal(line_read(r, &text, &len, &e), LINE_END);
}

static void reads_lines_in_any_pieces(void **state)
{
    static const char text[] = "first\n\nthird \r\n\r\na\0b\n\rx\r\r\n \t\nlast";
    static const size_t pieces[] = {1, 2, 3, 7, sizeof text};

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct feeder f;
        struct line_reader r;
        int fd = feed_start(&f, text, sizeof text - 1, pieces[i]);
        open_reader(&r, fd, NULL);
        assert_line(&r, T("first"));
        assert_int_equal(r.number, 1);
        assert_line(&r, T(""));
        assert_line(&r, T("third "));
        assert_line(&r, T(""));
        assert_line(&r, T("a\0b"));
        assert_line(&r, T("\rx\r")); /* one CR belongs to the line's end, no more */
        assert_line(&r, T(" \t"));
        assert_false(r.half_line);
        assert_line(&r, T("last"));
        assert_true(r.half_line);
        assert_int_equal(r.number, 8);
        assert_end(&r);
        assert_int_equal(r.number, 8);
        line_reader_close(&r);
        feed_end(&f, fd);
    }
}

static void reads_an_empty_input(void **state)
{
    struct line_reader r;
    int fd = open("/dev/null", O_RDONLY);

    (void)state;
    open_reader(&r, fd, NULL);
    assert_end(&r);
    assert_false(r.half_line);
    assert_int_equal(r.number, 0);
    line_reader_close(&r);
    close(fd);

    /* A newline at the end begins no further line. */
    struct feeder f;
    fd = feed_start(&f, T("x\n"), 1);
    open_reader(&r, fd, NULL);
    assert_line(&r, T("x"));
    assert_end(&r);
    assert_false(r.half_line);
    line_reader_close(&r);
    feed_end(&f, fd);
}

static void keeps_order_over_many_buffers(void **state)
{
    enum { LINES = 50000 };
    struct buf text = {0};
    struct feeder f;
    struct line_reader r;

    (void)state;
    /* Lengths from 0 to some hundred, so that lines cross the ends of reads everywhere. */
    for (int i = 0; i < LINES; i++)
        buf_add_format(&text, "%d%*s\n", i, i % 311, "");
    int fd = feed_start(&f, text.data, text.len, 10007);
    open_reader(&r, fd, NULL);
    const char *at = text.data;
    for (int i = 0; i < LINES; i++) {
        const char *end = strchr(at, '\n');
        assert_line(&r, at, (size_t)(end - at));
        at = end + 1;
    }
    assert_end(&r);
    assert_int_equal(r.number, LINES);
    /* The buffer did not grow with the input. */
    assert_true(r.buffer.capacity <= 1024 * 1024);
    line_reader_close(&r);
    feed_end(&f, fd);
    buf_free(&text);
}

/* --- the limit -----------------------------------------------------------------------------------------------------
 */

static void assert_too_long(struct line_reader *r, const char *start, size_t total)
{
    char *text;
    size_t len;
    struct error e = {0};
    enum line_result result = line_read(r, &text, &len, &e);

    assert_int_equal(result, LINE_TOO_LONG);
    assert_int_equal(len, LINE_LONG_KEPT);
    assert_memory_equal(text, start, len);
    assert_int_equal(text[len], '\0');
    assert_int_equal(r->long_len, total);
}

static void skips_what_is_too_long(void **state)
{
    static const size_t limits[] = {LINE_LONG_KEPT, 5000, 65536, LINE_MAX_DEFAULT};
    static const size_t pieces[] = {4096, 65536, 1000003};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            size_t max = limits[i], giant = 3 * max + 77;
            struct buf text = {0};
            char limit[24];
            struct feeder f;
            struct line_reader r;
            buf_add_text(&text, "before\n");
            size_t exact = text.len;
            for (size_t n = 0; n < max; n++)
                buf_add_char(&text, (char)('a' + n % 23));
            buf_add_char(&text, '\n');
            size_t longer = text.len;
            for (size_t n = 0; n < max + 1; n++)
                buf_add_char(&text, (char)('A' + n % 23));
            buf_add_text(&text, "\nbetween\n");
            size_t longest = text.len;
            for (size_t n = 0; n < giant; n++)
                buf_add_char(&text, (char)('0' + n % 10));
            buf_add_text(&text, "\n\nafter\n");
            size_t last = text.len;
            for (size_t n = 0; n < max + 1; n++)
                buf_add_char(&text, (char)('a' + n % 7));

            snprintf(limit, sizeof limit, "%zu", max);
            setenv("CENTRAL_LINE_MAX", limit, 1);
            int fd = feed_start(&f, text.data, text.len, pieces[p]);
            open_reader(&r, fd, NULL);
            assert_line(&r, T("before"));
            assert_line(&r, text.data + exact, max);
            assert_too_long(&r, text.data + longer, max + 1);
            assert_int_equal(r.number, 3);
            assert_line(&r, T("between"));
            assert_too_long(&r, text.data + longest, giant);
            assert_false(r.half_line);
            assert_line(&r, T(""));
            assert_line(&r, T("after"));
            assert_int_equal(r.number, 7);
            assert_too_long(&r, text.data + last, max + 1);
            assert_true(r.half_line);
            assert_int_equal(r.number, 8);
            assert_end(&r);
            line_reader_close(&r);
            feed_end(&f, fd);
            buf_free(&text);
        }
    unsetenv("CENTRAL_LINE_MAX");
}

/* A line far over the limit is skipped without being kept. */
static void skips_in_bounded_memory(void **state)
{
    size_t giant = 64 * 1024 * 1024;
    char *text = malloc(giant);
    struct feeder f;
    struct line_reader r;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', giant);
    int fd = feed_start(&f, text, giant, 1 << 20);
    open_reader(&r, fd, NULL);
    assert_too_long(&r, text, giant);
    assert_true(r.half_line);
    assert_true(r.buffer.capacity <= 4 * LINE_MAX_DEFAULT);
    line_reader_close(&r);
    feed_end(&f, fd);
    free(text);
}

static void reads_the_limit_from_the_environment(void **state)
{
    static const char *const bad[] = {"x", "0", "4095", "-1", "1GiB1", "8 MiB", "99999999999999999999"};
    struct line_reader r;
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("CENTRAL_LINE_MAX", bad[i], 1);
        assert_false(line_reader_open(&r, 0, NULL, &e));
        assert_int_equal(e.status, CENTRAL_CONFIG);
        assert_non_null(strstr(e.text, "CENTRAL_LINE_MAX"));
        assert_non_null(strstr(e.text, bad[i]));
        error_free(&e);
    }
    setenv("CENTRAL_LINE_MAX", "8MiB", 1);
    assert_true(line_reader_open(&r, 0, NULL, &e));
    assert_int_equal(r.max, 8 * 1024 * 1024);
    setenv("CENTRAL_LINE_MAX", "", 1);
    assert_true(line_reader_open(&r, 0, NULL, &e));
    assert_int_equal(r.max, LINE_MAX_DEFAULT);
    unsetenv("CENTRAL_LINE_MAX");
}

static void reports_what_cannot_be_read(void **state)
{
    struct line_reader r;
    struct error e = {0};
    char *text;
    size_t len;

    (void)state;
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    open_reader(&r, fd, NULL);
    assert_int_equal(line_read(&r, &text, &len, &e), LINE_ERROR);
    assert_int_equal(e.status, CENTRAL_IO);
    assert_non_null(strstr(e.text, strerror(EISDIR)));
    error_free(&e);
    line_reader_close(&r);
    close(fd);

    fd = open("/dev/null", O_WRONLY);
    open_reader(&r, fd, NULL);
    assert_int_equal(line_read(&r, &text, &len, &e), LINE_ERROR);
    error_free(&e);
    line_reader_close(&r);
    close(fd);
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */

static size_t waiting(int fd, char *to, size_t size)
{
    ssize_t n = read(fd, to, size);

    return n > 0 ? (size_t)n : 0;
}

static void flushes_before_it_waits(void **state)
{
    int in[2], out[2];
    struct line_reader r;
    struct line_writer w;
    char *text, got[256];
    size_t len;
    struct error e = {0};

    (void)state;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe2(out, O_NONBLOCK), 0);
    line_writer_open(&w, out[1]);
    open_reader(&r, in[0], &w);
    assert_int_equal(write(in[1], "a\nb\nha", 6), 6);
    assert_int_equal(line_read(&r, &text, &len, &e), LINE_OK);
    assert_true(line_write(&w, text, len));
    assert_int_equal(line_read(&r, &text, &len, &e), LINE_OK);
    /* The next line is at hand: nothing was written yet. */
    assert_int_equal(waiting(out[0], got, sizeof got), 0);
    assert_true(line_write(&w, text, len));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* Answers only when both lines have arrived: if they were kept back, both would wait for ever. */
        char seen[8];
        size_t n = 0;
        alarm(10);
        fcntl(out[0], F_SETFL, 0);
        while (n < 4)
            n += waiting(out[0], seen + n, sizeof seen - n);
        _exit(n == 4 && memcmp(seen, "a\nb\n", 4) == 0 && write(in[1], "lf\n", 3) == 3 ? 0 : 1);
    }
    int status;
    alarm(10);
    assert_line(&r, T("half"));
    alarm(0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    line_reader_close(&r);
    assert_true(line_writer_close(&w, &e));
    assert_int_equal(w.lines, 2);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

static bool stop_idling(void *context)
{
    ++*(int *)context;
    return false;
}

static void asks_before_it_waits(void **state)
{
    int in[2], calls = 0;
    struct line_reader r;
    char *text;
    size_t len;
    struct error e = {0};

    (void)state;
    assert_int_equal(pipe(in), 0);
    open_reader(&r, in[0], NULL);
    r.idle = stop_idling;
    r.idle_context = &calls;
    assert_int_equal(write(in[1], "a\nb\n", 4), 4);
    assert_line(&r, T("a"));
    assert_line(&r, T("b"));
    assert_int_equal(calls, 0);
    assert_int_equal(line_read(&r, &text, &len, &e), LINE_STOP);
    assert_int_equal(calls, 1);
    /* Nothing is lost by it. */
    assert_int_equal(write(in[1], "c\n", 2), 2);
    assert_line(&r, T("c"));
    line_reader_close(&r);
    close(in[0]);
    close(in[1]);
}

static void writes_much_in_order(void **state)
{
    enum { LINES = 200000 };
    int ends[2];
    struct error e = {0};

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct line_writer w;
        char text[64];
        bool ok = true;
        close(ends[0]);
        /* A pipe that does not block is a slow reader's, no failure. */
        fcntl(ends[1], F_SETFL, O_NONBLOCK);
        line_writer_open(&w, ends[1]);
        for (int i = 0; ok && i < LINES; i++)
            ok = line_write(&w, text, (size_t)snprintf(text, sizeof text, "%d", i));
        _exit(line_writer_close(&w, &e) && ok && w.lines == LINES ? 0 : 1);
    }
    close(ends[1]);
    struct line_reader r;
    open_reader(&r, ends[0], NULL);
    for (int i = 0; i < LINES; i++) {
        char text[64];
        assert_line(&r, text, (size_t)snprintf(text, sizeof text, "%d", i));
        if (i == 0)
            usleep(50000);
    }
    assert_end(&r);
    line_reader_close(&r);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void latches_a_write_error(void **state)
{
    struct line_writer w;
    struct error e = {0};
    int fd = open("/dev/full", O_WRONLY);

    (void)state;
    if (fd < 0)
        skip();
    line_writer_open(&w, fd);
    assert_true(line_write(&w, T("small lines wait in the buffer")));
    assert_false(line_flush(&w));
    assert_false(line_write(&w, T("no more")));
    assert_int_equal(w.lines, 1);
    assert_int_equal(w.pending.len, 0);
    assert_false(line_writer_close(&w, &e));
    assert_int_equal(e.status, CENTRAL_IO);
    assert_non_null(strstr(e.text, strerror(ENOSPC)));
    error_free(&e);

    /* Asked only at the end, it speaks as well. */
    line_writer_open(&w, fd);
    assert_true(line_write(&w, T("x")));
    assert_false(line_writer_close(&w, &e));
    assert_int_equal(e.status, CENTRAL_IO);
    error_free(&e);
    close(fd);
}

static void ends_quietly_when_the_reader_left(void **state)
{
    struct line_writer w;
    struct line_reader r;
    struct error e = {0};
    int ends[2], in[2];
    char *text;
    size_t len;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(in), 0);
    close(ends[0]);
    line_writer_open(&w, ends[1]);
    open_reader(&r, in[0], &w);
    assert_true(line_write(&w, T("x")));
    /* Reading stops instead of waiting for input whose output nobody wants. */
    alarm(10);
    assert_int_equal(line_read(&r, &text, &len, &e), LINE_STOP);
    alarm(0);
    assert_false(line_write(&w, T("y")));
    assert_false(line_writer_close(&w, &e));
    assert_int_equal(e.status, CENTRAL_IO);
    assert_null(e.text);
    line_reader_close(&r);
    close(ends[1]);
    close(in[0]);
    close(in[1]);
}

static void on_alarm(int number)
{
    (void)number;
}

/* In a child: once asked to stop, a process stays so. */
static void stops_at_a_signal_between_lines(void **state)
{
    int in[2], status;

    (void)state;
    assert_int_equal(pipe(in), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct line_reader r;
        char *text;
        size_t len;
        struct error e = {0};
        sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_alarm}, NULL);
        alarm(10);
        if (!line_reader_open(&r, in[0], NULL, &e) || line_read(&r, &text, &len, &e) != LINE_OK ||
            strcmp(text, "whole") != 0)
            _exit(1);
        /* Waits inside "ha"; SIGUSR1 does not end it, SIGTERM does. */
        enum line_result result = line_read(&r, &text, &len, &e);
        _exit(result == LINE_STOP && signals_stop() && !e.text ? 0 : 2);
    }
    assert_int_equal(write(in[1], "whole\nha", 8), 8);
    usleep(100000);
    kill(child, SIGUSR1);
    usleep(50000);
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    kill(child, SIGTERM);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(in[0]);
    close(in[1]);
}

static int set_up(void **state)
{
    (void)state;
    signals_open();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines_in_any_pieces),
        cmocka_unit_test(reads_an_empty_input),
        cmocka_unit_test(keeps_order_over_many_buffers),
        cmocka_unit_test(skips_what_is_too_long),
        cmocka_unit_test(skips_in_bounded_memory),
        cmocka_unit_test(reads_the_limit_from_the_environment),
        cmocka_unit_test(reports_what_cannot_be_read),
        cmocka_unit_test(flushes_before_it_waits),
        cmocka_unit_test(asks_before_it_waits),
        cmocka_unit_test(writes_much_in_order),
        cmocka_unit_test(latches_a_write_error),
        cmocka_unit_test(ends_quietly_when_the_reader_left),
        cmocka_unit_test(stops_at_a_signal_between_lines),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
