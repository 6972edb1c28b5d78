#include "central/roll.h"

#include <stdlib.h>
#include <string.h>

#include "central/mem.h"

const char *roll_order_name(enum roll_order o)
{
    static const char *const names[ROLL_ORDERS] = {"arrival", "time", "severity", "adapter", "category", "headline"};

    return names[o];
}

void roll_open(struct roll *r)
{
    *r = (struct roll){.follow = true};
}

static void forget_answer(struct roll *r)
{
    for (size_t i = 0; i < r->answer_count; i++)
        brief_free(r->answer[i]);
    r->answer_count = 0;
}

void roll_close(struct roll *r)
{
    roll_hold(r, false);
    forget_answer(r);
    free(r->answer);
    free(r->at);
    free(r->from);
    *r = (struct roll){0};
}

void roll_hold(struct roll *r, bool held)
{
    if (held == r->held)
        return;
    r->held = held;
    for (size_t i = 0; i < r->count; i++)
        if (held)
            brief_share(r->at[i]);
        else
            brief_free(r->at[i]);
    if (!held)
        r->count = 0;
}

/* --- order -------------------------------------------------------------------------------------------------------- */

/* As the server took them, the newest first: the streams are read one after the other at the start. */
static int by_came(const struct brief *a, const struct brief *b)
{
    if (a->stored != b->stored)
        return a->stored < b->stored ? 1 : -1;
    return a->number < b->number ? 1 : a->number > b->number ? -1 : 0;
}

static int by_time(const struct brief *a, const struct brief *b)
{
    return a->time < b->time ? 1 : a->time > b->time ? -1 : by_came(a, b);
}

static int by_severity(const struct brief *a, const struct brief *b)
{
    return a->severity != b->severity ? b->severity - a->severity : by_came(a, b);
}

static int by_text(const char *x, const char *y, const struct brief *a, const struct brief *b)
{
    int n = strcmp(x, y);

    return n ? n : by_came(a, b);
}

static int compare(const void *x, const void *y, void *closure)
{
    const struct brief *a = *(struct brief *const *)x, *b = *(struct brief *const *)y;
    const struct roll *r = closure;
    int n = 0;

    switch (r->order) {
    case ROLL_TIME:
        n = by_time(a, b);
        break;
    case ROLL_SEVERITY:
        n = by_severity(a, b);
        break;
    case ROLL_ADAPTER:
        n = by_text(a->adapter, b->adapter, a, b);
        break;
    case ROLL_CATEGORY:
        n = by_text(a->category, b->category, a, b);
        break;
    case ROLL_HEADLINE:
        n = by_text(a->headline, b->headline, a, b);
        break;
    default:
        n = by_came(a, b);
    }
    return r->reverse ? -n : n;
}

/* --- what is out of date ------------------------------------------------------------------------------------------ */

/* A table of events by whom they are about, with open addressing; at most half full. */
struct known {
    const struct brief **at;
    size_t size;
};

static const char *about(const struct brief *b)
{
    return b->removes ? b->removes : b->id;
}

static size_t hash(const struct brief *b)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (const char *t = b->adapter; *t; t++)
        h = (h ^ (unsigned char)*t) * UINT64_C(0x100000001b3);
    for (const char *t = about(b); *t; t++)
        h = (h ^ (unsigned char)*t) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

/* True when a later one about the same thing was here before. */
static bool known_before(struct known *k, const struct brief *b)
{
    size_t i = hash(b) & (k->size - 1);

    for (; k->at[i]; i = (i + 1) & (k->size - 1))
        if (strcmp(k->at[i]->adapter, b->adapter) == 0 && strcmp(about(k->at[i]), about(b)) == 0)
            return true;
    k->at[i] = b;
    return false;
}

static struct brief *nth(const struct roll *r, const struct desk *d, size_t i)
{
    return r->past ? r->answer[i] : desk_event(d, i);
}

/* The newest first, as both the desk and an answer have them; versions of one event come through one stream. */
static void find_superseded(const struct roll *r, const struct desk *d, size_t n)
{
    struct known k = {.size = 64};

    while (k.size < 2 * n)
        k.size *= 2;
    k.at = mem_alloc_array(k.size, sizeof(struct brief *));
    for (size_t i = 0; i < n; i++) {
        struct brief *b = nth(r, d, i);
        bool superseded = known_before(&k, b);
        if (superseded != b->superseded)
            b->sieve = 0;
        b->superseded = superseded;
    }
    free(k.at);
}

static void add(struct roll *r, struct brief *b)
{
    if (r->count == r->room) {
        r->room = r->room ? 2 * r->room : 256;
        r->at = mem_resize(r->at, r->room * sizeof(struct brief *));
    }
    r->at[r->count++] = b;
}

void roll_refresh(struct roll *r, const struct desk *d, struct sieve *s, int64_t now)
{
    if (!r->held) {
        size_t n = r->past ? r->answer_count : d->event_count;
        r->count = 0;
        find_superseded(r, d, n);
        for (size_t i = 0; i < n; i++) {
            struct brief *b = nth(r, d, i);
            if (!(r->no_removals && b->removal) && sieve_passes(s, b, now))
                add(r, b);
        }
        if (r->count)
            qsort_r(r->at, r->count, sizeof(struct brief *), compare, r);
    }
    if (r->follow) {
        r->scroll.at = 0;
    } else {
        for (size_t i = 0; i < r->count; i++)
            if (r->at[i]->number == r->selected) {
                /* The bar stays where it is on the screen; the list moves under it. */
                r->scroll.top += (long)i - r->scroll.at;
                r->scroll.at = (long)i;
                break;
            }
    }
    scroll_fit(&r->scroll, (long)r->count, r->scroll.rows);
    struct brief *b = roll_selected(r);
    r->selected = b ? b->number : 0;
}

/* --- the bar ------------------------------------------------------------------------------------------------------ */

struct brief *roll_selected(const struct roll *r)
{
    return r->scroll.at >= 0 && r->scroll.at < (long)r->count ? r->at[r->scroll.at] : NULL;
}

void roll_select(struct roll *r, size_t i)
{
    if (i >= r->count)
        return;
    r->scroll.at = (long)i;
    r->selected = r->at[i]->number;
    r->follow = i == 0;
    scroll_fit(&r->scroll, (long)r->count, r->scroll.rows);
}

bool roll_press(struct roll *r, int key)
{
    if (!scroll_press(&r->scroll, key))
        return false;
    roll_select(r, (size_t)r->scroll.at);
    return true;
}

bool roll_search(struct roll *r, const char *text, int step)
{
    long n = (long)r->count;

    for (long i = 1; i <= n && *text; i++) {
        size_t at = (size_t)(((r->scroll.at + step * i) % n + n) % n);
        if (strcasestr(r->at[at]->headline, text) || strcasestr(r->at[at]->line, text)) {
            roll_select(r, at);
            return true;
        }
    }
    return false;
}

/* --- the past ----------------------------------------------------------------------------------------------------- */

static void begin(struct roll *r, bool past)
{
    roll_hold(r, false);
    forget_answer(r);
    free(r->from);
    r->from = NULL;
    r->past = r->waiting = past;
    r->answered = false;
    r->count = 0;
    r->follow = true;
    r->selected = 0;
}

void roll_ask(struct roll *r, unsigned question)
{
    begin(r, true);
    r->question = question;
}

void roll_live(struct roll *r)
{
    begin(r, false);
}

void roll_take(struct roll *r, struct letter *l)
{
    if (!r->past || l->number != r->question) {
        letter_free(l);
        return;
    }
    if (l->kind == LETTER_HISTORY) {
        if (r->answer_count == r->answer_room) {
            r->answer_room = r->answer_room ? 2 * r->answer_room : 256;
            r->answer = mem_resize(r->answer, r->answer_room * sizeof(struct brief *));
        }
        r->answer[r->answer_count++] = l->brief;
        l->brief = NULL;
    } else {
        r->waiting = false;
        r->answered = l->ok;
        free(r->from);
        r->from = l->text;
        l->text = NULL;
    }
    letter_free(l);
}
