#include "central/db.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "central/buf.h"
#include "central/clock.h"
#include "central/db_files.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/signals.h"

#define TICK_MS 500
/* So long the server has to take a cancellation, and then to answer it. */
#define CANCEL_SECONDS 5
/* COPY data goes out in portions of this: libpq keeps a copy of what it was given. */
#define COPY_PORTION (256 * 1024)
/* Seconds before a peer that fell silent counts as gone; milliseconds for data nobody acknowledged. */
#define KEEPALIVE_IDLE "20"
#define KEEPALIVE_INTERVAL "5"
#define KEEPALIVE_COUNT "3"
#define TCP_USER_TIMEOUT "30000"

struct db {
    PGconn *conn;
    char *name;
    char sqlstate[6];
    struct buf message;
};

PGconn *db_connection(const struct db *d)
{
    return d->conn;
}

const char *db_name(const struct db *d)
{
    return d->name;
}

const char *db_sqlstate(const struct db *d)
{
    return d->sqlstate;
}

const char *db_message(const struct db *d)
{
    return d->message.data ? d->message.data : "";
}

/* --- failures ----------------------------------------------------------------------------------------------------- */

static bool is_class(const char *sqlstate, const char *class)
{
    return strncmp(sqlstate, class, 2) == 0;
}

static enum central_exit blame(const char *sqlstate)
{
    /* 42P07: two sessions made the same partition at once. */
    static const char *const later[] = {"08", "25", "40", "53", "55", "57", "58", "42P07"};

    if (is_class(sqlstate, "22") || is_class(sqlstate, "23") || is_class(sqlstate, "54"))
        return CENTRAL_REJECTED;
    /* PostGIS and limits of memory chunks speak so; XX001 and XX002 are a damaged database. */
    if (strcmp(sqlstate, "XX000") == 0)
        return CENTRAL_REJECTED;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strncmp(sqlstate, later[i], strlen(later[i])) == 0)
            return CENTRAL_TRY_AGAIN;
    if (is_class(sqlstate, "28") || strcmp(sqlstate, "42501") == 0)
        return CENTRAL_NO_PERMISSION;
    return is_class(sqlstate, "XX") ? CENTRAL_TRY_AGAIN : CENTRAL_CONFIG;
}

/* One line of several. */
static void add_flat(struct buf *out, const char *text)
{
    for (bool blank = false; *text; text++) {
        if (isspace((unsigned char)*text)) {
            blank = true;
            continue;
        }
        if (blank && out->len)
            buf_add_char(out, ' ');
        blank = false;
        buf_add_char(out, *text);
    }
}

static void keep_message(struct db *d, const char *sqlstate, const char *text)
{
    memset(d->sqlstate, 0, sizeof d->sqlstate);
    if (sqlstate && strlen(sqlstate) < sizeof d->sqlstate)
        memcpy(d->sqlstate, sqlstate, strlen(sqlstate));
    buf_clear(&d->message);
    add_flat(&d->message, text && *text ? text : "no answer");
}

/* What went wrong with r, which may be NULL. */
static bool failed(struct db *d, const PGresult *r, struct error *e)
{
    const char *sqlstate = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL) : NULL;

    keep_message(d, sqlstate, text ? text : r ? PQresultErrorMessage(r) : PQerrorMessage(d->conn));
    if (detail && sqlstate && !is_class(sqlstate, "23")) {
        /* Of a key that is there twice the detail shows values; elsewhere it says why. */
        buf_add_text(&d->message, ": ");
        add_flat(&d->message, detail);
    }
    /* After FATAL and PANIC the server hangs up; libpq may not have noticed yet. */
    const char *severity = r ? PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;
    bool lost = PQstatus(d->conn) != CONNECTION_OK || (severity && severity[0] != 'E');
    enum central_exit status = lost ? CENTRAL_UNAVAILABLE : d->sqlstate[0] ? blame(d->sqlstate) : CENTRAL_TRY_AGAIN;
    return error_set(e, status, "%s: %s", d->name, buf_text(&d->message));
}

/* --- connecting --------------------------------------------------------------------------------------------------- */

static bool is_url(const char *text)
{
    return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

/* libpq's messages repeat what it could not read, which may be part of a password: what is not clearly well-formed is
 * refused here, without repeating it. */
static bool check_url(const char *url, const char *where, struct error *e)
{
    char *why = NULL;

    if (!is_url(url) && !strchr(url, '=')) {
        if (url[strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
            return error_set(e, CENTRAL_CONFIG, "%s: neither postgresql://..., key=value pairs nor a database's name",
                             where);
        return true;
    }
    if (is_url(url)) {
        const char *at = strchr(url, '@'), *authority = strstr(url, "://") + 3;
        if (at && (strchr(at + 1, '@') || strcspn(authority, "/?#") < (size_t)(at - authority)))
            return error_set(e, CENTRAL_CONFIG,
                             "%s: @ / ? # in a user's name or password must be written %%40 %%2F %%3F %%23", where);
    }
    PQconninfoOption *parsed = PQconninfoParse(url, &why);
    PQfreemem(why);
    PQconninfoFree(parsed);
    if (!parsed)
        return error_set(e, CENTRAL_CONFIG, "%s: libpq cannot read it (not repeated here, it may hold a password)",
                         where);
    return true;
}

static void set_name(struct db *d)
{
    const char *host = PQhost(d->conn), *port = PQport(d->conn), *database = PQdb(d->conn);

    free(d->name);
    if (!host || !*host)
        d->name = mem_format("database %s", database && *database ? database : "(default)");
    else
        d->name = mem_format("database %s at %s%s%s", database && *database ? database : "(default)", host,
                             host[0] == '/' || !port ? "" : ":", host[0] == '/' || !port ? "" : port);
}

/* A warning is meant for whoever runs the statement; notices are chatter. */
static void on_notice(void *closure, const PGresult *notice)
{
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    struct buf flat = {0};

    (void)closure;
    add_flat(&flat, message ? message : "");
    if (severity && strcmp(severity, "WARNING") == 0)
        log_warning("%s", buf_text(&flat));
    else
        log_debug("%s", buf_text(&flat));
    buf_free(&flat);
}

/* Whether libpq came so far as to look for a server: what it says instead is of its settings, a service that is not
 * there or a sslmode that is none. It has no other way to tell. */
static bool was_tried(PGconn *conn)
{
    static const char *const tried[] = {"connection to server ", "could not translate host name ", "FATAL: "};
    const char *text = PQerrorMessage(conn);

    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        if (strstr(text, tried[i]))
            return true;
    return false;
}

/* In the verbose form a server's refusal carries its SQLSTATE: "FATAL:  28P01: password ... LOCATION: ...". libpq has
 * no other way to tell it while connecting. */
static enum central_exit refusal(struct db *d, struct error *e)
{
    enum central_exit status = CENTRAL_UNAVAILABLE;
    struct buf text = {0};

    add_flat(&text, PQerrorMessage(d->conn));
    char *fatal = text.data ? strstr(text.data, "FATAL: ") : NULL;
    if (fatal && strlen(fatal) > 14 && strspn(fatal + 7, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
        fatal[12] == ':') {
        char sqlstate[6] = {0};
        memcpy(sqlstate, fatal + 7, 5);
        if (is_class(sqlstate, "28") || strcmp(sqlstate, "42501") == 0)
            status = CENTRAL_NO_PERMISSION;
        else if (is_class(sqlstate, "3D") || is_class(sqlstate, "22") || is_class(sqlstate, "42"))
            status = CENTRAL_CONFIG;
        memmove(fatal, fatal + 14, strlen(fatal + 14) + 1);
        char *location = strstr(fatal, " LOCATION: ");
        if (location)
            *location = '\0';
    }
    if (PQconnectionNeedsPassword(d->conn))
        status = CENTRAL_NO_PERMISSION;
    if (!was_tried(d->conn))
        status = CENTRAL_CONFIG;
    error_set(e, status, "%s: %s", d->name, text.data && *text.data ? text.data : "no connection");
    buf_free(&text);
    return status;
}

/* Drives a connection that was started; step is PQconnectPoll or PQresetPoll. */
static bool connect_wait(struct db *d, PostgresPollingStatusType (*step)(PGconn *), struct error *e)
{
    int64_t end = clock_monotonic() + INT64_C(1000) * DB_CONNECT_MS;

    for (PostgresPollingStatusType wants = PGRES_POLLING_WRITING; wants != PGRES_POLLING_OK; wants = step(d->conn)) {
        set_name(d);
        if (wants == PGRES_POLLING_FAILED || PQstatus(d->conn) == CONNECTION_BAD) {
            refusal(d, e);
            return false;
        }
        int64_t left = (end - clock_monotonic()) / 1000;
        if (left <= 0)
            return error_set(e, CENTRAL_UNAVAILABLE, "%s: no answer in %d s", d->name, DB_CONNECT_MS / 1000);
        int ready = signals_wait(PQsocket(d->conn), wants == PGRES_POLLING_WRITING, (int)left);
        if (ready < 0 && signals_stop())
            return error_set(e, CENTRAL_UNAVAILABLE, "%s: stopped while connecting", d->name);
    }
    set_name(d);
    PQsetErrorVerbosity(d->conn, PQERRORS_DEFAULT);
    /* What is called durable must be on the disk, whatever the database's default is. */
    return db_do(
        d, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        e);
}

struct db *db_open(const char *url, const char *name, struct error *e)
{
    const char *where = url ? "--db" : "DATABASE_URL";

    if (!url)
        url = getenv("DATABASE_URL");
    if (url && !*url)
        url = NULL;
    if (url && !check_url(url, where, e))
        return NULL;
    /* What stands before dbname gives way to what dbname says, and what stands after it does not. */
    const char *const keys[] = {"keepalives_idle",           "keepalives_interval",
                                "keepalives_count",          "tcp_user_timeout",
                                "fallback_application_name", "dbname",
                                "client_encoding",           NULL};
    const char *const values[] = {
        KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT, TCP_USER_TIMEOUT, name, url, "UTF8", NULL};
    struct db *d = mem_alloc(sizeof *d);
    d->conn = PQconnectStartParams(keys, values, 1);
    if (!d->conn) {
        db_close(d);
        error_set(e, CENTRAL_TRY_AGAIN, "out of memory");
        return NULL;
    }
    PQsetErrorVerbosity(d->conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(d->conn, on_notice, NULL);
    if (!db_files_ok(d->conn, url, e) || !connect_wait(d, PQconnectPoll, e)) {
        db_close(d);
        return NULL;
    }
    return d;
}

bool db_reopen(struct db *d, struct error *e)
{
    PQsetErrorVerbosity(d->conn, PQERRORS_VERBOSE);
    if (!PQresetStart(d->conn)) {
        refusal(d, e);
        return false;
    }
    return connect_wait(d, PQresetPoll, e);
}

void db_close(struct db *d)
{
    if (!d)
        return;
    PQfinish(d->conn);
    free(d->name);
    buf_free(&d->message);
    free(d);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static void *send_cancel(void *closure)
{
    char why[256];

    if (!PQcancel(closure, why, sizeof why))
        log_debug("cancel: %s", why);
    PQfreeCancel(closure);
    return NULL;
}

/* libpq waits for the server to take it, however long; a server that stands still must not keep us. */
static void cancel(struct db *d)
{
    PGcancel *c = PQgetCancel(d->conn);
    struct timespec end;
    pthread_t thread;

    if (!c)
        return;
    if (pthread_create(&thread, NULL, send_cancel, c)) {
        PQfreeCancel(c);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += CANCEL_SECONDS;
    if (pthread_timedjoin_np(thread, NULL, &end))
        pthread_detach(thread);
}

/* Waits until the next result can be had without waiting. A stop lets the statement go on for grace_ms, then cancels
 * it; when that is not answered either, the connection is given up. */
static void await(struct db *d, int grace_ms)
{
    int64_t stopped = 0, cancelled = 0;

    while (PQisBusy(d->conn)) {
        struct pollfd p = {.fd = PQsocket(d->conn), .events = POLLIN};
        if (stopped >= 0 && signals_stop()) {
            int64_t now = clock_monotonic();
            if (!stopped)
                stopped = now;
            if (now - stopped >= INT64_C(1000) * grace_ms) {
                cancel(d);
                stopped = -1;
                cancelled = clock_monotonic();
            }
        }
        if (cancelled && clock_monotonic() - cancelled > CANCEL_SECONDS * CLOCK_SECOND)
            shutdown(p.fd, SHUT_RDWR);
        if (stopped == 0) {
            if (signals_wait(p.fd, false, TICK_MS) <= 0)
                continue;
        } else if (poll(&p, 1, TICK_MS) <= 0) {
            continue;
        }
        if (!PQconsumeInput(d->conn))
            return;
    }
}

/* The last result of what was sent, or the first that failed. COPY_IN ends it, for it would never. */
static PGresult *collect(struct db *d)
{
    PGresult *kept = NULL;

    for (;;) {
        await(d, DB_STOP_GRACE_MS);
        PGresult *r = PQgetResult(d->conn);
        if (!r)
            return kept;
        ExecStatusType status = PQresultStatus(r);
        if (kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
            PQclear(r);
        } else {
            PQclear(kept);
            kept = r;
        }
        if (status == PGRES_COPY_IN || PQstatus(d->conn) != CONNECTION_OK)
            return kept;
    }
}

static PGresult *checked(struct db *d, PGresult *r, struct error *e)
{
    ExecStatusType status = PQresultStatus(r);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
        return r;
    failed(d, r, e);
    PQclear(r);
    return NULL;
}

PGresult *db_run(struct db *d, const char *sql, int n, const char *const *values, struct error *e)
{
    if (!PQsendQueryParams(d->conn, sql, n, NULL, values, NULL, NULL, 0)) {
        failed(d, NULL, e);
        return NULL;
    }
    return checked(d, collect(d), e);
}

bool db_do(struct db *d, const char *sql, struct error *e)
{
    PGresult *r = db_run(d, sql, 0, NULL, e);

    PQclear(r);
    return r != NULL;
}

bool db_script(struct db *d, const char *sql, size_t *position, struct error *e)
{
    if (position)
        *position = 0;
    if (!PQsendQuery(d->conn, sql))
        return failed(d, NULL, e);
    PGresult *r = collect(d);
    const char *at = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
    if (position && at)
        *position = strtoul(at, NULL, 10);
    r = checked(d, r, e);
    PQclear(r);
    return r != NULL;
}

bool db_commit(struct db *d, struct error *e)
{
    PGresult *r = db_run(d, "COMMIT", 0, NULL, e);

    if (!r)
        return false;
    /* COMMIT of a transaction that failed is answered by ROLLBACK, and is no error to the server. */
    bool ok = strcmp(PQcmdStatus(r), "COMMIT") == 0;
    PQclear(r);
    return ok || error_set(e, CENTRAL_TRY_AGAIN, "%s: the server rolled back instead of committing", d->name);
}

bool db_rollback(struct db *d)
{
    struct error ignored = {0};

    if (PQtransactionStatus(d->conn) != PQTRANS_IDLE)
        db_do(d, "ROLLBACK", &ignored);
    error_free(&ignored);
    return PQstatus(d->conn) == CONNECTION_OK;
}

bool db_copy_begin(struct db *d, const char *sql, struct error *e)
{
    if (!PQsendQuery(d->conn, sql))
        return failed(d, NULL, e);
    PGresult *r = collect(d);
    bool ok = PQresultStatus(r) == PGRES_COPY_IN;
    if (!ok)
        failed(d, r, e);
    PQclear(r);
    return ok;
}

bool db_copy_data(struct db *d, const char *data, size_t len, struct error *e)
{
    for (size_t n; len; data += n, len -= n) {
        n = len < COPY_PORTION ? len : COPY_PORTION;
        if (PQputCopyData(d->conn, data, (int)n) != 1)
            return failed(d, NULL, e);
    }
    return true;
}

bool db_copy_end(struct db *d, struct error *e)
{
    if (PQputCopyEnd(d->conn, NULL) != 1)
        return failed(d, NULL, e);
    PGresult *r = checked(d, collect(d), e);
    PQclear(r);
    return r != NULL;
}

bool db_stream(struct db *d, const char *sql, int n, const Oid *types, const char *const *values, db_row *row,
               void *closure, struct error *e)
{
    bool ok = true, complete = false, stopped = false;

    if (!PQsendQueryParams(d->conn, sql, n, types, values, NULL, NULL, 0))
        return failed(d, NULL, e);
    PQsetSingleRowMode(d->conn);
    for (;;) {
        await(d, 0);
        PGresult *r = PQgetResult(d->conn);
        if (!r)
            return ok && (complete || failed(d, NULL, e));
        ExecStatusType status = PQresultStatus(r);
        complete = complete || status == PGRES_TUPLES_OK;
        if (ok && status == PGRES_FATAL_ERROR) {
            ok = failed(d, r, e);
        } else if (ok && status == PGRES_SINGLE_TUPLE && !row(closure, r)) {
            ok = false;
            stopped = true;
            cancel(d);
        }
        if (signals_stop() && status != PGRES_TUPLES_OK && !stopped) {
            if (ok)
                cancel(d);
            ok = error_set(e, CENTRAL_TRY_AGAIN, "%s: interrupted: the answer is not complete", d->name);
        }
        PQclear(r);
        if (PQstatus(d->conn) != CONNECTION_OK)
            return ok && failed(d, NULL, e);
    }
}
