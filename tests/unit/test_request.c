/* Requests as data: templates filled in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "central/clock.h"
#include "central/request.h"
#include "parse.h"

static const double box[4] = {-124.5, 31, -102, 49.5};

/* What the request becomes with these settings, so many seconds after the last complete poll (negative: none yet); want
 * is a list, or an error's text. */
static void becomes(const char *request, const char *settings, int gap, const char *key, bool has_box, const char *want)
{
    struct buf out = {0}, state = {0};
    struct error e = {0};
    struct request_facts f = {.name = "here",
                              .settings = parse(settings),
                              .key = key,
                              .box = has_box ? box : NULL,
                              .now = 1000000 * CLOCK_SECOND};

    json_begin(&state, '{');
    if (gap >= 0)
        json_put_member_int(&state, "last_success", 1000000 - gap);
    json_end(&state, '}');
    f.state = parse(state.data);
    json_begin(&out, '[');
    bool ok = request_put(&out, parse(request), &f, &e);
    json_end(&out, ']');
    if (*want == '[') {
        assert_true(ok);
        assert_string_equal(buf_text(&out), want);
    } else {
        assert_false(ok);
        assert_int_equal(e.status, CENTRAL_CONFIG);
        assert_string_equal(e.text, want);
    }
    error_free(&e);
    buf_free(&out);
    buf_free(&state);
}

static void variables(void **state)
{
    (void)state;
    becomes("{\"url\":\"http://x/{a}\"}", "{\"a\":1}", 0, NULL, false, "[{\"url\":\"http://x/{a}\"}]");
    becomes("\"http://x/{a}\"", "{\"a\":1}", 0, NULL, false, "[\"http://x/{a}\"]");
    becomes(
        "{\"template\":\"http://x/{a}/{b}?c={c}\",\"format\":\"csv\",\"headers\":[\"A: "
        "b\"],\"tag\":7,\"paging\":\"links\"}",
        "{\"a\":\"p q/\\u00fc&-._~\",\"b\":-1.50,\"c\":[\"x,y\",2,true]}", 0, NULL, false,
        "[{\"url\":\"http://x/p%20q%2F%C3%BC%26-._~/-1.50?c=x%2Cy,2,true\",\"format\":\"csv\",\"headers\":[\"A: b\"],"
        "\"paging\":\"links\",\"tag\":7}]");
    becomes("{\"template\":\"http://x/{key}/{region_box}\"}", "{}", 0, "a/b+c", true,
            "[{\"url\":\"http://x/a/b+c/-124.5,31,-102,49.5\"}]");
}

static void not_set(void **state)
{
    (void)state;
    becomes("{\"template\":\"{region_box}\"}", "{}", 0, NULL, false,
            "here needs a region (central-adapter set here region=...)");
    becomes("{\"template\":\"{a}\"}", "{}", 0, NULL, false, "here needs a (central-adapter set here a=...)");
    becomes("{\"template\":\"{a}\"}", "{\"a\":\"\"}", 0, NULL, false, "here needs a (central-adapter set here a=...)");
    becomes("{\"template\":\"{a}\"}", "{\"a\":null}", 0, NULL, false, "here needs a (central-adapter set here a=...)");
    becomes("{\"template\":\"x{a\"}", "{}", 0, NULL, false, "template: a { without }");
}

static void one_for_each(void **state)
{
    static const char request[] = "{\"template\":\"x/{one}\",\"each\":{\"one\":\"many\"},\"tag\":{\"t\":1}}";

    (void)state;
    becomes(request, "{\"many\":[\"a\",2]}", 0, NULL, false,
            "[{\"url\":\"x/a\",\"tag\":{\"t\":1,\"one\":\"a\"}},{\"url\":\"x/2\",\"tag\":{\"t\":1,\"one\":2}}]");
    becomes(request, "{\"many\":[]}", 0, NULL, false, "[]");
    becomes(request, "{}", 0, NULL, false, "[]");
}

static void far_enough_back(void **state)
{
    static const char request[] =
        "{\"template\":\"{reach}\",\"reach\":[[\"hour\",3000],[\"day\",80000],[\"week\"]],\"at_least\":\"feed\"}";

    (void)state;
    becomes(request, "{}", -1, NULL, false, "[{\"url\":\"hour\"}]");
    becomes(request, "{}", 2999, NULL, false, "[{\"url\":\"hour\"}]");
    becomes(request, "{}", 3000, NULL, false, "[{\"url\":\"day\"}]");
    becomes(request, "{}", 79999, NULL, false, "[{\"url\":\"day\"}]");
    becomes(request, "{}", 900000, NULL, false, "[{\"url\":\"week\"}]");
    becomes(request, "{\"feed\":\"day\"}", 60, NULL, false, "[{\"url\":\"day\"}]");
    becomes(request, "{\"feed\":\"day\"}", 90000, NULL, false, "[{\"url\":\"week\"}]");
    becomes(request, "{\"feed\":\"other\"}", 60, NULL, false, "[{\"url\":\"hour\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(variables), cmocka_unit_test(not_set),
                                       cmocka_unit_test(one_for_each), cmocka_unit_test(far_enough_back)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
