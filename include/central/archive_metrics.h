/* archive_metrics.h - what the archiver did, for Prometheus (central-metrics(7)). */
#ifndef CENTRAL_ARCHIVE_METRICS_H
#define CENTRAL_ARCHIVE_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include "central/archive.h"
#include "central/metrics.h"

/* Opens path with the figures of the archiver. */
struct metrics *archive_metrics_open(const char *path);
/* After a commit: what it changed, the bytes of its lines, how long it took. */
void archive_metrics_commit(struct metrics *m, const struct archive_counts *changed, size_t bytes,
                            int64_t microseconds);
/* Of a message that was committed: its stream, what its consumer had still to come, since when the stream had it. */
void archive_metrics_message(struct metrics *m, const char *stream, uint64_t pending, int64_t age);
void archive_metrics_database(struct metrics *m, bool up);

#endif
