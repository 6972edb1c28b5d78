/* audit.h - whether what a source's state says was sent is on the bus and in the archive, by id and revision.
 *
 * Three readings are taken, in this order, so that on a live system the later one holds what the earlier told: the
 * states, the streams, the archive. They are compared in a temporary SQLite file, so memory does not grow with them. */
#ifndef CENTRAL_AUDIT_H
#define CENTRAL_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/bus.h"
#include "central/error.h"
#include "central/state.h"

struct audit;
/* CENTRAL_IO when there is no room for temporary files. */
struct audit *audit_open(struct error *e);
void audit_close(struct audit *a);

/* Reads the state of a source; s NULL: it has none. remembers: for so many seconds after an id was last seen its state
 * knows it (0: for ever). */
bool audit_read_state(struct audit *a, const char *source, struct state *s, int64_t remembers, struct error *e);
/* Tells each stream that one of the states names, and, in *yes, whether one of them names none. */
typedef bool audit_stream(void *closure, const char *stream);
bool audit_each_stream(struct audit *a, audit_stream *each, void *closure, struct error *e);
bool audit_names_none(struct audit *a, bool *yes, struct error *e);
/* Reads what the stream holds of these sources, from that time on (clock.h; 0: all). A stream that is not there holds
 * nothing. keep: seconds that the archive keeps its events (0: for ever). */
bool audit_read_stream(struct audit *a, struct bus *b, const char *stream, int64_t keep, int64_t since,
                       struct error *e);
/* There is an archive, though it may be empty; without this call nothing is asked of one. */
void audit_has_archive(struct audit *a);
/* A version of an event that the archive holds: whether it stands, is removed, and when it came (seconds). Of other
 * sources' events nothing is taken. */
bool audit_add_archived(struct audit *a, const char *payload, size_t len, bool stands, bool removed, int64_t received,
                        struct error *e);

enum gap_kind {
    GAP_SENT,     /* of what the state says was sent: not where it should be */
    GAP_ARCHIVED, /* on the bus, not in the archive */
    GAP_KNOWN,    /* on the bus or in the archive, and the state does not know it, or a lower revision only */
    GAP_REMOVED,  /* the state has it removed and the archive has not, or the other way round */
    GAP_CONTENT   /* one revision with two contents */
};
struct gap {
    enum gap_kind kind;
    const char *source, *id;
    int64_t revision;
    bool removal;       /* GAP_SENT: it is the removal of this event; GAP_REMOVED: the state has it removed */
    bool on_bus;        /* it is there, at stream and sequence */
    bool in_archive;    /* it is there; false also when no archive was read */
    const char *stream; /* where it is or was, NULL when nobody told */
    int64_t sequence;
    const char *hash; /* GAP_KNOWN */
    bool removed;     /* GAP_KNOWN, GAP_REMOVED: the archive has it removed */
    int64_t at;       /* when it was sent, seconds; 0: nobody told */
};
/* Tells every gap among what was sent from since on and before until (clock.h), ordered by source and id; what is
 * younger may be on its way. False from each ends it, with e->text NULL. */
typedef bool audit_gap(void *closure, const struct gap *g);
bool audit_each(struct audit *a, int64_t since, int64_t until, audit_gap *each, void *closure, struct error *e);

/* How much was read of one source. */
struct audit_counts {
    int64_t state, bus, archive;
};
bool audit_count(struct audit *a, const char *source, struct audit_counts *out, struct error *e);

#endif
