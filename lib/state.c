#include "central/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "central/adapter_name.h"
#include "central/mem.h"
#include "central/path.h"

/* last_seen is rewritten when it is older than this: an unchanged feed writes next to nothing. */
#define SEEN_GRAIN 3600

struct state {
    sqlite3 *db;
    char *source, *path, *kind;
    int64_t count;
    bool begun; /* a transaction, and not committed since */
    struct statement {
        const char *sql;
        sqlite3_stmt *at;
    } find, issued, see, seen, observe, issue, reject, put_reject, put_sent, put_removed, put_newest, put_cursor,
        lose_issued, lose, put_observed;
};

static const char layout[] =
    "create table if not exists sent (id text primary key, hash text not null, revision integer not null,"
    " removed integer not null default 0, first_seen integer not null, last_seen integer not null,"
    " misses integer not null default 0, stream text, sequence integer, acknowledged integer) without rowid;"
    "create table if not exists newest (stream text primary key, sequence integer not null, id text not null) without "
    "rowid;"
    "create table if not exists issued (id text primary key, hash text not null, revision integer not null) without "
    "rowid;"
    "create table if not exists observed (id text primary key, last text not null) without rowid;"
    "create table if not exists rejected (id text primary key, last_seen integer not null) without rowid;"
    "create table if not exists cursor (url text primary key, etag text, last_modified text, hash text) without rowid;"
    "create table if not exists source (one integer primary key check (one = 1), kind text not null default '',"
    " last_success integer, count integer not null default 0);"
    "insert or ignore into source (one) values (1);";

/* What brings a layout of this version to the next. */
static const char *const upgrades[STATE_VERSION] = {
    [1] = "alter table sent add column stream text;"
          "alter table sent add column sequence integer;"
          "alter table sent add column acknowledged integer;"
          "create table newest (stream text primary key, sequence integer not null, id text not null) without rowid;",
};

static char *state_file(const char *source)
{
    char *dir = path_state(), *name = mem_format("%s.db", source), *path = path_join(dir, name);

    free(dir);
    free(name);
    return path;
}

bool state_exists(const char *source)
{
    char *path = state_file(source);
    bool exists = path_exists(path);

    free(path);
    return exists;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **state_names(void)
{
    char *folder = path_state(), **names = mem_alloc(sizeof *names);
    DIR *dir = opendir(folder);
    size_t count = 0;

    for (struct dirent *d; dir && (d = readdir(dir));) {
        size_t len = strlen(d->d_name);
        if (len <= 3 || strcmp(d->d_name + len - 3, ".db") != 0 || !adapter_name_ok(d->d_name, len - 3))
            continue;
        names = mem_resize(names, (count + 2) * sizeof *names);
        names[count++] = mem_bytes(d->d_name, len - 3);
    }
    names[count] = NULL;
    if (dir)
        closedir(dir);
    free(folder);
    qsort(names, count, sizeof *names, by_name);
    return names;
}

int state_lock(const char *source, struct error *e)
{
    char *dir = path_state(), *name = mem_format("%s.run", source), *path = path_join(dir, name);
    int fd = -1;

    if (path_make(dir, e) && (fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0)
        error_set(e, errno == EACCES ? CENTRAL_NO_PERMISSION : CENTRAL_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        error_set(e, errno == EWOULDBLOCK ? CENTRAL_TRY_AGAIN : CENTRAL_IO,
                  errno == EWOULDBLOCK ? "%s: another run is under way" : "%s: cannot be locked", source);
        close(fd);
        fd = -1;
    }
    free(dir);
    free(name);
    free(path);
    return fd;
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
    if (version == STATE_VERSION)
        return true;
    /* Of two that come at once the second finds everything made. */
    char *version_sql = mem_format("pragma user_version = %d", STATE_VERSION);
    bool ok = run(s, "begin immediate", e) && number(s, "pragma user_version", &version, e);
    if (ok && version > STATE_VERSION)
        ok = error_set(e, CENTRAL_CONFIG, "%s: its layout is version %lld, this program knows %d", s->path,
                       (long long)version, STATE_VERSION);
    if (ok && version == 0)
        ok = run(s, layout, e);
    for (; ok && version > 0 && version < STATE_VERSION; version++)
        ok = run(s, upgrades[version], e);
    ok = ok && run(s, version_sql, e) && run(s, "commit", e);
    if (!ok)
        sqlite3_exec(s->db, "rollback", NULL, NULL, NULL);
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
    s->put_sent.sql =
        "insert into sent (id, hash, stream, revision, first_seen, last_seen, sequence, acknowledged)"
        " values (?1, ?2, ?3, ?4, ?5, ?5, nullif(?6, 0), ?5)"
        " on conflict (id) do update set hash = excluded.hash, revision = excluded.revision, removed = 0,"
        " last_seen = excluded.last_seen, misses = 0, stream = excluded.stream, sequence = excluded.sequence,"
        " acknowledged = excluded.acknowledged where excluded.revision >= sent.revision";
    s->put_removed.sql =
        "update sent set removed = 1, misses = 0, last_seen = ?3, stream = ?2, sequence = nullif(?4, 0),"
        " acknowledged = ?3 where id = ?1";
    s->put_newest.sql =
        "insert into newest (stream, id, sequence) values (?1, ?2, ?3) on conflict (stream) do update set"
        " id = excluded.id, sequence = excluded.sequence where excluded.sequence > newest.sequence";
    /* The content keeps its number. Twice makes no difference. */
    s->lose_issued.sql = "insert into issued (id, hash, revision)"
                         " select id, hash, revision from sent where id = ?1 and removed = 0 and hash <> ''"
                         " on conflict (id) do update set hash = excluded.hash, revision = excluded.revision"
                         " where excluded.revision > issued.revision";
    s->lose.sql = "update sent set revision = revision - (removed = 0 and hash <> ''),"
                  " hash = case removed when 0 then '' else hash end,"
                  " misses = case removed when 0 then misses else ?2 end, removed = 0, stream = null, sequence = null"
                  " where id = ?1";
    s->put_observed.sql = "insert or replace into observed (id, last) values (?1, ?2)";
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
    struct statement *all[] = {&s->find,       &s->issued,     &s->see,         &s->seen,     &s->observe,
                               &s->issue,      &s->reject,     &s->put_reject,  &s->put_sent, &s->put_removed,
                               &s->put_newest, &s->put_cursor, &s->lose_issued, &s->lose,     &s->put_observed};
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
    s->begun = run(s, "begin immediate", e);
    return s->begun;
}

/* SQLite may have ended it by itself, when memory or the disk was full: then this fails, as it must. */
bool state_commit(struct state *s, struct error *e)
{
    bool ok = run(s, "commit", e);

    s->begun = !sqlite3_get_autocommit(s->db);
    return ok;
}

bool state_open_transaction(const struct state *s)
{
    return s->begun;
}

void state_rollback(struct state *s)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "rollback", NULL, NULL, NULL);
    s->begun = false;
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

bool state_issued(struct state *s, const char *id, struct buf *out, bool *found, struct error *e)
{
    if (!step(s, &s->issued, &id, 1, NULL, 0, found, e))
        return false;
    if (*found)
        buf_add_text(out, (const char *)sqlite3_column_text(s->issued.at, 0));
    sqlite3_reset(s->issued.at);
    return true;
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

static bool put_newest(struct state *s, const struct state_receipt *r, struct error *e)
{
    const char *texts[] = {r->stream, r->id};

    return !r->stream || put(s, &s->put_newest, texts, 2, &r->sequence, 1, e);
}

bool state_put_sent(struct state *s, const char *id, const char *hash, int64_t revision, const struct state_receipt *r,
                    int64_t now, struct error *e)
{
    const char *texts[] = {id, hash, r->stream};
    const int64_t numbers[] = {revision, now, r->sequence};

    return put(s, &s->put_sent, texts, 3, numbers, 3, e) && put_newest(s, r, e);
}

bool state_put_removed(struct state *s, const char *id, const struct state_receipt *r, int64_t now, struct error *e)
{
    const char *texts[] = {id, r->stream};
    const int64_t numbers[] = {now, r->sequence};

    return put(s, &s->put_removed, texts, 2, numbers, 2, e) && put_newest(s, r, e);
}

/* --- looking back --------------------------------------------------------------------------------------------------
 */

static const char *column(sqlite3_stmt *q, int i)
{
    return (const char *)sqlite3_column_text(q, i);
}

bool state_each_sent(struct state *s, state_on_row *each, void *closure, struct error *e)
{
    sqlite3_stmt *q = NULL;
    int result = SQLITE_ERROR;
    bool ok = sqlite3_prepare_v2(s->db,
                                 "select id, hash, revision, removed, coalesce(acknowledged, last_seen), stream,"
                                 " sequence from sent",
                                 -1, &q, NULL) == SQLITE_OK;

    while (ok && (result = sqlite3_step(q)) == SQLITE_ROW) {
        const struct state_row row = {.id = column(q, 0),
                                      .hash = column(q, 1),
                                      .revision = sqlite3_column_int64(q, 2),
                                      .removed = sqlite3_column_int(q, 3) != 0,
                                      .acknowledged = sqlite3_column_int64(q, 4),
                                      .stream = column(q, 5),
                                      .sequence = sqlite3_column_int64(q, 6)};
        ok = each(closure, &row);
    }
    if (result != SQLITE_DONE && result != SQLITE_ROW)
        ok = failed(s, e);
    sqlite3_finalize(q);
    return ok;
}

bool state_each_newest(struct state *s, state_on_newest *each, void *closure, struct error *e)
{
    sqlite3_stmt *q = NULL;
    int result = SQLITE_ERROR;
    bool ok =
        sqlite3_prepare_v2(s->db, "select stream, sequence, id from newest order by stream", -1, &q, NULL) == SQLITE_OK;

    while (ok && (result = sqlite3_step(q)) == SQLITE_ROW)
        ok = each(closure, column(q, 0), sqlite3_column_int64(q, 1), column(q, 2));
    if (result != SQLITE_DONE && result != SQLITE_ROW)
        ok = failed(s, e);
    sqlite3_finalize(q);
    return ok;
}

bool state_put_observed(struct state *s, const char *id, const char *last, struct error *e)
{
    const char *texts[] = {id, last};

    return put(s, &s->put_observed, texts, 2, NULL, 0, e);
}

bool state_rewind(struct state *s, int64_t since, struct error *e)
{
    return run(s, "delete from cursor; delete from newest", e) &&
           once(s, "update source set last_success = min(last_success, ?1)", since, NULL, e);
}

bool state_lose(struct state *s, const char *id, struct error *e)
{
    /* Gone for so many polls that the next complete one without it removes it again. */
    const int64_t misses = INT32_MAX;

    return put(s, &s->lose_issued, &id, 1, NULL, 0, e) && put(s, &s->lose, &id, 1, &misses, 1, e);
}

/* --- polls ---------------------------------------------------------------------------------------------------------
 */

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
    /* All that was written under a number is recorded by now, and a removal's number goes with its event. */
    if (!run(s,
             "delete from issued where exists (select 1 from sent s where s.id = issued.id and s.revision >="
             " issued.revision)",
             e))
        return false;
    if (!keep_seconds)
        return true;
    /* What was not seen for so long is forgotten: should it come back, it is new. */
    return once(s, "delete from sent where last_seen < ?1 and (removed = 0 or last_seen < ?1 - " STATE_REMOVED_KEEP ")",
                now - keep_seconds - SEEN_GRAIN, NULL, e) &&
           once(s, "delete from observed where ?1 = ?1 and id not in (select id from sent)", 0, NULL, e) &&
           once(s,
                "delete from issued where ?1 = ?1 and id like 'removal of %' and substr(id, 12) not in (select id from"
                " sent)",
                0, NULL, e) &&
           once(s, "delete from rejected where last_seen < ?1", now - keep_seconds - SEEN_GRAIN, NULL, e);
}
