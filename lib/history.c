#include "central/history.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "central/clock.h"
#include "central/consumer.h"
#include "central/db.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/original.h"
#include "central/query.h"
#include "central/sieve.h"
#include "central/signals.h"

#define MS INT64_C(1000)
#define TURN_MS 100
/* What the archive cannot tell (words, regions) is sieved here: so many times as many rows are read at most. */
#define ROWS_MAX (10 * HISTORY_MAX)
#define META "central.meta."

struct history {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    char *question; /* under the lock; NULL: none */
    unsigned number;
    atomic_bool stop;
    atomic_uint newest; /* the number of the newest question: an older one need not be finished */
    char *url;
    const struct stream_list *list;
    struct mailbox *mail;
    /* Of the thread. */
    struct db *db;
    bool told, told_up;
};

/* An answer while it is made: the newest so many, in a ring. */
struct answer {
    struct history *h;
    unsigned number;
    struct sieve *sieve;
    int64_t now;
    struct brief **at;
    size_t first, count, rows;
};

static bool stopping(struct history *h)
{
    return atomic_load(&h->stop) || signals_stop();
}

static bool outdated(struct answer *a)
{
    return stopping(a->h) || atomic_load(&a->h->newest) != a->number;
}

static void tell_link(struct history *h, bool up, const char *text)
{
    struct letter *l = letter_new(LETTER_LINK);

    h->told = true;
    h->told_up = up;
    l->link = LINK_ARCHIVE;
    l->ok = up;
    l->text = mem_string(text);
    mailbox_post(h->mail, l);
}

/* --- the archive -------------------------------------------------------------------------------------------------- */

/* Connected, or told why not. */
static bool reach(struct history *h, struct error *e)
{
    if (h->db && db_do(h->db, "SELECT 1", e)) {
        if (!h->told_up)
            tell_link(h, true, db_name(h->db));
        return true;
    }
    error_free(e);
    if (h->db)
        db_close(h->db);
    h->db = db_open(h->url, log_tool(), e);
    if (h->db) {
        tell_link(h, true, db_name(h->db));
        return true;
    }
    tell_link(h, false, e->text ? e->text : "interrupted");
    return false;
}

/* Takes b. */
static void keep(struct answer *a, struct brief *b)
{
    if (!sieve_passes(a->sieve, b, a->now)) {
        brief_free(b);
        return;
    }
    if (a->count == HISTORY_MAX) {
        brief_free(a->at[a->first]);
        a->first = (a->first + 1) % HISTORY_MAX;
        a->count--;
    }
    a->at[(a->first + a->count++) % HISTORY_MAX] = b;
}

static bool on_row(void *closure, const struct archived *row)
{
    const struct json envelope = row->envelope;
    struct answer *a = closure;
    struct buf adopted = {0};
    struct event ev;

    a->rows++;
    if (a->count < HISTORY_MAX && original_read(envelope.at, envelope.len, NULL, &adopted, &ev, NULL) &&
        ev.kind == EVENT_CANONICAL)
        keep(a, brief_new(&ev, ev.line.at, ev.line.len));
    buf_free(&adopted);
    return !outdated(a) && a->count < HISTORY_MAX;
}

static bool from_archive(struct answer *a, struct error *e)
{
    struct query q = {0};

    if (!reach(a->h, e))
        return false;
    sieve_query(a->sieve, a->now, &q);
    q.limit = ROWS_MAX;
    /* False without a text: on_row had enough. */
    bool ok = query_run(a->h->db, &q, on_row, a, e) || !e->text;
    buf_free(&q.adapters);
    return ok;
}

/* --- the streams -------------------------------------------------------------------------------------------------- */

static bool read_streams(struct answer *a, struct consumers *cs, struct error *e)
{
    struct consumed m;

    while (!outdated(a)) {
        struct buf adopted = {0};
        struct event ev;
        int got = consumers_next(cs, TURN_MS, &m, e);
        if (got < 0)
            return !e->text;
        if (got == 0) {
            if (consumers_drained(cs, e))
                return true;
            if (e->text)
                return false;
            continue;
        }
        a->rows++;
        if (original_read(m.data, m.len, m.subject, &adopted, &ev, NULL) && ev.kind == EVENT_CANONICAL) {
            struct brief *b = brief_new(&ev, ev.line.at, ev.line.len);
            b->stored = m.stored;
            keep(a, b);
        }
        buf_free(&adopted);
        consumed_free(&m);
    }
    return true;
}

static bool from_streams(struct answer *a, struct error *e)
{
    struct history *h = a->h;
    struct bus *bus = bus_open(log_tool(), e);
    struct consumers *cs = bus ? consumers_open(bus, e) : NULL;
    int64_t since = sieve_since(a->sieve, a->now);
    bool ok = cs != NULL;

    for (size_t i = 0; ok && i < h->list->count; i++) {
        const struct stream *st = &h->list->at[i];
        struct consumer_options o = {
            .stream = st->name, .no_ack = true, .from = since ? CONSUMER_SINCE : CONSUMER_ALL, .since = since};
        struct error missing = {0};
        struct consumer *c;
        if (strncmp(st->subjects[0], META, sizeof META - 1) == 0)
            continue;
        /* A stream that is not there holds nothing. */
        if (!consumers_add(cs, &o, &c, &missing))
            ok = bus_connected(bus) || error_set(e, missing.status, "%s", missing.text);
        error_free(&missing);
    }
    ok = ok && read_streams(a, cs, e);
    consumers_close(cs);
    bus_close(bus);
    return ok;
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

/* The newest first: by time of the event from the archive, by arrival from the streams; versions of one event so that
 * the last is the first. */
static int newer_first(const void *x, const void *y)
{
    const struct brief *a = *(struct brief *const *)x, *b = *(struct brief *const *)y;
    bool arrival = a->stored && b->stored;
    int64_t m = arrival ? a->stored : a->time, n = arrival ? b->stored : b->time;
    int ids = strcmp(a->id, b->id);

    if (m != n)
        return m < n ? 1 : -1;
    return ids ? ids : a->revision < b->revision ? 1 : a->revision > b->revision ? -1 : 0;
}

static void post_answer(struct answer *a, bool ok, const char *text)
{
    struct brief **sorted = mem_alloc_array(a->count + 1, sizeof(struct brief *));

    for (size_t i = 0; i < a->count; i++)
        sorted[i] = a->at[(a->first + i) % HISTORY_MAX];
    qsort(sorted, a->count, sizeof(struct brief *), newer_first);
    for (size_t i = 0; i < a->count; i++) {
        struct letter *l = letter_new(LETTER_HISTORY);
        l->number = a->number;
        l->brief = sorted[i];
        l->brief->number = a->count - i;
        l->brief->sieve = 0;
        mailbox_post(a->h->mail, l);
    }
    free(sorted);
    struct letter *l = letter_new(LETTER_ANSWER);
    l->number = a->number;
    l->ok = ok;
    l->text = mem_string(text);
    mailbox_post(a->h->mail, l);
}

static void forget(struct answer *a)
{
    for (size_t i = 0; i < a->count; i++)
        brief_free(a->at[(a->first + i) % HISTORY_MAX]);
    a->first = a->count = 0;
}

static void reply(struct history *h, const char *text, unsigned number)
{
    struct error archive = {0}, streams = {0};
    struct answer a = {.h = h,
                       .number = number,
                       .now = clock_now(),
                       .sieve = sieve_read(text, NULL),
                       .at = mem_alloc_array(HISTORY_MAX, sizeof *a.at)};
    bool ok = a.sieve != NULL;
    char *from = NULL;

    if (ok && from_archive(&a, &archive)) {
        from = mem_format("archive, %zu rows", a.rows);
    } else if (ok) {
        forget(&a);
        a.rows = 0;
        ok = from_streams(&a, &streams);
        from = ok ? mem_format("streams, %zu messages (no archive: %s)", a.rows, archive.text ? archive.text : "")
                  : mem_format("neither archive nor streams: %s", streams.text ? streams.text : "");
    }
    if (outdated(&a) || !ok)
        forget(&a);
    post_answer(&a, ok, from ? from : "");
    free(from);
    sieve_free(a.sieve);
    free(a.at);
    error_free(&archive);
    error_free(&streams);
}

/* The question that waits, for at most so long; NULL when none came. */
static char *await_question(struct history *h, int wait_ms, unsigned *number)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    pthread_mutex_lock(&h->lock);
    while (!h->question && !atomic_load(&h->stop))
        if (pthread_cond_timedwait(&h->asked, &h->lock, &until) != 0)
            break;
    char *question = h->question;
    h->question = NULL;
    *number = h->number;
    pthread_mutex_unlock(&h->lock);
    return question;
}

static void *run(void *closure)
{
    struct history *h = closure;
    struct error e = {0};

    reach(h, &e);
    error_free(&e);
    while (!stopping(h)) {
        unsigned number;
        char *question = await_question(h, HISTORY_LOOK_MS, &number);
        if (question)
            reply(h, question, number);
        else if (!stopping(h))
            reach(h, &e);
        error_free(&e);
        free(question);
    }
    if (h->db)
        db_close(h->db);
    mailbox_wake(h->mail);
    return NULL;
}

struct history *history_open(const char *db, const struct stream_list *list, struct mailbox *m)
{
    struct history *h = mem_alloc(sizeof *h);

    *h = (struct history){.url = mem_string(db), .list = list, .mail = m};
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->asked, NULL);
    if (pthread_create(&h->thread, NULL, run, h) != 0) {
        free(h->url);
        free(h);
        return NULL;
    }
    return h;
}

unsigned history_ask(struct history *h, const char *text)
{
    pthread_mutex_lock(&h->lock);
    free(h->question);
    h->question = mem_string(text);
    unsigned number = ++h->number;
    atomic_store(&h->newest, number);
    pthread_cond_signal(&h->asked);
    pthread_mutex_unlock(&h->lock);
    return number;
}

bool history_close(struct history *h, int wait_ms)
{
    struct timespec until;

    if (!h)
        return true;
    pthread_mutex_lock(&h->lock);
    atomic_store(&h->stop, true);
    /* Whatever it waits for in the library ends with a stop. */
    pthread_kill(h->thread, SIGTERM);
    pthread_cond_signal(&h->asked);
    pthread_mutex_unlock(&h->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (pthread_timedjoin_np(h->thread, NULL, &until) != 0)
        return false;
    pthread_cond_destroy(&h->asked);
    pthread_mutex_destroy(&h->lock);
    free(h->question);
    free(h->url);
    free(h);
    return true;
}
