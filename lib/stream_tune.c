#include "central/stream_tune.h"

#include "central/clock.h"
#include "central/stream_view.h"
#include "central/table.h"

#define MIB (INT64_C(1024) * 1024)
#define BYTES_MAX ((double)(INT64_C(1) << 60))

bool stream_tune(const struct stream *st, struct json info, int64_t most, int64_t span_least, struct tuning *out)
{
    int64_t span = stream_time(info, "last_ts") - stream_time(info, "first_ts");

    *out = (struct tuning){.bytes = stream_state(info, "bytes"), .span = span / CLOCK_SECOND, .most = most};
    if (out->bytes <= 0 || span <= 0 || span < span_least * CLOCK_SECOND)
        return false;
    double wanted = (double)out->bytes / ((double)span / (double)CLOCK_SECOND) * (double)st->max_age * TUNE_MARGIN;
    int64_t n = wanted < BYTES_MAX ? (int64_t)wanted : (int64_t)BYTES_MAX;
    out->wanted = n;
    n = (n + MIB - 1) / MIB * MIB;
    if (most && n > most)
        n = most / MIB * MIB;
    out->max_bytes = n < STREAM_MAX_BYTES_MIN ? STREAM_MAX_BYTES_MIN : n;
    return true;
}

static void put_limits(const struct tuning *t, struct buf *out)
{
    if (t->max_bytes == STREAM_MAX_BYTES_MIN)
        buf_add_text(out, " (the least)");
    else if (t->most && t->max_bytes == t->most / MIB * MIB)
        buf_add_text(out, " (the account's share)");
}

void stream_tune_put(const struct stream *st, const struct tuning *t, struct buf *out)
{
    buf_add_format(out, "%s: ", st->name);
    table_size(out, t->bytes);
    buf_add_text(out, " in ");
    clock_put_age(out, t->span * CLOCK_SECOND);
    if (!t->max_bytes) {
        buf_add_text(out, ": too little to tell; stays ");
        size_put(out, st->max_bytes);
        return;
    }
    buf_add_text(out, " * ");
    duration_put(out, st->max_age);
    buf_add_format(out, " * %.1f = ", TUNE_MARGIN);
    table_size(out, t->wanted);
    buf_add_text(out, ": max-bytes ");
    size_put(out, st->max_bytes);
    if (t->max_bytes == st->max_bytes) {
        buf_add_text(out, " stays");
    } else {
        buf_add_text(out, " -> ");
        size_put(out, t->max_bytes);
    }
    put_limits(t, out);
}

int64_t stream_share(struct json account, size_t count)
{
    struct json limits = json_get(account, "limits");
    int64_t all = 0, one = 0;

    json_int(json_get(limits, "max_storage"), &all);
    json_int(json_get(limits, "storage_max_stream_bytes"), &one);
    all = all > 0 && count ? all / (int64_t)count : 0;
    if (one > 0 && (!all || one < all))
        return one;
    return all;
}
