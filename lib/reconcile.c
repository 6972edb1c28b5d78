#include "central/reconcile.h"

#include "central/audit.h"
#include "central/buf.h"
#include "central/clock.h"
#include "central/event.h"
#include "central/stream.h"

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

bool reconcile(struct bus *b, struct state *s, int64_t *lost, struct error *e)
{
    struct look l = {.bus = b, .e = e};
    bool ok = state_each_newest(s, on_newest, &l, e);

    *lost = 0;
    buf_free(&l.message);
    return ok && (!l.lost || compare(b, s, lost, e));
}
