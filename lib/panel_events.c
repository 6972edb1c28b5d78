/* panel_events.c - the events, live or of the past; one opens to be read. */
#include "central/panel.h"

#include <stdlib.h>

#include <string.h>

#include "central/mem.h"

#define BATCH_ROWS 30
/* From this width on the selected event stands beside the list. */
#define SIDE_BY_SIDE 160

struct events {
    struct pager beside;
    uint64_t number; /* of the event in it */
    bool past;
};

static void *open(void)
{
    return mem_alloc(sizeof(struct events));
}

static void close_events(void *self)
{
    struct events *e = self;

    pager_close(&e->beside);
    free(e);
}

static void draw_beside(struct events *e, const struct roll *r, const struct area *a)
{
    const struct brief *b = roll_selected(r);

    if (!b)
        return;
    if (e->number != b->number || e->past != r->past) {
        e->number = b->number;
        e->past = r->past;
        tell_event(&e->beside, b);
    }
    pager_draw(&e->beside, a);
}

static int wanted(void *self, struct view *v)
{
    (void)self;
    return v->roll->count < BATCH_ROWS ? (int)v->roll->count + 3 : BATCH_ROWS + 2;
}

static void draw(void *self, struct view *v, const struct area *a)
{
    const struct roll *r = v->roll;
    int cols = a->cols >= SIDE_BY_SIDE ? a->cols * 11 / 20 : a->cols;
    struct area list = area_part(a, 1, 0, a->rows - 1, cols);
    struct area beside = area_part(a, 1, cols + 1, a->rows - 1, a->cols - cols - 1);
    struct buf text = {0};

    buf_add_format(&text, "%s%s: %zu events, by %s%s", r->past ? "past" : "live", r->held ? " (held)" : "", r->count,
                   roll_order_name(r->order), r->reverse ? " reversed" : "");
    if (r->no_removals)
        buf_add_text(&text, ", without removals");
    if (r->past)
        buf_add_format(&text, "; from %s", r->waiting ? "..." : r->from ? r->from : "");
    area_text(a, 0, 0, -1, r->past && !r->waiting && !r->answered ? STYLE_ALARM : STYLE_DIM, buf_text(&text));
    buf_free(&text);
    draw_events(v, &list, true);
    if (cols < a->cols)
        draw_beside(self, r, &beside);
}

static void order(struct roll *r, int step)
{
    r->order = (enum roll_order)(((int)r->order + step + ROLL_ORDERS) % ROLL_ORDERS);
}

static void copy_id(struct view *v)
{
    const struct brief *b = roll_selected(v->roll);

    if (!b)
        return;
    /* Alone on its lines, so that a terminal's own selection takes it and nothing else. */
    pager_begin(&v->pager, "Id and subject, to be copied (Esc: back)");
    pager_text(&v->pager, STYLE_NORMAL, b->id);
    pager_text(&v->pager, STYLE_NORMAL, b->subject);
    v->reading = true;
}

static bool press(void *self, struct view *v, int key)
{
    struct roll *r = v->roll;

    (void)self;
    switch (key) {
    case PRESS_ENTER:
        view_read_event(v);
        return true;
    case PRESS_CLICK:
        if (v->mouse_row >= 2)
            roll_select(r, (size_t)(r->scroll.top + v->mouse_row - 2));
        return true;
    case ' ':
        roll_hold(r, !r->held);
        return true;
    case '<':
    case '>':
        order(r, key == '<' ? -1 : 1);
        return true;
    case PRESS_F0 + 6:
        order(r, 1);
        return true;
    case 'I':
        r->reverse = !r->reverse;
        return true;
    case 'x':
        r->no_removals = !r->no_removals;
        return true;
    case 'y':
        copy_id(v);
        return true;
    case 'p':
    case PRESS_F0 + 5:
        if (r->past && (r->waiting || r->answered))
            roll_live(r);
        else if (v->history)
            roll_ask(r, history_ask(v->history, sieve_text(v->sieve)));
        return true;
    default:
        return roll_press(r, key);
    }
}

static bool search(void *self, struct view *v, const char *text, int step)
{
    (void)self;
    return roll_search(v->roll, text, step);
}

static const char *const help[] = {"Enter  read the event: what it says, then its JSON, whole",
                                   "Space  hold the list, let it go on",
                                   "p F5   the past that passes the filter, from the archive or else the streams;",
                                   "       again: live",
                                   "< > F6 order by another column; I reversed",
                                   "x      hide removals, show them",
                                   "y      id and subject alone, to be copied",
                                   NULL};

const struct panel_class panel_events = {.name = "Events",
                                         .help = help,
                                         .bar = {[4] = "Past", [5] = "Sort"},
                                         .open = open,
                                         .close = close_events,
                                         .rows = wanted,
                                         .draw = draw,
                                         .press = press,
                                         .search = search};
