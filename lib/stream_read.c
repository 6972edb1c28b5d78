#include "central/stream_read.h"

#include "central/clock.h"

/* While nothing comes, so often is asked whether that was all. */
#define QUIET_MS 100

bool stream_read(struct bus *b, const struct consumer_options *o, stream_read_message *each, void *closure,
                 struct error *e)
{
    const struct consumer_options reading = {
        .stream = o->stream, .from = o->from, .since = o->since, .sequence = o->sequence, .no_ack = true};
    struct consumers *cs = consumers_open(b, e);
    struct consumed m;
    bool ok = cs && consumers_add(cs, &reading, NULL, e);
    int64_t heard = clock_monotonic();

    while (ok) {
        int got = consumers_next(cs, 0, &m, e);
        if (bus_connected(b))
            heard = clock_monotonic();
        if (got == 0) {
            if (consumers_drained(cs, e))
                break;
            if (!e->text && clock_monotonic() - heard > STREAM_READ_GIVE_UP_SECONDS * CLOCK_SECOND)
                error_set(e, CENTRAL_UNAVAILABLE, "%s: connection lost for %d seconds", bus_url(b),
                          STREAM_READ_GIVE_UP_SECONDS);
            got = e->text ? -1 : consumers_next(cs, QUIET_MS, &m, e);
        }
        if (got > 0) {
            ok = each(closure, &m);
            consumed_free(&m);
        } else if (got < 0) {
            ok = e->text ? false : error_set(e, CENTRAL_TRY_AGAIN, "%s: interrupted", o->stream);
        }
    }
    if (cs)
        consumers_close(cs);
    return ok;
}
