/* desk.h - what the operator's desk knows: streams, sources, the latest events, and how the connections are.
 *
 * Plain data that one thread owns; it is fed with letters (mailbox.h) and drawn by panels. Nothing here waits. */
#ifndef CENTRAL_DESK_H
#define CENTRAL_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/brief.h"
#include "central/mailbox.h"
#include "central/sieve.h"
#include "central/stream.h"

/* The latest events that are kept, by number and by memory: a perimeter may be 200 KB. */
#define DESK_EVENTS_MAX 5000
#define DESK_BYTES_MAX (48 * 1024 * 1024)
/* Sources that are kept; whoever may publish can make up names. */
#define DESK_SOURCES_MAX 500
/* Rates behind a sparkline, one per look at the streams. */
#define DESK_RATES 60
/* A source is late when its next poll is overdue by its cadence again, by a minute at least. */
#define DESK_LATE_MIN (60 * CLOCK_SECOND)
/* central-archive sends a heartbeat every 30 s; after three of them it is missed. */
#define DESK_BEAT_LATE (90 * CLOCK_SECOND)

struct desk_consumer {
    char *name;
    bool durable;
    int64_t pending, ack_pending, redelivered;
};
struct desk_stream {
    char *name, *subjects;
    bool configured, archived; /* in streams.conf, with option archive */
    bool looked, exists;
    int64_t messages, bytes, first_sequence, last_sequence;
    int64_t last_time;          /* of the newest message, 0: none */
    int64_t max_bytes, max_age; /* the server's; -1: no limit; seconds */
    int64_t looked_at;          /* when these figures came */
    double rate;                /* messages a second between the last two looks */
    float rates[DESK_RATES];    /* the oldest first */
    size_t rate_count;
    struct desk_consumer *consumers;
    size_t consumer_count;
    int64_t lag;     /* of the durable consumer furthest behind, -1: none is durable */
    struct buf info; /* STREAM.INFO's answer */
};
enum source_state {
    SOURCE_FAILED, /* the worst first: they are listed so */
    SOURCE_LATE,
    SOURCE_PARTIAL,
    SOURCE_EMPTY,
    SOURCE_NEW,
    SOURCE_UNCHANGED,
    SOURCE_NEVER, /* enabled here and no report seen */
    SOURCE_DISABLED,
    SOURCE_STATES
};
struct desk_source {
    char *name, *title;
    bool known;       /* central-adapter of this machine knows it */
    bool enabled;     /* there */
    int64_t every;    /* seconds, 0: unknown */
    char *credential; /* present, missing; NULL: needs none */
    bool reported;
    enum source_state reported_state; /* SOURCE_FAILED, PARTIAL, EMPTY, NEW, UNCHANGED */
    int64_t last, next;               /* poll; 0: unknown */
    int64_t items, published, rejected, normalized, unchanged, revised, removed; /* of the last poll; -1: not told */
    char *error;                                                                 /* of the last poll, NULL */
    uint64_t rejects;                                                            /* seen while this program runs */
    char *last_reject;                                                           /* its reason, NULL */
    struct buf report;                                                           /* the whole envelope */
};
struct desk_link {
    bool known, up;
    char *text;
    int64_t since; /* monotonic: when it came or went */
};
struct desk {
    struct desk_stream *streams;
    size_t stream_count;
    struct desk_source *sources; /* sorted by name */
    size_t source_count;
    struct brief **events; /* a ring */
    size_t event_first, event_count;
    size_t event_bytes;
    uint64_t event_number; /* of the newest */
    uint64_t came;         /* while this program runs, what had to go unread included */
    uint64_t lost, odd;
    char *odd_why;
    int64_t beat; /* when the last heartbeat was sent, 0: none seen */
    int64_t beat_uptime;
    struct desk_link links[LINKS];
    bool ready;
    unsigned changes; /* counts everything that may change a picture */
};

void desk_open(struct desk *d, const struct stream_list *streams);
void desk_close(struct desk *d);
/* Takes what l holds; frees it. Letters of questions (LETTER_HISTORY, LETTER_ANSWER) are not for the desk: false. */
bool desk_take(struct desk *d, struct letter *l, int64_t now);
/* Takes one line of `central-adapter list --json`. */
void desk_adapter(struct desk *d, const char *line, size_t len);
/* The event that came i-th before the newest (0), NULL. */
struct brief *desk_event(const struct desk *d, size_t i);
/* A machine on which no source is enabled polls none, and cannot tell late from disabled. */
enum source_state desk_source_state(const struct desk *d, const struct desk_source *s, int64_t now);
const char *source_state_name(enum source_state s);
/* False while the figures of streams are those of before the connection was lost. */
bool desk_current(const struct desk *d);
/* Messages a second over all streams that were looked at. */
double desk_rate(const struct desk *d);
/* A stream's bytes in percent of its limit, -1 without one. */
int desk_stream_percent(const struct desk_stream *s);
/* Appends the desk as JSON lines: links, streams, sources, then the events that pass, newest first, at most so many. */
void desk_put_json(const struct desk *d, struct sieve *sieve, size_t events, int64_t now, struct buf *out);

#endif
