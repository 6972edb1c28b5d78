/* event_put_reject, whatever tool, adapter, source and reason are: a line that is accepted, fits, and holds the
 * original. Each on a line of its own, the original is the rest; its bytes are taken as often as the first byte says.
 */
#include "fuzz.h"

#include "central/event.h"
#include "central/line.h"

/* From here on it is so large that it has to be cut. */
#define MANY 0xfc

static void check(const struct buf *line, const struct reject *r)
{
    struct event ev = {0};
    struct error e = {0};
    struct buf text = {0};
    int64_t n;

    MUST_SAY(event_read(line->data, line->len, &ev, &e), line->data, line->len);
    MUST(ev.kind == EVENT_REJECT && line->len <= LINE_MAX_DEFAULT);
    MUST(!memchr(line->data, '\n', line->len));
    struct json original = json_get(ev.data, "original_text"), bytes = json_get(ev.data, "original_bytes");
    MUST(json_exists(json_get(ev.data, "original")) != json_exists(original));
    /* What was cut says how long it was. */
    if (json_exists(bytes))
        MUST(json_int(bytes, &n) && n == (int64_t)(r->original_total ? r->original_total : r->original_len));
    else if (json_decode(original, &text))
        MUST(!r->original_total && text.len >= r->original_len);
    MUST(json_int(json_get(ev.data, "line"), &n) ? n == (int64_t)r->line : r->line == 0);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    unsigned char times = input_byte(&in);
    char *stage = input_string(&in, '\n'), *adapter = input_string(&in, '\n'), *source = input_string(&in, '\n'),
         *reason = input_string(&in, '\n');
    struct buf original = {0}, line = {0}, again = {0};

    size_t most = times >= MANY ? 2 * REJECT_JSON_MAX : in.left * (times % 8 + 1);
    do
        buf_add(&original, in.at, in.left);
    while (in.left && original.len < most);
    struct reject r = {.stage = stage,
                       .adapter = adapter,
                       .source = *source ? source : NULL,
                       .line = times % 3,
                       .reason = reason,
                       .original = buf_text(&original),
                       .original_len = original.len,
                       .original_total = times % 5 == 4 ? original.len + 100 : 0};
    event_put_reject(&line, &r);
    check(&line, &r);
    /* A reject may be refused as well. */
    struct reject second = {
        .stage = stage, .adapter = adapter, .reason = reason, .original = line.data, .original_len = line.len};
    event_put_reject(&again, &second);
    check(&again, &second);
    free(stage);
    free(adapter);
    free(source);
    free(reason);
    buf_free(&original);
    buf_free(&line);
    buf_free(&again);
    return 0;
}
