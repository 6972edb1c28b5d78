/* event.h: what event_read accepts can be written again in every way there is and is accepted again; what it refuses
 * becomes a reject that holds it. */
#include "fuzz.h"

#include "central/clock.h"
#include "central/event.h"
#include "central/line.h"
#include "central/original.h"
#include "central/utf8.h"

static bool within(struct json part, struct json whole)
{
    return !json_exists(part) || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

static struct event accepted(const struct buf *line, enum event_kind kind)
{
    struct event ev = {0};
    struct error e = {0};

    MUST_SAY(event_read(line->data ? line->data : "", line->len, &ev, &e), line->data, line->len);
    MUST_SAY(ev.kind == kind, line->data, line->len);
    error_free(&e);
    return ev;
}

static void spans(const struct event *ev)
{
    const struct json parts[] = {ev->id,  ev->source, ev->type,     ev->category, ev->subject, ev->adapter,
                                 ev->tag, ev->data,   ev->event_id, ev->removes,  ev->stream};
    struct buf id = {0};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        MUST(within(parts[i], ev->line));
    event_put_message_id(&id, ev);
    MUST(id.len > 2 && !memchr(id.data, '\n', id.len) && !memchr(id.data, '\0', id.len));
    buf_free(&id);
}

/* The line with a receipt, and without it again. */
static void receipt(const char *line, size_t len, const struct event *ev)
{
    struct buf bare = {0}, with = {0}, again = {0};

    event_put_bare(&bare, ev);
    struct event b = accepted(&bare, ev->kind);
    MUST(!json_exists(b.stream) && b.sequence == 0);
    if (!json_exists(ev->stream))
        event_put_receipt(&with, line, len, "CENTRAL_WX", UINT64_C(9223372036854775807));
    else
        event_put_receipt(&with, bare.data, bare.len, "CENTRAL_WX", UINT64_C(9223372036854775807));
    struct event w = accepted(&with, ev->kind);
    MUST(json_equals(w.stream, "CENTRAL_WX") && w.sequence == UINT64_C(9223372036854775807));
    event_put_bare(&again, &w);
    MUST_SAY(same_bytes(&bare, &again), again.data, again.len);
    buf_free(&bare);
    buf_free(&with);
    buf_free(&again);
}

static void revisions(const struct event *ev)
{
    struct buf first = {0}, later = {0}, again = {0};
    bool removal = json_exists(ev->removes);

    event_put_revision(&first, ev, 1, 0);
    struct event a = accepted(&first, EVENT_CANONICAL);
    MUST(a.revision == 1 && same_meaning(a.id, a.event_id) && same_meaning(a.event_id, ev->event_id));
    event_put_revision(&later, &a, 12, removal ? 7 : 0);
    struct event b = accepted(&later, EVENT_CANONICAL);
    MUST(b.revision == 12 && b.severity == ev->severity && b.time == ev->time && (!removal || b.removes_revision == 7));
    event_put_revision(&again, &b, 1, removal ? a.removes_revision : 0);
    MUST_SAY(same_meaning(written(&first), written(&again)), again.data, again.len);
    buf_free(&first);
    buf_free(&later);
    buf_free(&again);
}

/* Written from its parts it is the same event; what nobody knows goes. */
static void rebuild(const struct event *ev)
{
    struct buf out = {0}, last = {0};
    char *texts[] = {json_string(ev->event_id), json_string(ev->adapter), json_string(ev->category),
                     json_string(ev->subject), json_string(ev->removes)};
    struct event_parts p = {.id = texts[0],
                            .adapter = texts[1],
                            .category = texts[2],
                            .subject = texts[3],
                            .time = ev->time,
                            .expires = ev->expires,
                            .has_expires = ev->has_expires,
                            .severity = ev->severity,
                            .revision = ev->revision,
                            .geo = json_get(ev->data, "geo"),
                            .data = json_get(ev->data, "data"),
                            .removes = texts[4],
                            .removes_revision = ev->removes_revision};

    /* An envelope's id has room for so many digits. */
    if (p.revision > 1000000)
        p.revision = 1000000;
    event_put(&out, "central", &p);
    struct event again = accepted(&out, EVENT_CANONICAL);
    MUST(again.time == ev->time && again.revision == p.revision && again.severity == ev->severity);
    MUST(again.has_expires == ev->has_expires && again.expires == ev->expires);
    MUST(same_meaning(again.event_id, ev->event_id) && same_meaning(again.subject, ev->subject));
    MUST(same_meaning(json_get(again.data, "geo"), p.geo) && same_meaning(json_get(again.data, "data"), p.data));
    event_put_last(&last, ev, ev->revision);
    MUST(json_kind(written(&last)) == JSON_OBJECT);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    buf_free(&out);
    buf_free(&last);
}

static void raw(const struct event *ev)
{
    char *url = json_string(ev->source), *adapter = json_string(ev->adapter), *tag = json_string(ev->tag);
    struct buf out = {0};

    event_put_raw(&out, url, adapter, ev->time, ev->data, tag);
    struct event again = accepted(&out, EVENT_RAW);
    MUST(again.time == ev->time && same_meaning(again.data, ev->data) && same_meaning(again.source, ev->source));
    free(url);
    free(adapter);
    free(tag);
    buf_free(&out);
}

static void report(const struct event *ev)
{
    static const struct event_count counts[] = {{"normalized", 12}, {"rejected", 0}};
    struct buf out = {0}, again = {0};
    int64_t n;

    event_put_poll(&out, ev, counts, 2);
    struct event counted = accepted(&out, EVENT_POLL);
    MUST(json_int(json_get(counted.data, "normalized"), &n) && n == 12);
    event_put_poll(&again, &counted, counts, 2);
    MUST_SAY(same_bytes(&out, &again), again.data, again.len);
    buf_free(&out);
    buf_free(&again);
}

static bool is_utf8(const char *text, size_t len)
{
    for (size_t n; len; text += n, len -= n)
        if (!(n = utf8_next(text, len, NULL)))
            return false;
    return true;
}

/* The original comes back out of its reject. */
static void reject(const char *text, size_t len, const char *reason)
{
    struct reject r = {
        .stage = "central-fuzz", .adapter = "nws", .line = 7, .reason = reason, .original = text, .original_len = len};
    struct buf out = {0}, original = {0};
    struct json v;

    event_put_reject(&out, &r);
    MUST(out.len <= LINE_MAX_DEFAULT && !memchr(out.data, '\n', out.len));
    struct event ev = accepted(&out, EVENT_REJECT);
    struct json kept = json_get(ev.data, "original"), kept_text = json_get(ev.data, "original_text");
    MUST(json_exists(kept) != json_exists(kept_text));
    MUST(json_equals(ev.subject, "central.meta.reject.nws"));
    if (json_exists(kept)) {
        MUST(json_check(text, len, &v, NULL) && same_meaning(v, kept));
    } else if (len <= REJECT_TEXT_MAX && is_utf8(text, len)) {
        MUST(json_decode(kept_text, &original));
        MUST(original.len == len && (!len || memcmp(original.data, text, len) == 0));
    }
    buf_free(&out);
    buf_free(&original);
}

static void adopt(const char *text, size_t len)
{
    struct buf out = {0};

    if (original_adopt(text, len, NULL, &out)) {
        char *subject = json_string(json_get(written(&out), "centralsubject"));
        MUST(subject && strncmp(subject, "central.", 8) == 0);
        free(subject);
    } else {
        MUST(!out.len);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct event ev;
    struct error e = {0};

    adopt(text, size);
    if (!event_read(text, size, &ev, &e)) {
        MUST(e.text && e.status == CENTRAL_REJECTED);
        reject(text, size, e.text);
        error_free(&e);
        return 0;
    }
    spans(&ev);
    receipt(text, size, &ev);
    if (ev.kind == EVENT_CANONICAL) {
        revisions(&ev);
        rebuild(&ev);
    } else if (ev.kind == EVENT_RAW) {
        raw(&ev);
    } else if (ev.kind == EVENT_POLL) {
        report(&ev);
    }
    reject(text, size, "refused for the sake of it");
    return 0;
}
