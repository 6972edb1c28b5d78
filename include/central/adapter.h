/* adapter.h - what Central knows of a feed: one jq file (design §4, central-adapter(5)).
 *
 * The file is the start of a jq program; `include "central";` is put before it and a line that calls its definitions
 * after it. Beside jq's own and central.jq's definitions it sees `settings`, and `context`: {url, tag, fetched} of the
 * answer or record at hand.
 *
 * Passing on untouched: keep(PATH) in what event yields stands for the bytes upstream sent at that path of the record;
 * libjq 1.6 would turn numbers into doubles and write JSON slowly. */
#ifndef CENTRAL_ADAPTER_H
#define CENTRAL_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/geo.h"
#include "central/json.h"

struct adapter;
/* Loads and compiles NAME.jq (about 20 ms, most of it libjq's builtins) and reads the settings of the source: defaults
 * of `about` under those of CENTRAL_CONFIG/sources/NAME.json. CENTRAL_CONFIG when there is no such adapter, it does not
 * compile, or a file is no JSON. */
struct adapter *adapter_open(const char *name, struct error *e);
/* The same for who may need no more than `about`, settings and requests: where those are plain data at the head of the
 * file (literal.h), nothing is compiled before adapter_compile, or before something else is asked for. */
struct adapter *adapter_open_uncompiled(const char *name, struct error *e);
/* Compiles now what is not compiled yet. */
bool adapter_compile(struct adapter *a, struct error *e);
/* A file by its path, for trying things out (central-normalize -f). */
struct adapter *adapter_open_file(const char *path, const char *name, struct error *e);
/* The same with the settings of another file than CENTRAL_CONFIG/sources/NAME.json; one that is not there sets nothing.
 */
struct adapter *adapter_open_with(const char *path, const char *name, const char *settings, struct error *e);
void adapter_close(struct adapter *a);
const char *adapter_name(const struct adapter *a);
const char *adapter_file(const struct adapter *a);
/* With true `event` sees all of each record, not only what `uses` names: both must give the same. */
void adapter_give_whole(struct adapter *a, bool whole);
/* `about`, and the settings in force (defaults overlaid with the file's), as JSON; valid as long as a. */
struct json adapter_about(const struct adapter *a);
struct json adapter_settings(const struct adapter *a);
/* Seconds between polls: the settings' every, else about's. */
int64_t adapter_every(const struct adapter *a);

/* Appends the list of requests as a JSON array, from {settings, key, state, now}. state is JSON text, "null" when there
 * is none. */
bool adapter_requests(struct adapter *a, const char *key, const char *state, int64_t now, struct buf *out,
                      struct error *e);

/* Appends the list of requests that the answer to a request with "follow": true leads to (`follow`: a registry of
 * feeds). CENTRAL_REJECTED when `follow` says error. */
bool adapter_follow(struct adapter *a, struct json answer, struct buf *out, struct error *e);

/* What is at hand, for `context`. */
struct adapter_context {
    const char *url;
    const char *tag; /* JSON text or NULL */
    int64_t fetched;
};
/* Calls each(closure, record) for every record of an answer that json_check accepted; false from it stops. The record
 * is the answer's own bytes when about.records names where they are, or items is a path expression. False with e when
 * there are none there, or items says error (CENTRAL_REJECTED: this answer is no answer), or the program fails. Nothing
 * is told before that is known. */
typedef bool adapter_each(void *closure, struct json record);
bool adapter_items(struct adapter *a, struct json answer, const struct adapter_context *c, adapter_each *each,
                   void *closure, struct error *e);

enum adapter_outcome { ADAPTER_EVENT, ADAPTER_SKIPPED, ADAPTER_OUTSIDE, ADAPTER_REJECTED };
struct adapter_counts {
    uint64_t events, skipped, outside, rejected;
};
/* Turns one record into events: calls event(closure, line, len) with a finished, checked canonical line for each. A
 * record that cannot be used calls reject(closure, reason). Nothing at all counts as skipped, outside the region as
 * outside. */
struct adapter_sink {
    bool (*event)(void *closure, const char *line, size_t len);
    bool (*reject)(void *closure, const char *reason);
    void *closure;
};
bool adapter_events(struct adapter *a, struct json record, const struct adapter_context *c,
                    const struct adapter_sink *s, struct adapter_counts *counts, struct error *e);

/* Appends the removal (a canonical line) of the event that last describes (JSON text: id, revision, category, time,
 * subject, geo, data, seen), as `removed` makes it. CENTRAL_REJECTED when it makes none, or one that breaks the
 * contract. */
bool adapter_removed(struct adapter *a, const char *last, const char *reason, int64_t now, struct buf *line,
                     struct error *e);

#endif
