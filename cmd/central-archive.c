/* central-archive - events from JetStream, or standard input, into the database. */
#include <ctype.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/archive.h"
#include "central/archive_metrics.h"
#include "central/clock.h"
#include "central/consumer.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/migrate.h"
#include "central/notify.h"
#include "central/prune.h"
#include "central/signals.h"
#include "central/stream.h"
#include "central/tool.h"

/* A batch is written when it has so many rows or bytes, when nothing more came for LINGER_MS, or at this age. */
#define BATCH_ROWS 2000
#define BATCH_BYTES ((size_t)4 * 1024 * 1024)
#define BATCH_MS 250
#define LINGER_MS 20
/* Messages asked for at once, of each stream; half as many again may wait in memory. */
#define FETCH 512
#define ACK_WAIT_SECONDS 60
/* Of all archivers of a stream; one holds two batches and what it asked for. */
#define ACK_PENDING 20000
#define HEARTBEAT_MS 30000 /* contract §4 */
#define LOOK_AGAIN_MS 60000
#define METRICS_MS 15000
/* The database is away: pauses of a random part of 250 ms, 500 ms, ... 30 s. */
#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS 30000
/* Somebody waits at the end of the pipe: no longer than this. */
#define GIVE_UP_MS 30000

struct options {
    char *db;
    const char *streams, *file, *metrics;
    int64_t ack_wait;
    bool migrate, prune, once, filter;
};

/* What stands behind a position of a batch. */
struct item {
    struct consumed message; /* JetStream */
    uint64_t line;           /* standard input */
    bool told;               /* its fault was reported already */
};
struct items {
    struct item *at;
    size_t count, room;
};

struct archiver {
    struct options o;
    struct archive *archive;
    struct archive_counts counts;
    struct items filling, writing; /* of archive_batch and archive_written */
    bool given_up;
    struct metrics *metrics; /* NULL: not wanted */
    int64_t metrics_due;     /* monotonic */
    /* JetStream */
    struct bus *bus;
    struct consumers *consumers;
    struct stream_list list;
    bool *added; /* by index in list */
    size_t missing;
    int64_t started, heartbeat, look, batch_began; /* monotonic */
    /* standard input */
    struct line_writer out;
    enum central_exit status;
};

static int64_t now_ms(void)
{
    return clock_monotonic() / 1000;
}

static struct item *add_item(struct archiver *p)
{
    struct items *to = &p->filling;

    if (to->count == to->room) {
        to->room = to->room ? 2 * to->room : 1024;
        to->at = mem_resize(to->at, to->room * sizeof *to->at);
    }
    to->at[to->count] = (struct item){0};
    return &to->at[to->count++];
}

static bool full(const struct archiver *p)
{
    return p->filling.count >= BATCH_ROWS || batch_bytes(archive_batch(p->archive)) >= BATCH_BYTES;
}

/* --- heartbeat ---------------------------------------------------------------------------------------------------- */

static void heartbeat(struct archiver *p)
{
    struct buf ts = {0}, text = {0};
    int64_t now = now_ms();

    if (!p->bus || p->o.once || now < p->heartbeat)
        return;
    p->heartbeat = now + HEARTBEAT_MS;
    if (!bus_connected(p->bus))
        return;
    clock_put(&ts, clock_now(), CLOCK_OFFSET);
    json_begin(&text, '{');
    json_put_member_text(&text, "ts", buf_text(&ts));
    json_put_member_int(&text, "uptime_s", (now - p->started) / 1000);
    json_end(&text, '}');
    natsStatus s = natsConnection_Publish(bus_connection(p->bus), "central.meta.heartbeat", text.data, (int)text.len);
    if (s != NATS_OK)
        log_debug("heartbeat: %s", natsStatus_GetText(s));
    buf_free(&ts);
    buf_free(&text);
}

/* Wherever the archiver gets on, were it with waiting for a server as a new one would. */
static void tick(struct archiver *p)
{
    struct error e = {0};

    heartbeat(p);
    notify_progress();
    if (!p->metrics || now_ms() < p->metrics_due)
        return;
    p->metrics_due = now_ms() + METRICS_MS;
    if (!metrics_write(p->metrics, &e))
        log_warning("%s", e.text);
    error_free(&e);
}

/* --- committing --------------------------------------------------------------------------------------------------- */

/* Waits a random part of the pause that the number of tries allows. False when asked to stop. */
static bool back_off(struct archiver *p, unsigned tries)
{
    int64_t most = tries < 8 ? BACKOFF_FIRST_MS << tries : BACKOFF_MAX_MS;
    int64_t end = now_ms() + 1 + arc4random_uniform((uint32_t)(most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS));

    for (int64_t now; (now = now_ms()) < end;) {
        tick(p);
        int64_t left = end - now;
        if (signals_wait(-1, false, (int)(left < 1000 ? left : 1000)) < 0 && signals_stop())
            return false;
    }
    return true;
}

static bool worth_trying(enum central_exit status)
{
    return status == CENTRAL_UNAVAILABLE || status == CENTRAL_TRY_AGAIN;
}

/* Waits until the batch is durable, however long the database is away (standard input: GIVE_UP_MS), or until asked to
 * stop. */
static bool finish(struct archiver *p, struct error *e)
{
    enum central_exit told = CENTRAL_OK;
    int64_t away = 0;

    for (unsigned tries = 0;; tries++) {
        if (archive_end(p->archive, &p->counts, e)) {
            if (away) {
                log_warning("%s: back after %lld s", db_name(archive_db(p->archive)),
                            (long long)(now_ms() - away) / 1000);
                notify_send("STATUS=Archiving");
            }
            return true;
        }
        if (!worth_trying(e->status))
            return false;
        /* Once, and once more when it is there again but does not let us write; all other tries say nothing new. */
        if (e->status != told) {
            away = away ? away : now_ms();
            told = e->status;
            log_error("%s: trying again, %zu lines wait", e->text, p->writing.count + p->filling.count);
            notify_send("STATUS=The database is away; trying again");
            if (p->metrics)
                archive_metrics_database(p->metrics, false);
            p->metrics_due = 0;
        }
        do {
            if (signals_stop() || (p->o.filter && now_ms() - away > GIVE_UP_MS) || !back_off(p, tries))
                return false;
            if (e->status != CENTRAL_UNAVAILABLE)
                break;
            error_free(e);
            tries++;
        } while (!archive_reconnect(p->archive, e) && worth_trying(e->status));
        if (e->text && !worth_trying(e->status))
            return false;
        error_free(e);
        archive_start(p->archive);
    }
}

static void settle_item(struct archiver *p, size_t position)
{
    const struct batch *b = archive_written(p->archive);
    struct item *item = &p->writing.at[position];
    const char *rejected = batch_rejected(b, position), *remark = batch_remark(b, position);
    struct error e = {0};
    size_t len;

    if (item->message.consumer) {
        if (rejected || remark)
            log_warning("%s %llu: %s%s", consumer_stream(item->message.consumer),
                        (unsigned long long)item->message.sequence, rejected ? rejected : remark,
                        rejected ? " (to events_rejected)" : " (archived without it)");
        /* Lost with the connection, it comes again and is recognised. */
        if (!(rejected ? consumed_term : consumed_ack)(p->consumers, &item->message, &e))
            log_debug("%s", e.text);
        error_free(&e);
        consumed_free(&item->message);
        return;
    }
    if ((rejected || remark) && !item->told)
        log_warning("line %llu: %s%s", (unsigned long long)item->line, rejected ? rejected : remark,
                    rejected ? " (to events_rejected)" : " (archived without it)");
    if (!rejected) {
        const char *line = batch_line(b, position, &len);
        line_write(&p->out, line, len);
    }
}

static void measure(struct archiver *p, const struct archive_counts *before)
{
    const struct archive_counts changed = {
        p->counts.inserted - before->inserted,     p->counts.revised - before->revised,
        p->counts.duplicates - before->duplicates, p->counts.superseded - before->superseded,
        p->counts.removed - before->removed,       p->counts.rejected - before->rejected};

    size_t bytes = 0, len;

    for (size_t i = 0; i < p->writing.count; i++) {
        batch_line(archive_written(p->archive), i, &len);
        bytes += len;
    }
    archive_metrics_commit(p->metrics, &changed, bytes, archive_took(p->archive));
    for (size_t i = 0; i < p->writing.count; i++) {
        const struct consumed *m = &p->writing.at[i].message;
        /* The last of each run of one stream. */
        if (m->consumer && (i + 1 == p->writing.count || p->writing.at[i + 1].message.consumer != m->consumer))
            archive_metrics_message(p->metrics, consumer_stream(m->consumer), m->pending, clock_now() - m->stored);
    }
}

/* Waits for the batch that is being written, then acknowledges or echoes it. */
static bool settle(struct archiver *p, struct error *e)
{
    struct archive_counts before = p->counts;

    if (!p->writing.count)
        return true;
    if (!finish(p, e)) {
        p->given_up = true;
        return false;
    }
    if (p->metrics)
        measure(p, &before);
    for (size_t i = 0; i < p->writing.count; i++)
        settle_item(p, i);
    p->writing.count = 0;
    return true;
}

/* Has the batch written while the next one is filled. */
static bool hand_over(struct archiver *p, struct error *e)
{
    if (!settle(p, e))
        return false;
    if (!p->filling.count)
        return true;
    struct items empty = p->writing;
    p->writing = p->filling;
    p->filling = empty;
    archive_start(p->archive);
    return true;
}

static bool store(struct archiver *p, struct error *e)
{
    return hand_over(p, e) && settle(p, e);
}

/* --- from standard input ------------------------------------------------------------------------------------------ */

static bool added_line(struct archiver *p, struct error *e)
{
    if (full(p) && !hand_over(p, e))
        return false;
    if (p->out.error)
        e->status = CENTRAL_IO;
    return !p->out.error;
}

static bool on_event(void *closure, const struct event *ev, const struct filter_line *line, struct error *e)
{
    struct archiver *p = closure;
    const struct batch_origin from = {.sequence = line->number};

    add_item(p)->line = line->number;
    if (ev->kind == EVENT_POLL || ev->kind == EVENT_REJECT)
        batch_add_passed(archive_batch(p->archive), line->text, line->len);
    else
        batch_add_event(archive_batch(p->archive), ev, &from);
    return added_line(p, e);
}

static bool on_bad(void *closure, const char *reason, const struct filter_line *line, struct error *e)
{
    struct archiver *p = closure;
    const struct batch_origin from = {.sequence = line->number};
    struct item *item = add_item(p);

    item->line = line->number;
    item->told = true;
    /* All of it has a place in events_rejected, but not what was never kept. */
    if (line->total)
        p->status = error_worse(p->status, CENTRAL_REJECTED);
    batch_add_bad(archive_batch(p->archive), line->text, line->len, reason, &from);
    return added_line(p, e);
}

static bool on_idle(void *closure, struct error *e)
{
    struct archiver *p = closure;

    return store(p, e) && line_flush(&p->out);
}

static enum central_exit from_stdin(struct archiver *p)
{
    struct filter filter = {.event = on_event, .bad = on_bad, .idle = on_idle, .closure = p, .writer = &p->out};
    struct error e = {0};
    enum central_exit status = filter_run(&filter);

    if (!p->given_up && !store(p, &e))
        p->status = error_worse(p->status, log_failure(&e));
    return error_worse(status, p->status);
}

/* --- from JetStream ----------------------------------------------------------------------------------------------- */

static bool chosen(const struct archiver *p, const struct stream *s)
{
    size_t len = strlen(s->name);

    if (!p->o.streams)
        return s->archived;
    for (const char *at = p->o.streams; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == len && memcmp(at, s->name, len) == 0)
            return true;
    return false;
}

static bool check_names(const struct archiver *p, struct error *e)
{
    for (const char *at = p->o.streams; at && *at; at += strcspn(at, ","), at += *at == ',') {
        char *name = mem_bytes(at, strcspn(at, ","));
        bool known = stream_named(&p->list, name) != NULL;
        if (!known)
            error_set(e, CENTRAL_CONFIG, "--streams: %s is not in %s", name, p->list.path);
        free(name);
        if (!known)
            return false;
    }
    return true;
}

static bool add_stream(struct archiver *p, const struct stream *s, struct error *e)
{
    char *durable = mem_format("archive-%s", s->name);

    for (char *c = durable; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    const struct consumer_options o = {.stream = s->name,
                                       .durable = durable,
                                       .from = CONSUMER_ALL,
                                       .batch = FETCH,
                                       .max_ack_pending = ACK_PENDING,
                                       .ack_wait_seconds = p->o.ack_wait};
    bool ok = consumers_add(p->consumers, &o, NULL, e);
    free(durable);
    return ok;
}

/* Consumers for the streams that have none yet. */
static bool add_streams(struct archiver *p, bool first, struct error *e)
{
    struct buf answer = {0};
    struct json info;
    bool ok = true, missing;

    p->missing = 0;
    p->look = now_ms() + LOOK_AGAIN_MS;
    for (size_t i = 0; ok && i < p->list.count; i++) {
        const struct stream *s = &p->list.at[i];
        if (p->added[i] || !chosen(p, s))
            continue;
        if (stream_info(p->bus, s->name, &answer, &info, &missing, e)) {
            ok = p->added[i] = add_stream(p, s, e);
        } else if (missing) {
            p->missing++;
            if (first)
                log_warning("stream %s is not there%s (central-streams apply)", s->name,
                            p->o.once ? "" : ": looked for again every minute");
        } else {
            ok = false;
        }
    }
    buf_free(&answer);
    return ok;
}

static bool open_streams(struct archiver *p, struct error *e)
{
    size_t added = 0;

    if (!stream_list_read(p->o.file, &p->list, e) || !check_names(p, e))
        return false;
    p->added = mem_alloc_array(p->list.count, sizeof *p->added);
    if (!(p->bus = bus_open(log_tool(), e)) || !(p->consumers = consumers_open(p->bus, e)) || !add_streams(p, true, e))
        return false;
    for (size_t i = 0; i < p->list.count; i++)
        added += p->added[i];
    if (added)
        return true;
    if (p->missing)
        return error_set(e, CENTRAL_CONFIG, "%s: none of the streams to archive is there: central-streams apply",
                         bus_url(p->bus));
    return error_set(e, CENTRAL_CONFIG, "%s: no stream has the option archive", p->list.path);
}

static void add_message(struct archiver *p, struct consumed *m)
{
    const struct batch_origin from = {
        .stream = consumer_stream(m->consumer), .subject = m->subject, .sequence = m->sequence};

    if (!p->filling.count)
        p->batch_began = now_ms();
    batch_add(archive_batch(p->archive), m->data, m->len, &from);
    consumed_shed(m);
    add_item(p)->message = *m;
}

/* How long the next message may take: a batch under way does not wait long. */
static int patience(const struct archiver *p)
{
    if (p->filling.count) {
        int64_t left = p->batch_began + BATCH_MS - now_ms();
        return left < 0 ? 0 : left < LINGER_MS ? (int)left : LINGER_MS;
    }
    return p->writing.count ? LINGER_MS : p->o.once ? 100 : 1000;
}

static bool is_done(struct archiver *p, struct error *e)
{
    return p->o.once && !p->filling.count && !p->writing.count && consumers_drained(p->consumers, e);
}

static enum central_exit from_jetstream(struct archiver *p)
{
    struct error e = {0};
    bool ok = true;
    char *told = NULL;

    while (ok && !signals_stop() && !is_done(p, &e)) {
        struct consumed m;
        int got = e.text ? -1 : consumers_next(p->consumers, patience(p), &m, &e);
        if (got > 0)
            add_message(p, &m);
        else if (got < 0 && e.text) {
            /* One stream that is gone must not keep the others from the archive. What is not permitted is no matter of
             * one stream, and ends it. */
            if (!told || strcmp(told, e.text) != 0)
                log_error("%s", e.text);
            free(told);
            told = e.text;
            ok = !p->o.once && e.status != CENTRAL_NO_PERMISSION;
            p->status = ok ? CENTRAL_OK : e.status;
            e = (struct error){0};
            signals_wait(-1, false, LINGER_MS);
        }
        if (got <= 0)
            ok = store(p, &e) && ok;
        else if (full(p) || now_ms() - p->batch_began >= BATCH_MS)
            ok = hand_over(p, &e) && ok;
        tick(p);
        if (ok && p->missing && !p->o.once && now_ms() >= p->look && !add_streams(p, false, &e)) {
            log_warning("%s", e.text);
            error_free(&e);
        }
    }
    free(told);
    if (e.text)
        p->status = log_failure(&e);
    if (!p->given_up && !store(p, &e))
        p->status = log_failure(&e);
    if (!consumers_sync(p->consumers, &e))
        p->status = error_worse(p->status, log_failure(&e));
    return p->status;
}

/* What will not be committed may be delivered to another archiver at once. */
static void give_back(struct archiver *p, struct items *items)
{
    for (size_t i = 0; i < items->count; i++)
        if (items->at[i].message.consumer) {
            consumed_nak(p->consumers, &items->at[i].message, NULL);
            consumed_free(&items->at[i].message);
        }
    free(items->at);
    *items = (struct items){0};
}

/* --- start and end ------------------------------------------------------------------------------------------------ */

static void told_migration(void *closure, const char *name)
{
    struct line_writer *out = closure;

    line_write(out, name, strlen(name));
}

static void told_pruned(void *closure, const char *what, int64_t rows, int64_t before)
{
    struct buf time = {0};

    (void)closure;
    clock_put(&time, before, CLOCK_Z);
    log_info("%s: %lld pruned, older than %s", what, (long long)rows, buf_text(&time));
    buf_free(&time);
}

static enum central_exit prune_archive(struct archiver *p, struct db *db)
{
    struct error e = {0};
    bool ok = stream_list_read(p->o.file, &p->list, &e) && migrate_check(db, NULL, &e) &&
              prune(db, &p->list, clock_now(), told_pruned, p, &e);

    db_close(db);
    return ok ? CENTRAL_OK : log_failure(&e);
}

static enum central_exit run(struct archiver *p)
{
    struct error e = {0};
    struct db *db = db_open(p->o.db, log_tool(), &e);

    if (!db)
        return log_failure(&e);
    if (p->o.migrate) {
        bool ok = migrate_apply(db, NULL, told_migration, &p->out, &e);
        db_close(db);
        return ok ? CENTRAL_OK : log_failure(&e);
    }
    if (p->o.prune)
        return prune_archive(p, db);
    if (!migrate_check(db, NULL, &e)) {
        db_close(db);
        return log_failure(&e);
    }
    if (!(p->archive = archive_open(db, &e)) || (!p->o.filter && !open_streams(p, &e)))
        return log_failure(&e);
    if (p->o.metrics)
        p->metrics = archive_metrics_open(p->o.metrics);
    notify_send("READY=1\nSTATUS=Archiving");
    enum central_exit status = p->o.filter ? from_stdin(p) : from_jetstream(p);
    notify_send("STOPPING=1");
    if (p->metrics && !metrics_write(p->metrics, &e)) {
        log_warning("%s", e.text);
        error_free(&e);
    }
    return status;
}

static const struct argp_option options[] = {
    {"migrate", 'm', 0, 0, "Bring the database's schema up to date, name what was applied, and end", 0},
    {"prune", 'p', 0, 0, "Delete what is older than streams.conf keeps it, tell how much, and end", 0},
    {"db", 'd', "URL", 0, "The database; default $DATABASE_URL, else as psql finds it", 0},
    {"streams", 's', "LIST", 0, "Only these streams, comma-separated; default all with the option archive", 0},
    {"file", 'f', "FILE", 0, "streams.conf to read", 0},
    {"once", '1', 0, 0, "End when everything in the streams is archived", 0},
    {"metrics", 'M', "FILE", 0, "Write figures there every 15 s, for Prometheus", 0},
    {"ack-wait", 'a', "DURATION", 0,
     "What an archiver took and did not acknowledge is delivered again after this (60s)", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'm':
        o->migrate = true;
        return 0;
    case 'p':
        o->prune = true;
        return 0;
    case 'd':
        o->db = mem_string(arg);
        /* Others can read our arguments, and it may hold a password. */
        memset(arg, '*', strlen(arg));
        return 0;
    case 'M':
        o->metrics = arg;
        return 0;
    case 's':
        o->streams = arg;
        return 0;
    case 'f':
        o->file = arg;
        return 0;
    case '1':
        o->once = true;
        return 0;
    case 'a':
        o->ack_wait = tool_duration(state, "--ack-wait", arg);
        if (o->ack_wait < 1 || o->ack_wait > 3600)
            argp_error(state, "--ack-wait: from 1s to 1h");
        return 0;
    case ARGP_KEY_ARG:
        if (strcmp(arg, "-") != 0 || o->filter)
            argp_error(state, "'%s': the only argument is -, for standard input", arg);
        o->filter = true;
        return 0;
    case ARGP_KEY_END:
        if (o->filter && (o->streams || o->file || o->once || o->ack_wait))
            argp_error(state, "--streams, --file, --once and --ack-wait are of JetStream, - is standard input");
        if (o->migrate && (o->filter || o->streams || o->file || o->once || o->ack_wait || o->metrics))
            argp_error(state, "--migrate stands alone (with --db)");
        if (o->prune && (o->migrate || o->filter || o->streams || o->once || o->ack_wait || o->metrics))
            argp_error(state, "--prune stands alone (with --db and --file)");
        if (!o->ack_wait)
            o->ack_wait = ACK_WAIT_SECONDS;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "[-]",
                                     "Archive events from JetStream or, with -, from standard input.\v"
                                     "Manual: central-archive(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct archiver p = {.started = now_ms()};

    /* What one thread has freed serves the next: the thread that writes and those of the bus have large buffers now and
     * then, and in an arena for each they would be kept. */
    mallopt(M_ARENA_MAX, 1);
    tool_start("central-archive");
    notify_open();
    tool_parse(&argp, argc, argv, &p.o);
    line_writer_open(&p.out, STDOUT_FILENO);
    enum central_exit status = run(&p);
    give_back(&p, &p.writing);
    give_back(&p, &p.filling);
    consumers_close(p.consumers);
    bus_close(p.bus);
    archive_close(p.archive);
    metrics_close(p.metrics);
    stream_list_free(&p.list);
    free(p.added);
    free(p.o.db);
    return tool_end(&p.out, status);
}
