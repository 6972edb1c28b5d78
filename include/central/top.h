/* top.h - the operator's desk as one thing: panels in their frame, what is typed, errands. It draws on a page and takes
 * keys and letters; who owns it brings them (central-top(1)). */
#ifndef CENTRAL_TOP_H
#define CENTRAL_TOP_H

#include <stdbool.h>
#include <stdint.h>
#include "central/errand.h"
#include "central/panel.h"
#include "central/watch.h"

#define TOP_PANELS 5
#define TOP_ROWS_MIN 24
#define TOP_COLS_MIN 80
/* Which sources are enabled here is asked this often; central-adapter compiles every adapter for it. */
#define TOP_ADAPTERS_SECONDS 60

struct top {
    struct view view;
    struct desk desk;
    struct roll roll;
    void *panels[TOP_PANELS];
    int open;            /* the panel on the screen */
    struct watch *watch; /* NULL: none is told to look */
    struct prompt {
        enum { PROMPT_NONE, PROMPT_SEARCH, PROMPT_FILTER, PROMPT_VALUE, PROMPT_YES } kind;
        struct buf text;
    } prompt;
    char *searched;
    struct errand errand;   /* what the operator asked for */
    struct errand adapters; /* central-adapter list */
    bool adapters_known;    /* it has ended once */
    int64_t adapters_at;    /* monotonic */
    uint64_t lost_told;
    bool quit;
    bool urgent; /* what was taken should be seen at once */
};
/* Takes sieve. */
void top_open(struct top *t, const struct stream_list *streams, struct sieve *sieve);
void top_close(struct top *t);
/* The panel whose name begins so, upper and lower case alike; -1. */
int top_panel(const char *name);
/* Takes letters. */
void top_take(struct top *t, struct letter *letters, uint64_t lost, int64_t now);
void top_press(struct top *t, int key, int row, int col);
/* Starts what is due and collects what has ended. */
void top_tend(struct top *t);
/* Brings everything up to the time. */
void top_refresh(struct top *t, int64_t now);
/* The whole screen. Returns the column of the cursor in the last row, -1 for none. */
int top_draw(struct top *t, struct page *p);
/* Only the head and the open panel, as long as they are. */
void top_print(struct top *t, struct page *p, int cols);

#endif
