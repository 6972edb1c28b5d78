/* csv.h, xml.h, charset.h: other formats as JSON; base64.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "central/base64.h"
#include "central/csv.h"
#include "central/json.h"
#include "central/mem.h"
#include "central/xml.h"

typedef bool convert(const char *text, size_t len, const char *charset, struct buf *out, struct error *e);

struct conversion {
    const char *text, *charset, *json; /* json NULL: refused, why is a part of the message */
    const char *why;
};

static void check(convert *f, const struct conversion *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf out = {0};
        struct error e = {0};
        struct json v;
        bool ok = f(table[i].text, strlen(table[i].text), table[i].charset, &out, &e);
        if (table[i].json) {
            if (!ok)
                fail_msg("%s: %s", table[i].text, e.text);
            assert_string_equal(buf_text(&out), table[i].json);
            assert_true(json_check(out.data, out.len, &v, &e));
        } else {
            if (ok)
                fail_msg("%s was taken: %s", table[i].text, buf_text(&out));
            assert_int_equal(e.status, CENTRAL_REJECTED);
            if (!strstr(e.text, table[i].why))
                fail_msg("%s: %s does not say %s", table[i].text, e.text, table[i].why);
        }
        error_free(&e);
        buf_free(&out);
    }
}
#define CHECK(f, table) check(f, table, sizeof table / sizeof *table)

static void reads_csv(void **state)
{
    static const struct conversion table[] = {
        {"a,b\n1,2\n3,4\n", NULL,
         "{\"header\":[\"a\",\"b\"],\"rows\":[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"3\",\"b\":\"4\"}]}", NULL},
        {"\xef\xbb\xbf"
         "a,b\r\n1,2",
         NULL, "{\"header\":[\"a\",\"b\"],\"rows\":[{\"a\":\"1\",\"b\":\"2\"}]}", NULL},
        {"a,b\n\"x, \"\"y\"\"\nz\",2\n", NULL,
         "{\"header\":[\"a\",\"b\"],\"rows\":[{\"a\":\"x, \\\"y\\\"\\nz\",\"b\":\"2\"}]}", NULL},
        {"a,b\n1\n\n,\n,2\n", NULL,
         "{\"header\":[\"a\",\"b\"],\"rows\":[{\"a\":\"1\",\"b\":\"\"},{\"a\":\"\",\"b\":\"2\"}]}", NULL},
        {"a\n", NULL, "{\"header\":[\"a\"],\"rows\":[]}", NULL},
        {"Invalid MAP_KEY.", NULL, "{\"header\":[\"Invalid MAP_KEY.\"],\"rows\":[]}", NULL},
        {"a\n\xe9\n", "ISO-8859-1", "{\"header\":[\"a\"],\"rows\":[{\"a\":\"\xc3\xa9\"}]}", NULL},
        {"a\n\x80\n", "windows-1252", "{\"header\":[\"a\"],\"rows\":[{\"a\":\"\xe2\x82\xac\"}]}", NULL},
        {"", NULL, NULL, "empty"},
        {"a,b\n1,2,3\n", NULL, NULL, "row 2: more cells"},
        {"a,a\n1,2\n", NULL, NULL, "row 1: two columns of one name"},
        {"a,b\n\"1,2\n", NULL, NULL, "not CSV"},
        {"a\n\xff\n", NULL, NULL, "not UTF-8 at byte 3"},
        {"a\n1\n", "klingon", NULL, "unknown charset 'klingon'"},
    };

    (void)state;
    CHECK(csv_to_json, table);
}

static void reads_xml(void **state)
{
    static const struct conversion table[] = {
        {"<a/>", NULL, "{\"#name\":\"a\"}", NULL},
        {"<a>x</a>", NULL, "{\"#name\":\"a\",\"#text\":\"x\"}", NULL},
        {"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- c --><a>\n <b>1</b>\n <b>2</b>\n <c k='v'/>\n</a>\n<!-- d -->",
         NULL, "{\"#name\":\"a\",\"b\":[\"1\",\"2\"],\"c\":[{\"@attr\":{\"k\":\"v\"}}]}", NULL},
        {"<a xmlns:g='urn:g'><g:b>x &amp; &#233;</g:b><g:b/></a>", NULL,
         "{\"#name\":\"a\",\"@attr\":{\"xmlns:g\":\"urn:g\"},\"g:b\":[\"x & \xc3\xa9\",\"\"]}", NULL},
        {"<a>x<b>y</b>z</a>", NULL, "{\"#name\":\"a\",\"#text\":\"xz\",\"b\":[\"y\"]}", NULL},
        {"<a><![CDATA[<p>&amp;</p>]]></a>", NULL, "{\"#name\":\"a\",\"#text\":\"<p>&amp;</p>\"}", NULL},
        {"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", NULL, "{\"#name\":\"a\",\"#text\":\"\xc3\xa9\"}",
         NULL},
        {"<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>", NULL,
         "{\"#name\":\"a\",\"#text\":\"\xe2\x82\xac\"}", NULL},
        {"<a>\xe9</a>", "ISO-8859-1", "{\"#name\":\"a\",\"#text\":\"\xc3\xa9\"}", NULL},
        {"<!DOCTYPE rss><rss/>", NULL, "{\"#name\":\"rss\"}", NULL},
        {"", NULL, NULL, "not XML"},
        {"<a>", NULL, NULL, "at line 1"},
        {"<a>\n\n</b>", NULL, NULL, "at line 3"},
        {"<a>\xff</a>", NULL, NULL, "not XML"},
        {"text", NULL, NULL, "not XML"},
        {"<a/><b/>", NULL, NULL, "not XML"},
        {"<a>&nope;</a>", NULL, NULL, "not XML"},
        /* No entities of the document's own, no files of ours. */
        {"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", NULL, NULL, "declares entities"},
        {"<!DOCTYPE a [<!ATTLIST a b CDATA #IMPLIED>]><a/>", NULL, "{\"#name\":\"a\"}", NULL},
        {"<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>", NULL, NULL, "by default"},
        {"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", NULL, NULL, "declares entities"},
    };

    (void)state;
    CHECK(xml_to_json, table);
}

static void bounds_xml(void **state)
{
    struct buf deep = {0}, out = {0};
    struct error e = {0};

    (void)state;
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        buf_add_text(&deep, "<a>");
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        buf_add_text(&deep, "</a>");
    assert_true(xml_to_json(deep.data, deep.len, NULL, &out, &e));
    buf_clear(&deep);
    for (int i = 0; i < 10000; i++)
        buf_add_text(&deep, "<a>");
    assert_false(xml_to_json(deep.data, deep.len, NULL, &out, &e));
    assert_non_null(strstr(e.text, "nested too deep"));
    error_free(&e);
    buf_free(&deep);
    buf_free(&out);
}

static void finds_the_encoding(void **state)
{
    static const char *const table[][2] = {
        {"<?xml version=\"1.0\" encoding=\"windows-1251\"?><a/>", "windows-1251"},
        {"<?xml version='1.0'\n encoding = 'KOI8-R' ?><a/>", "KOI8-R"},
        {"<?xml version='1.0'?><a encoding='x'/>", NULL},
        {"<?xml version='1.0' encoding=?>", NULL},
        {"<?xml encoding", NULL},
        {"<a encoding='x'/>", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *found = xml_encoding(table[i][0], strlen(table[i][0]));
        if (table[i][1])
            assert_string_equal(found, table[i][1]);
        else
            assert_null(found);
        free(found);
    }
}

static void base64_reads_what_it_should(void **state)
{
    /* RFC 4648 §10 */
    static const char *const pairs[][2] = {{"", ""},
                                           {"Zg==", "f"},
                                           {"Zm8=", "fo"},
                                           {"Zm9v", "foo"},
                                           {"Zm9vYg==", "foob"},
                                           {"Zm9vYmE=", "fooba"},
                                           {"Zm9vYmFy", "foobar"},
                                           {"+/+/", "\xfb\xff\xbf"}};
    static const char *const bad[] = {"Z", "Zg=", "Zg", "Z===", "====", "Zm9v\n", "Zm-v", "Zg==Zg==", "=m9v"};
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        buf_clear(&out);
        if (!base64_decode(pairs[i][0], strlen(pairs[i][0]), &out))
            fail_msg("%s was refused", pairs[i][0]);
        assert_string_equal(buf_text(&out), pairs[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (base64_decode(bad[i], strlen(bad[i]), &out))
            fail_msg("%s was taken", bad[i]);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_csv),
        cmocka_unit_test(reads_xml),
        cmocka_unit_test(bounds_xml),
        cmocka_unit_test(finds_the_encoding),
        cmocka_unit_test(base64_reads_what_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
