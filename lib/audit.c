#include "central/audit.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/event.h"
#include "central/mem.h"
#include "central/original.h"
#include "central/sql.h"
#include "central/stream.h"
#include "central/stream_read.h"

enum { PUT_SOURCE, PUT_STREAM, PUT_STATE, PUT_BUS, PUT_ARCHIVE, HAS_SOURCE, NAMES_NONE, STATEMENTS };
static const char *const statements[STATEMENTS] = {
    [PUT_SOURCE] = "insert or ignore into source values (?1, ?2)",
    [PUT_STREAM] = "insert or ignore into stream values (?1, ?2, ?3)",
    [PUT_STATE] = "insert or ignore into state values (?1, ?2, ?5, ?3, ?6, ?4, nullif(?7, 0), ?8)",
    [PUT_BUS] = "insert or ignore into bus values (?1, ?2, ?6, ?3, ?4, ?9, ?5, ?7, ?8)",
    [PUT_ARCHIVE] = "insert or ignore into archive values (?1, ?2, ?5, ?3, ?4, ?9, ?6, ?7, ?8)",
    [HAS_SOURCE] = "select 1 from source where name = ?1",
    [NAMES_NONE] = "select 1 from source where not exists (select 1 from state where source = name and stream <> '')",
};

struct audit {
    struct sql sql;
    bool archive;
    struct statement statements[STATEMENTS];
};

/* Removals are rows of bus and archive like all events, with removes, and gone, the revision that it removes; a state
 * has them with what they removed. at: seconds. */
static const char layout[] =
    "pragma journal_mode = off; pragma synchronous = off; pragma temp_store = file;"
    "create table source (name text primary key, remembers integer not null) without rowid;"
    "create table stream (name text primary key, first integer not null, kept integer not null) without rowid;"
    "create table state (source text, id text, revision integer, hash text, removed integer, stream text,"
    " sequence integer, at integer, primary key (source, id)) without rowid;"
    "create table bus (source text, id text, revision integer, hash text, removes text, gone integer, stream text,"
    " sequence integer, at integer, primary key (source, id, revision, hash)) without rowid;"
    "create table archive (source text, id text, revision integer, hash text, removes text, gone integer,"
    " stands integer, removed integer, at integer, primary key (source, id, revision, hash)) without rowid;"
    "create index bus_removes on bus (source, removes, gone) where removes is not null;"
    "create index archive_removes on archive (source, removes, gone, at) where removes is not null;"
    "begin";

struct audit *audit_open(struct error *e)
{
    struct audit *a = mem_alloc(sizeof *a);

    a->sql.name = "temporary file";
    for (int i = 0; i < STATEMENTS; i++)
        a->statements[i].text = statements[i];
    /* A file without a name: SQLite makes it where temporary files are, and removes it. */
    if ((sqlite3_open("", &a->sql.db) == SQLITE_OK || sql_failed(&a->sql, e)) && sql_run(&a->sql, layout, e))
        return a;
    audit_close(a);
    return NULL;
}

void audit_close(struct audit *a)
{
    if (!a)
        return;
    sql_finish(a->statements, STATEMENTS);
    sqlite3_close(a->sql.db);
    free(a);
}

static bool put(struct audit *a, int which, const char *const *texts, int count, const int64_t *numbers,
                int number_count, struct error *e)
{
    return sql_step(&a->sql, &a->statements[which], texts, count, numbers, number_count, NULL, e);
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

struct reading {
    struct audit *a;
    const char *name;
    struct buf hash;
    struct error *e;
};

static bool on_sent(void *closure, const struct state_row *row)
{
    struct reading *r = closure;
    const char *texts[] = {r->name, row->id, row->hash, row->stream};
    const int64_t numbers[] = {row->revision, row->removed, row->sequence, row->acknowledged};

    return put(r->a, PUT_STATE, texts, 4, numbers, 4, r->e);
}

bool audit_read_state(struct audit *a, const char *source, struct state *s, int64_t remembers, struct error *e)
{
    struct reading r = {.a = a, .name = source, .e = e};

    return put(a, PUT_SOURCE, &source, 1, &remembers, 1, e) && (!s || state_each_sent(s, on_sent, &r, e));
}

bool audit_names_none(struct audit *a, bool *yes, struct error *e)
{
    bool ok = sql_step(&a->sql, &a->statements[NAMES_NONE], NULL, 0, NULL, 0, yes, e);

    sql_reset(&a->statements[NAMES_NONE]);
    return ok;
}

struct naming {
    audit_stream *each;
    void *closure;
};

static bool on_stream(void *closure, sqlite3_stmt *row)
{
    const struct naming *n = closure;

    return n->each(n->closure, sql_text(row, 0));
}

bool audit_each_stream(struct audit *a, audit_stream *each, void *closure, struct error *e)
{
    struct naming n = {each, closure};

    return sql_each(&a->sql, "select distinct stream from state where stream is not null order by 1", NULL, 0, NULL, 0,
                    on_stream, &n, e);
}

/* Also what the Python system left; *adopted holds that. */
static bool read_event(const char *text, size_t len, const char *subject, struct buf *adopted, struct event *ev)
{
    return original_read(text, len, subject, adopted, ev, NULL) && ev->kind == EVENT_CANONICAL;
}

/* An event of one of the sources: its key columns. */
struct key {
    char *source, *id, *removes;
};

static bool read_key(struct reading *r, const struct event *ev, struct key *k, bool *wanted)
{
    *k = (struct key){.source = json_string(ev->adapter)};
    *wanted = false;
    if (!sql_step(&r->a->sql, &r->a->statements[HAS_SOURCE], (const char *const *)&k->source, 1, NULL, 0, wanted, r->e))
        return false;
    sql_reset(&r->a->statements[HAS_SOURCE]);
    if (!*wanted)
        return true;
    k->id = json_string(ev->event_id);
    k->removes = json_string(ev->removes);
    buf_clear(&r->hash);
    json_put_hash(&r->hash, json_hash(ev->data));
    return true;
}

static void free_key(struct key *k)
{
    free(k->source);
    free(k->id);
    free(k->removes);
}

static bool on_message(void *closure, const struct consumed *m)
{
    struct reading *r = closure;
    struct buf adopted = {0};
    struct event ev;
    struct key k = {0};
    bool ok = true, wanted = false;

    /* What is no event is none of ours. */
    if (read_event(m->data, m->len, m->subject, &adopted, &ev))
        ok = read_key(r, &ev, &k, &wanted);
    if (ok && wanted) {
        const char *texts[] = {k.source, k.id, buf_text(&r->hash), k.removes, r->name};
        const int64_t numbers[] = {ev.revision, (int64_t)m->sequence, m->stored / CLOCK_SECOND, ev.removes_revision};
        ok = put(r->a, PUT_BUS, texts, 5, numbers, 4, r->e);
    }
    free_key(&k);
    buf_free(&adopted);
    return ok;
}

bool audit_read_stream(struct audit *a, struct bus *b, const char *stream, int64_t keep, int64_t since, struct error *e)
{
    struct reading r = {.a = a, .name = stream, .e = e};
    struct buf answer = {0};
    struct json info;
    int64_t first = 1;
    bool missing = false;
    bool ok = stream_info(b, stream, &answer, &info, &missing, e);

    if (ok)
        json_int(json_get_path(info, "state", "first_seq", NULL), &first);
    buf_free(&answer);
    if (!ok && !missing)
        return false;
    const int64_t numbers[] = {first, keep ? clock_now() / CLOCK_SECOND - keep : 0};
    const struct consumer_options from = {
        .stream = stream, .from = since ? CONSUMER_SINCE : CONSUMER_ALL, .since = since};
    ok = put(a, PUT_STREAM, &r.name, 1, numbers, 2, e) && (missing || stream_read(b, &from, on_message, &r, e));
    buf_free(&r.hash);
    return ok;
}

void audit_has_archive(struct audit *a)
{
    a->archive = true;
}

bool audit_add_archived(struct audit *a, const char *payload, size_t len, bool stands, bool removed, int64_t received,
                        struct error *e)
{
    struct reading r = {.a = a, .e = e};
    struct buf adopted = {0};
    struct event ev;
    struct key k = {0};
    bool ok = true, wanted = false;

    if (read_event(payload, len, NULL, &adopted, &ev))
        ok = read_key(&r, &ev, &k, &wanted);
    if (ok && wanted) {
        const char *texts[] = {k.source, k.id, buf_text(&r.hash), k.removes};
        const int64_t numbers[] = {ev.revision, stands, removed, received, ev.removes_revision};
        ok = put(a, PUT_ARCHIVE, texts, 4, numbers, 5, e);
    }
    free_key(&k);
    buf_free(&adopted);
    buf_free(&r.hash);
    return ok;
}

/* --- comparing -----------------------------------------------------------------------------------------------------
 *
 * ?1 and ?2: the period; ?3: whether there is an archive. A state without hash has lost the event (state_lose):
 * its number is the next.
 * Columns: kind, source, id, revision, removal, on_bus, in_archive, stream, sequence, hash, removed, at. */

/* What was sent, or is to be sent again, is on the bus, where its stream reaches back so far, and in the archive; one
 * that both have lost is told here, and what the bus has and the archive has not in gaps_archived. */
#define GAPS_SENT                                                                                                      \
    "select 0, source, id, number, removed, on_bus, in_archive, stream, sequence, null, 0, at from ("                  \
    "select s.*, s.revision + (s.hash = '' and not s.removed) number,"                                                 \
    " case when s.removed then exists (select 1 from bus b where b.source = s.source and b.removes = s.id"             \
    " and b.gone >= s.revision)"                                                                                       \
    " else exists (select 1 from bus b where b.source = s.source and b.id = s.id"                                      \
    " and b.revision = s.revision + (s.hash = ''))"                                                                    \
    " end on_bus,"                                                                                                     \
    " case when s.removed then exists (select 1 from archive a where a.source = s.source and a.removes = s.id"         \
    " and a.gone >= s.revision)"                                                                                       \
    " else exists (select 1 from archive a where a.source = s.source and a.id = s.id"                                  \
    " and a.revision = s.revision + (s.hash = ''))"                                                                    \
    " end or coalesce(s.at < (select kept from stream where name = s.stream), 0) in_archive,"                          \
    " (s.hash = '' and not s.removed) or s.sequence >= (select first from stream where name = s.stream) held"          \
    " from state s where s.at >= ?1 and s.at < ?2)"                                                                    \
    " where not on_bus and (held or (?3 and not in_archive))"
#define GAPS_ARCHIVED                                                                                                  \
    "select 1, source, id, revision, 0, 1, 0, stream, sequence, null, 0, at from bus b"                                \
    " where ?3 and at >= ?1 and at < ?2 and at >= (select kept from stream where name = b.stream)"                     \
    " and not exists (select 1 from archive a where a.source = b.source"                                               \
    " and a.id = b.id and a.revision = b.revision)"
/* Of each event the highest revision outside, as the archive has it where both have it. */
#define GAPS_KNOWN                                                                                                     \
    "select 2, o.source, o.id, o.revision, 0,"                                                                         \
    " exists (select 1 from bus b where b.source = o.source and b.id = o.id and b.revision = o.revision),"             \
    " archived, (select stream from bus b where b.source = o.source and b.id = o.id and b.revision = o.revision),"     \
    " (select sequence from bus b where b.source = o.source and b.id = o.id and b.revision = o.revision),"             \
    " o.hash, o.removed, o.at from ("                                                                                  \
    "select *, row_number() over (partition by source, id order by revision desc, archived desc) place from ("         \
    "select source, id, revision, hash, 0 removed, 0 archived, at from bus"                                            \
    " where removes is null and at >= ?1 and at < ?2 union all "                                                       \
    "select source, id, revision, hash, removed, 1, at from archive"                                                   \
    " where removes is null and at >= ?1 and at < ?2)) o"                                                              \
    " left join state s on s.source = o.source and s.id = o.id join source r on r.name = o.source"                     \
    " where place = 1 and o.revision > coalesce(s.revision + (s.hash = ''), 0)"                                        \
    " and (s.id is not null or r.remembers = 0 or o.at >= unixepoch() - r.remembers)"
#define GAPS_REMOVED                                                                                                   \
    "select 3, s.source, s.id, s.revision, s.removed, 0, 1, s.stream, s.sequence, null, a.removed, s.at from state s"  \
    " join archive a on a.source = s.source and a.id = s.id and a.revision = s.revision and a.stands"                  \
    " where ?3 and s.hash <> '' and s.at >= ?1 and s.at < ?2 and s.removed <> a.removed"                               \
    " and exists (select 1 from archive m where m.source = s.source and m.removes = s.id and m.at < ?2)"
#define GAPS_CONTENT                                                                                                   \
    "select 4, source, id, revision, 0, 1, ?3, null, null, null, 0, 0 from ("                                          \
    "select source, id, revision, hash from state where hash <> '' and at >= ?1 and at < ?2"                           \
    " union all select source, id, revision, hash from bus where at >= ?1 and at < ?2"                                 \
    " union all select source, id, revision, hash from archive where at >= ?1 and at < ?2)"                            \
    " group by source, id, revision having count(distinct hash) > 1"

struct telling {
    audit_gap *each;
    void *closure;
};

static bool on_gap(void *closure, sqlite3_stmt *row)
{
    const struct telling *t = closure;
    const struct gap g = {.kind = (enum gap_kind)sqlite3_column_int(row, 0),
                          .source = sql_text(row, 1),
                          .id = sql_text(row, 2),
                          .revision = sqlite3_column_int64(row, 3),
                          .removal = sqlite3_column_int(row, 4),
                          .on_bus = sqlite3_column_int(row, 5),
                          .in_archive = sqlite3_column_int(row, 6),
                          .stream = sql_text(row, 7),
                          .sequence = sqlite3_column_int64(row, 8),
                          .hash = sql_text(row, 9),
                          .removed = sqlite3_column_int(row, 10),
                          .at = sqlite3_column_int64(row, 11)};

    return t->each(t->closure, &g);
}

bool audit_each(struct audit *a, int64_t since, int64_t until, audit_gap *each, void *closure, struct error *e)
{
    static const char text[] = GAPS_SENT " union all " GAPS_ARCHIVED " union all " GAPS_KNOWN " union all " GAPS_REMOVED
                                         " union all " GAPS_CONTENT " order by 2, 3, 4, 1";
    const int64_t numbers[] = {since / CLOCK_SECOND, until / CLOCK_SECOND, a->archive};
    struct telling t = {each, closure};

    return sql_each(&a->sql, text, NULL, 0, numbers, 3, on_gap, &t, e);
}

static bool on_counts(void *closure, sqlite3_stmt *row)
{
    *(struct audit_counts *)closure =
        (struct audit_counts){sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2)};
    return true;
}

bool audit_count(struct audit *a, const char *source, struct audit_counts *out, struct error *e)
{
    return sql_each(&a->sql,
                    "select (select count(*) from state where source = ?1),"
                    " (select count(*) from bus where source = ?1),"
                    " (select count(*) from archive where source = ?1)",
                    &source, 1, NULL, 0, on_counts, out, e);
}
