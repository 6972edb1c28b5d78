#include "central/archive_metrics.h"

#include "central/clock.h"

static const struct metric table[] = {
    {"central_archive_events_total", "counter",
     "Events archived, by what became of them: inserted, revised, superseded, duplicate."},
    {"central_archive_removals_total", "counter", "Events marked as removed."},
    {"central_archive_rejected_total", "counter", "Messages put into events_rejected."},
    {"central_archive_batches_total", "counter", "Batches committed."},
    {"central_archive_bytes_total", "counter", "Bytes of the messages committed."},
    {"central_archive_commit_seconds_total", "counter", "Time that batches took, trying again included."},
    {"central_archive_commit_timestamp_seconds", "gauge", "When a batch was committed last."},
    {"central_archive_latency_seconds", "gauge",
     "From the stream to the row, of the last message of the newest batch, by stream."},
    {"central_archive_lag_messages", "gauge", "Messages of the stream that wait to be archived."},
    {"central_archive_database_up", "gauge", "1 while the database takes batches, 0 while they are tried again."},
};

struct metrics *archive_metrics_open(const char *path)
{
    return metrics_open(path, table, sizeof table / sizeof *table);
}

static void add_events(struct metrics *m, const char *result, uint64_t n)
{
    struct buf labels = {0};

    metrics_label(&labels, "result", result);
    metrics_add(m, "central_archive_events_total", buf_text(&labels), (double)n);
    buf_free(&labels);
}

void archive_metrics_commit(struct metrics *m, const struct archive_counts *changed, size_t bytes, int64_t microseconds)
{
    add_events(m, "inserted", changed->inserted);
    add_events(m, "revised", changed->revised);
    add_events(m, "superseded", changed->superseded);
    add_events(m, "duplicate", changed->duplicates);
    metrics_add(m, "central_archive_removals_total", NULL, (double)changed->removed);
    metrics_add(m, "central_archive_rejected_total", NULL, (double)changed->rejected);
    metrics_add(m, "central_archive_batches_total", NULL, 1);
    metrics_add(m, "central_archive_bytes_total", NULL, (double)bytes);
    metrics_add(m, "central_archive_commit_seconds_total", NULL, (double)microseconds / CLOCK_SECOND);
    metrics_set(m, "central_archive_commit_timestamp_seconds", NULL, (double)clock_now() / CLOCK_SECOND);
    archive_metrics_database(m, true);
}

void archive_metrics_message(struct metrics *m, const char *stream, uint64_t pending, int64_t age)
{
    struct buf labels = {0};

    metrics_label(&labels, "stream", stream);
    metrics_set(m, "central_archive_lag_messages", buf_text(&labels), (double)pending);
    metrics_set(m, "central_archive_latency_seconds", buf_text(&labels), (double)age / CLOCK_SECOND);
    buf_free(&labels);
}

void archive_metrics_database(struct metrics *m, bool up)
{
    metrics_set(m, "central_archive_database_up", NULL, up);
}
