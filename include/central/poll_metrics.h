/* poll_metrics.h - what the polls of a source add up to, for Prometheus (central-metrics(7)). */
#ifndef CENTRAL_POLL_METRICS_H
#define CENTRAL_POLL_METRICS_H

#include "central/event.h"
#include "central/metrics.h"

/* Opens path with the figures of polls. */
struct metrics *poll_metrics_open(const char *path);
/* Adds what a poll report says; settled, whether the poll was consumed. */
void poll_metrics_add(struct metrics *m, const struct event *report, bool settled);

#endif
