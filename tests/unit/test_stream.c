/* stream.h: what streams.conf says and where it is wrong, subjects in common, drift. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/stream.h"
#include "parse.h"

static char path[] = "/tmp/central-stream.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

/* Reads text as streams.conf; the error's text behind the file's name must be wrong, NULL: there is none. */
static void check_n(const char *text, size_t len, const char *wrong, struct stream_list *out)
{
    struct error e = {0};
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    bool ok = stream_list_read(path, out, &e);
    if (!wrong) {
        if (!ok)
            fail_msg("%s", e.text);
        return;
    }
    assert_false(ok);
    assert_int_equal(e.status, CENTRAL_CONFIG);
    assert_memory_equal(e.text, path, strlen(path));
    assert_string_equal(e.text + strlen(path) + 1, wrong);
    assert_null(out->at);
    assert_null(out->path);
    error_free(&e);
}

static void wrong(const char *text, const char *error)
{
    struct stream_list l;

    check_n(text, strlen(text), error, &l);
}

static void right(const char *text, struct stream_list *l)
{
    check_n(text, strlen(text), NULL, l);
}

static void reads_a_file(void **state)
{
    struct stream_list l;

    (void)state;
    right("# stream subjects ...\n"
          "\n"
          "CENTRAL_WX\tcentral.wx.>,central.weather.>  7d 1GiB archive,top # the sky\n"
          "  \t# nothing\n"
          "A-1 central.a.> 1h 64MiB\r\n"
          "B central.b.> 5y 1TB replicas=3,duplicates=10s,keep=5y,archive",
          &l);
    assert_int_equal(l.count, 3);
    assert_string_equal(l.path, path);
    assert_string_equal(l.at[0].name, "CENTRAL_WX");
    assert_int_equal(l.at[0].subject_count, 2);
    assert_string_equal(l.at[0].subjects[0], "central.wx.>");
    assert_string_equal(l.at[0].subjects[1], "central.weather.>");
    assert_int_equal(l.at[0].max_age, 7 * 24 * 60 * 60);
    assert_int_equal(l.at[0].max_bytes, 1 << 30);
    assert_true(l.at[0].archived);
    assert_true(l.at[0].top);
    assert_int_equal(l.at[0].replicas, 0);
    assert_int_equal(l.at[0].duplicate_window, STREAM_DUPLICATE_WINDOW);
    assert_int_equal(l.at[0].keep, 0);
    assert_int_equal(l.at[0].line, 3);
    assert_string_equal(l.at[1].name, "A-1");
    assert_int_equal(l.at[1].max_age, STREAM_MAX_AGE_MIN);
    assert_int_equal(l.at[1].max_bytes, STREAM_MAX_BYTES_MIN);
    assert_false(l.at[1].archived);
    assert_false(l.at[1].top);
    assert_int_equal(l.at[1].line, 5);
    assert_int_equal(l.at[2].max_age, STREAM_MAX_AGE_MAX);
    assert_int_equal(l.at[2].max_bytes, INT64_C(1000000000000));
    assert_int_equal(l.at[2].replicas, 3);
    assert_int_equal(l.at[2].duplicate_window, 10);
    assert_int_equal(l.at[2].keep, INT64_C(5) * 365 * 24 * 60 * 60);
    assert_true(l.at[2].archived);

    assert_ptr_equal(stream_named(&l, "A-1"), &l.at[1]);
    assert_null(stream_named(&l, "a-1"));
    assert_ptr_equal(stream_for(&l, "central.wx.alert.us"), &l.at[0]);
    assert_ptr_equal(stream_for(&l, "central.weather.x"), &l.at[0]);
    assert_ptr_equal(stream_for(&l, "central.b.x"), &l.at[2]);
    assert_null(stream_for(&l, "central.b"));
    assert_null(stream_for(&l, "central.b."));
    assert_null(stream_for(&l, "central.c.x"));
    stream_list_free(&l);
    assert_int_equal(l.count, 0);
    stream_list_free(&l);
}

static void names_every_error(void **state)
{
    static const char filter[] = " is not of the form central.<word>.>";
    static const char letters[] = "a stream's name has letters, digits, _ and - only";
    static const char unknown[] = " (archive, top, replicas=N, duplicates=DURATION, keep=DURATION, compression=s2, "
                                  "placement=CLUSTER:TAG+TAG)";
    static const char place[] = " is not of the form CLUSTER:TAG+TAG";
    static const struct {
        const char *text, *error, *more;
    } cases[] = {
        {"A", "1:2: a stream needs a name, subjects, max-age and max-bytes", ""},
        {"\n\nA central.a.> 7d # 1GiB", "3:18: a stream needs a name, subjects, max-age and max-bytes", ""},
        {"A central.a.> 7d 1GiB top  more", "1:28: one word too many: 'more'", ""},
        {"A.B central.a.> 7d 1GiB", "1:2: ", letters},
        {" A* central.a.> 7d 1GiB", "1:3: ", letters},
        {"A central.a.> 7d 1GiB\nA central.b.> 7d 1GiB", "2:1: the name A stands in line 1 already", ""},
        {"A central.a.> 7d 1GiB\nB central.b.>,central.a.> 7d 1GiB", "2:15: central.a.> belongs to A already", ""},
        {"A central.a.>,central.a.> 7d 1GiB", "1:15: central.a.> belongs to A already", ""},
        {"A central.> 7d 1GiB", "1:3: 'central.>'", filter},
        {"A > 7d 1GiB", "1:3: '>'", filter},
        {"A central.*.> 7d 1GiB", "1:3: 'central.*.>'", filter},
        {"A central..> 7d 1GiB", "1:3: 'central..>'", filter},
        {"A central.a.b.> 7d 1GiB", "1:3: 'central.a.b.>'", filter},
        {"A central.a 7d 1GiB", "1:3: 'central.a'", filter},
        {"A central.A.> 7d 1GiB", "1:3: 'central.A.>'", filter},
        {"A other.a.> 7d 1GiB", "1:3: 'other.a.>'", filter},
        {"A ,central.a.> 7d 1GiB", "1:3: ''", filter},
        {"A central.a.>, 7d 1GiB", "1:15: ''", filter},
        {"A central.a.> week 1GiB", "1:15: max-age: 'week' is no duration such as 7d", ""},
        {"A central.a.> 59m 1GiB", "1:15: max-age: from 1h to 5y", ""},
        {"A central.a.> 5y1s 1GiB", "1:15: max-age: from 1h to 5y", ""},
        {"A central.a.> 0 1GiB", "1:15: max-age: from 1h to 5y", ""},
        {"A central.a.> 7d lots", "1:18: max-bytes: 'lots' is no size such as 1GiB", ""},
        {"A central.a.> 7d 67108863", "1:18: max-bytes: at least 64MiB", ""},
        {"A central.a.> 7d 9999999TiB", "1:18: max-bytes: '9999999TiB' is no size such as 1GiB", ""},
        {"A central.a.> 7d 1GiB archive,bottom", "1:31: unknown option 'bottom'", unknown},
        {"A central.a.> 7d 1GiB archive=1", "1:23: unknown option 'archive=1'", unknown},
        {"A central.a.> 7d 1GiB top,", "1:27: unknown option ''", unknown},
        {"A central.a.> 7d 1GiB replicas", "1:23: unknown option 'replicas'", unknown},
        {"A central.a.> 7d 1GiB replicas=0", "1:32: replicas: from 1 to 5", ""},
        {"A central.a.> 7d 1GiB replicas=33", "1:32: replicas: from 1 to 5", ""},
        {"A central.a.> 7d 1GiB duplicates=", "1:34: duplicates: '' is no duration such as 7d", ""},
        {"A central.a.> 1h 1GiB duplicates=0s", "1:34: duplicates: from 1s to 1h", ""},
        {"A central.a.> 1h 1GiB duplicates=61m", "1:34: duplicates: from 1s to 1h", ""},
        {"A central.a.> 7d 1GiB keep=23h", "1:28: keep: from 1d to 1000y", ""},
        {"A central.a.> 7d 1GiB compression=gzip", "1:35: compression: s2 or none", ""},
        {"A central.a.> 7d 1GiB placement=", "1:33: placement: ''", place},
        {"A central.a.> 7d 1GiB placement=east:", "1:33: placement: 'east:'", place},
        {"A central.a.> 7d 1GiB placement=east:ssd+", "1:33: placement: 'east:ssd+'", place},
        {"A central.a.> 7d 1GiB placement=e\"ast", "1:33: placement: 'e\"ast'", place},
        {"A central.a.> 7d 1GiB\x01", "1:22: a control character", ""},
        {"A\rB central.a.> 7d 1GiB", "1:2: a control character", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *error = mem_format("%s%s", cases[i].error, cases[i].more);
        wrong(cases[i].text, error);
        free(error);
    }

    struct stream_list l;
    static const char nul[] = "A central.a.> 7d 1GiB\nB central.b.\0> 7d 1GiB\n";
    check_n(nul, sizeof nul - 1, "2:13: a control character", &l);

    char *name = mem_alloc(80);
    memset(name, 'N', 65);
    char *text = mem_format("%s central.a.> 7d 1GiB", name);
    wrong(text, "1:1: a stream's name has at most 64 characters");
    free(text);
    free(name);
    wrong("", " no stream in it");
    wrong("# A central.a.> 7d 1GiB\n", " no stream in it");
}

static void finds_subjects_in_common(void **state)
{
    static const struct {
        const char *pattern, *filter, *common;
    } cases[] = {
        {">", "central.wx.>", "central.wx.>"},
        {"central.>", "central.wx.>", "central.wx.>"},
        {"central.wx.>", "central.wx.>", "central.wx.>"},
        {"central.*.>", "central.wx.>", "central.wx.>"},
        {"*.*.alert", "central.wx.>", "central.wx.alert"},
        {"central.wx.alert.us.*.county.>", "central.wx.>", "central.wx.alert.us.*.county.>"},
        {"central.*.event.minor", "central.quake.>", "central.quake.event.minor"},
        {"central.quake.>", "central.wx.>", NULL},
        {"central.wx", "central.wx.>", NULL},
        {"central", "central.wx.>", NULL},
        {"*", "central.wx.>", NULL},
        {"other.>", "central.wx.>", NULL},
        {"", "central.wx.>", NULL},
        {"central..>", "central.wx.>", NULL},
        {"central.wx.", "central.wx.>", NULL},
        {"central.wx.>.a", "central.wx.>", NULL},
        {"central.wx.a*", "central.wx.>", NULL},
        {"CENTRAL_WX", "central.wx.>", NULL},
        {"central.wx.a b", "central.wx.>", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *common = stream_subject_meet(cases[i].pattern, cases[i].filter);
        if (cases[i].common && common)
            assert_string_equal(common, cases[i].common);
        else if (cases[i].common || common)
            fail_msg("%s: %s", cases[i].pattern, common ? common : "nothing");
        free(common);
    }
    assert_true(stream_subject_matches("central.wx.>", "central.wx.a"));
    assert_true(stream_subject_matches("central.wx.>", "central.wx.a.b"));
    assert_true(stream_subject_matches("central.*.a", "central.wx.a"));
    assert_true(stream_subject_matches("central.wx.a", "central.wx.a"));
    assert_false(stream_subject_matches("central.wx.>", "central.wx"));
    assert_false(stream_subject_matches("central.wx.*", "central.wx.a.b"));
    assert_false(stream_subject_matches("central.wx.a", "central.wx.ab"));
    assert_false(stream_subject_matches("central.wx.a.b", "central.wx.a"));
    assert_false(stream_subject_matches("central.wx.a", "central.wx.a.b"));
}

#define AS_WANTED                                                                                                      \
    "\"retention\":\"limits\",\"storage\":\"file\",\"discard\":\"old\",\"max_msgs\":-1,\"subjects\":[\"central.a.>\"]"

static void tells_drift(void **state)
{
    struct stream_list l;
    struct buf diff = {0};

    (void)state;
    right("A central.a.> 7d 1GiB", &l);
    assert_int_equal(
        stream_diff(l.at,
                    parse("{\"config\":{" AS_WANTED ",\"max_age\":604800000000000,\"max_bytes\":1073741824,"
                          "\"duplicate_window\":120000000000,\"num_replicas\":3,\"placement\":{}}}"),
                    &diff),
        0);
    assert_string_equal(buf_text(&diff), "");
    assert_int_equal(stream_diff(l.at,
                                 parse("{\"config\":{" AS_WANTED ",\"max_age\":3600000000000,\"max_bytes\":-1,"
                                       "\"duplicate_window\":1500000000}}"),
                                 &diff),
                     3);
    assert_string_equal(buf_text(&diff),
                        "max_age: 1h -> 7d\nmax_bytes: no limit -> 1GiB\nduplicate_window: 1500000000ns -> 2m\n");
    buf_clear(&diff);
    assert_int_equal(stream_diff(l.at,
                                 parse("{\"config\":{\"retention\":\"workqueue\",\"storage\":\"memory\",\"discard\":"
                                       "\"new\",\"max_msgs\":5,\"subjects\":[\"x\"],\"max_age\":604800000000000,"
                                       "\"max_bytes\":1073741824,\"duplicate_window\":120000000000}}"),
                                 &diff),
                     5);
    assert_string_equal(buf_text(&diff), "retention: \"workqueue\" -> \"limits\"\nstorage: \"memory\" -> \"file\"\n"
                                         "discard: \"new\" -> \"old\"\nmax_msgs: 5 -> no limit\n"
                                         "subjects: [\"x\"] -> [\"central.a.>\"]\n");
    buf_clear(&diff);
    assert_int_equal(stream_diff(l.at, json_absent, &diff), 8);
    buf_free(&diff);
    stream_list_free(&l);

    right("A central.a.> 7d 1GiB replicas=3", &l);
    assert_int_equal(
        stream_diff(l.at,
                    parse("{\"config\":{" AS_WANTED ",\"max_age\":604800000000000,\"max_bytes\":1073741824,"
                          "\"duplicate_window\":120000000000,\"num_replicas\":1}}"),
                    &diff),
        1);
    assert_string_equal(buf_text(&diff), "num_replicas: 1 -> 3\n");
    buf_free(&diff);
    stream_list_free(&l);
}

static void tells_drift_of_what_is_said_only(void **state)
{
    struct stream_list l;
    struct buf diff = {0};
    static const char config[] = "{\"config\":{" AS_WANTED ",\"max_age\":604800000000000,\"max_bytes\":1073741824,"
                                 "\"duplicate_window\":120000000000%s}}";

    (void)state;
    static const struct {
        const char *options, *have, *diff;
    } cases[] = {
        {"top", ",\"compression\":\"s2\",\"placement\":{\"cluster\":\"x\"}", ""},
        {"compression=none", "", ""},
        {"compression=none", ",\"compression\":\"s2\"", "compression: \"s2\" -> \"none\"\n"},
        {"compression=s2", "", "compression: nothing -> \"s2\"\n"},
        {"placement=east", ",\"placement\":{\"cluster\":\"east\"}", ""},
        {"placement=east:ssd+az:1", ",\"placement\":{\"tags\":[\"ssd\",\"az:1\"],\"cluster\":\"east\"}", ""},
        {"placement=:ssd", "", "placement: nothing -> {\"tags\":[\"ssd\"]}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *line = mem_format("A central.a.> 7d 1GiB %s", cases[i].options), *info;
        right(line, &l);
        info = mem_alloc(2048);
        assert_true(snprintf(info, 2048, config, cases[i].have) < 2048);
        stream_diff(l.at, parse(info), &diff);
        assert_string_equal(buf_text(&diff), cases[i].diff);
        buf_clear(&diff);
        stream_list_free(&l);
        free(line);
        free(info);
    }
    buf_free(&diff);
}

static void tells_what_would_go(void **state)
{
    struct stream_list l;
    struct buf why = {0};
    int64_t now = 0;

    (void)state;
    right("A central.a.> 2h 64MiB", &l);
    assert_true(clock_parse("2026-11-23T12:00:00Z", 20, &now));
    stream_loss(l.at, parse("{\"state\":{\"messages\":1,\"bytes\":67108864,\"first_ts\":\"2026-11-23T10:00:01.5Z\"}}"),
                now, &why);
    assert_string_equal(buf_text(&why), "");
    stream_loss(l.at, parse("{\"state\":{\"messages\":1,\"bytes\":134217728,\"first_ts\":\"2026-11-23T11:00:00Z\"}}"),
                now, &why);
    assert_string_equal(buf_text(&why), "holds 128MiB, max-bytes is 64MiB");
    buf_clear(&why);
    stream_loss(l.at, parse("{\"state\":{\"messages\":1,\"bytes\":10,\"first_ts\":\"2026-11-23T09:00:00Z\"}}"), now,
                &why);
    assert_string_equal(buf_text(&why), "holds messages of 3h ago, max-age is 2h");
    buf_clear(&why);
    stream_loss(l.at, parse("{\"state\":{\"messages\":0,\"bytes\":0,\"first_ts\":\"0001-01-01T00:00:00Z\"}}"), now,
                &why);
    assert_string_equal(buf_text(&why), "");
    buf_free(&why);
    stream_list_free(&l);
}

static void looks_where_it_was_told(void **state)
{
    (void)state;
    setenv("CENTRAL_CONFIG", "/nowhere", 1);
    setenv("CENTRAL_STREAMS", "/some/where.conf", 1);
    char *found = stream_path();
    assert_string_equal(found, "/some/where.conf");
    free(found);
    unsetenv("CENTRAL_STREAMS");
    found = stream_path();
    assert_null(strstr(found, "/nowhere"));
    assert_non_null(strstr(found, "/streams.conf"));
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file),
        cmocka_unit_test(names_every_error),
        cmocka_unit_test(finds_subjects_in_common),
        cmocka_unit_test(tells_drift),
        cmocka_unit_test(tells_drift_of_what_is_said_only),
        cmocka_unit_test(tells_what_would_go),
        cmocka_unit_test(looks_where_it_was_told),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
