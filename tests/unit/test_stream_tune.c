/* stream_tune.h: rate, margin, limits. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "central/stream_tune.h"
#include "parse.h"

#define GIB (INT64_C(1) << 30)

/* 100 MiB in a day. */
#define DAY_OF_100MIB                                                                                                  \
    "{\"state\":{\"messages\":9,\"bytes\":104857600,\"first_ts\":\"2026-11-22T00:00:00Z\",\"last_ts\":"                \
    "\"2026-11-23T00:00:00.5Z\"}}"

static void multiplies(void **state)
{
    static char name[] = "A";
    struct stream st = {.name = name, .max_age = 7 * 24 * 60 * 60, .max_bytes = GIB};
    static const struct {
        const char *info, *line;
        int64_t most;
    } cases[] = {
        {DAY_OF_100MIB, "A: 100MiB in 24h * 7d * 1.5 = 1.0GiB: max-bytes 1GiB -> 1050MiB", 0},
        {DAY_OF_100MIB, "A: 100MiB in 24h * 7d * 1.5 = 1.0GiB: max-bytes 1GiB -> 500MiB (the account's share)",
         INT64_C(500) * 1024 * 1024 + 7},
        {DAY_OF_100MIB, "A: 100MiB in 24h * 7d * 1.5 = 1.0GiB: max-bytes 1GiB -> 64MiB (the least)", 1000},
        {"{\"state\":{\"messages\":2,\"bytes\":10,\"first_ts\":\"2026-11-22T00:00:00Z\",\"last_ts\":"
         "\"2026-11-23T00:00:00Z\"}}",
         "A: 10B in 24h * 7d * 1.5 = 105B: max-bytes 1GiB -> 64MiB (the least)", 0},
        {"{\"state\":{\"messages\":2,\"bytes\":10,\"first_ts\":\"2026-11-23T00:00:00Z\",\"last_ts\":"
         "\"2026-11-23T00:59:59Z\"}}",
         "A: 10B in 59m: too little to tell; stays 1GiB", 0},
        {"{\"state\":{\"messages\":0,\"bytes\":0,\"first_ts\":\"0001-01-01T00:00:00Z\",\"last_ts\":"
         "\"0001-01-01T00:00:00Z\"}}",
         "A: 0B in 0s: too little to tell; stays 1GiB", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tuning t;
        struct buf line = {0};
        bool told = stream_tune(&st, parse(cases[i].info), cases[i].most, TUNE_SPAN, &t);
        assert_int_equal(told, t.max_bytes != 0);
        stream_tune_put(&st, &t, &line);
        assert_string_equal(buf_text(&line), cases[i].line);
        buf_free(&line);
    }
}

static void shares(void **state)
{
    (void)state;
    assert_int_equal(stream_share(parse("{\"limits\":{\"max_storage\":-1}}"), 8), 0);
    assert_int_equal(stream_share(parse("{\"limits\":{\"max_storage\":800}}"), 8), 100);
    assert_int_equal(stream_share(parse("{\"limits\":{\"max_storage\":800,\"storage_max_stream_bytes\":50}}"), 8), 50);
    assert_int_equal(stream_share(parse("{\"limits\":{\"max_storage\":-1,\"storage_max_stream_bytes\":50}}"), 8), 50);
    assert_int_equal(stream_share(parse("{}"), 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies),
        cmocka_unit_test(shares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
