/* clock.h: the notations feeds use, what is written, durations and sizes. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "central/clock.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool parse(const char *text, int64_t *out)
{
    return clock_parse(text, strlen(text), out);
}

static void reads_every_notation(void **state)
{
    static const struct {
        const char *text, *z;
    } cases[] = {
        /* RFC 3339 and its relatives */
        {"2026-05-17T20:08:00Z", "2026-05-17T20:08:00Z"},
        {"2026-05-17t20:08:00z", "2026-05-17T20:08:00Z"},
        {"2026-05-17 20:08:00", "2026-05-17T20:08:00Z"},
        {"2026-05-17T20:08:00", "2026-05-17T20:08:00Z"},
        {"2026-05-17T20:08", "2026-05-17T20:08:00Z"},
        {"2026-05-17", "2026-05-17T00:00:00Z"},
        {" 2026-05-17T20:08:00Z\r\n", "2026-05-17T20:08:00Z"},
        {"2026-05-17T20:08:00+00:00", "2026-05-17T20:08:00Z"},
        {"2026-05-17T20:08:00-00:00", "2026-05-17T20:08:00Z"},
        {"2026-05-17T20:08:00-06:00", "2026-05-18T02:08:00Z"},
        {"2026-05-17T20:08:00-0600", "2026-05-18T02:08:00Z"},
        {"2026-05-17T20:08:00-06", "2026-05-18T02:08:00Z"},
        {"2026-05-17 20:08:00 +0530", "2026-05-17T14:38:00Z"},
        {"2026-05-17T20:08:00+14:00", "2026-05-17T06:08:00Z"},
        {"2026-05-17 20:08:00 UTC", "2026-05-17T20:08:00Z"},
        {"2026-05-17T00:08:00+01:00", "2026-05-16T23:08:00Z"},
        {"2026-05-17T24:00:00Z", "2026-05-18T00:00:00Z"},
        /* fractions: cut, not rounded */
        {"2026-05-17T20:08:00.5Z", "2026-05-17T20:08:00.500000Z"},
        {"2026-05-17T20:08:00,5Z", "2026-05-17T20:08:00.500000Z"},
        {"2026-05-17 20:08:00.123", "2026-05-17T20:08:00.123000Z"},
        {"2026-05-17T20:08:00.000000Z", "2026-05-17T20:08:00Z"},
        {"2026-05-17T20:08:00.000001Z", "2026-05-17T20:08:00.000001Z"},
        {"2026-05-17T20:08:59.9999999999999999999999Z", "2026-05-17T20:08:59.999999Z"},
        {"2026-05-17T20:08:00.1234567-01:00", "2026-05-17T21:08:00.123456Z"},
        /* leap seconds */
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
        {"2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00Z"},
        {"2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00Z"},
        /* the calendar */
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
        {"2000-02-29", "2000-02-29T00:00:00Z"},
        {"2023-12-31T23:59:59-00:01", "2024-01-01T00:00:59Z"},
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"1900-02-28T12:00:00Z", "1900-02-28T12:00:00Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
        {"0001-12-31T23:59:59.000001Z", "0001-12-31T23:59:59.000001Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
        {"9999-12-31T23:59:59+00:01", "9999-12-31T23:58:59Z"},
        /* RFC 822 and 1123 */
        {"Tue, 05 May 2026 20:08:00 GMT", "2026-05-05T20:08:00Z"},
        {"Tue, 5 May 2026 20:08:00 +0000", "2026-05-05T20:08:00Z"},
        {"Tue, 5 May 2026 20:08:00 -0400", "2026-05-06T00:08:00Z"},
        {"5 May 2026 20:08 EDT", "2026-05-06T00:08:00Z"},
        {"5 May 26 20:08:00 UT", "2026-05-05T20:08:00Z"},
        {"5 May 94 20:08:00 UT", "1994-05-05T20:08:00Z"},
        {"tue, 05 MAY 2026 20:08:00 gmt", "2026-05-05T20:08:00Z"},
        {"Tuesday, 05-May-26 20:08:00 GMT", "2026-05-05T20:08:00Z"}, /* RFC 850, still seen in HTTP */
        {"Tue 5 May 2026", "2026-05-05T00:00:00Z"},
        {"5 September 2026 01:02:03", "2026-09-05T01:02:03Z"},
        {"5 Sept 2026 01:02:03", "2026-09-05T01:02:03Z"},
        {"Tue, 5 May 2026 20:08:00", "2026-05-05T20:08:00Z"},
        {"1 Jan 2026 00:00:00 EST", "2026-01-01T05:00:00Z"},
        {"1 Jan 2026 00:00:00 CST", "2026-01-01T06:00:00Z"},
        {"1 Jul 2026 00:00:00 CDT", "2026-07-01T05:00:00Z"},
        {"1 Jan 2026 00:00:00 MST", "2026-01-01T07:00:00Z"},
        {"1 Jul 2026 00:00:00 MDT", "2026-07-01T06:00:00Z"},
        {"1 Jan 2026 00:00:00 PST", "2026-01-01T08:00:00Z"},
        {"1 Jul 2026 00:00:00 PDT", "2026-07-01T07:00:00Z"},
        {"1 Jan 2026 00:00:00 AKST", "2026-01-01T09:00:00Z"},
        {"1 Jul 2026 00:00:00 AKDT", "2026-07-01T08:00:00Z"},
        {"1 Jan 2026 00:00:00 HST", "2026-01-01T10:00:00Z"},
        {"1 Jan 2026 00:00:00 AST", "2026-01-01T04:00:00Z"},
        {"1 Jan 2026 00:00:00 SST", "2026-01-01T11:00:00Z"},
        {"1 Jan 2026 00:00:00 ChST", "2025-12-31T14:00:00Z"},
        /* as ArcGIS forms print it */
        {"1/1/2025 7:00:00 AM", "2025-01-01T07:00:00Z"},
        {"1/31/2025 12:00:00 AM", "2025-01-31T00:00:00Z"},
        {"1/31/2025 12:00:00 PM", "2025-01-31T12:00:00Z"},
        {"01/31/2025 11:59:59 pm", "2025-01-31T23:59:59Z"},
        {"12/31/2025 7:05 PM", "2025-12-31T19:05:00Z"},
        {"12/31/2025 19:05:00", "2025-12-31T19:05:00Z"},
        {"12/31/2025", "2025-12-31T00:00:00Z"},
        {"1/31/2025 7:00:00 PM EST", "2025-02-01T00:00:00Z"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        int64_t t = 0;
        if (!parse(cases[i].text, &t))
            fail_msg("%s is refused", cases[i].text);
        clock_put(&b, t, CLOCK_Z);
        if (strcmp(buf_text(&b), cases[i].z) != 0)
            fail_msg("%s gives %s, expected %s", cases[i].text, buf_text(&b), cases[i].z);
        /* What is written is read back. */
        int64_t again = -1;
        assert_true(parse(buf_text(&b), &again));
        assert_int_equal(t, again);
        buf_clear(&b);
        clock_put(&b, t, CLOCK_OFFSET);
        assert_true(parse(buf_text(&b), &again));
        assert_int_equal(t, again);
        buf_free(&b);
    }
}

static void refuses_what_is_no_time(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "now",
        "1715976480000",
        "20260517T200800Z",
        "2026",
        "2026-05",
        "2026-5-17",
        "26-05-17",
        "02026-05-17",
        "2026-05-17T",
        "2026-05-17T20",
        "2026-05-17T2008",
        "2026-05-17T20:8",
        "2026-05-17T20:08:",
        "2026-05-17T20:08:0",
        "2026-05-17T20:08:00.",
        "2026-05-17T20:08:00.Z",
        "2026-05-17T20:08:00X",
        "2026-05-17T20:08:00Zulu",
        "2026-05-17T20:08:00ZZ",
        "2026-05-17T20:08:00Z x",
        "2026-05-17T20:08:00+",
        "2026-05-17T20:08:00+1",
        "2026-05-17T20:08:00+24:00",
        "2026-05-17T20:08:00+01:60",
        "2026-05-17T20:08:00+01:",
        "2026-05-17T20:08:00+01:0",
        "2026-05-17T20:08:00+010",
        "2026-05-17T20:08:00+01:00:00",
        "2026-05-17T20:08:00 GMT+2",
        "2026-05-17_20:08:00",
        "2026-05-17Z",
        "2026/05/17",
        /* no such moment */
        "2026-00-17",
        "2026-13-17",
        "2026-05-00",
        "2026-05-32",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-05-17T24:00:01Z",
        "2026-05-17T24:01:00Z",
        "2026-05-17T25:00:00Z",
        "2026-05-17T20:60:00Z",
        "2026-05-17T20:08:61Z",
        /* outside the years 1 to 9999, the zone or the leap second counted */
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:00-00:01",
        "9999-12-31T23:59:60Z",
        "9999-12-31T24:00:00Z",
        "10000-01-01",
        /* RFC 822 */
        "Tue,",
        "Tue, May 5 2026",
        "Foo, 5 May 2026 20:08:00 GMT",
        "5 Foo 2026 20:08:00 GMT",
        "5 Mayhem 2026",
        "5 Ma 2026",
        "Tuesdays, 5 May 2026",
        "32 May 2026 20:08:00 GMT",
        "5 May 2026 20:08:00 XST",
        "5 May 2026 20:08:00 ESTX",
        "5 May 2026 20:08:00 GMT GMT",
        "5 May 202 20:08:00",
        "5 May 2 20:08:00",
        "5 May 202620:08",
        "5 May 2026 20:08:00 A",
        "005 May 2026",
        /* 1/31/2025 */
        "31/1/2025",
        "1/32/2025",
        "0/1/2025",
        "1/31/25",
        "1/31/2025 0:00:00 AM",
        "1/31/2025 13:00:00 PM",
        "1/31/2025 7:00:00 XM",
        "1/31/2025 7:00:00 A",
        "1/31/2025 AM",
        "1/31/20257:00 AM",
        "1/31/2025 7 AM",
        "1/31",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t t = 42;
        if (parse(cases[i], &t))
            fail_msg("%s is read as %lld", cases[i], (long long)t);
        assert_int_equal(t, 42);
    }
    int64_t t;
    assert_false(clock_parse("2026-05-17\0", 11, &t));
    /* Its length ends a text, whatever follows in memory. */
    assert_true(clock_parse("2026-05-17T20:08:00Z", 10, &t));
    assert_int_equal(t, INT64_C(1778976000) * CLOCK_SECOND);
}

static void counts_microseconds(void **state)
{
    static const struct {
        const char *text;
        int64_t t;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"1969-12-31T23:59:59Z", -1000000},
        {"2026-05-17T20:08:00Z", INT64_C(1779048480000000)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000000)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000000)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t t;
        assert_true(parse(cases[i].text, &t));
        assert_int_equal(t, cases[i].t);
    }
}

/* Days all over the years 1 to 9999, against the C library's calendar. */
static void agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -719162; day < 2932897; day += 97) {
        char expected[40];
        time_t seconds = (time_t)(day * 86400 + 86399);
        struct tm tm;
        struct buf b = {0};
        gmtime_r(&seconds, &tm);
        size_t n = strftime(expected, sizeof expected, "-%m-%dT%H:%M:%SZ", &tm);
        assert_int_not_equal(n, 0);
        clock_put(&b, (int64_t)seconds * CLOCK_SECOND, CLOCK_Z);
        assert_int_equal(b.len, n + 4);
        assert_string_equal(b.data + 4, expected);
        int64_t year = (b.data[0] - '0') * 1000 + (b.data[1] - '0') * 100 + (b.data[2] - '0') * 10 + (b.data[3] - '0');
        assert_int_equal(year, tm.tm_year + 1900);
        buf_free(&b);
    }
}

static void assert_put(int64_t t, enum clock_form form, const char *text)
{
    struct buf b = {0};

    clock_put(&b, t, form);
    assert_string_equal(buf_text(&b), text);
    buf_free(&b);
}

static void writes_times(void **state)
{
    (void)state;
    assert_put(INT64_C(1779048480000000), CLOCK_Z, "2026-05-17T20:08:00Z");
    assert_put(INT64_C(1779048480000000), CLOCK_OFFSET, "2026-05-17T20:08:00+00:00");
    assert_put(INT64_C(1779048480000100), CLOCK_OFFSET, "2026-05-17T20:08:00.000100+00:00");
    assert_put(-1, CLOCK_Z, "1969-12-31T23:59:59.999999Z");
    assert_put(-86400 * CLOCK_SECOND, CLOCK_Z, "1969-12-31T00:00:00Z");
    assert_put(-86400 * CLOCK_SECOND - 1, CLOCK_Z, "1969-12-30T23:59:59.999999Z");
    /* Out of range: written somehow, read by nobody, and no memory is touched that should not be. */
    struct buf b = {0};
    clock_put(&b, INT64_MAX, CLOCK_Z);
    assert_string_equal(buf_text(&b), "294247-01-10T04:00:54.775807Z");
    buf_clear(&b);
    clock_put(&b, INT64_MIN, CLOCK_Z);
    assert_int_equal(b.data[0], '-');
    buf_free(&b);
}

static void assert_age(int64_t microseconds, const char *text)
{
    struct buf b = {0};

    clock_put_age(&b, microseconds);
    assert_string_equal(buf_text(&b), text);
    buf_free(&b);
}

static void writes_ages(void **state)
{
    (void)state;
    assert_age(0, "0s");
    assert_age(3999999, "3s");
    assert_age(119 * CLOCK_SECOND, "119s");
    assert_age(120 * CLOCK_SECOND, "2m");
    assert_age(7199 * CLOCK_SECOND, "119m");
    assert_age(7200 * CLOCK_SECOND, "2h");
    assert_age(47 * 3600 * CLOCK_SECOND, "47h");
    assert_age(48 * 3600 * CLOCK_SECOND, "2d");
    assert_age(400 * 86400 * CLOCK_SECOND, "400d");
    assert_age(-5 * CLOCK_SECOND, "-5s");
}

static void reads_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"90", 90},
        {"90s", 90},
        {"15m", 900},
        {"15min", 900},
        {"24h", 86400},
        {"7d", 604800},
        {"2w", 1209600},
        {"1y", 31536000},
        {"1d12h", 129600},
        {"1h30m15s", 5415},
        {"0d5s", 5},
        {"1000y", INT64_C(31536000000)},
        {"1001y", -1},
        {"", -1},
        {" 5s", -1},
        {"5 s", -1},
        {"5s ", -1},
        {"-5s", -1},
        {"+5s", -1},
        {"s", -1},
        {"1.5h", -1},
        {"5S", -1},
        {"5M", -1},
        {"5 minutes", -1},
        {"5ms", -1},
        {"1h30", -1}, /* half an hour or half a minute? */
        {"30 1h", -1},
        {"1d,2h", -1},
        {"1h\n", -1},
        {"999999999999999999", -1},
        {"999999999999999999y", -1},
        {"9999999999999999999", -1},
        {"0000000000000000015", -1}, /* more digits than are read at once are not two numbers */
        {"99999999999999999999999999999999s", -1},
        {"900y900y", -1},
        {"500y500y", INT64_C(31536000000)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t n = 42;
        bool ok = duration_parse(cases[i].text, strlen(cases[i].text), &n);
        if (ok != (cases[i].seconds >= 0) || n != (ok ? cases[i].seconds : 42))
            fail_msg("'%s': %d, %lld", cases[i].text, ok, (long long)n);
    }
}

static void reads_sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"1500", 1500},
        {"1500B", 1500},
        {"1KiB", 1024},
        {"64MiB", INT64_C(67108864)},
        {"1GiB", INT64_C(1073741824)},
        {"1TiB", INT64_C(1099511627776)},
        {"1kB", 1000},
        {"5MB", 5000000},
        {"2GB", INT64_C(2000000000)},
        {"1TB", INT64_C(1000000000000)},
        {"8388607TiB", INT64_C(8388607) << 40},
        {"8388608TiB", -1}, /* 2^63 */
        {"999999999999999999TB", -1},
        {"", -1},
        {"MiB", -1},
        {"1M", -1},
        {"1mib", -1},
        {"1KB", -1},
        {"1 GiB", -1},
        {"1.5GiB", -1},
        {"-1", -1},
        {"1GiB1MiB", -1},
        {"0B5B", -1},
        {"00KiB7", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t n = 42;
        bool ok = size_parse(cases[i].text, strlen(cases[i].text), &n);
        if (ok != (cases[i].bytes >= 0) || n != (ok ? cases[i].bytes : 42))
            fail_msg("'%s': %d, %lld", cases[i].text, ok, (long long)n);
    }
}

static void writes_what_it_reads(void **state)
{
    static const struct {
        int64_t n;
        const char *duration, *size;
    } cases[] = {
        {0, "0s", "0"},
        {1, "1s", "1"},
        {60, "1m", "60"},
        {90, "90s", "90"},
        {1024, "1024s", "1KiB"},
        {1500, "25m", "1500"},
        {3600, "1h", "3600"},
        {86400, "1d", "86400"},
        {604800, "7d", "604800"},
        {31536000, "1y", "31536000"},
        {31622400, "366d", "31622400"},
        {INT64_C(1073741824), "1073741824s", "1GiB"},
        {INT64_C(3) << 40, NULL, "3TiB"},
        {(INT64_C(3) << 40) + 1024, NULL, "3221225473KiB"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        int64_t back = -1;
        if (cases[i].duration) {
            duration_put(&b, cases[i].n);
            assert_string_equal(buf_text(&b), cases[i].duration);
            assert_true(duration_parse(b.data, b.len, &back));
            assert_int_equal(back, cases[i].n);
        }
        buf_clear(&b);
        size_put(&b, cases[i].n);
        assert_string_equal(buf_text(&b), cases[i].size);
        assert_true(size_parse(b.data, b.len, &back));
        assert_int_equal(back, cases[i].n);
        buf_free(&b);
    }
}

static void reads_an_operators_time(void **state)
{
    int64_t t, now = INT64_C(1779048480000000);

    (void)state;
    assert_true(clock_parse_since("now", now, &t));
    assert_int_equal(t, now);
    assert_true(clock_parse_since("2h", now, &t));
    assert_int_equal(t, now - 7200 * CLOCK_SECOND);
    assert_true(clock_parse_since("0", now, &t));
    assert_int_equal(t, now);
    assert_true(clock_parse_since("1000y", now, &t));
    assert_int_equal(t, now - INT64_C(31536000000) * CLOCK_SECOND);
    assert_true(clock_parse_since("2026-05-17", now, &t));
    assert_int_equal(t, INT64_C(1778976000) * CLOCK_SECOND);
    assert_false(clock_parse_since("", now, &t));
    assert_false(clock_parse_since("yesterday", now, &t));
    assert_false(clock_parse_since("-2h", now, &t));
}

static void clocks_run(void **state)
{
    int64_t now = clock_now(), a = clock_monotonic(), b = clock_monotonic();

    (void)state;
    assert_true(b >= a);
    /* Microseconds, not something else. */
    assert_true(now / CLOCK_SECOND - (int64_t)time(NULL) <= 1 && (int64_t)time(NULL) - now / CLOCK_SECOND <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_notation), cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(counts_microseconds),  cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(writes_times),         cmocka_unit_test(writes_ages),
        cmocka_unit_test(reads_durations),      cmocka_unit_test(reads_sizes),
        cmocka_unit_test(writes_what_it_reads), cmocka_unit_test(reads_an_operators_time),
        cmocka_unit_test(clocks_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
