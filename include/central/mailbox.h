/* mailbox.h - what threads hand over to the one that draws: finished values, in order, never waited for.
 *
 * A letter belongs to the mailbox from mailbox_post on, and to the reader from mailbox_take on. */
#ifndef CENTRAL_MAILBOX_H
#define CENTRAL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/brief.h"
#include "central/buf.h"

/* A reader that is stopped must cost no memory without end: beyond this many waiting letters the oldest events go, and
 * their number is told. */
#define MAILBOX_LETTERS 4096
/* Then figures, which will be told again, had better not be posted. */
#define MAILBOX_BUSY 64

enum letter_kind {
    LETTER_LINK,    /* of which link, ok, text: how a connection is */
    LETTER_STREAM,  /* name, line: an answer of STREAM.INFO, "" when there is none; extra: CONSUMER.LIST, "" */
    LETTER_EVENT,   /* brief */
    LETTER_META,    /* line: a poll report, a reject; name: its subject */
    LETTER_BEAT,    /* line: the heartbeat; stored */
    LETTER_ODD,     /* line: why a message is no event; name: its subject */
    LETTER_READY,   /* all that the streams held at the start has come */
    LETTER_HISTORY, /* brief: of the past, newest first; number says of which question */
    LETTER_ANSWER,  /* the question is answered; number, ok, text: from where, or why not */
};
enum link { LINK_BUS, LINK_ARCHIVE, LINKS };

struct letter {
    struct letter *next;
    enum letter_kind kind;
    enum link link;
    bool ok;
    unsigned number;
    char *name, *text;
    struct buf line, extra;
    struct brief *brief;
    int64_t stored;
};
struct letter *letter_new(enum letter_kind kind);
void letter_free(struct letter *l);

struct mailbox;
struct mailbox *mailbox_open(void);
/* Only when nobody posts any more. */
void mailbox_close(struct mailbox *m);
/* Readable while there is something to take. */
int mailbox_fd(const struct mailbox *m);
void mailbox_post(struct mailbox *m, struct letter *l);
/* True while the reader is behind with what is no event. */
bool mailbox_busy(struct mailbox *m);
/* Wakes the reader without a letter. */
void mailbox_wake(struct mailbox *m);
/* All that has come, the first first, NULL when nothing has; *lost is how many events had to go since the last call. */
struct letter *mailbox_take(struct mailbox *m, uint64_t *lost);

#endif
