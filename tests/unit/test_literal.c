/* Data at the head of a jq program: what is read without jq, and what is left to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "central/literal.h"
#include "parse.h"

/* The program's first definition is this data; NULL: not plain data. */
static void is_data(const char *program, const char *want)
{
    struct buf name = {0}, value = {0};
    const char *at = program;

    if (!want) {
        assert_false(literal_next(&at, &name, &value));
        assert_ptr_equal(at, program);
    } else {
        assert_true(literal_next(&at, &name, &value));
        assert_string_equal(buf_text(&name), "about");
        struct json_hash one = json_hash(parse(buf_text(&value))), other = json_hash(parse(want));
        assert_true(one.high == other.high && one.low == other.low);
    }
    buf_free(&name);
    buf_free(&value);
}

static void data(void **state)
{
    (void)state;
    is_data("def about: {};", "{}");
    is_data("# a comment; def about: 1;\n\n def  about : [ ] ; def event: .;", "[]");
    is_data("def about: {name: \"x\", \"two words\": [1, -2, true, false, null], # why {\n a_1: {b: {}}};",
            "{\"name\":\"x\",\"two words\":[1,-2,true,false,null],\"a_1\":{\"b\":{}}}");
    is_data("def about: {url: \"https://x/?a=;b#c {reach}\", t: \"a \\\"b\\\" \\\\\"};",
            "{\"url\":\"https://x/?a=;b#c {reach}\",\"t\":\"a \\\"b\\\" \\\\\"}");
    is_data("def about: \"text\";", "\"text\"");
    is_data("def about#c\n:#c\n{a #c\n:#c\n1}#c\n;", "{\"a\":1}");
}

static void programs(void **state)
{
    (void)state;
    is_data("", NULL);
    is_data("def", NULL);
    is_data("def about", NULL);
    is_data("def about:", NULL);
    is_data("def about: ;", NULL);
    is_data("def about: {a: 1}", NULL);
    is_data("def about: {a: \"", NULL);
    is_data("def about: {a: \"\\", NULL);
    is_data("define about: {};", NULL);
    is_data("def about(x): {};", NULL);
    is_data("def 1about: {};", NULL);
    is_data("def about: {a: \"\\(.b)\"};", NULL);
    is_data("def about: {a: \"\\u0041\"};", NULL);
    is_data("def about: {a: .b};", NULL);
    is_data("def about: {a: $b};", NULL);
    is_data("def about: {a: b};", NULL);
    is_data("def about: {a};", NULL);
    is_data("def about: {(\"a\"): 1};", NULL);
    is_data("def about: {a: 1} + {b: 2};", NULL);
    is_data("def about: {a: 1} | .a;", NULL);
    is_data("def about: {a: 1}, {a: 2};", NULL);
    is_data("def about: {a: 1, };", NULL);
    is_data("def about: {a: 1.0};", NULL);
    is_data("def about: {a: 1e3};", NULL);
    is_data("def about: {a: 1234567890123456};", NULL);
    is_data("def about: {a: 1 2};", NULL);
    is_data("def about: {a: tr ue};", NULL);
    is_data("def about: {a: @json \"x\"};", NULL);
    is_data("def about: {a: \"two\nlines\"};", NULL);
    is_data("def about: def f: 1; f;", NULL);
    is_data("include \"x\"; def about: {};", NULL);
}

static void one_after_the_other(void **state)
{
    struct buf name = {0}, value = {0};
    const char *at = "def about: {a: 1};\n# b\ndef requests: [2];\ndef items: .[];\ndef more: 3;";

    (void)state;
    assert_true(literal_next(&at, &name, &value));
    assert_string_equal(buf_text(&name), "about");
    assert_true(literal_next(&at, &name, &value));
    assert_string_equal(buf_text(&name), "requests");
    assert_false(literal_next(&at, &name, &value));
    buf_free(&name);
    buf_free(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(data), cmocka_unit_test(programs),
                                       cmocka_unit_test(one_after_the_other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
