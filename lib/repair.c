#include "central/repair.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/event.h"
#include "central/mem.h"
#include "central/original.h"
#include "central/reconcile.h"
#include "central/stream.h"

struct repair {
    struct bus *bus;
    struct db *db;
    struct archive *archive;
    struct publisher *publisher;
    /* of the line last published */
    char *stream;
    uint64_t sequence;
    struct error refused;
};

static void on_published(void *closure, const struct publisher_result *result)
{
    struct repair *r = closure;

    free(r->stream);
    r->stream = NULL;
    if (result->acknowledged) {
        r->stream = mem_string(result->stream);
        r->sequence = result->sequence;
    } else {
        error_set(&r->refused, result->error->status, "%s", result->error->text);
    }
}

struct repair *repair_open(struct bus *b, struct db *d, struct archive *archive, struct error *e)
{
    struct repair *r = mem_alloc(sizeof *r);
    const struct publisher_options o = {.window = 1, .done = on_published, .closure = r};

    r->bus = b;
    r->db = d;
    r->archive = archive;
    if ((r->publisher = publisher_open(b, &o, e)))
        return r;
    repair_close(r);
    return NULL;
}

void repair_close(struct repair *r)
{
    if (!r)
        return;
    publisher_close(r->publisher);
    free(r->stream);
    error_free(&r->refused);
    free(r);
}

bool repair_find_archived(struct db *d, const struct gap *g, struct buf *payload, bool *found, struct error *e)
{
    static const char version[] =
        "select payload::text from events where adapter = $1 and id = $2 and revision = $3"
        " union all select payload::text from events_history where adapter = $1 and id = $2 and revision = $3";
    static const char removal[] = "select payload::text from events where adapter = $1 and removes = $2"
                                  " and removes_revision >= $3 order by removes_revision desc limit 1";
    struct buf revision = {0};

    buf_add_format(&revision, "%lld", (long long)g->revision);
    const char *const values[] = {g->source, g->id, buf_text(&revision)};
    PGresult *rows = db_run(d, g->removal && g->kind == GAP_SENT ? removal : version, 3, values, e);
    *found = rows && PQntuples(rows) > 0;
    if (*found && payload)
        buf_add(payload, PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0));
    bool ok = rows != NULL;
    PQclear(rows);
    buf_free(&revision);
    return ok;
}

static bool publish(struct repair *r, const struct event *ev, struct error *e)
{
    struct buf subject = {0}, id = {0};

    json_decode(ev->subject, &subject);
    event_put_message_id(&id, ev);
    error_free(&r->refused);
    bool ok = publisher_add(r->publisher, buf_text(&subject), buf_text(&id), ev->line.at, ev->line.len, NULL, e) &&
              publisher_finish(r->publisher, e);
    if (ok && !r->stream)
        ok = error_set(e, r->refused.status, "%s", r->refused.text);
    buf_free(&subject);
    buf_free(&id);
    return ok;
}

/* Its payload, from the archive or the bus; *out REPAIR_NONE when neither has it. */
static bool find(struct repair *r, const struct gap *g, struct buf *payload, bool *archived, bool *on_bus,
                 struct error *e)
{
    bool missing = true;

    *archived = *on_bus = false;
    if (r->db && !repair_find_archived(r->db, g, payload, archived, e))
        return false;
    if (!*archived && g->on_bus && g->stream) {
        if (!stream_message(r->bus, g->stream, (uint64_t)g->sequence, payload, &missing, e) && !missing)
            return false;
        *on_bus = !missing;
    }
    return true;
}

static bool close_gap(struct repair *r, struct state *s, const struct gap *g, const struct event *ev, bool archived,
                      enum repaired *out, struct error *e)
{
    const struct batch_origin from = {.stream = g->stream, .sequence = (uint64_t)g->sequence};
    struct archive_counts counts = {0};

    switch (g->kind) {
    case GAP_SENT:
        *out = REPAIR_PUBLISHED;
        return archived && publish(r, ev, e) && reconcile_learn(s, ev, r->stream, (int64_t)r->sequence, e);
    case GAP_ARCHIVED:
        *out = archived ? REPAIR_NONE : REPAIR_ARCHIVED;
        if (archived)
            return true;
        batch_add_event(archive_batch(r->archive), ev, &from);
        if (!archive_commit(r->archive, &counts, e))
            return false;
        /* Refused, it is in events_rejected once more, and the gap stays. */
        if (batch_rejected(archive_written(r->archive), 0))
            *out = REPAIR_NONE;
        return true;
    case GAP_KNOWN:
        *out = REPAIR_LEARNED;
        return reconcile_learn(s, ev, g->stream, g->sequence, e) &&
               (!g->removed || state_put_removed(s, g->id, &(struct state_receipt){0}, g->at, e));
    default:
        return true;
    }
}

bool repair_gap(struct repair *r, struct state *s, const struct gap *g, enum repaired *out, struct error *e)
{
    struct buf payload = {0}, adopted = {0};
    struct event ev;
    bool archived, on_bus;

    *out = REPAIR_NONE;
    if (g->kind == GAP_CONTENT)
        return true;
    if (g->kind == GAP_REMOVED) {
        if (!g->removed)
            return true;
        *out = REPAIR_LEARNED;
        return state_put_removed(s, g->id, &(struct state_receipt){0}, clock_now() / CLOCK_SECOND, e);
    }
    bool ok = find(r, g, &payload, &archived, &on_bus, e);
    if (ok && !archived && !on_bus) {
        if (g->kind == GAP_SENT) {
            *out = REPAIR_LOST;
            ok = state_lose(s, g->id, e);
        }
    } else if (ok) {
        ok = original_read(payload.data, payload.len, NULL, &adopted, &ev, e) &&
             close_gap(r, s, g, &ev, archived, out, e);
    }
    buf_free(&payload);
    buf_free(&adopted);
    return ok;
}
