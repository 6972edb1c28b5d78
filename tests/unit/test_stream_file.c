/* stream_file.h: a word changes, all else stays. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "central/stream_file.h"

#define DAY (INT64_C(24) * 60 * 60)
#define GIB (INT64_C(1) << 30)

static void edits_one_line(void **state)
{
    static const struct {
        const char *before, *after;
        int64_t max_age, max_bytes;
    } cases[] = {
        {"A central.a.> 7d 1GiB", "A central.a.> 30d 1GiB", 30 * DAY, 0},
        {"A central.a.> 7d   1GiB  top # 7d\n", "A central.a.> 30d  1GiB  top # 7d\n", 30 * DAY, 0},
        {"A central.a.> 30d  1GiB\n", "A central.a.> 7d   1GiB\n", 7 * DAY, 0},
        {"A central.a.> 7d 512MiB  top", "A central.a.> 7d 2GiB    top", 0, 2 * GIB},
        {"A central.a.> 7d 1GiB\r\nB central.b.> 7d 1GiB\r\n", "A central.a.> 1d 2GiB\r\nB central.b.> 7d 1GiB\r\n",
         DAY, 2 * GIB},
        {"#A central.a.> 7d 1GiB\nAA central.aa.> 7d 1GiB\n\n\tA\tcentral.a.>\t7d\t1GiB",
         "#A central.a.> 7d 1GiB\nAA central.aa.> 7d 1GiB\n\n\tA\tcentral.a.>\t14d\t1GiB", 14 * DAY, 0},
        {"A central.a.> 7d 1GiB", "A central.a.> 7d 1GiB", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf text = {0}, line = {0};
        buf_add_text(&text, cases[i].before);
        assert_true(stream_file_edit(&text, "A", cases[i].max_age, cases[i].max_bytes, &line));
        assert_string_equal(buf_text(&text), cases[i].after);
        assert_null(strpbrk(buf_text(&line), "\r\n"));
        assert_non_null(strstr(buf_text(&text), buf_text(&line)));
        buf_free(&text);
        buf_free(&line);
    }
}

static void knows_its_names(void **state)
{
    struct buf text = {0}, line = {0};

    (void)state;
    assert_false(stream_file_edit(&text, "A", DAY, 0, &line));
    buf_add_text(&text, "# A central.a.> 7d 1GiB\nAB central.ab.> 7d 1GiB\nA central.a.> # 7d 1GiB\n");
    assert_false(stream_file_edit(&text, "A", DAY, 0, &line));
    assert_string_equal(buf_text(&text), "# A central.a.> 7d 1GiB\nAB central.ab.> 7d 1GiB\nA central.a.> # 7d 1GiB\n");
    buf_free(&text);
    buf_free(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_one_line),
        cmocka_unit_test(knows_its_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
