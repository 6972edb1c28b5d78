/* metrics.h - figures for Prometheus' node exporter: a text file of its "textfile" collector.
 *
 * Figures go on where the file has them, so a program that runs for a second and one that runs for a year count alike.
 * A file that is lost begins at 0, which rate() and increase() know how to take. */
#ifndef CENTRAL_METRICS_H
#define CENTRAL_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"

struct metric {
    const char *name, *type, *help; /* type: counter or gauge */
};

struct metrics;
/* Takes the table as it is, which must outlive it, and reads what path has when it is there; a file that is
 * none of ours counts as lost. */
struct metrics *metrics_open(const char *path, const struct metric *table, size_t count);
/* labels: NULL or what metrics_label made. The name must be in the table. */
void metrics_set(struct metrics *m, const char *name, const char *labels, double value);
void metrics_add(struct metrics *m, const char *name, const char *labels, double value);
/* Appends name="value" with a comma before it when one is due. */
void metrics_label(struct buf *labels, const char *name, const char *value);
/* Writes the file anew: temporary name, then rename. */
bool metrics_write(struct metrics *m, struct error *e);
void metrics_close(struct metrics *m);

#endif
