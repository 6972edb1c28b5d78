/* consumer.h, reading from a server that says anything: what is handed out is a message of a consumer that was asked
 * for, without acknowledgements in order and once.
 *
 * The first byte says what kind of consumers. Lines up to one that is -- are answers to requests; those behind it are
 * messages: "R REPLY DATA", "S INBOX.EPOCH STATUS PENDING DESCRIPTION". */
#include "fake_nats.h"

#include "central/consumer.h"

#define MESSAGES_MAX 64

static void deliver(const char *line)
{
    char *copy = mem_string(line), *save = NULL, *kind = strtok_r(copy, " ", &save),
         *first = strtok_r(NULL, " ", &save);

    if (kind && *kind == 'R' && first) {
        const char *data = save ? save : "";
        fake_deliver("central.wx.alert", first, data, strlen(data), NULL, NULL, NULL);
    } else if (kind && *kind == 'S' && first) {
        char *status = strtok_r(NULL, " ", &save), *left = strtok_r(NULL, " ", &save), *subject;
        subject = mem_format("_INBOX.FUZZ.%s", first);
        fake_deliver(subject, NULL, "", 0, status, save && *save ? save : NULL, left && *left != '-' ? left : NULL);
        free(subject);
    }
    free(copy);
}

static void end(struct consumers *cs, struct consumed *m, unsigned how)
{
    struct error e = {0};

    if (how % 4 == 1)
        consumed_term(cs, m, &e);
    else if (how % 4 == 2)
        consumed_nak(cs, m, &e);
    else if (how % 4 == 3)
        consumed_ack(cs, m, &e);
    error_free(&e);
    consumed_free(m);
    MUST(!m->message && !m->consumer);
}

static void run(struct consumers *cs, struct input in, bool no_ack)
{
    struct consumed m;
    struct error e = {0};
    uint64_t last[2] = {0};
    unsigned life[2] = {0};
    struct consumed kept = {0};

    for (unsigned n = 0; in.left && n < MESSAGES_MAX; n++) {
        char *line = input_string(&in, '\n');
        deliver(line);
        int got = consumers_next(cs, 0, &m, &e);
        error_free(&e);
        if (got > 0) {
            MUST(m.consumer && m.message && m.subject && (m.data || !m.len));
            size_t i = strcmp(consumer_stream(m.consumer), "CENTRAL_WX") != 0;
            MUST(i == 0 || strcmp(consumer_stream(m.consumer), "CENTRAL_META") == 0);
            if (no_ack && life[i] == m.life)
                MUST(m.sequence > last[i]);
            last[i] = m.sequence;
            life[i] = m.life;
            /* One is held for a while. */
            if (n % 3 == 0 && !kept.message)
                kept = m;
            else
                end(cs, &m, n);
        }
        if (n % 5 == 4)
            consumers_drained(cs, &e);
        error_free(&e);
        free(line);
    }
    if (kept.message)
        end(cs, &kept, 3);
    consumers_sync(cs, &e);
    error_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size), messages = {0};
    unsigned char how = input_byte(&in);
    struct bus *b = fake_bus();
    struct error e = {0};
    struct consumer_options o = {.stream = "CENTRAL_WX",
                                 .durable = how & 1 ? "archive" : NULL,
                                 .filter = how & 2 ? "central.wx.>" : NULL,
                                 .from = how % 6,
                                 .since = INT64_C(1779048480000000),
                                 .sequence = how,
                                 .batch = how & 8 ? 2 : 0,
                                 .no_ack = !(how & 1) && how & 4};

    const char *split = in.left ? memmem(in.at, in.left, "\n--\n", 4) : NULL;
    if (split) {
        messages = (struct input){split + 4, in.left - (size_t)(split + 4 - in.at)};
        in.left = (size_t)(split - in.at);
    }
    fake.answers = in;
    struct consumers *cs = consumers_open(b, &e);
    MUST(cs);
    if (consumers_add(cs, &o, NULL, &e)) {
        o.stream = "CENTRAL_META";
        if (!consumers_add(cs, &o, NULL, &e))
            MUST(e.text);
        error_free(&e);
        run(cs, messages, o.no_ack);
    } else {
        MUST(e.text);
        error_free(&e);
    }
    consumers_close(cs);
    return 0;
}
