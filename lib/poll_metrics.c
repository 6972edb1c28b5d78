#include "central/poll_metrics.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/json.h"

static const struct metric table[] = {
    {"central_polls_total", "counter", "Polls, by how they ended: new, unchanged, empty, partial, failed."},
    {"central_poll_last_timestamp_seconds", "gauge", "When the newest poll was made."},
    {"central_poll_success_timestamp_seconds", "gauge",
     "When the newest poll was made that was complete and of which every line is durable."},
    {"central_poll_next_timestamp_seconds", "gauge", "When the next poll is due."},
    {"central_poll_seconds_total", "counter", "Time spent asking the source."},
    {"central_poll_requests_total", "counter", "Requests to the source."},
    {"central_poll_bytes_total", "counter", "Bytes the source answered."},
    {"central_poll_items", "gauge", "Records in the newest answer."},
    {"central_events_total", "counter", "Events sent, by what they are: new, revised, removed."},
    {"central_rejects_total", "counter", "Records that could not be used, by stage: normalize, publish."},
    {"central_publish_duplicates_total", "counter", "Events that the stream had already."},
    {"central_publish_failed_total", "counter", "Events that are not durable yet; the next poll sends them again."},
    {"central_publish_seconds_total", "counter", "Time until all events of a poll were durable, added up."},
    {"central_removals_held", "gauge", "1 while an answer shrank so much that its removals are not believed."},
};

struct metrics *poll_metrics_open(const char *path)
{
    return metrics_open(path, table, sizeof table / sizeof *table);
}

static double number(const struct event *report, const char *name)
{
    double n = 0;

    json_double(json_get(report->data, name), &n);
    return n;
}

static void add(struct metrics *m, const char *name, const struct buf *source, const char *label, const char *value,
                double n)
{
    struct buf labels = {0};

    buf_add(&labels, source->data, source->len);
    metrics_label(&labels, label, value);
    metrics_add(m, name, buf_text(&labels), n);
    buf_free(&labels);
}

void poll_metrics_add(struct metrics *m, const struct event *report, bool settled)
{
    struct buf labels = {0};
    char *source = json_string(report->adapter), *state = json_string(json_get(report->data, "state")),
         *next = json_string(json_get(report->data, "next_poll"));
    double made = (double)report->time / CLOCK_SECOND;
    int64_t due;

    metrics_label(&labels, "source", source ? source : "");
    const char *l = buf_text(&labels);
    add(m, "central_polls_total", &labels, "state", state ? state : "", 1);
    metrics_set(m, "central_poll_last_timestamp_seconds", l, made);
    if (settled)
        metrics_set(m, "central_poll_success_timestamp_seconds", l, made);
    if (next && clock_parse(next, strlen(next), &due))
        metrics_set(m, "central_poll_next_timestamp_seconds", l, (double)due / CLOCK_SECOND);
    metrics_add(m, "central_poll_seconds_total", l, number(report, "duration_ms") / 1000);
    metrics_add(m, "central_poll_requests_total", l, number(report, "requests"));
    metrics_add(m, "central_poll_bytes_total", l, number(report, "bytes"));
    metrics_set(m, "central_poll_items", l, number(report, "items"));
    add(m, "central_events_total", &labels, "change", "new", number(report, "fresh"));
    add(m, "central_events_total", &labels, "change", "revised", number(report, "revised"));
    add(m, "central_events_total", &labels, "change", "removed", number(report, "removed"));
    add(m, "central_rejects_total", &labels, "stage", "normalize",
        number(report, "rejected") + number(report, "twins_rejected"));
    add(m, "central_rejects_total", &labels, "stage", "publish", number(report, "refused"));
    metrics_add(m, "central_publish_duplicates_total", l, number(report, "duplicates"));
    metrics_add(m, "central_publish_failed_total", l, number(report, "failed"));
    metrics_add(m, "central_publish_seconds_total", l, number(report, "publish_ms") / 1000);
    metrics_set(m, "central_removals_held", l, number(report, "held") > 0);
    buf_free(&labels);
    free(source);
    free(state);
    free(next);
}
