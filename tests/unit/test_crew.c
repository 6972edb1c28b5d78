/* crew.h: order, tasks and answers larger than pipes, workers that go. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/crew.h"
#include "central/mem.h"

#define TASKS 200
#define LARGE (3 * 64 * 1024) /* several pipes full */

enum { NUMBER, BYTES };

struct seen {
    unsigned taken;
    bool refuse;
};

/* Answers with the number it got and as many bytes again; odd ones take their time. */
static void echo(void *closure, const struct buf *task, struct buf *answer)
{
    struct crew_item item;
    unsigned number = 0;
    (void)closure;

    for (size_t at = 0; crew_next(task, &at, &item);) {
        if (item.kind == NUMBER)
            assert_true(crew_head(&item, &number, sizeof number));
        crew_put(answer, item.kind, NULL, 0, item.kind == NUMBER ? (const char *)&number : item.data,
                 item.kind == NUMBER ? sizeof number : item.len);
    }
    if (number % 2)
        usleep(1000);
}

static bool in_order(void *closure, const struct buf *answer, struct error *e)
{
    struct seen *s = closure;
    struct crew_item item;
    size_t at = 0;
    unsigned number;

    assert_true(crew_next(answer, &at, &item));
    assert_true(crew_head(&item, &number, sizeof number));
    assert_int_equal(number, s->taken);
    assert_true(crew_next(answer, &at, &item));
    assert_int_equal(item.len, number % 3 ? 10 : LARGE);
    for (size_t i = 0; i < item.len; i++)
        assert_int_equal(item.data[i], (char)('a' + number % 26));
    assert_false(crew_next(answer, &at, &item));
    if (s->refuse && number == 5)
        return error_set(e, CENTRAL_IO, "no more");
    s->taken++;
    return true;
}

static void put_task(struct buf *task, unsigned number)
{
    char *bytes = mem_alloc(LARGE);

    memset(bytes, 'a' + (int)(number % 26), LARGE);
    buf_clear(task);
    crew_put(task, NUMBER, &number, sizeof number, NULL, 0);
    crew_put(task, BYTES, NULL, 0, bytes, number % 3 ? 10 : LARGE);
    free(bytes);
}

static void keeps_order(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 5; workers++) {
        struct seen s = {0};
        struct error e = {0};
        struct buf task = {0};
        struct crew *c = crew_open(workers, &(struct crew_work){echo, in_order, &s}, &e);
        assert_non_null(c);
        for (unsigned i = 0; i < TASKS; i++) {
            put_task(&task, i);
            assert_true(crew_give(c, &task, &e));
            assert_true(i + 1 - s.taken <= workers * CREW_AHEAD);
        }
        assert_true(crew_finish(c, &e));
        assert_int_equal(s.taken, TASKS);
        assert_false(crew_due(c));
        crew_close(c);
        buf_free(&task);
    }
}

static void ends_when_take_says_so(void **state)
{
    struct seen s = {.refuse = true};
    struct error e = {0};
    struct buf task = {0};
    struct crew *c = crew_open(3, &(struct crew_work){echo, in_order, &s}, &e);
    bool ok = true;
    (void)state;

    for (unsigned i = 0; ok && i < TASKS; i++) {
        put_task(&task, i);
        ok = crew_give(c, &task, &e);
    }
    assert_false(ok);
    assert_string_equal(e.text, "no more");
    assert_false(crew_broken(c));
    assert_int_equal(s.taken, 5);
    crew_close(c);
    buf_free(&task);
    error_free(&e);
}

/* What task 1 meets, by the kind of its item. */
enum { DIE, ABORT, LEAVE, NO_MEMORY, LIE };

static void misbehave(void *closure, const struct buf *task, struct buf *answer)
{
    struct crew_item item;
    size_t at = 0, len = SIZE_MAX / 2;
    (void)closure;

    if (!crew_next(task, &at, &item) || !item.len)
        return;
    switch (item.kind) {
    case DIE:
        raise(SIGKILL);
        break;
    case ABORT:
        abort();
    case LEAVE:
        _exit(3);
    case NO_MEMORY:
        _exit(CENTRAL_TRY_AGAIN);
    case LIE:
        if (write(STDOUT_FILENO, &len, sizeof len) < 0)
            _exit(1);
        break;
    }
    buf_clear(answer);
}

static bool count(void *closure, const struct buf *answer, struct error *e)
{
    (void)answer;
    (void)e;
    ++*(unsigned *)closure;
    return true;
}

static void says_how_a_worker_went(void **state)
{
    static const struct {
        int how;
        enum central_exit status;
        const char *text;
    } cases[] = {{DIE, CENTRAL_TRY_AGAIN, "worker 2 was killed by SIGKILL"},
                 {ABORT, CENTRAL_BUG, "worker 2 was killed by SIGABRT"},
                 {LEAVE, CENTRAL_BUG, "worker 2 ended with status 3"},
                 {NO_MEMORY, CENTRAL_TRY_AGAIN, "worker 2: out of memory"},
                 {LIE, CENTRAL_BUG, "worker 2 answers with 9223372036854775807 bytes"}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned taken = 0;
        struct error e = {0};
        struct buf task = {0};
        struct crew *c = crew_open(2, &(struct crew_work){misbehave, count, &taken}, &e);
        bool ok = true;
        for (unsigned n = 0; ok && n < 4; n++) {
            buf_clear(&task);
            crew_put(&task, cases[i].how, NULL, 0, "x", n == 1);
            ok = crew_give(c, &task, &e);
        }
        ok = ok && crew_finish(c, &e);
        assert_false(ok);
        assert_true(crew_broken(c));
        assert_string_equal(e.text, cases[i].text);
        assert_int_equal(e.status, cases[i].status);
        assert_int_equal(taken, 1);
        crew_close(c);
        buf_free(&task);
        error_free(&e);
    }
}

static void reads_no_further_than_there_is(void **state)
{
    struct buf b = {0};
    struct crew_item item;
    uint64_t n = 7;
    size_t at = 0;
    (void)state;

    crew_put(&b, 3, &n, sizeof n, "text", 4);
    assert_true(crew_next(&b, &at, &item));
    assert_int_equal(item.kind, 3);
    n = 0;
    assert_true(crew_head(&item, &n, sizeof n));
    assert_int_equal(n, 7);
    assert_int_equal(item.len, 4);
    assert_false(crew_head(&item, &n, sizeof n));
    assert_false(crew_next(&b, &at, &item));
    for (; b.len; b.len--) {
        at = 0;
        const struct buf cut = {.data = b.data, .len = b.len - 1};
        assert_false(crew_next(&cut, &at, &item));
        assert_int_equal(at, 0);
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(ends_when_take_says_so),
        cmocka_unit_test(says_how_a_worker_went),
        cmocka_unit_test(reads_no_further_than_there_is),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
