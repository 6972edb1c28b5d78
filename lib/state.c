#include "central/state.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "central/mem.h"
#include "central/path.h"

/* last_seen is rewritten when it is older than this: an unchanged feed writes next to nothing. */
#define SEEN_GRAIN 3600

struct state {
    sqlite3 *db;
    char *source, *path, *kind;
    int64_t count;
    struct statement {
        const char *sql;
        sqlite3_stmt *at;
    } find, issued, see, seen, observe, issue, reject, put_reject, put_sent, put_removed, put_cursor;
};

static const char layout[] =
    "create table if not exists sent (id text primary key, hash text not null, revision integer not null,"
    " removed integer not null default 0, first_seen integer not null, last_seen integer not null,"
    " misses integer not null default 0) without rowid;"
    "create table if not exists issued (id text primary key, hash text not null, revision integer not null) without "
    "rowid;"
    "create table if not exists observed (id text primary key, last text not null) without rowid;"
    "create table if not exists rejected (id text primary key, last_seen integer not null) without rowid;"
    "create table if not exists cursor (url text primary key, etag text, last_modified text, hash text) without rowid;"
    "create table if not exists source (one integer primary key check (one = 1), kind text not null default '',"
    " last_success integer, count integer not null default 0);"
    "insert or ignore into source (one) values (1);";

static char *state_file(const char *source)
{
    char *dir = path_state(), *name = mem_format("%s.db", source), *path = path_join(dir, name);

    free(dir);
    free(name);
    return path;
}

/* --- reading the cursor --------------------------------------------------------------------------------------------
 */

static bool put_requests(sqlite3 *db, struct buf *out)
{
    sqlite3_stmt *q = NULL;
    int step;

    if (sqlite3_prepare_v2(db, "select url, etag, last_modified, hash from cursor order by url", -1, &q, NULL))
        return false;
    json_put_name(out, "requests");
    json_begin(out, '{');
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        json_put_name(out, (const char *)sqlite3_column_text(q, 0));
        json_begin(out, '{');
        json_put_member_text(out, "etag", (const char *)sqlite3_column_text(q, 1));
        json_put_member_text(out, "last_modified", (const char *)sqlite3_column_text(q, 2));
        json_put_member_text(out, "hash", (const char *)sqlite3_column_text(q, 3));
        json_end(out, '}');
    }
    json_end(out, '}');
    sqlite3_finalize(q);
    return step == SQLITE_DONE;
}

static bool put_polls(sqlite3 *db, struct buf *out)
{
    sqlite3_stmt *q = NULL;
    int step;

    if (sqlite3_prepare_v2(db, "select last_success, count from source", -1, &q, NULL))
        return false;
    if ((step = sqlite3_step(q)) == SQLITE_ROW) {
        if (sqlite3_column_type(q, 0) != SQLITE_NULL)
            json_put_member_int(out, "last_success", sqlite3_column_int64(q, 0));
        json_put_member_int(out, "count", sqlite3_column_int64(q, 1));
        step = SQLITE_DONE;
    }
    sqlite3_finalize(q);
    return step == SQLITE_DONE;
}

bool state_put_cursor(const char *source, struct buf *out, struct error *e)
{
    char *path = state_file(source);
    sqlite3 *db = NULL;
    bool ok = true;

    if (!path_exists(path)) {
        json_put_null(out);
    } else {
        ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
        sqlite3_busy_timeout(db, STATE_BUSY_MS);
        json_begin(out, '{');
        ok = ok && put_polls(db, out) && put_requests(db, out);
        json_end(out, '}');
        if (!ok)
            error_set(e, CENTRAL_IO, "%s: %s", path, sqlite3_errmsg(db));
        sqlite3_close(db);
    }
    free(path);
    return ok;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

static bool failed(struct state *s, struct error *e)
{
    int code = sqlite3_errcode(s->db);

    return error_set(e,
                     code == SQLITE_BUSY                              ? CENTRAL_TRY_AGAIN
                     : code == SQLITE_PERM || code == SQLITE_READONLY ? CENTRAL_NO_PERMISSION
                                                                      : CENTRAL_IO,
                     "%s: %s", s->path, sqlite3_errmsg(s->db));
}

static bool run(struct state *s, const char *sql, struct error *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK || failed(s, e);
}

/* The one value of a constant query. */
static bool number(struct state *s, const char *sql, int64_t *out, struct error *e)
{
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;

    if (ok)
        *out = sqlite3_column_int64(q, 0);
    else
        failed(s, e);
    sqlite3_finalize(q);
    return ok;
}

static bool make_layout(struct state *s, struct error *e)
{
    int64_t version;

    if (!number(s, "pragma user_version", &version, e))
        return false;
    if (version > STATE_VERSION)
        return error_set(e, CENTRAL_CONFIG, "%s: its layout is version %lld, this program knows %d", s->path,
                         (long long)version, STATE_VERSION);
    if (version == STATE_VERSION)
        return true;
    /* Of two that come at once the second finds everything made. */
    char *version_sql = mem_format("pragma user_version = %d", STATE_VERSION);
    bool ok = run(s, "begin immediate", e) && run(s, layout, e) && run(s, version_sql, e) && run(s, "commit", e);
    free(version_sql);
    return ok;
}

static bool read_source(struct state *s, struct error *e)
{
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(s->db, "select kind, count from source", -1, &q, NULL) == SQLITE_OK &&
              sqlite3_step(q) == SQLITE_ROW;

    if (ok) {
        s->kind = mem_string((const char *)sqlite3_column_text(q, 0));
        s->count = sqlite3_column_int64(q, 1);
    } else {
        failed(s, e);
    }
    sqlite3_finalize(q);
    return ok;
}

struct state *state_open(const char *source, struct error *e)
{
    struct state *s = mem_alloc(sizeof *s);
    char *dir = path_state();

    s->source = mem_string(source);
    s->path = state_file(source);
    s->find.sql = "select hash, revision, removed from sent where id = ?1";
    s->issued.sql = "select hash, revision from issued where id = ?1";
    s->issue.sql = "insert or replace into temp.issuing (id, hash, revision) values (?1, ?2, ?3)";
    s->see.sql = "insert or ignore into temp.seen (id, hash) values (?1, ?2)";
    s->seen.sql = "select hash = ?2 from temp.seen where id = ?1";
    s->observe.sql = "insert or replace into temp.noted (id, last) values (?1, ?2)";
    s->reject.sql = "select 1 from rejected where id = ?1";
    s->put_reject.sql = "insert or replace into rejected (id, last_seen) values (?1, ?2)";
    s->put_sent.sql = "insert into sent (id, hash, revision, first_seen, last_seen) values (?1, ?2, ?3, ?4, ?4)"
                      " on conflict (id) do update set hash = excluded.hash, revision = excluded.revision, removed = 0,"
                      " last_seen = excluded.last_seen, misses = 0 where excluded.revision >= sent.revision";
    s->put_removed.sql = "update sent set removed = 1, misses = 0, last_seen = ?2 where id = ?1";
    s->put_cursor.sql = "insert or replace into cursor (url, etag, last_modified, hash) values (?1, ?2, ?3, ?4)";
    bool ok = path_make(dir, e);
    free(dir);
    ok = ok && (sqlite3_open(s->path, &s->db) == SQLITE_OK || failed(s, e));
    if (ok)
        sqlite3_busy_timeout(s->db, STATE_BUSY_MS);
    /* WAL: one writer and readers beside it. What is lost with the power is sent again and recognised. */
    ok = ok && run(s, "pragma journal_mode = wal; pragma synchronous = normal; pragma temp_store = memory", e) &&
         make_layout(s, e) &&
         run(s,
             "create temp table seen (id text primary key, hash text not null) without rowid;"
             "create temp table issuing (id text primary key, hash text not null, revision integer not null) without "
             "rowid;"
             "create temp table noted (id text primary key, last text not null) without rowid",
             e) &&
         read_source(s, e);
    if (ok)
        return s;
    state_close(s);
    return NULL;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    struct statement *all[] = {&s->find,   &s->issued,     &s->see,      &s->seen,        &s->observe,   &s->issue,
                               &s->reject, &s->put_reject, &s->put_sent, &s->put_removed, &s->put_cursor};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sqlite3_finalize(all[i]->at);
    sqlite3_close(s->db);
    free(s->source);
    free(s->path);
    free(s->kind);
    free(s);
}

struct state *state_of(struct state_list *l, struct json adapter, size_t *index, struct error *e)
{
    size_t i = 0;

    while (i < l->count && !json_equals(adapter, l->at[i]->source))
        i++;
    if (i == l->count) {
        char *name = json_string(adapter);
        struct state *s = state_open(name, e);
        free(name);
        if (!s)
            return NULL;
        l->at = mem_resize(l->at, (l->count + 1) * sizeof(struct state *));
        l->at[l->count++] = s;
    }
    if (index)
        *index = i;
    return l->at[i];
}

void state_list_close(struct state_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        state_close(l->at[i]);
    free(l->at);
    *l = (struct state_list){0};
}

const char *state_source(const struct state *s)
{
    return s->source;
}

const char *state_kind(const struct state *s)
{
    return s->kind;
}

int64_t state_count(const struct state *s)
{
    return s->count;
}

bool state_begin(struct state *s, struct error *e)
{
    return run(s, "begin immediate", e);
}

bool state_commit(struct state *s, struct error *e)
{
    return run(s, "commit", e);
}

bool state_open_transaction(const struct state *s)
{
    return !sqlite3_get_autocommit(s->db);
}

void state_rollback(struct state *s)
{
    if (state_open_transaction(s))
        sqlite3_exec(s->db, "rollback", NULL, NULL, NULL);
}

/* --- statements ----------------------------------------------------------------------------------------------------
 */

/* Binds texts and an integer behind them, steps once. *row: there is a row to look at; the caller resets. */
static bool step(struct state *s, struct statement *st, const char *const *texts, int count, const int64_t *numbers,
                 int number_count, bool *row, struct error *e)
{
    if (!st->at && sqlite3_prepare_v3(s->db, st->sql, -1, SQLITE_PREPARE_PERSISTENT, &st->at, NULL))
        return failed(s, e);
    sqlite3_reset(st->at);
    for (int i = 0; i < count; i++)
        if (sqlite3_bind_text(st->at, i + 1, texts[i], -1, SQLITE_TRANSIENT))
            return failed(s, e);
    for (int i = 0; i < number_count; i++)
        if (sqlite3_bind_int64(st->at, count + i + 1, numbers[i]))
            return failed(s, e);
    int result = sqlite3_step(st->at);
    *row = result == SQLITE_ROW;
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return true;
    failed(s, e);
    sqlite3_reset(st->at);
    return false;
}

/* A statement without rows. */
static bool put(struct state *s, struct statement *st, const char *const *texts, int count, const int64_t *numbers,
                int number_count, struct error *e)
{
    bool row;
    bool ok = step(s, st, texts, count, numbers, number_count, &row, e);

    if (ok)
        sqlite3_reset(st->at);
    return ok;
}

bool state_find(struct state *s, const char *id, struct state_sent *out, struct error *e)
{
    *out = (struct state_sent){0};
    if (!step(s, &s->find, &id, 1, NULL, 0, &out->known, e))
        return false;
    if (out->known) {
        const char *hash = (const char *)sqlite3_column_text(s->find.at, 0);
        strncpy(out->hash, hash ? hash : "", sizeof out->hash - 1);
        out->revision = sqlite3_column_int64(s->find.at, 1);
        out->removed = sqlite3_column_int(s->find.at, 2) != 0;
    }
    sqlite3_reset(s->find.at);
    bool issued;
    if (!step(s, &s->issued, &id, 1, NULL, 0, &issued, e))
        return false;
    if (issued) {
        const char *hash = (const char *)sqlite3_column_text(s->issued.at, 0);
        strncpy(out->issued_hash, hash ? hash : "", sizeof out->issued_hash - 1);
        out->issued_revision = sqlite3_column_int64(s->issued.at, 1);
    }
    sqlite3_reset(s->issued.at);
    return true;
}

bool state_issue(struct state *s, const char *id, const char *hash, int64_t revision, struct error *e)
{
    const char *texts[] = {id, hash};

    return put(s, &s->issue, texts, 2, &revision, 1, e);
}

bool state_settle(struct state *s, struct error *e)
{
    int64_t count;

    if (!number(s, "select count(*) from temp.issuing", &count, e))
        return false;
    if (!count)
        return true;
    bool ok = state_begin(s, e) &&
              run(s, "insert or replace into issued select id, hash, revision from temp.issuing", e) &&
              state_commit(s, e) && run(s, "delete from temp.issuing", e);
    state_rollback(s);
    return ok;
}

bool state_see(struct state *s, const char *id, const char *hash, bool *first, bool *same, struct error *e)
{
    const char *texts[] = {id, hash};
    bool row;

    if (!put(s, &s->see, texts, 2, NULL, 0, e))
        return false;
    *first = sqlite3_changes(s->db) == 1;
    *same = true;
    if (*first)
        return true;
    if (!step(s, &s->seen, texts, 2, NULL, 0, &row, e))
        return false;
    *same = row && sqlite3_column_int(s->seen.at, 0) == 1;
    sqlite3_reset(s->seen.at);
    return true;
}

bool state_observe(struct state *s, const char *id, const char *last, struct error *e)
{
    const char *texts[] = {id, last};

    return put(s, &s->observe, texts, 2, NULL, 0, e);
}

bool state_knows_reject(struct state *s, const char *id, bool *known, struct error *e)
{
    if (!step(s, &s->reject, &id, 1, NULL, 0, known, e))
        return false;
    sqlite3_reset(s->reject.at);
    return true;
}

bool state_put_reject(struct state *s, const char *id, int64_t now, struct error *e)
{
    return put(s, &s->put_reject, &id, 1, &now, 1, e);
}

bool state_put_sent(struct state *s, const char *id, const char *hash, int64_t revision, int64_t now, struct error *e)
{
    const char *texts[] = {id, hash};
    const int64_t numbers[] = {revision, now};

    return put(s, &s->put_sent, texts, 2, numbers, 2, e);
}

bool state_put_removed(struct state *s, const char *id, int64_t now, struct error *e)
{
    return put(s, &s->put_removed, &id, 1, &now, 1, e);
}

/* --- polls ---------------------------------------------------------------------------------------------------------
 */

/* A statement made for one use, with one integer and one text. */
static bool once(struct state *s, const char *sql, int64_t n, const char *text, struct error *e)
{
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK;

    ok = ok && (sqlite3_bind_parameter_count(q) < 1 || sqlite3_bind_int64(q, 1, n) == SQLITE_OK) &&
         (sqlite3_bind_parameter_count(q) < 2 || sqlite3_bind_text(q, 2, text, -1, SQLITE_TRANSIENT) == SQLITE_OK) &&
         sqlite3_step(q) == SQLITE_DONE;
    if (!ok)
        failed(s, e);
    sqlite3_finalize(q);
    return ok;
}

bool state_end_poll(struct state *s, int64_t now, const char *kind, bool count_misses, struct error *e)
{
    if (strcmp(kind, s->kind) != 0 && !once(s, "update source set kind = ?2 where ?1 = ?1", 0, kind, e))
        return false;
    if (!once(s,
              "update sent set misses = 0, last_seen = max(last_seen, ?1)"
              " where (misses > 0 or last_seen < ?1 - 3600) and id in (select id from temp.seen)",
              now, NULL, e))
        return false;
    if (strcmp(kind, "snapshot") == 0 && !run(s, "insert or replace into observed select id, last from temp.noted", e))
        return false;
    return !count_misses ||
           once(s, "update sent set misses = misses + 1 where removed = 0 and id not in (select id from temp.seen)", 0,
                NULL, e);
}

bool state_each_missing(struct state *s, int64_t misses, state_missing *each, void *closure, struct error *e)
{
    sqlite3_stmt *q = NULL;
    int result = SQLITE_ERROR;
    bool ok = sqlite3_prepare_v2(s->db,
                                 "select s.id, max(s.revision, coalesce(i.revision, 0)), o.last, s.last_seen"
                                 " from sent s join observed o using (id) left join issued i using (id)"
                                 " where s.removed = 0 and s.misses >= ?1 and s.id not in (select id from temp.seen)"
                                 " order by s.id",
                                 -1, &q, NULL) == SQLITE_OK &&
              sqlite3_bind_int64(q, 1, misses) == SQLITE_OK;

    if (!ok)
        failed(s, e);
    while (ok && (result = sqlite3_step(q)) == SQLITE_ROW)
        ok = each(closure, (const char *)sqlite3_column_text(q, 0), sqlite3_column_int64(q, 1),
                  (const char *)sqlite3_column_text(q, 2), sqlite3_column_int64(q, 3));
    if (ok && result != SQLITE_DONE)
        ok = failed(s, e);
    sqlite3_finalize(q);
    return ok;
}

bool state_new_poll(struct state *s, struct error *e)
{
    return run(s, "delete from temp.seen; delete from temp.noted", e);
}

static bool consume_answers(struct state *s, struct json answers, struct error *e)
{
    struct json answer;
    bool ok = true;

    for (struct json_iter i = json_walk(answers); ok && json_next(&i, NULL, &answer);) {
        /* An answer that did not change is consumed already. */
        if (json_bool(json_get(answer, "unchanged")) == 1)
            continue;
        char *texts[] = {json_string(json_get(answer, "url")), json_string(json_get(answer, "etag")),
                         json_string(json_get(answer, "last_modified")), json_string(json_get(answer, "hash"))};
        if (texts[0])
            ok = put(s, &s->put_cursor, (const char *const *)texts, 4, NULL, 0, e);
        for (size_t k = 0; k < 4; k++)
            free(texts[k]);
    }
    return ok;
}

bool state_consume(struct state *s, struct json data, int64_t now, int64_t keep_seconds, struct error *e)
{
    int64_t items = 0;

    if (!consume_answers(s, json_get(data, "answers"), e) ||
        !once(s, "update source set last_success = ?1", now, NULL, e))
        return false;
    if (!json_equals(json_get(data, "state"), "unchanged") && json_int(json_get(data, "items"), &items) &&
        !once(s, "update source set count = ?1", items, NULL, e))
        return false;
    if (!keep_seconds)
        return true;
    /* What was not seen for so long is forgotten: should it come back, it is new. */
    return once(s, "delete from sent where last_seen < ?1", now - keep_seconds - SEEN_GRAIN, NULL, e) &&
           once(s, "delete from observed where ?1 = ?1 and id not in (select id from sent)", 0, NULL, e) &&
           once(s, "delete from rejected where last_seen < ?1", now - keep_seconds - SEEN_GRAIN, NULL, e);
}
