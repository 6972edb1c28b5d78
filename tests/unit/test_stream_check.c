/* stream_check.h: what is said of servers, accounts and consumers, and how loud. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "central/clock.h"
#include "central/stream_check.h"
#include "parse.h"

static void one(struct findings *f, enum check_level level, const char *words)
{
    assert_int_equal(f->count, 1);
    if (f->at[0].level != level || !strstr(f->at[0].text, words))
        fail_msg("%s %s: %s", check_word(f->at[0].level), f->at[0].subject, f->at[0].text);
    findings_free(f);
}

static void knows_versions(void **state)
{
    struct findings f = {0};

    (void)state;
    check_version("2.9.10", &f);
    one(&f, CHECK_IS_OK, "nats-server 2.9.10; an acknowledged message survives the death of the server; it is synced");
    check_version("2.10.0-beta.1", &f);
    one(&f, CHECK_IS_OK, "within sync_interval");
    check_version("3.0.0", &f);
    one(&f, CHECK_IS_OK, "within sync_interval");
    check_version(NULL, &f);
    one(&f, CHECK_IS_WARNING, "does not tell its version");
    check_version("new", &f);
    one(&f, CHECK_IS_WARNING, "does not tell its version");
}

static void knows_accounts(void **state)
{
    struct findings f = {0};

    (void)state;
    check_account(parse("{\"storage\":10,\"streams\":8,\"limits\":{\"max_storage\":-1,\"max_streams\":-1}}"), &f);
    one(&f, CHECK_IS_OK, "10B on disk, no limits but the server's own");
    check_account(parse("{\"storage\":80,\"streams\":8,\"limits\":{\"max_storage\":100,\"max_streams\":80}}"), &f);
    one(&f, CHECK_IS_WARNING, "80 % of 100B on disk, 10 % of 80 streams");
    check_account(parse("{\"storage\":1,\"streams\":19,\"limits\":{\"max_storage\":100,\"max_streams\":20}}"), &f);
    one(&f, CHECK_IS_CRITICAL, "1 % of 100B on disk, 95 % of 20 streams");
}

#define STREAM(bytes)                                                                                                  \
    "{\"config\":{\"max_age\":3600000000000,\"max_bytes\":1000,\"subjects\":[\"central.a.>\"]},\"state\":{"            \
    "\"messages\":100,\"bytes\":" bytes ",\"first_seq\":101,\"last_seq\":200}}"
#define CONSUMER(filter, floor, pending)                                                                               \
    "{\"stream_name\":\"A\",\"name\":\"desk\",\"config\":{\"filter_subject\":\"" filter "\"},\"delivered\":{"          \
    "\"consumer_seq\":5},\"ack_floor\":{\"stream_seq\":" floor "},\"num_pending\":" pending ",\"num_ack_pending\":0}"

static void knows_consumers(void **state)
{
    static const struct {
        const char *info, *consumer, *words;
        int64_t minutes; /* age of the oldest; 0: unknown */
        enum check_level level;
    } cases[] = {
        {STREAM("10"), CONSUMER("", "200", "0"), "has read all", 0, CHECK_IS_OK},
        {STREAM("10"), CONSUMER("", "150", "50"), "50 to read, 0 not acknowledged, the oldest of 10m ago", 10,
         CHECK_IS_OK},
        {STREAM("10"), CONSUMER("", "150", "50"), "80 % of the way to being deleted unread", 48, CHECK_IS_WARNING},
        {STREAM("10"), CONSUMER("", "150", "50"), "95 % of the way", 57, CHECK_IS_CRITICAL},
        {STREAM("990"), CONSUMER("", "150", "50"), "50 to read", 10, CHECK_IS_OK},
        {STREAM("990"), CONSUMER("", "101", "99"), "98 % of the way", 10, CHECK_IS_CRITICAL},
        {STREAM("10"), CONSUMER("", "90", "100"), "messages 91 to 100 were deleted before it", 10, CHECK_IS_CRITICAL},
        {STREAM("10"), CONSUMER("central.a.>", "90", "0"), "messages 91 to 100 were deleted", 0, CHECK_IS_CRITICAL},
        {STREAM("10"), CONSUMER("central.a.rare", "90", "0"), "has read all", 0, CHECK_IS_OK},
        {STREAM("10"), CONSUMER("central.a.rare", "90", "1"), "1 to read", 10, CHECK_IS_OK},
        {STREAM("10"), CONSUMER("", "100", "100"), "100 to read", 10, CHECK_IS_OK},
    };
    int64_t now = clock_now();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct findings f = {0};
        int64_t oldest = cases[i].minutes ? now - cases[i].minutes * 60 * CLOCK_SECOND : 0;
        check_consumer(parse(cases[i].info), parse(cases[i].consumer), oldest, now, &f);
        assert_string_equal(f.at[0].subject, "A/desk");
        one(&f, cases[i].level, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_versions),
        cmocka_unit_test(knows_accounts),
        cmocka_unit_test(knows_consumers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
