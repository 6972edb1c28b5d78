/* event.h: a line is by the contract or it is refused with the attribute's name; rejects always get through. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/event.h"
#include "central/mem.h"
#include "parse.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define T(literal) literal, sizeof(literal) - 1

#define TIME INT64_C(1779048480000000) /* 2026-05-17T20:08:00Z */

/* The event that the tables below change in one place each. */
static struct event_parts parts(void)
{
    return (struct event_parts){
        .id = "us7000abcd",
        .adapter = "usgs_quake",
        .category = "quake.event.light",
        .subject = "central.quake.event.light",
        .time = TIME,
        .expires = TIME + 86400 * CLOCK_SECOND,
        .has_expires = true,
        .severity = 1,
        .revision = 1,
        .geo = parse("{\"centroid\":[-112.5,33.25],\"bbox\":[-112.5,33.25,-112.5,33.25],"
                     "\"geometry\":{\"type\":\"Point\",\"coordinates\":[-112.5,33.25]},"
                     "\"regions\":[\"US-AZ\",\"US-AZ-C013\"],\"primary_region\":\"US-AZ\"}"),
        .data = parse("{\"magnitude\":4.10,\"place\":\"5 km W of Caf\\u00e9\"}"),
    };
}

static const char line_of_parts[] =
    "{\"specversion\":\"1.0\",\"id\":\"us7000abcd\",\"source\":\"central\",\"type\":\"central.quake.event.light.v1\","
    "\"time\":\"2026-05-17T20:08:00+00:00\",\"datacontenttype\":\"application/json\",\"centralschemaversion\":\"1.0\","
    "\"centralcategory\":\"quake.event.light\",\"centralseverity\":1,\"centralsubject\":\"central.quake.event.light\","
    "\"data\":{\"id\":\"us7000abcd\",\"adapter\":\"usgs_quake\",\"category\":\"quake.event.light\","
    "\"time\":\"2026-05-17T20:08:00Z\",\"expires\":\"2026-05-18T20:08:00Z\",\"severity\":1,"
    "\"geo\":{\"centroid\":[-112.5,33.25],\"bbox\":[-112.5,33.25,-112.5,33.25],"
    "\"geometry\":{\"type\":\"Point\",\"coordinates\":[-112.5,33.25]},"
    "\"regions\":[\"US-AZ\",\"US-AZ-C013\"],\"primary_region\":\"US-AZ\"},"
    "\"data\":{\"magnitude\":4.10,\"place\":\"5 km W of Caf\\u00e9\"}}}";

static struct event read_line(const char *text, size_t len)
{
    struct event ev;
    struct error e = {0};

    if (!event_read(text, len, &ev, &e))
        fail_msg("%.*s: %s", (int)(len < 300 ? len : 300), text, e.text);
    return ev;
}

static void assert_span(struct json v, const char *text)
{
    if (!json_exists(v))
        fail_msg("not there, expected %s", text);
    if (v.len != strlen(text) || memcmp(v.at, text, v.len) != 0)
        fail_msg("%.*s, expected %s", (int)v.len, v.at, text);
}

/* --- canonical events ----------------------------------------------------------------------------------------------
 */

static void writes_and_reads_an_event(void **state)
{
    struct buf b = {0};
    struct event_parts p = parts();

    (void)state;
    event_put(&b, "central", &p);
    assert_string_equal(buf_text(&b), line_of_parts);
    struct event ev = read_line(b.data, b.len);
    assert_int_equal(ev.kind, EVENT_CANONICAL);
    assert_span(ev.line, line_of_parts);
    assert_span(ev.id, "\"us7000abcd\"");
    assert_span(ev.event_id, "\"us7000abcd\"");
    assert_span(ev.source, "\"central\"");
    assert_span(ev.type, "\"central.quake.event.light.v1\"");
    assert_span(ev.category, "\"quake.event.light\"");
    assert_span(ev.subject, "\"central.quake.event.light\"");
    assert_span(ev.adapter, "\"usgs_quake\"");
    assert_int_equal(ev.time, TIME);
    assert_true(ev.has_expires);
    assert_int_equal(ev.expires, p.expires);
    assert_int_equal(ev.severity, 1);
    assert_int_equal(ev.revision, 1);
    assert_false(json_exists(ev.removes));
    assert_false(json_exists(ev.tag));
    assert_span(json_get(ev.data, "data"), "{\"magnitude\":4.10,\"place\":\"5 km W of Caf\\u00e9\"}");
    buf_free(&b);
}

static void writes_the_other_forms(void **state)
{
    struct buf b = {0};
    struct event_parts p = parts();

    (void)state;
    /* A revision with a fraction, without severity, expiry, place. */
    p.id = "https://api.weather.gov/alerts/\"urn\" caf\xc3\xa9 \\";
    p.revision = 12;
    p.severity = -1;
    p.has_expires = false;
    p.time = TIME + 5;
    p.geo = parse("{\"centroid\":null,\"bbox\":null,\"geometry\":null,\"regions\":[],\"primary_region\":null}");
    p.data = parse("{}");
    event_put(&b, "central.example.org", &p);
    struct event ev = read_line(b.data, b.len);
    char *id = json_string(ev.id), *event_id = json_string(ev.event_id), *with = mem_format("%s@12", p.id);
    assert_string_equal(event_id, p.id);
    assert_string_equal(id, with);
    assert_int_equal(ev.revision, 12);
    assert_int_equal(ev.severity, -1);
    assert_false(ev.has_expires);
    assert_int_equal(ev.time, TIME + 5);
    assert_false(json_exists(json_get(ev.line, "centralseverity")));
    assert_span(json_get(ev.line, "centralrevision"), "12");
    assert_span(json_get(ev.line, "time"), "\"2026-05-17T20:08:00.000005+00:00\"");
    assert_span(json_get(ev.data, "time"), "\"2026-05-17T20:08:00.000005Z\"");
    assert_span(json_get(ev.data, "severity"), "null");
    assert_span(json_get(ev.data, "expires"), "null");
    free(id);
    free(event_id);
    free(with);

    /* A removal. */
    buf_clear(&b);
    p = parts();
    p.removes = "us7000abcd";
    p.removes_revision = 3;
    p.severity = 0;
    event_put(&b, "central", &p);
    ev = read_line(b.data, b.len);
    assert_span(ev.removes, "\"us7000abcd\"");
    assert_int_equal(ev.removes_revision, 3);
    assert_int_equal(ev.severity, 0);
    assert_span(json_get(ev.line, "centralseverity"), "0");
    buf_free(&b);
}

/* Replaces the first from by to. */
static char *edited(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    if (!at)
        fail_msg("'%s' is not in the line", from);
    return mem_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void refuses_every_violation(void **state)
{
    static const struct {
        const char *from, *to, *names; /* what the message must name */
    } cases[] = {
        /* §1 */
        {"\"specversion\":\"1.0\",", "", "specversion"},
        {"\"specversion\":\"1.0\"", "\"specversion\":\"0.3\"", "specversion"},
        {"\"specversion\":\"1.0\"", "\"specversion\":1", "specversion"},
        {"\"specversion\":\"1.0\"", "\"specversion\":null", "specversion"},
        {"\"specversion\":\"1.0\"", "\"specversion\":\"1.0\",\"specversion\":\"1.0\"", "specversion: there twice"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"source\"", "id"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":\"\",\"source\"", "id"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":7,\"source\"", "id"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":\"us7000abce\",\"source\"", "id"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":\"us7000abcd@2\",\"source\"", "id"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":\"us7000\\nabcd\",\"source\"", "id"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":\"us7000\x7f\",\"source\"", "id"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":\"us7000abcd\",\"id\":\"x\",\"source\"", "id: there twice"},
        {"\"source\":\"central\",", "", "source"},
        {"\"source\":\"central\"", "\"source\":\"\"", "source"},
        {"\"source\":\"central\"", "\"source\":1", "source"},
        {"\"source\":\"central\"", "\"source\":\"a\\u0000b\"", "source"},
        {"\"type\":\"central.quake.event.light.v1\",", "", "type"},
        {"central.quake.event.light.v1", "central.quake.event.strong.v1", "type"},
        {"central.quake.event.light.v1", "central.quake.event.light.v2", "type"},
        {"central.quake.event.light.v1", "centrax.quake.event.light.v1", "type"},
        {"central.quake.event.light.v1", "quake.event.light", "type"},
        {"\"type\":\"central.quake.event.light.v1\"", "\"type\":{}", "type"},
        {"\"time\":\"2026-05-17T20:08:00+00:00\",", "", "time"},
        {"20:08:00+00:00", "20:08:00Z", "time"},
        {"20:08:00+00:00", "14:08:00-06:00", "time"},
        {"20:08:00+00:00", "20:08:00.0+00:00", "time"},
        {"20:08:00+00:00", "20:08:00.500+00:00", "time"},
        {"20:08:00+00:00", "20:08:00.500000+00:00", "time"}, /* not that of the event */
        {"T20:08:00+00:00", " 20:08:00+00:00", "time"},
        {"2026-05-17T20:08:00+00:00", "2026-05-17", "time"},
        {"\"time\":\"2026-05-17T20:08:00+00:00\"", "\"time\":1779048480", "time"},
        {"2026-05-17T20:08:00+00:00", "2026-02-30T20:08:00+00:00", "time"},
        {"\"datacontenttype\":\"application/json\",", "", "datacontenttype"},
        {"application/json", "application/xml", "datacontenttype"},
        {"\"centralschemaversion\":\"1.0\",", "", "centralschemaversion"},
        {"\"centralschemaversion\":\"1.0\"", "\"centralschemaversion\":\"2.0\"", "centralschemaversion"},
        {"\"centralschemaversion\":\"1.0\"", "\"centralschemaversion\":1", "centralschemaversion"},
        {"\"centralcategory\":\"quake.event.light\",", "", "centralcategory"},
        {"\"centralcategory\":\"quake.event.light\"", "\"centralcategory\":\"quake.event.strong\"", "type"},
        {"\"centralcategory\":\"quake.event.light\"", "\"centralcategory\":\"quake..light\"", "centralcategory"},
        {"\"centralcategory\":\"quake.event.light\"", "\"centralcategory\":\"Quake\"", "centralcategory"},
        {"\"centralcategory\":\"quake.event.light\"", "\"centralcategory\":\"\"", "centralcategory"},
        {"\"centralcategory\":\"quake.event.light\"", "\"centralcategory\":\"quake.\"", "centralcategory"},
        {"\"centralcategory\":\"quake.event.light\"", "\"centralcategory\":\".quake\"", "centralcategory"},
        {"\"centralcategory\":\"quake.event.light\"", "\"centralcategory\":3", "centralcategory"},
        {"\"centralseverity\":1,", "", "centralseverity"},
        {"\"centralseverity\":1", "\"centralseverity\":2", "centralseverity"},
        {"\"centralseverity\":1", "\"centralseverity\":\"1\"", "centralseverity"},
        {"\"centralseverity\":1", "\"centralseverity\":1.0", "centralseverity"},
        {"\"centralseverity\":1", "\"centralseverity\":null", "centralseverity"},
        {"\"centralsubject\":\"central.quake.event.light\",", "", "centralsubject"},
        {"\"centralsubject\":\"central.", "\"centralsubject\":\"other.", "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central\"", "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central.\"", "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central.quake.>\"",
         "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central.quake.*\"",
         "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central.quake st\"",
         "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central..light\"", "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central.St_Louis\"",
         "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central.caf\xc3\xa9\"",
         "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":\"central.\\u0061\"",
         "centralsubject"},
        {"\"centralsubject\":\"central.quake.event.light\"", "\"centralsubject\":false", "centralsubject"},
        {",\"data\":{\"id\"", ",\"centralrevision\":1,\"data\":{\"id\"", "centralrevision"},
        {"\"id\":\"us7000abcd\",\"source\"", "\"id\":\"us7000abcd@1\",\"centralrevision\":1,\"source\"",
         "centralrevision: "},
        {",\"data\":{\"id\"", ",\"centralrevision\":0,\"data\":{\"id\"", "centralrevision"},
        {",\"data\":{\"id\"", ",\"centralrevision\":-2,\"data\":{\"id\"", "centralrevision"},
        {",\"data\":{\"id\"", ",\"centralrevision\":\"2\",\"data\":{\"id\"", "centralrevision"},
        {",\"data\":{\"id\"", ",\"centralrevision\":2.5,\"data\":{\"id\"", "centralrevision"},
        {",\"data\":{\"id\"", ",\"centralrevision\":2,\"data\":{\"id\"", "id: "},
        {",\"data\":{\"id\"", ",\"centralrevision\":2147483648,\"data\":{\"id\"", "centralrevision"},
        {",\"data\":{\"id\"", ",\"Extension\":1,\"data\":{\"id\"", "Extension"},
        {",\"data\":{\"id\"", ",\"an_extension\":1,\"data\":{\"id\"", "an_extension"},
        {",\"data\":{\"id\"", ",\"abcdefghijklmnopqrstu\":1,\"data\":{\"id\"", "abcdefghijklmnopqrstu"},
        {",\"data\":{\"id\"", ",\"\":1,\"data\":{\"id\"", "attribute"},
        {",\"data\":{\"id\"", ",\"ex\\u0061\":1,\"data\":{\"id\"", "attribute"},
        {",\"data\":{\"id\"", ",\"extension\":1.5,\"data\":{\"id\"", "extension"},
        {",\"data\":{\"id\"", ",\"extension\":1e3,\"data\":{\"id\"", "extension"},
        {",\"data\":{\"id\"", ",\"extension\":2147483648,\"data\":{\"id\"", "extension"},
        {",\"data\":{\"id\"", ",\"extension\":-2147483649,\"data\":{\"id\"", "extension"},
        {",\"data\":{\"id\"", ",\"extension\":{},\"data\":{\"id\"", "extension"},
        {",\"data\":{\"id\"", ",\"extension\":[1],\"data\":{\"id\"", "extension"},
        {",\"data\":{\"id\"", ",\"data\":{},\"data\":{\"id\"", "data: there twice"},
        {",\"data\":{\"id\"", ",\"other\":{\"id\"", "other"},
        /* §2 */
        {"\"data\":{\"id\":\"us7000abcd\",", "\"data\":{", "data.id"},
        {"\"data\":{\"id\":\"us7000abcd\"", "\"data\":{\"id\":\"us7000abce\"", "id"},
        {"\"data\":{\"id\":\"us7000abcd\"", "\"data\":{\"id\":\"us7000abcd\",\"id\":\"us7000abcd\"",
         "data.id: there twice"},
        {"\"data\":{\"id\":\"us7000abcd\"", "\"data\":{\"id\":\"us7000abcd\",\"\\u0069d\":\"x\"",
         "data.id: there twice"},
        {"\"data\":{\"id\":\"us7000abcd\"", "\"data\":{\"id\":null", "data.id"},
        {"\"adapter\":\"usgs_quake\",", "", "data.adapter"},
        {"\"usgs_quake\"", "\"Usgs\"", "data.adapter"},
        {"\"usgs_quake\"", "\"\"", "data.adapter"},
        {"\"usgs_quake\"", "\"../x\"", "data.adapter"},
        {"\"usgs_quake\"", "1", "data.adapter"},
        {"\"category\":\"quake.event.light\",", "", "data.category"},
        {"\"category\":\"quake.event.light\"", "\"category\":\"quake.event.strong\"", "data.category"},
        {"\"category\":\"quake.event.light\"", "\"category\":null", "data.category"},
        {"\"time\":\"2026-05-17T20:08:00Z\",", "", "data.time"},
        {"\"2026-05-17T20:08:00Z\"", "\"2026-05-17T20:08:00+00:00\"", "data.time"},
        {"\"2026-05-17T20:08:00Z\"", "\"2026-05-17T20:08:01Z\"", "data.time"},
        {"\"2026-05-17T20:08:00Z\"", "\"2026-05-17T20:08:00z\"", "data.time"},
        {"\"2026-05-17T20:08:00Z\"", "null", "data.time"},
        {"\"expires\":\"2026-05-18T20:08:00Z\",", "", "data.expires"},
        {"\"2026-05-18T20:08:00Z\"", "\"2026-05-18T20:08:00+00:00\"", "data.expires"},
        {"\"2026-05-18T20:08:00Z\"", "\"\"", "data.expires"},
        {"\"2026-05-18T20:08:00Z\"", "0", "data.expires"},
        {"\"severity\":1,", "", "data.severity: "},
        {"\"severity\":1,", "\"severity\":5,", "data.severity: "},
        {"\"severity\":1,", "\"severity\":5e0,", "data.severity: "},
        {"\"severity\":1,", "\"severity\":-1,", "data.severity: "},
        {"\"severity\":1,", "\"severity\":1.5,", "data.severity: "},
        {"\"severity\":1,", "\"severity\":\"1\",", "data.severity: "},
        {"\"severity\":1,", "\"severity\":2,", "centralseverity"},
        {"\"severity\":1,", "\"severity\":null,", "centralseverity"},
        {"\"geo\":{", "\"geography\":{", "data.geo"},
        {"\"centroid\":[-112.5,33.25],", "", "data.geo.centroid"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":[-112.5]", "data.geo.centroid"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":[-112.5,33.25,0]", "data.geo.centroid"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":[\"-112.5\",33.25]", "data.geo.centroid"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":[null,33.25]", "data.geo.centroid"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":[1e999,33.25]", "data.geo.centroid"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":{}", "data.geo.centroid"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":null,\"centroid\":null", "data.geo.centroid: there twice"},
        {"\"bbox\":[-112.5,33.25,-112.5,33.25],", "", "data.geo.bbox"},
        {"\"bbox\":[-112.5,33.25,-112.5,33.25]", "\"bbox\":[-112.5,33.25]", "data.geo.bbox"},
        {"\"bbox\":[-112.5,33.25,-112.5,33.25]", "\"bbox\":[1,2,3,true]", "data.geo.bbox"},
        {"\"geometry\":", "\"geo\":", "data.geo.geometry"},
        {"\"geometry\":{\"type\":\"Point\",\"coordinates\":[-112.5,33.25]}", "\"geometry\":[]", "data.geo.geometry"},
        {"\"geometry\":{\"type\":\"Point\",\"coordinates\":[-112.5,33.25]}", "\"geometry\":\"POINT\"",
         "data.geo.geometry"},
        {"\"regions\":[\"US-AZ\",\"US-AZ-C013\"],", "", "data.geo.regions"},
        {"[\"US-AZ\",\"US-AZ-C013\"]", "null", "data.geo.regions"},
        {"[\"US-AZ\",\"US-AZ-C013\"]", "[\"US-AZ\",1]", "data.geo.regions"},
        {"[\"US-AZ\",\"US-AZ-C013\"]", "[\"US-AZ\",\"US-AL\"]", "data.geo.regions"},
        {"[\"US-AZ\",\"US-AZ-C013\"]", "[\"US-AZ\",\"US-AZ\"]", "data.geo.regions"},
        {"[\"US-AZ\",\"US-AZ-C013\"]", "[\"US-AZ-C013\",\"US-AZ\"]", "data.geo.regions"},
        {"\"primary_region\":\"US-AZ\"", "\"primary_region\":\"US-AZ-C013\"", "data.geo.primary_region"},
        {"\"primary_region\":\"US-AZ\"", "\"primary_region\":null", "data.geo.primary_region"},
        {",\"primary_region\":\"US-AZ\"", "", "data.geo.primary_region"},
        {"\"regions\":[\"US-AZ\",\"US-AZ-C013\"]", "\"regions\":[]", "data.geo.primary_region"},
        {"\"data\":{\"magnitude\"", "\"payload\":{\"magnitude\"", "data.data"},
        {"{\"magnitude\":4.10,\"place\":\"5 km W of Caf\\u00e9\"}", "[]", "data.data"},
        {"{\"magnitude\":4.10,\"place\":\"5 km W of Caf\\u00e9\"}", "null", "data.data"},
        {"\"expires\":", "\"removes\":\"x\",\"expires\":", "data.removes"},
        {"\"expires\":", "\"removes\":\"\",\"removes_revision\":1,\"expires\":", "data.removes"},
        {"\"expires\":", "\"removes\":\"x\",\"removes_revision\":0,\"expires\":", "data.removes"},
        {"\"expires\":", "\"removes\":1,\"removes_revision\":1,\"expires\":", "data.removes"},
        {"\"expires\":", "\"removes_revision\":1,\"expires\":", "data.removes"},
        /* no JSON */
        {"}}}", "}}", "byte"},
        {"Caf\\u00e9", "Caf\xe9", "invalid UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *line = edited(line_of_parts, cases[i].from, cases[i].to);
        struct event ev = {.revision = 42};
        struct error e = {0};
        if (event_read(line, strlen(line), &ev, &e))
            fail_msg("case %zu, '%s' by '%s': accepted", i, cases[i].from, cases[i].to);
        assert_int_equal(e.status, CENTRAL_REJECTED);
        if (!strstr(e.text, cases[i].names))
            fail_msg("case %zu, '%s' by '%s': '%s' does not name %s", i, cases[i].from, cases[i].to, e.text,
                     cases[i].names);
        assert_int_equal(ev.revision, 42);
        error_free(&e);
        free(line);
    }
}

static void accepts_what_the_contract_leaves_open(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"{\"specversion\"", " \t{ \"specversion\" "},
        {",\"data\":{\"id\"", ",\"extension\":-2147483648,\"data\":{\"id\""},
        {",\"data\":{\"id\"", ",\"abcdefghij0123456789\":true,\"data\":{\"id\""},
        {",\"data\":{\"id\"", ",\"traceparent\":\"00-ab\",\"data\":{\"id\""},
        {",\"data\":{\"id\"", ",\"extension\":null,\"centralrevision\":null,\"centraltag\":null,\"data\":{\"id\""},
        {"\"adapter\":", "\"new_key\":{\"a\":1.5},\"adapter\":"},
        {"\"geo\":{", "\"geo\":{\"accuracy\":1,"},
        {"\"geometry\":{\"type\":\"Point\",\"coordinates\":[-112.5,33.25]}", "\"geometry\":null"},
        {"\"centroid\":[-112.5,33.25]", "\"centroid\":[ -1125e-1 , 33 ]"},
        {"\"2026-05-18T20:08:00Z\"", "null"},
        {"\"2026-05-18T20:08:00Z\"", "\"2026-05-18T20:08:00.250000Z\""},
        {"\"regions\":[\"US-AZ\",\"US-AZ-C013\"]", "\"regions\":[\"US-AZ\"]"},
        {"\"source\":\"central\"", "\"source\":\"c\\u0065ntral\""},
        {"\"data\":{\"magnitude\":4.10", "\"data\":{\"id\":5,\"id\":6,\"geo\":0"}, /* the adapter's own business */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *line = edited(line_of_parts, cases[i].from, cases[i].to);
        assert_int_equal(read_line(line, strlen(line)).kind, EVENT_CANONICAL);
        free(line);
    }
    /* A severity that is null has no attribute, or a null one. */
    char *a = edited(line_of_parts, "\"severity\":1,", "\"severity\":null,");
    char *b = edited(a, "\"centralseverity\":1", "\"centralseverity\":null"),
         *c = edited(a, "\"centralseverity\":1,", "");
    assert_int_equal(read_line(b, strlen(b)).severity, -1);
    assert_int_equal(read_line(c, strlen(c)).severity, -1);
    free(a);
    free(b);
    free(c);
}

static void refuses_what_is_no_event(void **state)
{
    static const char *const lines[] = {
        "", "[]", "1", "\"x\"", "null", "{}", "{\"specversion\":\"1.0\"}", "not json", "{\"type\":\"Feature\"}"};

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct event ev;
        struct error e = {0};
        assert_false(event_read(lines[i], strlen(lines[i]), &ev, &e));
        assert_int_equal(e.status, CENTRAL_REJECTED);
        assert_true(strncmp(e.text, "not ", 4) == 0 || strncmp(e.text, "id: ", 4) == 0 ||
                    strncmp(e.text, "attri", 5) == 0);
        error_free(&e);
    }
}

static void limits_ids_and_subjects(void **state)
{
    char id[EVENT_ID_MAX + 2], subject[EVENT_SUBJECT_MAX + 2] = "central.";
    struct event ev;

    (void)state;
    for (size_t len = EVENT_ID_MAX; len <= EVENT_ID_MAX + 1; len++)
        for (int last = 0; last < 2; last++) {
            struct buf b = {0};
            struct event_parts p = parts();
            memset(id, 'i', len);
            id[len] = '\0';
            p.id = id;
            p.revision = last ? INT32_MAX : 1;
            event_put(&b, "central", &p);
            assert_int_equal(event_read(b.data, b.len, &ev, NULL), len == EVENT_ID_MAX);
            buf_free(&b);
        }
    for (size_t len = EVENT_SUBJECT_MAX; len <= EVENT_SUBJECT_MAX + 1; len++) {
        struct buf b = {0};
        struct event_parts p = parts();
        memset(subject + 8, 's', len - 8);
        subject[len] = '\0';
        p.subject = subject;
        event_put(&b, "central", &p);
        assert_int_equal(event_read(b.data, b.len, &ev, NULL), len == EVENT_SUBJECT_MAX);
        assert_int_equal(event_subject_ok(subject, len), len == EVENT_SUBJECT_MAX);
        buf_free(&b);
    }
}

/* --- message ids ---------------------------------------------------------------------------------------------------
 */

static char *message_id(const char *line)
{
    struct buf b = {0};
    struct event ev = read_line(line, strlen(line));

    event_put_message_id(&b, &ev);
    buf_text(&b);
    return b.data;
}

static void message_ids_follow_the_meaning(void **state)
{
    static const struct {
        const char *from, *to;
        bool same;
    } cases[] = {
        {"\"magnitude\":4.10,\"place\":\"5 km W of Caf\\u00e9\"",
         "\"place\":\"5 km W of Caf\xc3\xa9\", \"magnitude\" : 4.1", true},
        {"\"adapter\":\"usgs_quake\",\"category\":\"quake.event.light\"",
         "\"category\":\"quake.event.light\",\"adapter\":\"usgs_quake\"", true},
        {"\"source\":\"central\"", "\"source\":\"elsewhere\"", true},
        {",\"data\":{\"id\"", ",\"extension\":1,\"data\":{\"id\"", true},
        {"4.10", "4.11", false},
        {"33.25", "33.26", false},
        {"\"2026-05-18T20:08:00Z\"", "null", false},
        {"\"place\"", "\"Place\"", false},
    };

    (void)state;
    char *id = message_id(line_of_parts);
    static const char first[] = "us7000abcd:quake.event.light:";
    assert_memory_equal(id, first, sizeof first - 1);
    assert_int_equal(strlen(id), sizeof first - 1 + 8);
    assert_int_equal(strspn(id + sizeof first - 1, "0123456789abcdef"), 8);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *line = edited(line_of_parts, cases[i].from, cases[i].to), *other = message_id(line);
        if ((strcmp(id, other) == 0) != cases[i].same)
            fail_msg("'%s' by '%s': %s, %s", cases[i].from, cases[i].to, id, other);
        free(line);
        free(other);
    }
    free(id);
}

/* --- raw events ----------------------------------------------------------------------------------------------------
 */

static void writes_and_reads_a_raw_event(void **state)
{
    static const char *const records[] = {"{ \"a\" : [ 1.50 , \"x y\" ] }", "[1]", "\"text\"", "null",
                                          "12345678901234567890"};
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(records); i++) {
        buf_clear(&b);
        event_put_raw(&b, "https://example.org/feed?a=1&b=\"2\"", "usgs_quake", TIME, parse(records[i]),
                      i ? NULL : "{\"n\":1}");
        struct event ev = read_line(b.data, b.len);
        assert_int_equal(ev.kind, EVENT_RAW);
        assert_span(ev.adapter, "\"usgs_quake\"");
        assert_true(json_equals(ev.source, "https://example.org/feed?a=1&b=\"2\""));
        assert_int_equal(ev.time, TIME);
        assert_int_equal(ev.id.len, 34);
        if (i == 0) {
            assert_span(ev.data, "{\"a\":[1.50,\"x y\"]}");
            assert_true(json_equals(ev.tag, "{\"n\":1}"));
        } else {
            assert_span(ev.data, records[i]);
            assert_false(json_exists(ev.tag));
        }
        assert_null(memchr(b.data, '\n', b.len));
    }
    /* The same record is the same item, whatever its notation. */
    struct buf c = {0};
    buf_clear(&b);
    event_put_raw(&b, "file:///a", "nws", TIME, parse("{\"a\":1,\"b\":2}"), NULL);
    event_put_raw(&c, "file:///b", "nws", TIME + 1, parse("{\"b\":2.0,\"a\":1}"), NULL);
    struct event one = read_line(b.data, b.len), two = read_line(c.data, c.len);
    assert_int_equal(one.id.len, two.id.len);
    assert_memory_equal(one.id.at, two.id.at, one.id.len);
    buf_free(&b);
    buf_free(&c);
}

static void refuses_bad_raw_events(void **state)
{
    static const struct {
        const char *from, *to, *names;
    } cases[] = {
        {"\"centraladapter\":\"nws\",", "", "centraladapter"},
        {"\"centraladapter\":\"nws\"", "\"centraladapter\":\"a b\"", "centraladapter"},
        {"\"centraladapter\":\"nws\"", "\"centraladapter\":true", "centraladapter"},
        {"\"centraladapter\":\"nws\"", "\"centraladapter\":\"nws\",\"centraltag\":7", "centraltag"},
        {",\"data\":{\"a\":1}", "", "data"},
        {"+00:00", "Z", "time"},
        {"\"id\":", "\"iid\":", "id"},
    };
    struct buf b = {0};

    (void)state;
    event_put_raw(&b, "https://example.org/", "nws", TIME, parse("{\"a\":1}"), NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *line = edited(buf_text(&b), cases[i].from, cases[i].to);
        struct event ev;
        struct error e = {0};
        if (event_read(line, strlen(line), &ev, &e))
            fail_msg("'%s' by '%s': accepted", cases[i].from, cases[i].to);
        assert_non_null(strstr(e.text, cases[i].names));
        error_free(&e);
        free(line);
    }
    buf_free(&b);
}

/* --- tokens --------------------------------------------------------------------------------------------------------
 */

static void reduces_tokens(void **state)
{
    static const char *const cases[][2] = {
        {"montana", "montana"},  {"St. Louis", "st_louis"}, {"", "unknown"},
        {"...", "unknown"},      {"__", "unknown"},         {"  a  b  ", "a_b"},
        {"A.B*C>D", "a_b_c_d"},  {"caf\xc3\xa9", "caf"},    {"\xc3\xa9t\xc3\xa9", "t"},
        {"a_-_b", "a_-_b"},      {"a__b", "a_b"},           {"Z009", "z009"},
        {"c\xc3\xb4te", "c_te"}, {"a\nb", "a_b"},           {"-", "-"},
        {"\xff", "unknown"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        buf_add_text(&b, "central._");
        event_put_token(&b, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(b.data + 9, cases[i][1]);
        assert_int_equal(b.len, 9 + strlen(cases[i][1]));
        assert_true(event_subject_ok(b.data, b.len));
        buf_free(&b);
    }
    static const char *const bad[] = {"",           "central",    "central.",         ".central.a",  "central.a.",
                                      "central..a", "Central.a",  "central.A",        "central.a b", "central.>",
                                      "central.*",  "centralx.a", "central.a\xc3\xa9"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(event_subject_ok(bad[i], strlen(bad[i])));
    assert_true(event_subject_ok("central.a-b.c_d.0", 17));
    assert_false(event_subject_ok(T("central.a\0")));
}

static void names_this_instance(void **state)
{
    (void)state;
    unsetenv("CENTRAL_SOURCE");
    assert_string_equal(event_source(), "central");
    setenv("CENTRAL_SOURCE", "", 1);
    assert_string_equal(event_source(), "central");
    setenv("CENTRAL_SOURCE", "central.example.org", 1);
    assert_string_equal(event_source(), "central.example.org");
    unsetenv("CENTRAL_SOURCE");
}

/* --- rejects -------------------------------------------------------------------------------------------------------
 */

/* Writes a reject, reads it back and returns its data; the buffer holds it. */
static struct json put_reject(struct buf *b, const struct reject *r)
{
    buf_clear(b);
    event_put_reject(b, r);
    assert_true(b->len < 1024 * 1024);
    assert_null(memchr(b->data, '\n', b->len));
    struct event ev = read_line(b->data, b->len);
    assert_int_equal(ev.kind, EVENT_REJECT);
    assert_true(json_equals(ev.type, "central.meta.reject.v1"));
    return ev.data;
}

static void keeps_the_original(void **state)
{
    struct buf b = {0};
    struct reject r = {.stage = "central-normalize",
                       .adapter = "nws",
                       .source = "https://example.org/",
                       .line = 7,
                       .reason = "no \"sent\"",
                       .original = " { \"a\" : 1.0 } ",
                       .original_len = 15};

    (void)state;
    struct json data = put_reject(&b, &r);
    assert_span(json_get(data, "adapter"), "\"nws\"");
    assert_span(json_get(data, "stage"), "\"central-normalize\"");
    assert_true(json_equals(json_get(data, "reason"), r.reason));
    assert_span(json_get(data, "source"), "\"https://example.org/\"");
    assert_span(json_get(data, "line"), "7");
    assert_span(json_get(data, "original"), "{\"a\":1.0}");
    assert_false(json_exists(json_get(data, "original_text")));
    assert_span(json_get(parse(buf_text(&b)), "centralsubject"), "\"central.meta.reject.nws\"");
    char *id = json_string(json_get(parse(b.data), "id"));

    /* The same again is the same reject, another record or reason is another one. */
    put_reject(&b, &r);
    assert_true(json_equals(json_get(parse(b.data), "id"), id));
    r.reason = "no time";
    put_reject(&b, &r);
    assert_false(json_equals(json_get(parse(b.data), "id"), id));
    free(id);

    r.original = "not JSON \xff\x01\n";
    r.original_len = 12;
    r.source = NULL;
    r.line = 0;
    data = put_reject(&b, &r);
    assert_true(json_equals(json_get(data, "original_text"), "not JSON \xef\xbf\xbd\x01\n"));
    assert_false(json_exists(json_get(data, "original")));
    assert_false(json_exists(json_get(data, "line")));
    assert_true(json_is_null(json_get(data, "source")));

    r.original = "";
    r.original_len = 0;
    data = put_reject(&b, &r);
    assert_span(json_get(data, "original_text"), "\"\"");

    /* Only its beginning is at hand, even if that happens to be JSON. */
    r.original = "12";
    r.original_len = 2;
    r.original_total = 5000000;
    data = put_reject(&b, &r);
    assert_span(json_get(data, "original_text"), "\"12\"");
    assert_span(json_get(data, "original_bytes"), "5000000");
    buf_free(&b);
}

static void rejects_always_get_through(void **state)
{
    struct buf b = {0}, original = {0}, reason = {0};
    struct reject r = {.stage = "central-normalize", .adapter = "nws", .reason = "x"};
    struct json data;
    int64_t n;

    (void)state;
    /* JSON up to its limit as it is; beyond, its beginning as text, its length and a hash. */
    for (size_t size = REJECT_JSON_MAX; size <= REJECT_JSON_MAX + 1; size++) {
        buf_clear(&original);
        buf_add_char(&original, '"');
        while (original.len < size - 1)
            buf_add_char(&original, 'x');
        buf_add_char(&original, '"');
        r.original = original.data;
        r.original_len = original.len;
        data = put_reject(&b, &r);
        assert_int_equal(json_exists(json_get(data, "original")), size == REJECT_JSON_MAX);
        if (size > REJECT_JSON_MAX) {
            assert_int_equal(json_get(data, "original_text").len, REJECT_TEXT_MAX + 3); /* quotes, and \ before one */
            assert_true(json_int(json_get(data, "original_bytes"), &n));
            assert_int_equal(n, size);
            assert_int_equal(json_get(data, "original_hash").len, 34);
        }
    }
    /* What takes the most room: control characters six bytes each, not UTF-8, and both reason and source as bad. */
    static const char worst[] = {'\x01', '\xff', '\x80', '\xe2', '"'};
    for (size_t k = 0; k < COUNT(worst); k++) {
        buf_clear(&original);
        memset(buf_reserve(&original, 2000000), worst[k], 2000000);
        original.len = 2000000;
        buf_clear(&reason);
        buf_add(&reason, original.data, 1000000);
        r.original = original.data;
        r.original_len = original.len;
        r.reason = r.source = buf_text(&reason);
        data = put_reject(&b, &r);
        struct buf text = {0};
        assert_true(json_decode(json_get(data, "original_text"), &text));
        assert_true(text.len >= REJECT_TEXT_MAX);
        assert_true(json_get(data, "reason").len > 1000);
        buf_free(&text);
    }
    r.reason = "x";
    r.source = NULL;
    /* A character is not cut in two. */
    buf_clear(&original);
    buf_add_char(&original, 'x');
    while (original.len < REJECT_TEXT_MAX + 100)
        buf_add_text(&original, "\xf0\x9f\x98\x80");
    r.original = original.data;
    r.original_len = original.len;
    data = put_reject(&b, &r);
    assert_null(memmem(b.data, b.len, "\xef\xbf\xbd", 3));
    assert_int_equal(json_get(data, "original_text").len, REJECT_TEXT_MAX - 3 + 2);

    /* JSON as deep as there is: the reject around it would be too deep, so it goes as text. */
    for (int depth = JSON_MAX_DEPTH - 3; depth <= JSON_MAX_DEPTH + 2; depth++) {
        buf_clear(&original);
        for (int i = 0; i < depth; i++)
            buf_add_text(&original, i % 2 && i < depth - 1 ? "[1,{},{\"a\":2}," : "[");
        for (int i = 0; i < depth; i++)
            buf_add_text(&original, i == 0 ? "0]" : "]");
        r.original = original.data;
        r.original_len = original.len;
        data = put_reject(&b, &r);
        assert_int_equal(json_exists(json_get(data, "original")), depth <= JSON_MAX_DEPTH - 2);
        assert_int_equal(json_exists(json_get(data, "original_text")), depth > JSON_MAX_DEPTH - 2);
    }

    /* No adapter's name: nobody can tell whose it is. */
    static const char *const names[] = {"unknown", "", "Not A Name", "../../x", "1", "a.b"};
    r.original = "x";
    r.original_len = 1;
    for (size_t i = 0; i < COUNT(names); i++) {
        r.adapter = names[i];
        data = put_reject(&b, &r);
        assert_span(json_get(data, "adapter"), "\"unknown\"");
        assert_span(json_get(parse(buf_text(&b)), "centralsubject"), "\"central.meta.reject.unknown\"");
    }
    buf_free(&b);
    buf_free(&original);
    buf_free(&reason);
}

/* --- poll reports --------------------------------------------------------------------------------------------------
 */

static const char report[] =
    "{\"specversion\":\"1.0\",\"id\":\"poll:nws:1\",\"source\":\"central\",\"type\":\"central.meta.poll.v1\","
    "\"time\":\"2026-05-17T20:08:00+00:00\",\"datacontenttype\":\"application/json\",\"ok\":true,"
    "\"ts\":\"2026-05-17T20:08:00+00:00\",\"centralsubject\":\"central.meta.adapter.nws.status\","
    "\"data\":{\"adapter\":\"nws\",\"state\":\"new\",\"complete\":true,\"items\":3,\"requests\":[{\"data\":{\"items\":"
    "1}}],"
    "\"normalized\":1}}";

static void adds_counts_to_a_report(void **state)
{
    static const struct event_count counts[] = {{"normalized", 3}, {"rejected", 0}, {"skipped", INT64_MAX}};
    struct buf b = {0}, again = {0};

    (void)state;
    struct event ev = read_line(report, sizeof report - 1);
    assert_int_equal(ev.kind, EVENT_POLL);
    assert_span(ev.adapter, "\"nws\"");
    event_put_poll(&b, &ev, counts, COUNT(counts));
    assert_string_equal(
        buf_text(&b),
        "{\"specversion\":\"1.0\",\"id\":\"poll:nws:1\",\"source\":\"central\",\"type\":\"central.meta.poll.v1\","
        "\"time\":\"2026-05-17T20:08:00+00:00\",\"datacontenttype\":\"application/json\",\"ok\":true,"
        "\"ts\":\"2026-05-17T20:08:00+00:00\",\"centralsubject\":\"central.meta.adapter.nws.status\","
        "\"data\":{\"adapter\":\"nws\",\"state\":\"new\",\"complete\":true,\"items\":3,"
        "\"requests\":[{\"data\":{\"items\":1}}],\"normalized\":3,\"rejected\":0,"
        "\"skipped\":9223372036854775807}}");
    /* The next stage's count replaces its own, and no counts change nothing. */
    ev = read_line(b.data, b.len);
    event_put_poll(&again, &ev, &(struct event_count){"rejected", -1}, 1);
    ev = read_line(again.data, again.len);
    assert_span(json_get(ev.data, "rejected"), "-1");
    assert_span(json_get(ev.data, "normalized"), "3");
    assert_int_equal(json_count(ev.data), 8);
    buf_clear(&b);
    event_put_poll(&b, &ev, NULL, 0);
    assert_string_equal(buf_text(&b), buf_text(&again));
    char *id = message_id(report);
    assert_string_equal(id, "poll:nws:1:central.meta.poll.v1");
    free(id);
    buf_free(&b);
    buf_free(&again);
}

static void refuses_bad_reports(void **state)
{
    static const struct {
        const char *from, *to, *names;
    } cases[] = {
        {"\"centralsubject\":\"central.meta.adapter.nws.status\",", "", "centralsubject"},
        {"central.meta.adapter.nws.status", "central.wx.alert", "centralsubject"},
        {"central.meta.adapter.nws.status", "central.meta.", "centralsubject"},
        {"central.meta.adapter.nws.status", "central.meta", "centralsubject"},
        {"central.meta.adapter.nws.status", "central.metadata.x", "centralsubject"},
        {"\"adapter\":\"nws\"", "\"adapter\":\"N\"", "data.adapter"},
        {"\"adapter\":\"nws\",", "", "data.adapter"},
        {"\"ok\":true", "\"ok\":1.5", "ok"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *line = edited(report, cases[i].from, cases[i].to);
        struct event ev;
        struct error e = {0};
        if (event_read(line, strlen(line), &ev, &e))
            fail_msg("'%s' by '%s': accepted", cases[i].from, cases[i].to);
        assert_non_null(strstr(e.text, cases[i].names));
        error_free(&e);
        free(line);
    }
}

static void receipts_come_and_go(void **state)
{
    static const char *const bad[] = {"\"centralstream\":\"S\"",
                                      "\"centralsequence\":\"7\"",
                                      "\"centralstream\":\"S\",\"centralsequence\":7",
                                      "\"centralstream\":\"S\",\"centralsequence\":\"-7\"",
                                      "\"centralstream\":\"S\",\"centralsequence\":\"12345678901234567890\"",
                                      "\"centralstream\":\"\",\"centralsequence\":\"7\""};
    struct buf with = {0}, bare = {0};
    struct event ev;
    struct error e = {0};

    (void)state;
    char *line = mem_format("%.*s \t} ", (int)strlen(line_of_parts) - 1, line_of_parts);
    event_put_receipt(&with, line, strlen(line), "CENTRAL_QUAKE", UINT64_C(9007199254740993));
    free(line);
    if (!event_read(with.data, with.len, &ev, &e))
        fail_msg("%s: %s", buf_text(&with), e.text);
    assert_true(json_equals(ev.stream, "CENTRAL_QUAKE"));
    assert_true(ev.sequence == UINT64_C(9007199254740993));
    event_put_bare(&bare, &ev);
    assert_string_equal(buf_text(&bare), line_of_parts);
    assert_true(event_read(bare.data, bare.len, &ev, &e));
    assert_false(json_exists(ev.stream));
    for (size_t i = 0; i < COUNT(bad); i++) {
        line = mem_format("%.*s,%s}", (int)strlen(line_of_parts) - 1, line_of_parts, bad[i]);
        if (event_read(line, strlen(line), &ev, &e))
            fail_msg("%s: accepted", bad[i]);
        assert_non_null(strstr(e.text, "centralstream"));
        error_free(&e);
        free(line);
    }
    buf_free(&with);
    buf_free(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_an_event),
        cmocka_unit_test(writes_the_other_forms),
        cmocka_unit_test(refuses_every_violation),
        cmocka_unit_test(accepts_what_the_contract_leaves_open),
        cmocka_unit_test(refuses_what_is_no_event),
        cmocka_unit_test(limits_ids_and_subjects),
        cmocka_unit_test(message_ids_follow_the_meaning),
        cmocka_unit_test(writes_and_reads_a_raw_event),
        cmocka_unit_test(refuses_bad_raw_events),
        cmocka_unit_test(reduces_tokens),
        cmocka_unit_test(names_this_instance),
        cmocka_unit_test(keeps_the_original),
        cmocka_unit_test(rejects_always_get_through),
        cmocka_unit_test(adds_counts_to_a_report),
        cmocka_unit_test(refuses_bad_reports),
        cmocka_unit_test(receipts_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
