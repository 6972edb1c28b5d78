#include "central/prune.h"

#include <stdlib.h>
#include <string.h>

#include "central/buf.h"
#include "central/clock.h"
#include "central/mem.h"
#include "central/signals.h"

/* The one integer that a function of two texts returns. */
static bool call(struct db *d, const char *sql, int n, const char *const *values, int64_t *out, struct error *e)
{
    PGresult *r = db_run(d, sql, n, values, e);

    if (!r)
        return false;
    *out = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return true;
}

static bool prune_subject(struct db *d, const char *filter, const char *before, int64_t *rows, struct error *e)
{
    /* central.wx.> (streams.conf allows no other form) */
    char *prefix = mem_bytes(filter, strcspn(filter, ">"));
    const char *const values[] = {prefix, before};
    int64_t gone = 1;
    bool ok = true;

    while (ok && gone) {
        ok = signals_stop() ? error_set(e, CENTRAL_TRY_AGAIN, "%s: interrupted", db_name(d))
                            : call(d, "select central_prune($1, $2)", 2, values, &gone, e);
        *rows += ok ? gone : 0;
    }
    free(prefix);
    return ok;
}

bool prune(struct db *d, const struct stream_list *list, int64_t now, prune_told *told, void *closure, struct error *e)
{
    int64_t longest = 0, rows;
    bool all = true, ok = true;
    struct buf text = {0};

    for (size_t i = 0; ok && i < list->count; i++) {
        const struct stream *s = &list->at[i];
        if (!s->archived)
            continue;
        if (!s->keep) {
            all = false;
            continue;
        }
        longest = s->keep > longest ? s->keep : longest;
        buf_clear(&text);
        clock_put(&text, now - s->keep * CLOCK_SECOND, CLOCK_Z);
        rows = 0;
        for (size_t k = 0; ok && k < s->subject_count; k++)
            ok = prune_subject(d, s->subjects[k], buf_text(&text), &rows, e);
        if (ok)
            told(closure, s->name, rows, now - s->keep * CLOCK_SECOND);
    }
    if (ok && all && longest) {
        buf_clear(&text);
        clock_put(&text, now - longest * CLOCK_SECOND, CLOCK_Z);
        const char *const values[] = {buf_text(&text)};
        ok = call(d, "select central_prune_rejected($1)", 1, values, &rows, e);
        if (ok)
            told(closure, "events_rejected", rows, now - longest * CLOCK_SECOND);
        ok = ok && call(d, "select count(*) from central_drop_empty_partitions($1)", 1, values, &rows, e);
    }
    buf_free(&text);
    return ok;
}
