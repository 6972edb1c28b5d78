#include "central/stream_delete.h"

#include <stdlib.h>

#include "central/mem.h"
#include "central/stream_view.h"

void stream_loss_json(const struct stream_loss *l, const char *action, struct buf *out)
{
    json_begin(out, '{');
    json_put_member_text(out, "name", l->name);
    json_put_member_text(out, "action", action);
    json_put_member_int(out, "messages", l->messages);
    if (l->bytes >= 0)
        json_put_member_int(out, "bytes", l->bytes);
    if (l->consumers >= 0)
        json_put_member_int(out, "consumers", l->consumers);
    json_end(out, '}');
}

void stream_loss_put(const struct stream_loss *l, const char *action, struct buf *out)
{
    buf_add_format(out, "%s: %s: %lld message%s", l->name, action, (long long)l->messages, l->messages == 1 ? "" : "s");
    if (l->bytes >= 0) {
        buf_add_text(out, ", ");
        table_size(out, l->bytes);
    }
    if (l->consumers >= 0)
        buf_add_format(out, ", %lld consumer%s", (long long)l->consumers, l->consumers == 1 ? "" : "s");
}

/* Messages that match a filter: the server tells them by subject, a page at a time. */
static bool count_matching(struct bus *b, const char *name, const char *filter, int64_t *count, struct error *e)
{
    struct buf answer = {0}, body = {0};
    char *subject = mem_format("STREAM.INFO.%s", name);
    int64_t offset = 0, total = 1;
    bool ok = true;

    *count = 0;
    while (ok && offset < total) {
        struct json v, value;
        buf_clear(&body);
        json_begin(&body, '{');
        json_put_member_text(&body, "subjects_filter", filter);
        json_put_member_int(&body, "offset", offset);
        json_end(&body, '}');
        ok = bus_api(b, subject, body.data, body.len, &answer, &v, NULL, e);
        struct json subjects = ok ? json_get_path(v, "state", "subjects", NULL) : json_absent;
        if (json_count(subjects) == 0)
            break;
        for (struct json_iter i = json_walk(subjects); json_next(&i, NULL, &value);) {
            int64_t n = 0;
            if (json_int(value, &n) && __builtin_add_overflow(*count, n, count))
                *count = INT64_MAX;
        }
        offset += (int64_t)json_count(subjects);
        /* Without a total it was all. */
        total = offset;
        json_int(json_get(v, "total"), &total);
    }
    free(subject);
    buf_free(&answer);
    buf_free(&body);
    return ok;
}

bool stream_find_loss(struct bus *b, const struct stream_purge *p, struct stream_loss *l, struct error *e)
{
    struct buf answer = {0};
    struct json info;
    bool missing, ok = stream_info(b, l->name, &answer, &info, &missing, e);

    if (!ok && missing)
        error_set(e, CENTRAL_DIFFERS, "%s: no stream %s", bus_url(b), l->name);
    if (ok) {
        l->messages = stream_state(info, "messages");
        l->bytes = p && (p->subject || p->keep) ? -1 : stream_state(info, "bytes");
        l->consumers = p ? -1 : stream_state(info, "consumer_count");
    }
    buf_free(&answer);
    if (ok && p && p->subject)
        ok = count_matching(b, l->name, p->subject, &l->messages, e);
    if (ok && p)
        l->messages = l->messages > p->keep ? l->messages - p->keep : 0;
    return ok;
}

bool stream_remove(struct bus *b, const char *name, struct error *e)
{
    struct buf answer = {0};
    struct json v;
    char *subject = mem_format("STREAM.DELETE.%s", name);
    bool ok = bus_api(b, subject, "", 0, &answer, &v, NULL, e);

    free(subject);
    buf_free(&answer);
    return ok;
}

bool stream_purge(struct bus *b, const struct stream_purge *p, struct stream_loss *l, struct error *e)
{
    struct buf answer = {0}, body = {0};
    struct json v;
    char *subject = mem_format("STREAM.PURGE.%s", l->name);

    json_begin(&body, '{');
    if (p->subject)
        json_put_member_text(&body, "filter", p->subject);
    if (p->keep)
        json_put_member_int(&body, "keep", p->keep);
    json_end(&body, '}');
    bool ok = bus_api(b, subject, body.data, body.len, &answer, &v, NULL, e);
    /* What came or went since is the server's to know. */
    if (ok)
        json_int(json_get(v, "purged"), &l->messages);
    free(subject);
    buf_free(&answer);
    buf_free(&body);
    return ok;
}
