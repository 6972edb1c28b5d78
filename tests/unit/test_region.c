/* Codes of areas as names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "central/region.h"

typedef bool put(struct buf *, const char *, size_t);

static void gives(put *f, const char *code, const char *want)
{
    struct buf out = {0};

    assert_int_equal(f(&out, code, strlen(code)), want != NULL);
    assert_string_equal(buf_text(&out), want ? want : "");
    buf_free(&out);
}

static void same_codes(void **state)
{
    (void)state;
    gives(region_put_same, "016005", "US-ID-FIPS16005");
    gives(region_put_same, "056007", "US-WY-FIPS56007");
    gives(region_put_same, "178030", "US-VI-FIPS78030");
    gives(region_put_same, "003001", NULL); /* no state has 03 */
    gives(region_put_same, "099001", NULL);
    gives(region_put_same, "16005", NULL);
    gives(region_put_same, "0160050", NULL);
    gives(region_put_same, "01600x", NULL);
    gives(region_put_same, "1e0005", NULL);
    gives(region_put_same, "", NULL);
}

static void universal_codes(void **state)
{
    (void)state;
    gives(region_put_ugc, "IDC005", "US-ID-C005");
    gives(region_put_ugc, "IDZ052", "US-ID-Z052");
    gives(region_put_ugc, "AM1", "US-AM-1");
    gives(region_put_ugc, "ID", NULL);
    gives(region_put_ugc, "idc005", NULL);
    gives(region_put_ugc, "1DC005", NULL);
}

static void tokens(const char *region, const char *want)
{
    struct buf out = {0};

    region_put_tokens(&out, region);
    assert_string_equal(buf_text(&out), want);
    buf_free(&out);
}

static void subjects(void **state)
{
    (void)state;
    tokens("US-WY-FIPS56007", "wy.county.fips56007");
    tokens("US-ID-C005", "id.county.c005");
    tokens("US-ID-Z052", "id.zone.z052");
    tokens("US-ID-Zebra", "id.county.zebra");
    tokens("US-ID-Z", "id.county.z");
    tokens("US-ID-a.b", "id.county.a_b");
    tokens("US-ID", "unknown");
    tokens("ITA", "unknown");
    tokens(NULL, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_codes), cmocka_unit_test(universal_codes),
                                       cmocka_unit_test(subjects)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
