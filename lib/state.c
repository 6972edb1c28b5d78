#include "central/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "central/adapter_name.h"
#include "central/mem.h"
#include "central/path.h"
#include "central/sql.h"

/* last_seen is rewritten when it is older than this: an unchanged feed writes next to nothing. */
#define SEEN_GRAIN 3600

enum {
    FIND,
    ISSUED,
    ISSUE,
    SEE,
    SEEN,
    OBSERVE,
    REJECT,
    PUT_REJECT,
    PUT_SENT,
    PUT_REMOVED,
    PUT_NEWEST,
    PUT_OBSERVED,
    PUT_KIND,
    PUT_CURSOR,
    LOSE_ISSUED,
    LOSE,
    UNRECORDED,
    STATEMENTS
};
/* Of one that is removed, and whose removal is to go out again. */
#define REMOVAL_LOST "(removed and misses < 0)"
static const char *const statements[STATEMENTS] = {
    [FIND] = "select hash, revision, removed, " REMOVAL_LOST " from sent where id = ?1",
    [ISSUED] = "select hash, revision from issued where id = ?1",
    [ISSUE] = "insert or replace into temp.issuing (id, hash, revision) values (?1, ?2, ?3)",
    [SEE] = "insert or ignore into temp.seen (id, hash) values (?1, ?2)",
    [SEEN] = "select hash = ?2 from temp.seen where id = ?1",
    [OBSERVE] = "insert or replace into temp.noted (id, last) values (?1, ?2)",
    [REJECT] = "select 1 from rejected where id = ?1",
    [PUT_REJECT] = "insert or replace into rejected (id, last_seen) values (?1, ?2)",
    [PUT_SENT] = "insert into sent (id, hash, stream, revision, first_seen, last_seen, sequence, acknowledged)"
                 " values (?1, ?2, ?3, ?4, ?5, ?5, nullif(?6, 0), ?5)"
                 " on conflict (id) do update set hash = excluded.hash, revision = excluded.revision, removed = 0,"
                 " last_seen = excluded.last_seen, misses = 0, stream = excluded.stream, sequence = excluded.sequence,"
                 " acknowledged = excluded.acknowledged where excluded.revision >= sent.revision",
    [PUT_REMOVED] = "update sent set removed = 1, misses = 0, last_seen = ?3, stream = ?2, sequence = nullif(?4, 0),"
                    " acknowledged = ?3 where id = ?1",
    [PUT_NEWEST] = "insert into newest (stream, id, sequence) values (?1, ?2, ?3) on conflict (stream) do update set"
                   " id = excluded.id, sequence = excluded.sequence where excluded.sequence > newest.sequence",
    [PUT_OBSERVED] = "insert or replace into observed (id, last) values (?1, ?2)",
    [PUT_KIND] = "update source set kind = ?1",
    [PUT_CURSOR] = "insert or replace into cursor (url, etag, last_modified, hash) values (?1, ?2, ?3, ?4)",
    /* The content keeps its number. Twice makes no difference. */
    [LOSE_ISSUED] = "insert into issued (id, hash, revision)"
                    " select id, hash, revision from sent where id = ?1 and removed = 0 and hash <> ''"
                    " on conflict (id) do update set hash = excluded.hash, revision = excluded.revision"
                    " where excluded.revision > issued.revision",
    [LOSE] = "update sent set revision = revision - (removed = 0 and hash <> ''),"
             " hash = case removed when 0 then '' else hash end,"
             " misses = case removed when 0 then misses else -1 end, stream = null, sequence = null where id = ?1",
    [UNRECORDED] = "select 1 from issued i left join sent s using (id) where i.id not like 'removal of %'"
                   " and i.revision > coalesce(s.revision, 0)",
};

struct state {
    struct sql sql;
    char *source, *path, *kind;
    int64_t count;
    bool begun; /* a transaction, and not committed since */
    struct statement statements[STATEMENTS];
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

bool state_lock_at(int fd, const char *source, struct error *e)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    return errno == EWOULDBLOCK ? error_set(e, CENTRAL_TRY_AGAIN, "%s: another run is under way", source)
                                : error_set(e, CENTRAL_IO, "%s: cannot be locked: %s", source, strerror(errno));
}

int state_lock(const char *source, struct error *e)
{
    char *dir = path_state(), *name = mem_format("%s.run", source), *path = path_join(dir, name);
    int fd = -1;

    if (path_make(dir, e))
        fd = path_open(path, e);
    if (fd >= 0 && !state_lock_at(fd, source, e)) {
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

static bool on_request(void *closure, sqlite3_stmt *row)
{
    struct buf *out = closure;

    json_put_name(out, sql_text(row, 0));
    json_begin(out, '{');
    json_put_member_text(out, "etag", sql_text(row, 1));
    json_put_member_text(out, "last_modified", sql_text(row, 2));
    json_put_member_text(out, "hash", sql_text(row, 3));
    json_end(out, '}');
    return true;
}

static bool on_poll(void *closure, sqlite3_stmt *row)
{
    struct buf *out = closure;

    if (sqlite3_column_type(row, 0) != SQLITE_NULL)
        json_put_member_int(out, "last_success", sqlite3_column_int64(row, 0));
    json_put_member_int(out, "count", sqlite3_column_int64(row, 1));
    return true;
}

static bool put_cursor(const struct sql *sql, struct buf *out, struct error *e)
{
    json_begin(out, '{');
    bool ok = sql_each(sql, "select last_success, count from source", NULL, 0, NULL, 0, on_poll, out, e);
    json_put_name(out, "requests");
    json_begin(out, '{');
    ok = ok && sql_each(sql, "select url, etag, last_modified, hash from cursor order by url", NULL, 0, NULL, 0,
                        on_request, out, e);
    json_end(out, '}');
    json_end(out, '}');
    return ok;
}

bool state_put_cursor(const char *source, struct buf *out, struct error *e)
{
    char *path = state_file(source);
    struct sql sql = {.name = path};
    bool ok = true;

    if (!path_exists(path)) {
        json_put_null(out);
    } else {
        ok = sqlite3_open_v2(path, &sql.db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK || sql_failed(&sql, e);
        sqlite3_busy_timeout(sql.db, STATE_BUSY_MS);
        ok = ok && put_cursor(&sql, out, e);
        sqlite3_close(sql.db);
    }
    free(path);
    return ok;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

static bool run(struct state *s, const char *text, struct error *e)
{
    return sql_run(&s->sql, text, e);
}

/* A statement without rows, with one integer. */
static bool once(struct state *s, const char *text, int64_t n, struct error *e)
{
    return sql_each(&s->sql, text, NULL, 0, &n, 1, NULL, NULL, e);
}

static bool on_number(void *closure, sqlite3_stmt *row)
{
    *(int64_t *)closure = sqlite3_column_int64(row, 0);
    return true;
}

/* The one value of a constant query. */
static bool number(struct state *s, const char *text, int64_t *out, struct error *e)
{
    return sql_each(&s->sql, text, NULL, 0, NULL, 0, on_number, out, e);
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
        sqlite3_exec(s->sql.db, "rollback", NULL, NULL, NULL);
    free(version_sql);
    return ok;
}

static bool on_source(void *closure, sqlite3_stmt *row)
{
    struct state *s = closure;

    s->kind = mem_string(sql_text(row, 0));
    s->count = sqlite3_column_int64(row, 1);
    return true;
}

static bool read_source(struct state *s, struct error *e)
{
    return sql_each(&s->sql, "select kind, count from source", NULL, 0, NULL, 0, on_source, s, e) &&
           (s->kind || error_set(e, CENTRAL_IO, "%s: its table source is empty", s->path));
}

struct state *state_open(const char *source, struct error *e)
{
    struct state *s = mem_alloc(sizeof *s);
    char *dir = path_state();

    s->source = mem_string(source);
    s->path = state_file(source);
    s->sql.name = s->path;
    for (int i = 0; i < STATEMENTS; i++)
        s->statements[i].text = statements[i];
    bool ok = path_make(dir, e);
    /* What a poll has seen goes to a file that no name leads to when it is more than a cache holds. It needs no
     * journal: a failed statement ends the poll, and the file goes with it. */
    if (!sqlite3_temp_directory)
        sqlite3_temp_directory = sqlite3_mprintf("%s", dir);
    free(dir);
    if (ok && geteuid() == 0 && !path_exists(s->path)) {
        /* SQLite gives its other files to this one's owner. */
        int fd = path_open(s->path, e);
        ok = fd >= 0 && close(fd) == 0;
    }
    ok = ok && (sqlite3_open(s->path, &s->sql.db) == SQLITE_OK || sql_failed(&s->sql, e));
    if (ok)
        sqlite3_busy_timeout(s->sql.db, STATE_BUSY_MS);
    /* WAL: one writer and readers beside it. What is lost with the power is sent again and recognised. A smaller cache
     * is no slower: the system has the file in its own. */
    ok = ok &&
         run(s,
             "pragma journal_mode = wal; pragma synchronous = normal; pragma cache_size = -1000;"
             "pragma temp_store = file; pragma temp.journal_mode = off",
             e) &&
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
    sql_finish(s->statements, STATEMENTS);
    sqlite3_close(s->sql.db);
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

/* What is looked up and noted of many lines shares a transaction: one for each statement costs as much as the
 * statements do. It only reads the file, of which it holds a snapshot. */
static bool begin_reading(struct state *s, struct error *e)
{
    return !sqlite3_get_autocommit(s->sql.db) || run(s, "begin", e);
}

static bool end_reading(struct state *s, struct error *e)
{
    return s->begun || sqlite3_get_autocommit(s->sql.db) || run(s, "commit", e);
}

bool state_begin(struct state *s, struct error *e)
{
    s->begun = end_reading(s, e) && run(s, "begin immediate", e);
    return s->begun;
}

/* SQLite may have ended it by itself, when memory or the disk was full: then this fails, as it must. */
bool state_commit(struct state *s, struct error *e)
{
    bool ok = run(s, "commit", e);

    s->begun = !sqlite3_get_autocommit(s->sql.db);
    return ok;
}

bool state_open_transaction(const struct state *s)
{
    return s->begun;
}

void state_rollback(struct state *s)
{
    if (!sqlite3_get_autocommit(s->sql.db))
        sqlite3_exec(s->sql.db, "rollback", NULL, NULL, NULL);
    s->begun = false;
}

/* --- statements ----------------------------------------------------------------------------------------------------
 */

static bool step(struct state *s, int which, const char *const *texts, int count, const int64_t *numbers,
                 int number_count, bool *row, struct error *e)
{
    return sql_step(&s->sql, &s->statements[which], texts, count, numbers, number_count, row, e);
}

/* A statement without rows. */
static bool put(struct state *s, int which, const char *const *texts, int count, const int64_t *numbers,
                int number_count, struct error *e)
{
    return step(s, which, texts, count, numbers, number_count, NULL, e);
}

bool state_find(struct state *s, const char *id, struct state_sent *out, struct error *e)
{
    *out = (struct state_sent){0};
    if (!step(s, FIND, &id, 1, NULL, 0, &out->known, e))
        return false;
    if (out->known) {
        const char *hash = (const char *)sqlite3_column_text(s->statements[FIND].at, 0);
        strncpy(out->hash, hash ? hash : "", sizeof out->hash - 1);
        out->revision = sqlite3_column_int64(s->statements[FIND].at, 1);
        out->removed = sqlite3_column_int(s->statements[FIND].at, 2) != 0;
        out->removal_lost = sqlite3_column_int(s->statements[FIND].at, 3) != 0;
    }
    sql_reset(&s->statements[FIND]);
    bool issued;
    if (!step(s, ISSUED, &id, 1, NULL, 0, &issued, e))
        return false;
    if (issued) {
        const char *hash = (const char *)sqlite3_column_text(s->statements[ISSUED].at, 0);
        strncpy(out->issued_hash, hash ? hash : "", sizeof out->issued_hash - 1);
        out->issued_revision = sqlite3_column_int64(s->statements[ISSUED].at, 1);
    }
    sql_reset(&s->statements[ISSUED]);
    return true;
}

bool state_issue(struct state *s, const char *id, const char *hash, int64_t revision, struct error *e)
{
    const char *texts[] = {id, hash};

    return put(s, ISSUE, texts, 2, &revision, 1, e);
}

bool state_issued(struct state *s, const char *id, struct buf *out, bool *found, struct error *e)
{
    if (!step(s, ISSUED, &id, 1, NULL, 0, found, e))
        return false;
    if (*found)
        buf_add_text(out, (const char *)sqlite3_column_text(s->statements[ISSUED].at, 0));
    sql_reset(&s->statements[ISSUED]);
    return true;
}

bool state_settle(struct state *s, struct error *e)
{
    int64_t count;

    if (!end_reading(s, e) || !number(s, "select count(*) from temp.issuing", &count, e))
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

    if (!begin_reading(s, e) || !put(s, SEE, texts, 2, NULL, 0, e))
        return false;
    *first = sqlite3_changes(s->sql.db) == 1;
    *same = true;
    if (*first)
        return true;
    if (!step(s, SEEN, texts, 2, NULL, 0, &row, e))
        return false;
    *same = row && sqlite3_column_int(s->statements[SEEN].at, 0) == 1;
    sql_reset(&s->statements[SEEN]);
    return true;
}

bool state_observe(struct state *s, const char *id, const char *last, struct error *e)
{
    const char *texts[] = {id, last};

    return put(s, OBSERVE, texts, 2, NULL, 0, e);
}

bool state_knows_reject(struct state *s, const char *id, bool *known, struct error *e)
{
    if (!step(s, REJECT, &id, 1, NULL, 0, known, e))
        return false;
    sql_reset(&s->statements[REJECT]);
    return true;
}

bool state_put_reject(struct state *s, const char *id, int64_t now, struct error *e)
{
    return put(s, PUT_REJECT, &id, 1, &now, 1, e);
}

bool state_put_newest(struct state *s, const struct state_receipt *r, struct error *e)
{
    const char *texts[] = {r->stream, r->id};

    return !r->stream || put(s, PUT_NEWEST, texts, 2, &r->sequence, 1, e);
}

bool state_put_sent(struct state *s, const char *id, const char *hash, int64_t revision, const struct state_receipt *r,
                    int64_t now, struct error *e)
{
    const char *texts[] = {id, hash, r->stream};
    const int64_t numbers[] = {revision, now, r->sequence};

    return put(s, PUT_SENT, texts, 3, numbers, 3, e) && state_put_newest(s, r, e);
}

bool state_put_removed(struct state *s, const char *id, const struct state_receipt *r, int64_t now, struct error *e)
{
    const char *texts[] = {id, r->stream};
    const int64_t numbers[] = {now, r->sequence};

    return put(s, PUT_REMOVED, texts, 2, numbers, 2, e) && state_put_newest(s, r, e);
}

/* --- looking back --------------------------------------------------------------------------------------------------
 */

/* Who is told of rows, and whether one of them had enough. */
struct telling {
    state_on_row *row;
    state_on_newest *newest;
    void *closure;
};

static bool on_sent(void *closure, sqlite3_stmt *row)
{
    const struct telling *t = closure;
    const struct state_row sent = {.id = sql_text(row, 0),
                                   .hash = sql_text(row, 1),
                                   .revision = sqlite3_column_int64(row, 2),
                                   .removed = sqlite3_column_int(row, 3) != 0,
                                   .acknowledged = sqlite3_column_int64(row, 4),
                                   .stream = sql_text(row, 5),
                                   .sequence = sqlite3_column_int64(row, 6)};

    return t->row(t->closure, &sent);
}

bool state_each_sent(struct state *s, state_on_row *each, void *closure, struct error *e)
{
    struct telling t = {.row = each, .closure = closure};

    return sql_each(&s->sql,
                    "select id, hash, revision, removed, coalesce(acknowledged, last_seen), stream, sequence from sent",
                    NULL, 0, NULL, 0, on_sent, &t, e);
}

bool state_unrecorded(struct state *s, bool *yes, struct error *e)
{
    bool ok = step(s, UNRECORDED, NULL, 0, NULL, 0, yes, e);

    sql_reset(&s->statements[UNRECORDED]);
    return ok;
}

static bool on_newest(void *closure, sqlite3_stmt *row)
{
    const struct telling *t = closure;

    return t->newest(t->closure, sql_text(row, 0), sqlite3_column_int64(row, 1), sql_text(row, 2));
}

bool state_each_newest(struct state *s, state_on_newest *each, void *closure, struct error *e)
{
    struct telling t = {.newest = each, .closure = closure};

    return sql_each(&s->sql, "select stream, sequence, id from newest order by stream", NULL, 0, NULL, 0, on_newest, &t,
                    e);
}

bool state_put_observed(struct state *s, const char *id, const char *last, struct error *e)
{
    const char *texts[] = {id, last};

    return put(s, PUT_OBSERVED, texts, 2, NULL, 0, e);
}

bool state_rewind(struct state *s, int64_t since, struct error *e)
{
    return run(s, "delete from cursor; delete from newest", e) &&
           once(s, "update source set last_success = min(last_success, ?1)", since, e);
}

bool state_lose(struct state *s, const char *id, struct error *e)
{
    return put(s, LOSE_ISSUED, &id, 1, NULL, 0, e) && put(s, LOSE, &id, 1, NULL, 0, e);
}

/* --- polls ---------------------------------------------------------------------------------------------------------
 */

bool state_end_poll(struct state *s, int64_t now, const char *kind, bool count_misses, struct error *e)
{
    if (strcmp(kind, s->kind) != 0 && !put(s, PUT_KIND, &kind, 1, NULL, 0, e))
        return false;
    if (!once(s,
              "update sent set misses = min(misses, 0), last_seen = max(last_seen, ?1)"
              " where (misses > 0 or last_seen < ?1 - 3600) and id in (select id from temp.seen)",
              now, e))
        return false;
    if (strcmp(kind, "snapshot") == 0 &&
        !run(s,
             "insert or replace into observed select id, last from temp.noted n"
             " where not exists (select 1 from observed o where o.id = n.id and o.last = n.last)",
             e))
        return false;
    return !count_misses ||
           run(s, "update sent set misses = misses + 1 where removed = 0 and id not in (select id from temp.seen)", e);
}

/* What is to be removed, put aside so many at a time: who is told of it writes to the file, and a statement that is
 * still reading would hold the snapshot from before others wrote to it. */
#define MISSING_MAX 500
struct missing {
    struct {
        char *id, *last;
        int64_t revision, seen;
    } at[MISSING_MAX];
    size_t count;
};

static bool on_missing(void *closure, sqlite3_stmt *row)
{
    struct missing *m = closure;

    m->at[m->count].id = mem_string(sql_text(row, 0));
    m->at[m->count].revision = sqlite3_column_int64(row, 1);
    m->at[m->count].last = mem_string(sql_text(row, 2));
    m->at[m->count++].seen = sqlite3_column_int64(row, 3);
    return true;
}

/* Frees what was put aside; each is NULL when nobody is to be told. */
static bool tell_missing(struct missing *m, state_missing *each, void *closure)
{
    bool ok = each != NULL;

    for (size_t i = 0; i < m->count; i++) {
        ok = ok && each(closure, m->at[i].id, m->at[i].revision, m->at[i].last, m->at[i].seen);
        free(m->at[i].id);
        free(m->at[i].last);
    }
    m->count = 0;
    return ok;
}

bool state_each_missing(struct state *s, int64_t misses, state_missing *each, void *closure, struct error *e)
{
    struct missing m = {0};
    const int64_t numbers[] = {misses, MISSING_MAX};
    char *behind = mem_string("");
    bool ok, more;

    do {
        ok = sql_each(&s->sql,
                      "select s.id, max(s.revision, coalesce(i.revision, 0)), o.last, s.last_seen"
                      " from sent s join observed o using (id) left join issued i using (id)"
                      " where s.id > ?1 and ((removed = 0 and misses >= ?2) or " REMOVAL_LOST
                      ") and s.id not in (select id from temp.seen) order by s.id limit ?3",
                      (const char *const *)&behind, 1, numbers, 2, on_missing, &m, e);
        more = m.count == MISSING_MAX;
        if (more) {
            free(behind);
            behind = mem_string(m.at[m.count - 1].id);
        }
        ok = tell_missing(&m, ok ? each : NULL, closure) && ok;
    } while (ok && more);
    free(behind);
    return ok;
}

bool state_lost_removal(struct state *s, const char *id, state_missing *each, void *closure, struct error *e)
{
    struct missing m = {0};
    bool ok = sql_each(&s->sql,
                       "select s.id, s.revision, o.last, s.last_seen from sent s join observed o using (id)"
                       " where s.id = ?1 and " REMOVAL_LOST,
                       &id, 1, NULL, 0, on_missing, &m, e);

    return tell_missing(&m, ok ? each : NULL, closure) && ok;
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
            ok = put(s, PUT_CURSOR, (const char *const *)texts, 4, NULL, 0, e);
        for (size_t k = 0; k < 4; k++)
            free(texts[k]);
    }
    return ok;
}

bool state_consume(struct state *s, struct json data, int64_t now, int64_t keep_seconds, struct error *e)
{
    int64_t items = 0;

    if (!consume_answers(s, json_get(data, "answers"), e) || !once(s, "update source set last_success = ?1", now, e))
        return false;
    if (!json_equals(json_get(data, "state"), "unchanged") && json_int(json_get(data, "items"), &items) &&
        !once(s, "update source set count = ?1", items, e))
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
                now - keep_seconds - SEEN_GRAIN, e) &&
           run(s,
               "delete from observed where id not in (select id from sent);"
               "delete from issued where id like 'removal of %' and substr(id, 12) not in (select id from sent)",
               e) &&
           once(s, "delete from rejected where last_seen < ?1", now - keep_seconds - SEEN_GRAIN, e);
}
