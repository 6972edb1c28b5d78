/* query.h, output.h, feature.h: places in an answer, and what answers look like. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/feature.h"
#include "central/output.h"
#include "central/query.h"

static void cursors(void **state)
{
    static const struct {
        const char *text, *adapter, *id; /* id NULL: refused */
        int64_t revision;
    } table[] = {
        {"2026-05-17T20:08:00+00:00/nws/1/a", "nws", "a", 1},
        {"2026-05-17T20:08:00.250000Z/nws/12/urn:x/y/../z", "nws", "urn:x/y/../z", 12},
        {"2026-05-17/nws/2147483647//", "nws", "/", INT32_MAX},
        {"2026-05-17/nws/2147483648/a", NULL, NULL, 0},
        {"2026-05-17/nws/0/a", NULL, NULL, 0},
        {"2026-05-17/nws/-1/a", NULL, NULL, 0},
        {"2026-05-17/nws//a", NULL, NULL, 0},
        {"2026-05-17/nws/1x/a", NULL, NULL, 0},
        {"2026-05-17/nws/1/", NULL, NULL, 0},
        {"2026-05-17/nws/1", NULL, NULL, 0},
        {"2026-05-17/Nws/1/a", NULL, NULL, 0},
        {"2026-05-17//1/a", NULL, NULL, 0},
        {"today/nws/1/a", NULL, NULL, 0},
        {"/nws/1/a", NULL, NULL, 0},
        {"", NULL, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct query_cursor c = {0};
        struct error e = {0};
        bool ok = query_cursor_read(table[i].text, &c, &e);
        if (ok != (table[i].id != NULL))
            fail_msg("'%s': %s", table[i].text, ok ? "was taken" : e.text);
        if (ok) {
            assert_string_equal(c.adapter, table[i].adapter);
            assert_string_equal(c.id, table[i].id);
            assert_int_equal(c.revision, table[i].revision);
        } else {
            assert_int_equal(e.status, CENTRAL_USAGE);
            assert_null(c.id);
        }
        query_cursor_free(&c);
        error_free(&e);
    }
}

static void names_of_counts(void **state)
{
    enum query_by by = QUERY_BY_NONE;

    (void)state;
    assert_null(query_by_name(QUERY_BY_NONE));
    assert_true(query_by_named("severity", &by));
    assert_int_equal(by, QUERY_BY_SEVERITY);
    assert_string_equal(query_by_name(QUERY_BY_DAY), "day");
    assert_false(query_by_named("", &by));
    assert_false(query_by_named("payload", &by));
}

#define ENVELOPE                                                                                                       \
    "{\"id\":\"e@2\",\"centralrevision\":2,\"centralsubject\":\"central.x\",\"data\":{\"id\":\"e\",\"adapter\":"       \
    "\"nws\",\"category\":\"c\",\"time\":\"2026-05-17T20:08:00Z\",\"severity\":null,\"expires\":null,\"geo\":{"        \
    "\"centroid\":[1.50,-2],\"regions\":[\"A\",\"B\"],\"primary_region\":\"A\"},\"data\":{\"headline\":\"=x, "         \
    "\\\"y\\\"\\r\\nz\"}}}"
#define GEOMETRY "{\"type\":\"Point\",\"coordinates\":[1.5,-2]}"

static struct archived event(void)
{
    struct archived a = {.received = 0, .has_superseded = true, .superseded = CLOCK_SECOND};
    struct error e = {0};

    assert_true(json_check(ENVELOPE, sizeof ENVELOPE - 1, &a.envelope, &e));
    assert_true(json_check(GEOMETRY, sizeof GEOMETRY - 1, &a.geometry, &e));
    return a;
}

#define FEATURE                                                                                                        \
    "{\"type\":\"Feature\",\"id\":\"e\",\"geometry\":" GEOMETRY ",\"properties\":{\"id\":\"e\",\"adapter\":\"nws\","   \
    "\"category\":\"c\",\"time\":\"2026-05-17T20:08:00Z\",\"expires\":null,\"severity\":null,\"revision\":2,"          \
    "\"received\":\"1970-01-01T00:00:00Z\",\"removed\":null,\"superseded\":\"1970-01-01T00:00:01Z\","                  \
    "\"headline\":\"=x, \\\"y\\\"\\r\\nz\",\"regions\":[\"A\",\"B\"],\"primary_region\":\"A\","                        \
    "\"data\":{\"headline\":\"=x, \\\"y\\\"\\r\\nz\"}}}"

static void features(void **state)
{
    struct archived a = event();
    struct buf out = {0};

    (void)state;
    feature_put(&out, &a);
    assert_string_equal(buf_text(&out), FEATURE);
    buf_free(&out);
}

/* So many events, or counts, in this format; what was written must be want. */
static void writes(const char *format, int events, bool counts, bool complete, const char *want)
{
    static const struct output_options options[] = {{.width = 0}, {.counts = true, .by = "severity"}};
    int ends[2];
    char got[4096] = {0};
    struct line_writer w;
    struct error e = {0};
    struct archived a = event();

    assert_int_equal(pipe(ends), 0);
    line_writer_open(&w, ends[1]);
    struct output *o = output_open(format, &w, &options[counts]);
    for (int i = 0; i < events; i++)
        assert_true(counts ? output_count(o, i ? "3" : NULL, true, 10 + i) : output_event(o, &a));
    assert_true(output_close(o, complete));
    assert_true(line_writer_close(&w, &e));
    close(ends[1]);
    assert_true(read(ends[0], got, sizeof got - 1) >= 0);
    close(ends[0]);
    assert_string_equal(got, want);
}

#define TITLE                                                                                                          \
    "time,expires,severity,adapter,category,id,revision,received,removed,superseded,longitude,latitude,regions,"       \
    "headline,subject\r\n"
#define ROW                                                                                                            \
    "2026-05-17T20:08:00Z,,,nws,c,e,2,1970-01-01T00:00:00Z,,1970-01-01T00:00:01Z,1.50,-2,A;B,\"=x, \"\"y\"\"\r\nz\","  \
    "central.x\r\n"
#define COLLECTION "{\"type\":\"FeatureCollection\",\"features\":[\n"

static void formats(void **state)
{
    (void)state;
    writes("ndjson", 1, false, true, ENVELOPE "\n");
    writes("ndjson", 0, false, true, "");
    writes("csv", 2, false, true, TITLE ROW ROW);
    writes("csv", 0, false, true, TITLE);
    writes("csv", 0, false, false, "");
    writes("geojson", 2, false, true, COLLECTION FEATURE "\n," FEATURE "\n]}\n");
    writes("geojson", 0, false, true, COLLECTION "]}\n");
    /* What broke off is no collection. */
    writes("geojson", 1, false, false, COLLECTION FEATURE "\n");
    writes("geojson", 0, false, false, "");
    writes("geojson-seq", 2, false, true, "\x1e" FEATURE "\n\x1e" FEATURE "\n");
    writes("table", 0, false, true, "TIME SEV ADAPTER CATEGORY HEADLINE ID\n");
    writes("table", 0, false, false, "");
    writes("ndjson", 2, true, true, "{\"severity\":null,\"count\":10}\n{\"severity\":3,\"count\":11}\n");
    writes("csv", 2, true, true, "severity,count\r\n,10\r\n3,11\r\n");
    writes("csv", 0, true, true, "severity,count\r\n");
    writes("table", 2, true, true, "       COUNT SEVERITY\n          10 -\n          11 3\n");
    assert_false(output_known("xml"));
    assert_false(output_shows_counts("geojson"));
    assert_true(output_shows_geometry("geojson-seq"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors),
        cmocka_unit_test(names_of_counts),
        cmocka_unit_test(features),
        cmocka_unit_test(formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
