/* panel.h - the parts of the desk's screen as small classes, and what they share.
 *
 * A panel draws what the view holds on an area and takes keys; it never waits, reads or writes. What it wants done it
 * leaves in the view: a text to be read (pager), a question with the command that a yes runs. */
#ifndef CENTRAL_PANEL_H
#define CENTRAL_PANEL_H

#include <stdbool.h>
#include <stdint.h>
#include "central/desk.h"
#include "central/history.h"
#include "central/page.h"
#include "central/pager.h"
#include "central/press.h"
#include "central/roll.h"
#include "central/sieve.h"

/* What a person is to be asked. */
struct question {
    bool asked;
    char *text;
    char *initial; /* NULL: yes or no; else a value is to be typed, and this stands there at first */
    char **argv;   /* what a yes runs, NULL-terminated; argv[0] is a program of Central's. "" takes the value */
};
void question_ask(struct question *q, char *text, const char *initial, const char *const *argv);
void question_end(struct question *q);

struct view {
    struct desk *desk;
    struct roll *roll;
    struct sieve *sieve;
    struct history *history; /* NULL: none is asked */
    int64_t now;
    bool readonly;
    bool has_region;
    double region[4]; /* west, south, east, north */
    struct pager pager;
    bool reading;       /* the pager is on the screen */
    bool reading_event; /* with the selected event in it */
    struct question question;
    char *message;            /* for the status line, until the next key */
    int mouse_row, mouse_col; /* of a PRESS_CLICK, in the panel's area */
};
void view_say(struct view *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Opens the selected event to be read. */
void view_read_event(struct view *v);
/* Puts an event into a pager: what it says, then its JSON. */
void tell_event(struct pager *p, const struct brief *b);

struct panel_class {
    const char *name;
    const char *const *help; /* lines, NULL-terminated */
    const char *bar[12];     /* what F1 to F12 do, NULL: nothing; those the program itself knows are not here */
    void *(*open)(void);     /* NULL: no state */
    void (*close)(void *self);
    int (*rows)(void *self, struct view *v); /* that it fills when nothing limits it */
    void (*draw)(void *self, struct view *v, const struct area *a);
    bool (*press)(void *self, struct view *v, int key); /* false: not for it */
    bool (*search)(void *self, struct view *v, const char *text, int step);
};
extern const struct panel_class panel_overview, panel_events, panel_map, panel_sources, panel_streams;

/* Shared by panels. */
/* What went wrong, behind the address where it did: where there is not much room, that counts. */
const char *text_reason(const char *text);
/* 3s, 5m, 2h, 4d since time; "-" for 0. */
void put_age(struct buf *out, int64_t now, int64_t time);
/* 1.2K 34M, in powers of 1024, at most five columns. */
void put_bytes(struct buf *out, int64_t bytes);
/* 11-24 02:41:38, UTC. */
void put_moment(struct buf *out, int64_t time);
/* 0.2/s 12/s 1.2k/s */
void put_rate(struct buf *out, double rate);
/* The last width of rates, the greatest as the highest. */
void draw_spark(const struct area *a, int row, int col, int width, const float *rates, size_t count);
/* The head of a table over the whole width. */
void draw_head(const struct area *a, int row, const char *text);
/* Rows of events: heads in row 0, the roll from row 1 on. bar: the selected one is shown. */
void draw_events(struct view *v, const struct area *a, bool bar);
/* Of a source's state word. */
enum style source_style(enum source_state s);

#endif
