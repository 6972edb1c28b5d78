#include "central/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "central/clock.h"
#include "central/consumer.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/original.h"
#include "central/signals.h"

#define MS INT64_C(1000)
/* Between two tries to reach a server that is away. */
#define RETRY_MS 1000
/* The longest wait for a message: what has been asked of the thread meanwhile waits as long. */
#define TURN_MS 100
#define HEARTBEAT "central.meta.heartbeat"
#define META "central.meta."

/* What is known of a stream of the list. */
struct watched {
    bool followed, exists;
    uint64_t last; /* sequence of the last message that was posted: a new consumer goes on behind it */
};

struct watch {
    pthread_t thread;
    const struct stream_list *list;
    struct mailbox *mail;
    int look_ms;
    atomic_bool stop, look_now;
    /* Of the thread. */
    struct bus *bus;
    struct consumers *consumers;
    struct watched *watched; /* as many as list has */
    bool told, told_up, ready;
    bool silent;    /* connected, and the last question was not answered */
    int64_t looked; /* monotonic */
};

static bool stopping(struct watch *w)
{
    return atomic_load(&w->stop) || signals_stop();
}

static void tell_link(struct watch *w, bool up, const char *text)
{
    struct letter *l = letter_new(LETTER_LINK);

    w->told = true;
    w->told_up = up;
    l->link = LINK_BUS;
    l->ok = up;
    l->text = mem_string(text);
    mailbox_post(w->mail, l);
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

static bool look_at(struct watch *w, size_t i, struct error *e)
{
    const struct stream *st = &w->list->at[i];
    struct letter *l = letter_new(LETTER_STREAM);
    struct json v;
    bool missing = false;

    l->name = mem_string(st->name);
    if (!stream_info(w->bus, st->name, &l->line, &v, &missing, e)) {
        buf_free(&l->line);
        if (!missing) {
            letter_free(l);
            return false;
        }
    } else {
        char *subject = mem_format("CONSUMER.LIST.%s", st->name);
        struct error consumers = {0};
        /* Not allowed, or gone in between: the figures stand without. */
        if (!bus_api(w->bus, subject, "", 0, &l->extra, &v, NULL, &consumers))
            buf_free(&l->extra);
        error_free(&consumers);
        free(subject);
    }
    w->watched[i].exists = !missing;
    mailbox_post(w->mail, l);
    return true;
}

static bool look(struct watch *w, struct error *e)
{
    w->looked = clock_monotonic();
    atomic_store(&w->look_now, false);
    if (mailbox_busy(w->mail))
        return true;
    for (size_t i = 0; i < w->list->count; i++)
        if (w->list->at[i].top && !look_at(w, i, e))
            return false;
    return true;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static void note_sequence(struct watch *w, const struct consumed *m)
{
    size_t i = 0;

    while (strcmp(w->list->at[i].name, consumer_stream(m->consumer)) != 0)
        i++;
    w->watched[i].last = m->sequence;
}

static void post_message(struct watch *w, const struct consumed *m)
{
    struct letter *l;
    struct event ev;
    struct error e = {0};
    struct buf adopted = {0};

    note_sequence(w, m);
    if (strcmp(m->subject, HEARTBEAT) == 0) {
        l = letter_new(LETTER_BEAT);
        buf_add(&l->line, m->data, m->len);
        l->stored = m->stored;
    } else if (!original_read(m->data, m->len, m->subject, &adopted, &ev, &e)) {
        l = letter_new(LETTER_ODD);
        l->name = mem_string(m->subject);
        buf_add_text(&l->line, e.text ? e.text : "");
        error_free(&e);
    } else if (ev.kind == EVENT_CANONICAL) {
        l = letter_new(LETTER_EVENT);
        l->brief = brief_new(&ev, ev.line.at, ev.line.len);
        l->brief->stored = m->stored;
    } else {
        l = letter_new(LETTER_META);
        l->name = mem_string(m->subject);
        buf_add(&l->line, m->data, m->len);
    }
    buf_free(&adopted);
    mailbox_post(w->mail, l);
}

/* At first of META the last message of each subject (the last report of each source), of the others the last so many;
 * later what came since. */
static bool add_consumer(struct watch *w, size_t i, struct error *e)
{
    const struct stream *st = &w->list->at[i];
    struct consumer_options o = {.stream = st->name, .no_ack = true, .from = CONSUMER_SEQUENCE};
    struct consumer *c;
    struct buf answer = {0};
    struct json info;
    bool missing = false, meta = strncmp(st->subjects[0], META, sizeof META - 1) == 0;
    int64_t last = 0;

    bool ok = stream_info(w->bus, st->name, &answer, &info, &missing, e);
    if (ok)
        json_int(json_get_path(info, "state", "last_seq", NULL), &last);
    buf_free(&answer);
    if (!ok)
        return missing;
    /* A stream that was made anew counts from 1 again. */
    if (w->watched[i].last && (uint64_t)last >= w->watched[i].last)
        o.sequence = w->watched[i].last + 1;
    else if (meta)
        o.from = CONSUMER_LAST_PER_SUBJECT;
    else
        o.sequence = last > WATCH_BACKLOG ? (uint64_t)(last - WATCH_BACKLOG + 1) : 1;
    w->watched[i].followed = true;
    return consumers_add(w->consumers, &o, &c, e);
}

static bool open_consumers(struct watch *w, struct error *e)
{
    bool any = false;

    if (!(w->consumers = consumers_open(w->bus, e)))
        return false;
    for (size_t i = 0; i < w->list->count; i++) {
        w->watched[i].followed = false;
        if (!w->list->at[i].top)
            continue;
        if (!add_consumer(w, i, e))
            return false;
        any = true;
    }
    return any || error_set(e, CENTRAL_CONFIG, "no stream with option top in %s", w->list->path);
}

static void post_ready(struct watch *w)
{
    if (!w->ready)
        mailbox_post(w->mail, letter_new(LETTER_READY));
    w->ready = true;
}

/* A stream that was applied only now. */
static bool any_new(const struct watch *w)
{
    for (size_t i = 0; i < w->list->count; i++)
        if (w->watched[i].exists && !w->watched[i].followed)
            return true;
    return false;
}

/* Until something fails that only beginning anew can mend. */
static bool follow(struct watch *w, struct error *e)
{
    struct consumed m;

    while (!stopping(w)) {
        bool up = bus_connected(w->bus) && !w->silent;
        if (up != w->told_up || !w->told)
            tell_link(w, up, up ? bus_url(w->bus) : "connection lost");
        bool due = atomic_load(&w->look_now) || clock_monotonic() - w->looked >= w->look_ms * MS;
        if (bus_connected(w->bus) && due) {
            w->silent = !look(w, e);
            if (w->silent && e->status != CENTRAL_UNAVAILABLE && e->status != CENTRAL_TRY_AGAIN)
                return false;
            /* Whoever does not answer in time is away, whatever the connection says. */
            if (w->silent)
                tell_link(w, false, e->text);
            error_free(e);
        }
        if (any_new(w))
            return true;
        for (int got = 1; got > 0 && !stopping(w);) {
            got = consumers_next(w->consumers, TURN_MS, &m, e);
            if (got < 0)
                return !e->text;
            if (got > 0) {
                post_message(w, &m);
                consumed_free(&m);
            }
            if (got > 0 && clock_monotonic() - w->looked >= w->look_ms * MS)
                break;
        }
        if (!w->ready && consumers_drained(w->consumers, e))
            post_ready(w);
        error_free(e);
    }
    return true;
}

static void rest(struct watch *w)
{
    for (int i = 0; i < RETRY_MS / TURN_MS && !stopping(w); i++)
        signals_wait(-1, false, TURN_MS);
}

static void *run(void *closure)
{
    struct watch *w = closure;

    while (!stopping(w)) {
        struct error e = {0};
        w->silent = false;
        bool ok = (w->bus = bus_open(log_tool(), &e)) && look(w, &e) && open_consumers(w, &e);
        if (ok) {
            tell_link(w, true, bus_url(w->bus));
            follow(w, &e);
        }
        if (e.text)
            tell_link(w, false, e.text);
        error_free(&e);
        consumers_close(w->consumers);
        w->consumers = NULL;
        bus_close(w->bus);
        w->bus = NULL;
        if (!any_new(w))
            rest(w);
    }
    /* A signal may have come to this thread alone. */
    mailbox_wake(w->mail);
    return NULL;
}

struct watch *watch_open(const struct stream_list *list, struct mailbox *m, int look_ms)
{
    struct watch *w = mem_alloc(sizeof *w);

    *w = (struct watch){.list = list,
                        .mail = m,
                        .look_ms = look_ms > WATCH_LOOK_MS ? look_ms : WATCH_LOOK_MS,
                        .watched = mem_alloc_array(list->count, sizeof *w->watched)};
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        free(w->watched);
        free(w);
        return NULL;
    }
    return w;
}

void watch_look(struct watch *w)
{
    atomic_store(&w->look_now, true);
}

bool watch_close(struct watch *w, int wait_ms)
{
    struct timespec until;

    if (!w)
        return true;
    atomic_store(&w->stop, true);
    /* Whatever it waits for in the library ends with a stop. */
    pthread_kill(w->thread, SIGTERM);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (pthread_timedjoin_np(w->thread, NULL, &until) != 0)
        return false;
    free(w->watched);
    free(w);
    return true;
}
