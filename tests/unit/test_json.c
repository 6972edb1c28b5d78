/* json.h: what is JSON and what is not, looking without copying, hashing by meaning, writing. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/json.h"
#include "central/mem.h"
#include "parse.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Text with a length, for NUL bytes. */
#define T(literal) literal, sizeof(literal) - 1

/* Checks a copy that ends where the memory ends, so that the sanitizer sees a byte read too far. */
static bool check_copy(const char *text, size_t len, struct json *value, char **copy, struct error *e)
{
    *copy = malloc(len ? len : 1);
    assert_non_null(*copy);
    memcpy(*copy, text, len);
    return json_check(*copy, len, value, e);
}

/* --- grammar -------------------------------------------------------------------------------------------------------
 */

static void accepts_every_form(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        enum json_kind kind;
    } cases[] = {
        {T("null"), JSON_NULL},
        {T("true"), JSON_TRUE},
        {T("false"), JSON_FALSE},
        {T(" \t\r\n 1 \n"), JSON_NUMBER},
        {T("0"), JSON_NUMBER},
        {T("-0"), JSON_NUMBER},
        {T("-0.0"), JSON_NUMBER},
        {T("0e0"), JSON_NUMBER},
        {T("0E+00"), JSON_NUMBER},
        {T("123456789012345678901234567890"), JSON_NUMBER},
        {T("1.0e-999999999999999999999"), JSON_NUMBER},
        {T("1e0001"), JSON_NUMBER},
        {T("10.01"), JSON_NUMBER},
        {T("\"\""), JSON_STRING},
        {T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFFf\""), JSON_STRING},
        {T("\"\x7f\""), JSON_STRING},
        {T("\"/\""), JSON_STRING},
        {T("\"{[,:]}\""), JSON_STRING},
        {T("\"\\ud83d\\ude00\""), JSON_STRING},
        {T("\"\\ud83d\""), JSON_STRING}, /* a lone surrogate is grammar; decoding replaces it */
        {T("\"\\ude00\\ud83d\""), JSON_STRING},
        {T("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
         JSON_STRING},
        {T("\"1234567\""), JSON_STRING}, /* quotes at every distance from a word's end */
        {T("\"12345678\""), JSON_STRING},
        {T("\"123456789\""), JSON_STRING},
        {T("\"1234567\\n\""), JSON_STRING},
        {T("\"123456\\\"\""), JSON_STRING},
        {T("[]"), JSON_ARRAY},
        {T("[ ]"), JSON_ARRAY},
        {T("[[],{},[[]]]"), JSON_ARRAY},
        {T("[1 , 2\t,\n3\r]"), JSON_ARRAY},
        {T("[null,true,false]"), JSON_ARRAY},
        {T("{}"), JSON_OBJECT},
        {T("{ }"), JSON_OBJECT},
        {T("{\"\":0}"), JSON_OBJECT},
        {T("{ \"a\" : 1 , \"a\" : 2 }"), JSON_OBJECT},
        {T("{\"a\\u0000b\":{}}"), JSON_OBJECT},
        {T("{\"a\":[{\"b\":[{}]}]}"), JSON_OBJECT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json v = {0};
        struct error e = {0};
        char *copy;
        if (!check_copy(cases[i].text, cases[i].len, &v, &copy, &e))
            fail_msg("%s: %s", cases[i].text, e.text);
        if (json_kind(v) != cases[i].kind)
            fail_msg("%s: kind %d", cases[i].text, json_kind(v));
        /* The span has no blanks around it. */
        assert_null(strchr(" \t\r\n", v.at[0]));
        assert_null(strchr(" \t\r\n", v.at[v.len - 1]));
        free(copy);
    }
}

static void refuses_the_rest_and_says_where(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        size_t byte; /* 0: the message has none */
        const char *why;
    } cases[] = {
        {T(""), 0, "empty"},
        {T(" \n"), 0, "empty"},
        {T("\xef\xbb\xbf{}"), 1, "expected a JSON value"}, /* a byte order mark */
        {T("nul"), 1, "unknown word"},
        {T("nulll"), 5, "something follows"},
        {T("True"), 1, "expected a JSON value"},
        {T("NaN"), 1, "expected a JSON value"},
        {T("Infinity"), 1, "expected a JSON value"},
        {T("-Infinity"), 2, "malformed number"},
        {T("'a'"), 1, "expected a JSON value"},
        {T("+1"), 1, "expected a JSON value"},
        {T(".5"), 1, "expected a JSON value"},
        {T("-"), 2, "malformed number"},
        {T("- 1"), 2, "malformed number"},
        {T("--1"), 2, "malformed number"},
        {T("01"), 2, "leading zero"},
        {T("-012"), 3, "leading zero"},
        {T("1."), 3, "malformed number"},
        {T("1.e1"), 3, "malformed number"},
        {T("1e"), 3, "malformed number"},
        {T("1e+"), 4, "malformed number"},
        {T("1e1.5"), 4, "something follows"},
        {T("0x1F"), 2, "something follows"},
        {T("1 2"), 3, "something follows"},
        {T("1_000"), 2, "something follows"},
        {T("\xef\xbc\x91"), 1, "expected a JSON value"}, /* a full-width digit */
        {T("[1,]"), 4, "expected a JSON value"},
        {T("[,1]"), 2, "expected a JSON value"},
        {T("[1,,2]"), 4, "expected a JSON value"},
        {T("[1 2]"), 4, "expected ',' or ']'"},
        {T("[1}"), 3, "expected ',' or ']'"},
        {T("["), 2, "ends where a value"},
        {T("[1"), 3, "ends inside an array"},
        {T("[1,"), 4, "ends where a value"},
        {T("]"), 1, "expected a JSON value"},
        {T("[]]"), 3, "something follows"},
        {T("[]\0"), 3, "something follows"},
        {T("{"), 2, "ends inside an object"},
        {T("{\"a\""), 5, "ends inside an object"},
        {T("{\"a\":"), 6, "ends where a value"},
        {T("{\"a\":1"), 7, "ends inside an object"},
        {T("{\"a\":1,"), 8, "ends inside an object"},
        {T("{\"a\":1,}"), 8, "expected a member's name"},
        {T("{,}"), 2, "expected a member's name"},
        {T("{a:1}"), 2, "expected a member's name"},
        {T("{1:1}"), 2, "expected a member's name"},
        {T("{'a':1}"), 2, "expected a member's name"},
        {T("{\"a\" 1}"), 6, "expected ':'"},
        {T("{\"a\",1}"), 5, "expected ':'"},
        {T("{\"a\"::1}"), 6, "expected a JSON value"},
        {T("{\"a\":1 \"b\":2}"), 8, "expected ',' or '}'"},
        {T("{\"a\":1]"), 7, "expected ',' or '}'"},
        {T("{} {}"), 4, "something follows"},
        {T("// c\n1"), 1, "expected a JSON value"},
        {T("[1/*c*/]"), 3, "expected ',' or ']'"},
        {T("\""), 2, "ends inside a string"},
        {T("\"abc"), 5, "ends inside a string"},
        {T("\"12345678"), 10, "ends inside a string"},
        {T("\"\\"), 2, "ends inside a string"},
        {T("\"\\\""), 4, "ends inside a string"},
        {T("\"\\a\""), 2, "unknown escape"},
        {T("\"\\\0\""), 2, "unknown escape"},
        {T("\"\\x41\""), 2, "unknown escape"},
        {T("\"\\U0041\""), 2, "unknown escape"},
        {T("\"\\u\""), 2, "four hex digits"},
        {T("\"\\u12\""), 2, "four hex digits"},
        {T("\"\\u12"), 2, "four hex digits"},
        {T("\"\\u00g0\""), 2, "four hex digits"},
        {T("\"ab\\u 123\""), 4, "four hex digits"},
        {T("\"a\nb\""), 3, "control character"},
        {T("\"\t\""), 2, "control character"},
        {T("\"\0\""), 2, "control character"},
        {T("\"1234567\x1f\""), 9, "control character"},
        {T("\"12345678\x01\""), 10, "control character"},
        {T("[1,\0]"), 4, "expected a JSON value"},
        {T("[1\x0b]"), 3, "expected ',' or ']'"}, /* no blank of JSON */
        {T("[1\xc2\xa0]"), 3, "expected ',' or ']'"},
        {T("\"\x80\""), 2, "invalid UTF-8"},
        {T("\"\xbf\""), 2, "invalid UTF-8"},
        {T("\"\xc0\x80\""), 2, "invalid UTF-8"},
        {T("\"\xc1\xbf\""), 2, "invalid UTF-8"},
        {T("\"\xe0\x9f\xbf\""), 2, "invalid UTF-8"},
        {T("\"\xed\xa0\x80\""), 2, "invalid UTF-8"}, /* a surrogate */
        {T("\"\xed\xbf\xbf\""), 2, "invalid UTF-8"},
        {T("\"\xf0\x8f\xbf\xbf\""), 2, "invalid UTF-8"},
        {T("\"\xf4\x90\x80\x80\""), 2, "invalid UTF-8"},
        {T("\"\xf5\x80\x80\x80\""), 2, "invalid UTF-8"},
        {T("\"\xff\""), 2, "invalid UTF-8"},
        {T("\"abc\xc3\""), 5, "invalid UTF-8"},
        {T("\"abc\xe2\x82\""), 5, "invalid UTF-8"},
        {T("\"\xe2\x82"), 2, "invalid UTF-8"},
        {T("{\"\xff\":1}"), 3, "invalid UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json v;
        struct error e = {0};
        char *copy, where[40];
        if (check_copy(cases[i].text, cases[i].len, &v, &copy, &e))
            fail_msg("case %zu accepted: %s", i, cases[i].text);
        assert_int_equal(e.status, CENTRAL_REJECTED);
        snprintf(where, sizeof where, " at byte %zu", cases[i].byte);
        size_t tail = strlen(where), n = strlen(e.text);
        if (!strstr(e.text, cases[i].why) || (cases[i].byte && (n < tail || strcmp(e.text + n - tail, where) != 0)))
            fail_msg("case %zu, %s: says '%s', not '%s%s'", i, cases[i].text, e.text, cases[i].why, where);
        error_free(&e);
        free(copy);
    }
}

/* A text cut off anywhere is refused, and nothing behind its end is read. */
static void refuses_every_beginning(void **state)
{
    static const char text[] =
        "{\"a\":[1.5e-3,-0,true,null,\"x\\u00e9\\n\xc3\xa9\xf0\x9f\x98\x80 long enough for words\"],\"b\":{}}";

    (void)state;
    for (size_t n = 0; n <= sizeof text - 1; n++) {
        struct json v;
        char *copy;
        assert_int_equal(check_copy(text, n, &v, &copy, NULL), n == sizeof text - 1);
        free(copy);
    }
}

static void limits_depth(void **state)
{
    struct json v;
    struct error e = {0};

    (void)state;
    for (int object = 0; object < 2; object++)
        for (int depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
            struct buf b = {0};
            for (int i = 0; i < depth; i++)
                buf_add_text(&b, object ? "{\"a\":" : "[");
            buf_add_text(&b, "1");
            for (int i = 0; i < depth; i++)
                buf_add_text(&b, object ? "}" : "]");
            assert_int_equal(json_check(b.data, b.len, &v, &e), depth == JSON_MAX_DEPTH);
            if (depth == JSON_MAX_DEPTH) {
                /* Walking goes as deep. */
                for (int i = 0; i < depth; i++)
                    v = object ? json_get(v, "a") : json_at(v, 0);
                assert_int_equal(json_kind(v), JSON_NUMBER);
            } else {
                assert_non_null(strstr(e.text, "nested too deep"));
            }
            error_free(&e);
            buf_free(&b);
        }
    /* A bomb is refused at the limit, not by the stack. */
    struct buf bomb = {0};
    memset(buf_reserve(&bomb, 1 << 20), '[', 1 << 20);
    assert_false(json_check(bomb.data, 1 << 20, &v, &e));
    assert_string_equal(e.text, "not JSON: nested too deep at byte 201");
    error_free(&e);
    buf_free(&bomb);
}

/* --- looking -------------------------------------------------------------------------------------------------------
 */

static void assert_span(struct json v, const char *text)
{
    if (!json_exists(v))
        fail_msg("not there, expected %s", text);
    if (v.len != strlen(text) || memcmp(v.at, text, v.len) != 0)
        fail_msg("%.*s, expected %s", (int)v.len, v.at, text);
}

static void gets_members_and_elements(void **state)
{
    struct json v =
        parse(" { \"a\" : [ 1 , [ ] , \"x,]}\" ] ,\"b\":{\"c\" : { \"d\" : -1e5 }},\"a\\u0062\":null,\"\":0,"
              "\"twice\":1,\"twice\":2,\"slash\\\\\":3,\"quo\\\"te\":4} ");

    (void)state;
    assert_span(json_get(v, "a"), "[ 1 , [ ] , \"x,]}\" ]");
    assert_span(json_get_path(v, "b", "c", "d", NULL), "-1e5");
    assert_span(json_get(v, "ab"), "null");
    assert_span(json_get(v, ""), "0");
    assert_span(json_get(v, "twice"), "2");
    assert_span(json_get(v, "slash\\"), "3");
    assert_span(json_get(v, "quo\"te"), "4");
    assert_false(json_exists(json_get(v, "c")));
    assert_false(json_exists(json_get(v, "a\\u0062")));
    assert_false(json_exists(json_get_path(v, "b", "x", "d", NULL)));
    assert_false(json_exists(json_get(json_get(v, "a"), "a")));

    struct json a = json_get(v, "a");
    assert_int_equal(json_count(a), 3);
    assert_span(json_at(a, 0), "1");
    assert_span(json_at(a, 1), "[ ]");
    assert_span(json_at(a, 2), "\"x,]}\"");
    assert_span(json_at(a, -1), "\"x,]}\"");
    assert_span(json_at(a, -3), "1");
    assert_false(json_exists(json_at(a, 3)));
    assert_false(json_exists(json_at(a, -4)));
    assert_false(json_exists(json_at(v, 0)));
    assert_int_equal(json_count(json_at(a, 1)), 0);
    assert_int_equal(json_count(v), 8);
    assert_int_equal(json_count(json_at(a, 0)), 0);
}

static void answers_for_what_is_not_there(void **state)
{
    struct json none = {0};
    struct buf b = {0};
    int64_t n;
    double d;

    (void)state;
    assert_int_equal(json_kind(none), JSON_NONE);
    assert_true(json_is_null(none));
    assert_true(json_is_null(parse("null")));
    assert_false(json_is_null(parse("0")));
    assert_false(json_exists(json_get(none, "a")));
    assert_false(json_exists(json_at(none, 0)));
    assert_int_equal(json_count(none), 0);
    assert_false(json_decode(none, &b));
    assert_null(json_string(none));
    assert_false(json_equals(none, ""));
    assert_false(json_int(none, &n));
    assert_false(json_double(none, &d));
    assert_int_equal(json_bool(none), -1);
    assert_int_equal(json_bool(parse("null")), -1);
    assert_int_equal(json_bool(parse("true")), 1);
    assert_int_equal(json_bool(parse("false")), 0);
    json_hash(none);
    json_put(&b, none);
    assert_string_equal(buf_text(&b), "null");
    buf_free(&b);
}

static void walks_in_order(void **state)
{
    static const char *const names[] = {"\"x\"", "\"y\"", "\"z\""}, *const values[] = {"1", "[2,3]", "{\"a\":4}"};
    struct json name, value;
    size_t n = 0;

    (void)state;
    for (struct json_iter i = json_walk(parse("{\"x\":1 , \"y\": [2,3],\n\"z\":{\"a\":4}\t}"));
         json_next(&i, &name, &value); n++) {
        assert_in_range(n, 0, 2);
        assert_span(name, names[n]);
        assert_span(value, values[n]);
    }
    assert_int_equal(n, 3);
    n = 0;
    for (struct json_iter i = json_walk(parse("[ 1,[2,3] ,{\"a\":4}]")); json_next(&i, &name, &value); n++) {
        assert_in_range(n, 0, 2);
        assert_false(json_exists(name));
        assert_span(value, values[n]);
    }
    assert_int_equal(n, 3);
    struct json_iter none = json_walk(parse("\"[1]\""));
    assert_false(json_next(&none, NULL, &value));
}

/* --- strings -------------------------------------------------------------------------------------------------------
 */

static void decodes(void **state)
{
    static const struct {
        const char *json, *text;
        size_t len;
    } cases[] = {
        {"\"\"", T("")},
        {"\"plain\"", T("plain")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", T("\"\\/\b\f\n\r\t")},
        {"\"\\u0041\\u00e9\\u20aC\\u0000\"", T("A\xc3\xa9\xe2\x82\xac\0")},
        {"\"\\ud83d\\ude00\"", T("\xf0\x9f\x98\x80")},
        {"\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", T("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
        {"\"\\ud83d\"", T("\xef\xbf\xbd")},
        {"\"\\ud83d\\n\"", T("\xef\xbf\xbd\n")},
        {"\"\\ud83dx\"", T("\xef\xbf\xbdx")},
        {"\"\\ude00\"", T("\xef\xbf\xbd")},
        {"\"\\ud83d\\u0041\"", T("\xef\xbf\xbd"
                                 "A")},
        {"\"\\ud83d\\ud83d\\ude00\"", T("\xef\xbf\xbd\xf0\x9f\x98\x80")},
        {"\"\\\\ud83d\"", T("\\ud83d")},
        {"\"caf\xc3\xa9\"", T("caf\xc3\xa9")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        buf_add_text(&b, "before ");
        assert_true(json_decode(parse(cases[i].json), &b));
        if (b.len != cases[i].len + 7 || memcmp(b.data + 7, cases[i].text, cases[i].len) != 0)
            fail_msg("%s gives %s", cases[i].json, b.data);
        assert_int_equal(b.data[b.len], '\0');
        char *s = json_string(parse(cases[i].json));
        if (memchr(cases[i].text, '\0', cases[i].len))
            assert_null(s);
        else
            assert_string_equal(s, cases[i].text);
        free(s);
        buf_free(&b);
    }
    assert_true(json_equals(parse("\"a\\u0062\""), "ab"));
    assert_true(json_equals(parse("\"\""), ""));
    assert_false(json_equals(parse("\"abc\""), "ab"));
    assert_false(json_equals(parse("\"a\\u0062c\""), "ab"));
    assert_false(json_equals(parse("1"), "1"));
    assert_null(json_string(parse("1")));
}

/* --- numbers -------------------------------------------------------------------------------------------------------
 */

static void reads_integers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t n;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"0.00000", true, 0},
        {"0e99999999999999999999", true, 0},
        {"-0.0e-5", true, 0},
        {"7", true, 7},
        {"-7", true, -7},
        {"1e3", true, 1000},
        {"1E+3", true, 1000},
        {"1e0003", true, 1000},
        {"5.0", true, 5},
        {"5.000e0", true, 5},
        {"1.5e1", true, 15},
        {"0.0012e4", true, 12},
        {"1200e-2", true, 12},
        {"100", true, 100},
        {"1000000e-6", true, 1},
        {"12.340e2", true, 1234},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775807", true, -INT64_MAX},
        {"9223372036854775807.000", true, INT64_MAX},
        {"9.223372036854775807e18", true, INT64_MAX},
        {"1000000000000000000", true, INT64_C(1000000000000000000)},
        {"1e18", true, INT64_C(1000000000000000000)},
        {"0.000000000000000000000001e24", true, 1},
        {"10000000000000000000000000e-25", true, 1},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"1e19", false, 0},
        {"-1e19", false, 0},
        {"1e20", false, 0},
        {"123456789012345678901234567890", false, 0},
        {"0.5", false, 0},
        {"1.5", false, 0},
        {"1e-1", false, 0},
        {"12.345e2", false, 0},
        {"1e999999999999999999999999", false, 0},
        {"1e-999999999999999999999999", false, 0},
        {"\"5\"", false, 0},
        {"true", false, 0},
        {"[5]", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t n = 42;
        bool ok = json_int(parse(cases[i].text), &n);
        if (ok != cases[i].ok || n != (ok ? cases[i].n : 42))
            fail_msg("%s: %d, %lld", cases[i].text, ok, (long long)n);
    }
}

static void reads_doubles(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double d;
    } cases[] = {
        {"0", true, 0},
        {"0.1", true, 0.1},
        {"-112.25", true, -112.25},
        {"1e308", true, 1e308},
        {"1.7976931348623157e308", true, DBL_MAX},
        {"5e-324", true, 5e-324},
        {"1e-400", true, 0},
        {"1e309", false, 0},
        {"-1e99999999999", false, 0},
        {"9007199254740993", true, 9007199254740992.0},
        {"\"1\"", false, 0},
        {"0.10000000000000000000000000000000000000000000000000000000000000000000000000000000000000001", true, 0.1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double d;
        bool ok = json_double(parse(cases[i].text), &d);
        if (ok != cases[i].ok || (ok && d != cases[i].d))
            fail_msg("%s: %d, %.17g", cases[i].text, ok, d);
    }
}

/* --- hashing -------------------------------------------------------------------------------------------------------
 */

static bool same_hash(struct json_hash a, struct json_hash b)
{
    return a.high == b.high && a.low == b.low;
}

static void hashes_by_meaning(void **state)
{
    /* Each row: texts that mean the same. Two of different rows never do. */
    static const char *const rows[][6] = {
        {"{\"a\":1,\"b\":[true,null]}", "{\"b\":[true,null],\"a\":1}", " { \"a\" : 1.0,\n\"b\":[ true , null ] } ",
         "{\"\\u0061\":10e-1,\"b\":[true,null]}"},
        {"1", "1.0", "10e-1", "0.1e1", "1E0", "1.000e+00"},
        {"100", "1e2", "1E+2", "100.0", "1000e-1", "0.01e4"},
        {"0", "-0", "0.0", "0e5", "-0.0E-7"},
        {"-1", "-1.0", "-10e-1"},
        {"0.001", "1e-3", "0.00100"},
        {"10.5", "1.05e1", "10.50", "105e-1"},
        {"1.05"},
        {"105"},
        {"9007199254740993", "9007199254740993.0"},
        {"9007199254740992"}, /* the same double as the one above */
        {"12345678901234567", "1.2345678901234567e16"},
        {"1234567890123456"},
        {"\"caf\xc3\xa9\"", "\"caf\\u00e9\"", "\"\\u0063af\\u00E9\""},
        {"\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\""},
        {"\"a/b\"", "\"a\\/b\""},
        {"\"\""},
        {"\"1\""},
        {"\"12345678\""},
        {"\"12345678\\u0000\""},
        {"\"\\u0000\""},
        {"\"\\u0000\\u0000\""},
        {"null"},
        {"true"},
        {"false"},
        {"\"null\""},
        {"[]", "[ ]"},
        {"{}", "{\n}"},
        {"[[]]"},
        {"[[],[]]"},
        {"[{}]"},
        {"[1,2]", "[1.0 , 2e0]"},
        {"[2,1]"},
        {"[1,[2]]"},
        {"[[1],2]"},
        {"[[1,2]]"},
        {"[12]"},
        {"{\"a\":null}"},
        {"{\"a\":{}}"},
        {"{\"a\":[]}"},
        {"{\"a\":\"b\"}"},
        {"{\"b\":\"a\"}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
        {"{\"a\":2,\"b\":1}", "{\"b\":1,\"a\":2}"},
        {"{\"a\":1,\"b\":1}"},
        {"{\"a\":1}"},
        {"{\"a\":{\"b\":1}}"},
        {"{\"a\":1,\"b\":{\"a\":2,\"b\":3}}", "{\"b\":{\"b\":3,\"a\":2},\"a\":1}"},
        {"{\"a\":2,\"b\":{\"a\":1,\"b\":3}}"},
        {"{\"a\":{\"a\":2,\"b\":3},\"b\":1}"},
        {"{\"a}\":[\"]\",\",\",\":\"]}", "{ \"a}\" : [ \"]\" , \",\" , \":\" ] }"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_hash h = json_hash(parse(rows[i][0]));
        for (size_t k = 1; k < COUNT(rows[i]) && rows[i][k]; k++)
            if (!same_hash(h, json_hash(parse(rows[i][k]))))
                fail_msg("%s and %s hash differently", rows[i][0], rows[i][k]);
        for (size_t k = 0; k < i; k++) {
            struct json_hash other = json_hash(parse(rows[k][0]));
            /* Each half alone tells them apart: message ids use a part of one. */
            if (h.high == other.high || h.low == other.low || h.high >> 32 == other.high >> 32)
                fail_msg("%s and %s hash alike", rows[k][0], rows[i][0]);
        }
    }
    /* A value hashes the same wherever it stands: the span ends it, not the text. */
    struct json list = parse("[{\"a\":12},{\"a\":12} ,12,12]");
    assert_true(same_hash(json_hash(json_at(list, 0)), json_hash(json_at(list, 1))));
    assert_true(same_hash(json_hash(json_at(list, 2)), json_hash(json_at(list, 3))));
    assert_true(same_hash(json_hash(json_at(list, 2)), json_hash(parse("12"))));
}

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Many values that differ little. No two of the 64-bit halves may be alike: by chance that is one in 10^9. */
static void hash_spreads(void **state)
{
    enum { N = 200000 };
    uint64_t *high = calloc(N, sizeof *high), *low = calloc(N, sizeof *low);
    struct buf b = {0};

    (void)state;
    assert_non_null(high);
    assert_non_null(low);
    for (size_t i = 0; i < N; i++) {
        buf_clear(&b);
        if (i % 2)
            buf_add_format(&b, "{\"id\":\"us%zu\",\"mag\":%zu.%zu}", i / 100, i % 10, i / 10 % 10);
        else
            buf_add_format(&b, "[%zu,%zu]", i, i + 2);
        struct json_hash h = json_hash(parse(buf_text(&b)));
        high[i] = h.high;
        low[i] = h.low;
    }
    qsort(high, N, sizeof *high, compare_words);
    qsort(low, N, sizeof *low, compare_words);
    size_t high_same = 0, low_same = 0;
    for (size_t i = 1; i < N; i++) {
        high_same += high[i] == high[i - 1];
        low_same += low[i] == low[i - 1];
    }
    assert_int_equal(high_same, 0);
    assert_int_equal(low_same, 0);
    free(high);
    free(low);
    buf_free(&b);
}

static void hashes_bytes_and_writes_hashes(void **state)
{
    struct buf b = {0};
    char zeros[40] = {0};

    (void)state;
    for (size_t n = 1; n < sizeof zeros; n++)
        assert_false(same_hash(json_hash_bytes(zeros, n), json_hash_bytes(zeros, n - 1)));
    assert_true(same_hash(json_hash_bytes("abc", 3), json_hash_bytes("abcd", 3)));
    json_put_hash(&b, (struct json_hash){0x1, UINT64_C(0xfedcba9876543210)});
    assert_string_equal(buf_text(&b), "0000000000000001fedcba9876543210");
    buf_free(&b);
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */

static void writes_with_commas(void **state)
{
    struct buf b = {0};
    struct json v;

    (void)state;
    buf_add_text(&b, "\n");
    json_begin(&b, '{');
    json_put_member_text(&b, "a", "x");
    json_put_member_text(&b, "none", NULL);
    json_put_member_int(&b, "b", INT64_MIN);
    json_put_member_bool(&b, "c", true);
    json_put_member(&b, "d", parse("[ 1 ]"));
    json_put_member(&b, "e", (struct json){0});
    json_put_name(&b, "f");
    json_begin(&b, '[');
    json_end(&b, ']');
    json_put_name(&b, "g");
    json_begin(&b, '[');
    json_put_null(&b);
    json_put_bool(&b, false);
    json_put_int(&b, -1);
    json_put_double(&b, 1e300);
    json_put_double(&b, NAN);
    json_put_text(&b, "");
    json_begin(&b, '{');
    json_end(&b, '}');
    json_begin(&b, '[');
    json_put_text(&b, ":");
    json_put_text(&b, "{");
    json_put(&b, parse(" \"[\" "));
    json_put_int(&b, 5);
    json_end(&b, ']');
    json_put_text(&b, "t");
    json_end(&b, ']');
    json_end(&b, '}');
    assert_string_equal(
        buf_text(&b),
        "\n{\"a\":\"x\",\"none\":null,\"b\":-9223372036854775808,\"c\":true,\"d\":[1],\"e\":null,\"f\":[],"
        "\"g\":[null,false,-1,1e+300,null,\"\",{},[\":\",\"{\",\"[\",5],\"t\"]}");
    assert_true(json_check(b.data, b.len, &v, NULL));
    buf_free(&b);
}

static void puts_compactly_and_keeps_bytes(void **state)
{
    struct buf b = {0};

    (void)state;
    json_put(&b, parse(" { \"a b\" : [ 1.50 , -0 , 1E5 , \" \\u00e9 \\\" , \xc3\xa9 : \" ] ,\r\n\t\"c\" : { } } "));
    assert_string_equal(buf_text(&b), "{\"a b\":[1.50,-0,1E5,\" \\u00e9 \\\" , \xc3\xa9 : \"],\"c\":{}}");
    assert_int_equal(b.len, strlen(b.data));
    buf_free(&b);
}

static void puts_strings(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } cases[] = {
        {T(""), "\"\""},
        {T("plain and longer than eight"), "\"plain and longer than eight\""},
        {T("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {T("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {T("1234567\n1"), "\"1234567\\n1\""},
        {T("caf\xc3\xa9 \xf0\x9f\x98\x80"), "\"caf\xc3\xa9 \xf0\x9f\x98\x80\""},
        {T("\xff"), "\"\xef\xbf\xbd\""},
        {T("a\xc3"), "\"a\xef\xbf\xbd\""},
        {T("a\xc3z"), "\"a\xef\xbf\xbdz\""},
        {T("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {T("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        struct json v;
        json_put_string(&b, cases[i].text, cases[i].len);
        assert_string_equal(buf_text(&b), cases[i].json);
        assert_true(json_check(b.data, b.len, &v, NULL));
        buf_free(&b);
    }
    /* Every byte there is comes out as JSON, and what is ASCII comes back. */
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        struct buf b = {0}, back = {0};
        struct json v;
        json_put_string(&b, &byte, 1);
        assert_true(json_check(b.data, b.len, &v, NULL));
        assert_true(json_decode(v, &back));
        if (c < 128) {
            assert_int_equal(back.len, 1);
            assert_int_equal(back.data[0], byte);
        } else {
            assert_string_equal(back.data, "\xef\xbf\xbd");
        }
        buf_free(&b);
        buf_free(&back);
    }
}

static void puts_doubles_shortly(void **state)
{
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {33.5, "33.5"},
        {-112.25, "-112.25"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e21, "1e+21"},
        {123456789012345, "123456789012345"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = {0};
        json_put_double(&b, cases[i].d);
        assert_string_equal(buf_text(&b), cases[i].text);
        buf_free(&b);
    }
    /* Bit patterns from a small generator (xorshift), all read back the same. */
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double d, back;
        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            continue;
        struct buf b = {0};
        json_put_double(&b, d);
        assert_true(json_double(parse(buf_text(&b)), &back));
        assert_memory_equal(&d, &back, sizeof d);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_form),
        cmocka_unit_test(refuses_the_rest_and_says_where),
        cmocka_unit_test(refuses_every_beginning),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(gets_members_and_elements),
        cmocka_unit_test(answers_for_what_is_not_there),
        cmocka_unit_test(walks_in_order),
        cmocka_unit_test(decodes),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(reads_doubles),
        cmocka_unit_test(hashes_by_meaning),
        cmocka_unit_test(hash_spreads),
        cmocka_unit_test(hashes_bytes_and_writes_hashes),
        cmocka_unit_test(writes_with_commas),
        cmocka_unit_test(puts_compactly_and_keeps_bytes),
        cmocka_unit_test(puts_strings),
        cmocka_unit_test(puts_doubles_shortly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
