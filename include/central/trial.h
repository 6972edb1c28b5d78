/* trial.h - an adapter tried out: what it makes of an answer, with nothing published, committed or remembered.
 *
 * For central-adapter preview and for golden cases. */
#ifndef CENTRAL_TRIAL_H
#define CENTRAL_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include "central/adapter.h"
#include "central/event.h"
#include "central/http.h"
#include "central/poll.h"

struct trial {
    /* Each is called in order; any may be NULL. line is a canonical event; record what upstream sent; report the
     * poll's. */
    void (*event)(void *closure, const char *line, size_t len);
    void (*reject)(void *closure, const char *reason, struct json record);
    void (*report)(void *closure, const struct event *report, const struct adapter_counts *counts);
    void *closure;
};
bool trial_run(struct adapter *a, struct parser *parser, struct http *h, const struct poll_options *o,
               const struct trial *t, struct poll_result *result, struct error *e);

/* A golden case: a folder with answer* (one file a request, in order of their names), settings.json (if the case needs
 * some) and expected: an event's envelope, {"reject": {reason, original}} or {"report": {state, complete, items,
 * normalized, skipped, outside_region, rejected, errors}} a line. Compared by meaning. regen writes expected anew.
 * *differences gets what differs, a line each; true when nothing does. e is set when the case cannot be run. */
bool trial_case(const char *adapter_file, const char *name, const char *dir, bool regen, struct buf *differences,
                struct error *e);

#endif
