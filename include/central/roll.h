/* roll.h - the list of events that is on the screen: live or of the past, sieved, sorted, one of them selected. */
#ifndef CENTRAL_ROLL_H
#define CENTRAL_ROLL_H

#include <stdbool.h>
#include "central/desk.h"
#include "central/press.h"
#include "central/sieve.h"

enum roll_order { ROLL_CAME, ROLL_TIME, ROLL_SEVERITY, ROLL_ADAPTER, ROLL_CATEGORY, ROLL_HEADLINE, ROLL_ORDERS };

struct roll {
    struct brief **at;
    size_t count, room;
    struct scroll scroll;
    uint64_t selected; /* the number of the event under the bar; 0: none */
    bool follow;       /* the bar stays on the first row */
    enum roll_order order;
    bool reverse;
    bool no_removals;
    bool held; /* nothing comes or goes until it is let go; it owns its events then */
    /* The past. */
    bool past, waiting;
    unsigned question;
    struct brief **answer;
    size_t answer_count, answer_room;
    char *from; /* where the answer is from, or why there is none */
    bool answered;
};
void roll_open(struct roll *r);
void roll_close(struct roll *r);
/* Brings the list up to date. */
void roll_refresh(struct roll *r, const struct desk *d, struct sieve *s, int64_t now);
void roll_hold(struct roll *r, bool held);
/* Keys that move the bar. */
bool roll_press(struct roll *r, int key);
void roll_select(struct roll *r, size_t i);
struct brief *roll_selected(const struct roll *r);
/* The next event (step 1, -1) whose line or headline holds text, around the end; false when there is none. */
bool roll_search(struct roll *r, const char *text, int step);
const char *roll_order_name(enum roll_order o);
/* Shows the past from now on, of the question with this number; roll_live goes back. */
void roll_ask(struct roll *r, unsigned question);
void roll_live(struct roll *r);
/* Takes a letter of an answer. */
void roll_take(struct roll *r, struct letter *l);

#endif
