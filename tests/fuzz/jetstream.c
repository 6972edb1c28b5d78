/* What is made of JetStream's answers: tables, JSON, findings, figures. A line with an answer of STREAM.INFO, one with
 * a consumer of CONSUMER.LIST, one with an answer of INFO, one with a version; then all lines once more as the answers
 * to whatever is asked. */
#include "fake_nats.h"
#include "harmless.h"

#include "central/stream.h"
#include "central/stream_check.h"
#include "central/stream_delete.h"
#include "central/stream_tune.h"
#include "central/stream_view.h"

#define NOW INT64_C(1779048480000000)

static const struct stream *wanted(void)
{
    static const char text[] =
        "CENTRAL_WX central.wx.> 7d 1GiB archive,top,replicas=3,compression=s2,placement=east:a+b\n";
    static struct stream_list list;
    struct error e = {0};

    if (!list.count)
        MUST(stream_list_parse("streams.conf", text, sizeof text - 1, &list, &e));
    return &list.at[0];
}

static void check_findings(struct findings *f)
{
    MUST(f->count > 0 && check_worst(f) <= CHECK_IS_CRITICAL);
    for (size_t i = 0; i < f->count; i++) {
        MUST(f->at[i].subject && *f->at[i].text);
        must_be_harmless(f->at[i].subject, strlen(f->at[i].subject), 0);
        must_be_harmless(f->at[i].text, strlen(f->at[i].text), 0);
    }
    findings_free(f);
}

static void check_table(struct table *t)
{
    struct buf out = {0};

    table_put(t, &out);
    must_be_harmless(out.data, out.len, '\n');
    buf_free(&out);
}

static void info(struct json v)
{
    const struct stream *st = wanted();
    struct stream_look l = {.info = v};
    struct table t = stream_table();
    struct buf out = {0};
    struct findings f = {0};
    struct tuning tuned;
    size_t lines = 0;

    l.differing = stream_diff(st, v, &l.diff);
    for (size_t i = 0; i < l.diff.len; i++)
        lines += l.diff.data[i] == '\n';
    MUST(lines == l.differing);
    must_be_harmless(l.diff.data ? l.diff.data : "", l.diff.len, '\n');
    stream_row(&t, st->name, st, &l);
    stream_row(&t, "OTHER", NULL, NULL);
    check_table(&t);
    stream_json(&out, st->name, st, &l);
    MUST(json_count(json_get(written(&out), "drift")) == l.differing);
    check_stream(st, &l, &f);
    check_findings(&f);
    buf_clear(&out);
    bool ok = stream_tune(st, v, 0, TUNE_SPAN, &tuned);
    MUST(ok == (tuned.max_bytes != 0) && (!ok || tuned.max_bytes >= STREAM_MAX_BYTES_MIN));
    stream_tune_put(st, &tuned, &out);
    buf_add_char(&out, ' ');
    stream_loss(st, v, NOW, &out);
    must_be_harmless(out.data, out.len, 0);
    stream_look_free(&l);
    buf_free(&out);
}

static void consumer(struct json stream, struct json v)
{
    struct table t = consumer_table();
    struct findings f = {0};
    struct buf out = {0};

    consumer_row(&t, v, NOW);
    check_table(&t);
    consumer_json(&out, v);
    MUST(json_kind(written(&out)) == JSON_OBJECT);
    check_consumer(stream, v, 0, NOW, &f);
    check_consumer(stream, v, NOW - INT64_C(3600000000), NOW, &f);
    MUST(f.count == 2);
    check_findings(&f);
    buf_free(&out);
}

static void account(struct json v, const char *version)
{
    struct findings f = {0};

    check_account(v, &f);
    check_version(version, &f);
    MUST(f.count == 2);
    check_findings(&f);
    MUST(stream_share(v, 8) >= 0 && stream_share(v, 0) >= 0);
}

/* Each ends with its answers at the latest. */
static void ask(struct input all)
{
    struct bus *b = fake_bus();
    const struct stream *st = wanted();
    struct error e = {0};
    struct findings f = {0};
    struct buf message = {0};
    struct stream_purge purge = {.subject = "central.wx.>", .keep = 10};
    struct stream_loss loss = {.name = st->name};
    bool missing = false;

    fake.answers = all;
    check_streams(b, st, NOW, &f, &e);
    error_free(&e);
    check_server(b, &f, &e);
    error_free(&e);
    if (f.count)
        check_findings(&f);
    fake.answers = all;
    if (!stream_message(b, st->name, 7, &message, &missing, &e))
        MUST(missing == !e.text);
    error_free(&e);
    fake.answers = all;
    stream_apply(b, st, &e);
    error_free(&e);
    fake.answers = all;
    stream_find_loss(b, &purge, &loss, &e);
    error_free(&e);
    fake.answers = all;
    if (stream_purge(b, &purge, &loss, &e)) {
        buf_clear(&message);
        stream_loss_json(&loss, "purged", &message);
        MUST(json_kind(written(&message)) == JSON_OBJECT);
        buf_clear(&message);
        stream_loss_put(&loss, "purged", &message);
        must_be_harmless(message.data, message.len, 0);
    }
    error_free(&e);
    buf_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    struct json v[3] = {0};
    char *text[3];
    size_t len;

    for (int i = 0; i < 3; i++) {
        text[i] = input_piece(&in, '\n', &len);
        if (!json_check(text[i], len, &v[i], NULL))
            v[i] = json_absent;
    }
    char *version = input_string(&in, '\n');
    info(v[0]);
    consumer(v[0], v[1]);
    account(v[2], version);
    ask(input_of(data, size));
    for (int i = 0; i < 3; i++)
        free(text[i]);
    free(version);
    return 0;
}
