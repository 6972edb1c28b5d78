/* event.h - the one place that knows contract §1 and §2: what a line may be, and what it must hold.
 *
 * Three kinds of line (design §3): raw (what central-fetch writes), canonical (an event), meta (a poll report or a
 * reject). event_read checks a line wholly; nothing that it refuses is published or archived, whoever made it. */
#ifndef CENTRAL_EVENT_H
#define CENTRAL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

#define EVENT_SCHEMA_VERSION "1.0"
#define EVENT_TYPE_RAW "central.raw.v1"
#define EVENT_TYPE_POLL "central.meta.poll.v1"
#define EVENT_TYPE_REJECT "central.meta.reject.v1"
#define EVENT_SOURCE_DEFAULT "central" /* environment CENTRAL_SOURCE */
#define EVENT_SUBJECT_MAX 255          /* JetStream takes more; a subject is also a file name in many consumers */
#define EVENT_ID_MAX 1024

enum event_kind { EVENT_RAW, EVENT_CANONICAL, EVENT_POLL, EVENT_REJECT };

/* What event_read found. Every span points into the line. */
struct event {
    enum event_kind kind;
    struct json line; /* the whole envelope */
    struct json id;   /* of the envelope: <event id> or <event id>@<n> */
    struct json source;
    struct json type;
    struct json category; /* canonical */
    struct json subject;  /* canonical, meta */
    struct json adapter;  /* raw: centraladapter; else data.adapter */
    struct json tag;      /* raw: centraltag, "not there" when it has none */
    struct json data;     /* raw: the upstream record; canonical: the event (§2); meta: the report */
    struct json event_id; /* canonical: data.id */
    int64_t time;         /* of the envelope, clock.h */
    int64_t expires;      /* canonical; only when has_expires */
    bool has_expires;
    int severity;        /* canonical: 0 to 4, -1 for null */
    int64_t revision;    /* canonical: from 1 */
    struct json removes; /* canonical: the id this removal removes, "not there" for any other event */
    int64_t removes_revision;
    struct json stream; /* of a receipt (event_put_receipt), "not there" when it has none */
    uint64_t sequence;
};

/* Reads and checks one line. On failure e says what is wrong and where (CENTRAL_REJECTED). */
bool event_read(const char *text, size_t len, struct event *out, struct error *e);

/* The Nats-Msg-Id: canonical <envelope id>:<category>:<8 hex digits of the event's hash> (contract §3); meta
 * <id>:<type>. */
void event_put_message_id(struct buf *out, const struct event *ev);

/* What a canonical event is made of. geo and data are finished JSON texts. */
struct event_parts {
    const char *id; /* of the event, bare */
    const char *adapter;
    const char *category;
    const char *subject;
    int64_t time;
    int64_t expires;
    bool has_expires;
    int severity;     /* -1: null */
    int64_t revision; /* 1: first publication */
    struct json geo;
    struct json data;
    const char *removes; /* NULL; a removal: the id of the event it removes */
    int64_t removes_revision;
};
/* Appends the envelope of a canonical event (no newline). source is this instance's name. */
void event_put(struct buf *out, const char *source, const struct event_parts *p);
/* Appends a canonical line again under another revision (id, centralrevision), and, for a removal, with the revision it
 * removes; removes_revision 0 leaves data as it is. All other bytes stay. */
void event_put_revision(struct buf *out, const struct event *ev, int64_t revision, int64_t removes_revision);
/* Appends what a removal will need of the event, as adapter_removed takes it: everything but geometry and the payload's
 * large and nested parts. */
void event_put_last(struct buf *out, const struct event *ev, int64_t revision);
/* Where JetStream keeps a line that it acknowledged travels with the line, as the attributes centralstream and
 * centralsequence (digits in a string: a sequence outgrows CloudEvents' integer). They are for the next stage of a
 * pipe: what is published or archived goes without them.
 *
 * Appends line, which has no receipt, with one. */
void event_put_receipt(struct buf *out, const char *line, size_t len, const char *stream, uint64_t sequence);
/* Appends ev's line without its receipt. All other bytes stay. */
void event_put_bare(struct buf *out, const struct event *ev);
/* Appends the envelope of a raw event. record is written without white space between tokens; tag, NULL or JSON text,
 * goes along as centraltag (what the adapter's request wants its event to know). */
void event_put_raw(struct buf *out, const char *url, const char *adapter, int64_t fetched, struct json record,
                   const char *tag);
/* This instance's name: CENTRAL_SOURCE or the default. */
const char *event_source(void);

/* Reduces one subject token to [a-z0-9_-] (contract §4): lower case, everything else becomes _, runs of _ folded, none
 * at either end; nothing left gives "unknown". */
void event_put_token(struct buf *out, const char *text, size_t len);
/* True for a subject central.<token>(.<token>)* of such tokens. */
bool event_subject_ok(const char *text, size_t len);

/* Adapter of a reject when nobody can tell whose line it was. */
#define EVENT_NOBODY "unknown"
/* A line that cannot be used becomes a reject event with the reason and the original. */
struct reject {
    const char *stage;   /* the tool */
    const char *adapter; /* EVENT_NOBODY when nobody can tell */
    const char *source;  /* the URL or file, NULL */
    uint64_t line;       /* number in the stage's input, 0 when it has none */
    const char *reason;
    const char *original;
    size_t original_len;
    size_t original_total; /* its whole length when original is only its beginning; else 0 */
};
/* Kept of an original, so that a reject always fits on a line of LINE_MAX_DEFAULT: JSON goes in as it is, a byte of
 * other text may take six. What is cut off is told by its length and a hash. */
#define REJECT_JSON_MAX (768 * 1024)
#define REJECT_TEXT_MAX (128 * 1024)
/* Appends the reject's line (no newline). A JSON original is kept as JSON under "original", other bytes as a string
 * under "original_text". */
void event_put_reject(struct buf *out, const struct reject *r);

/* Appends the poll report line report with the numbers added to its data: {name, value} pairs, n of them. A count that
 * is there already is replaced. report is a line that event_read calls EVENT_POLL. */
struct event_count {
    const char *name;
    int64_t value;
};
void event_put_poll(struct buf *out, const struct event *report, const struct event_count *counts, size_t n);

#endif
