#include "central/reconcile.h"

#include "central/audit.h"
#include "central/buf.h"
#include "central/clock.h"
#include "central/event.h"
#include "central/stream.h"
#include "central/stream_read.h"

/* A poll of which nothing was recorded is followed by another one in less than that. */
#define FIRST_POLL_AGE INT64_C(86400)

struct look {
    struct bus *bus;
    struct buf message;
    bool lost;
    struct error *e;
};

/* Its newest message stands where it was, or is so old that the stream let it go. */
static bool on_newest(void *closure, const char *stream, int64_t sequence, const char *id)
{
    struct look *l = closure;
    struct buf answer = {0};
    struct json info;
    struct event ev;
    bool missing;
    int64_t first = 0;

    buf_clear(&l->message);
    if (stream_message(l->bus, stream, (uint64_t)sequence, &l->message, &missing, l->e)) {
        l->lost = l->lost || !event_read(l->message.data, l->message.len, &ev, NULL) || !json_equals(ev.id, id);
        return true;
    }
    if (!missing)
        return false;
    bool ok = stream_info(l->bus, stream, &answer, &info, &missing, l->e);
    if (ok)
        json_int(json_get_path(info, "state", "first_seq", NULL), &first);
    l->lost = l->lost || !ok || first <= sequence;
    buf_free(&answer);
    return ok || missing;
}

struct losing {
    struct state *state;
    int64_t count, oldest;
    struct error *e;
};

static bool lose(void *closure, const struct gap *g)
{
    struct losing *l = closure;

    /* Without a stream it was lost before. */
    if (g->kind != GAP_SENT || g->on_bus || !g->stream)
        return true;
    l->count++;
    l->oldest = !l->oldest || g->at < l->oldest ? g->at : l->oldest;
    return state_lose(l->state, g->id, l->e);
}

struct reading {
    struct audit *audit;
    struct bus *bus;
    struct error *e;
};

static bool on_stream(void *closure, const char *stream)
{
    struct reading *r = closure;

    return audit_read_stream(r->audit, r->bus, stream, 0, 0, r->e);
}

static bool compare(struct bus *b, struct state *s, int64_t *lost, struct error *e)
{
    struct reading r = {.audit = audit_open(e), .bus = b, .e = e};
    struct losing l = {.state = s, .e = e};
    bool ok = r.audit && audit_read_state(r.audit, state_source(s), s, 0, e) &&
              audit_each_stream(r.audit, on_stream, &r, e) && state_begin(s, e) &&
              audit_each(r.audit, 0, INT64_MAX, lose, &l, e) &&
              state_rewind(s, l.oldest ? l.oldest : clock_now() / CLOCK_SECOND, e) && state_commit(s, e);

    state_rollback(s);
    *lost = l.count;
    audit_close(r.audit);
    return ok;
}

/* --- what nobody recorded ------------------------------------------------------------------------------------------
 */

bool reconcile_learn(struct state *s, const struct event *ev, const char *stream, int64_t sequence, struct error *e)
{
    int64_t now = clock_now() / CLOCK_SECOND;
    struct buf text = {0};
    char *envelope = json_string(ev->id), *id = json_string(json_exists(ev->removes) ? ev->removes : ev->event_id);
    const struct state_receipt receipt = {stream, sequence, envelope};
    bool ok;

    if (json_exists(ev->removes)) {
        ok = state_put_removed(s, id, &receipt, now, e);
    } else {
        json_put_hash(&text, json_hash(ev->data));
        ok = state_put_sent(s, id, buf_text(&text), ev->revision, &receipt, now, e);
        buf_clear(&text);
        event_put_last(&text, ev, ev->revision);
        ok = ok && state_put_observed(s, id, buf_text(&text), e);
    }
    free(envelope);
    free(id);
    buf_free(&text);
    return ok;
}

struct learning {
    struct bus *bus;
    struct state *state;
    const char *stream;
    struct buf newest; /* the envelope's id of the last message */
    int64_t sequence;
    bool some; /* the state knows a stream */
    int64_t *learned;
    struct error *e;
};

static bool on_message(void *closure, const struct consumed *m)
{
    struct learning *l = closure;
    struct event ev;

    if (!event_read(m->data, m->len, &ev, NULL))
        return true;
    l->sequence = (int64_t)m->sequence;
    buf_clear(&l->newest);
    json_decode(ev.id, &l->newest);
    if (ev.kind != EVENT_CANONICAL || !json_equals(ev.adapter, state_source(l->state)))
        return true;
    ++*l->learned;
    return reconcile_learn(l->state, &ev, l->stream, l->sequence, l->e);
}

static bool learn_from(struct learning *l, const struct consumer_options *from)
{
    struct buf answer = {0};
    struct json info;
    bool missing;

    l->stream = from->stream;
    l->sequence = 0;
    bool ok = stream_info(l->bus, from->stream, &answer, &info, &missing, l->e);
    buf_free(&answer);
    if (!ok)
        return missing;
    if (!stream_read(l->bus, from, on_message, l, l->e))
        return false;
    const struct state_receipt looked = {from->stream, l->sequence, buf_text(&l->newest)};
    return !l->sequence || state_put_newest(l->state, &looked, l->e);
}

/* A pipe records what it published in the order in which it did, so the rest is behind the newest that it did record.
 * Where it was looked for need not be looked again. */
static bool learn_behind(void *closure, const char *stream, int64_t sequence, const char *id)
{
    struct learning *l = closure;
    const struct consumer_options behind = {
        .stream = stream, .from = CONSUMER_SEQUENCE, .sequence = (uint64_t)sequence + 1};

    (void)id;
    l->some = true;
    return learn_from(l, &behind);
}

/* Its first poll, of which nothing was recorded: it may be in any stream. */
static bool learn_anywhere(struct learning *l, struct error *e)
{
    struct stream_list list = {0};
    bool ok = stream_list_read(NULL, &list, e);

    for (size_t i = 0; ok && i < list.count; i++) {
        const struct consumer_options recent = {
            .stream = list.at[i].name, .from = CONSUMER_SINCE, .since = clock_now() - FIRST_POLL_AGE * CLOCK_SECOND};
        ok = !list.at[i].archived || learn_from(l, &recent);
    }
    stream_list_free(&list);
    return ok;
}

static bool learn(struct bus *b, struct state *s, int64_t *learned, struct error *e)
{
    struct learning l = {.bus = b, .state = s, .learned = learned, .e = e};
    bool unrecorded, ok = state_unrecorded(s, &unrecorded, e);

    if (!ok || !unrecorded)
        return ok;
    ok = state_begin(s, e) && state_each_newest(s, learn_behind, &l, e) && (l.some || learn_anywhere(&l, e)) &&
         state_commit(s, e);
    state_rollback(s);
    buf_free(&l.newest);
    if (!ok)
        *learned = 0;
    return ok;
}

bool reconcile(struct bus *b, struct state *s, int64_t *lost, int64_t *learned, struct error *e)
{
    struct look l = {.bus = b, .e = e};
    bool ok = state_each_newest(s, on_newest, &l, e);

    *lost = *learned = 0;
    buf_free(&l.message);
    return ok && (l.lost ? compare(b, s, lost, e) : learn(b, s, learned, e));
}
