#include "central/query.h"

#include <stdlib.h>
#include <string.h>

#include "central/adapter_name.h"
#include "central/clock.h"
#include "central/mem.h"

/* --- names and places --------------------------------------------------------------------------------------------- */

bool query_cursor_read(const char *text, struct query_cursor *out, struct error *e)
{
    const char *adapter = strchr(text, '/'), *revision = adapter ? strchr(adapter + 1, '/') : NULL;
    const char *id = revision ? strchr(revision + 1, '/') : NULL;
    struct query_cursor c = {0};
    char *end = NULL;

    if (id && id[1] && clock_parse(text, (size_t)(adapter - text), &c.time) &&
        adapter_name_ok(adapter + 1, (size_t)(revision - adapter) - 1))
        c.revision = strtol(revision + 1, &end, 10);
    if (!end || end != id || c.revision < 1 || c.revision > INT32_MAX)
        return error_set(e, CENTRAL_USAGE, "'%s' is no TIME/ADAPTER/REVISION/ID", text);
    c.adapter = mem_bytes(adapter + 1, (size_t)(revision - adapter) - 1);
    c.id = mem_string(id + 1);
    *out = c;
    return true;
}

void query_cursor_free(struct query_cursor *c)
{
    free(c->adapter);
    free(c->id);
    *c = (struct query_cursor){0};
}

static const struct {
    const char *name, *sql;
} bys[] = {
    [QUERY_BY_NONE] = {NULL, "NULL"},
    [QUERY_BY_ADAPTER] = {"adapter", "adapter"},
    [QUERY_BY_CATEGORY] = {"category", "category"},
    [QUERY_BY_DAY] = {"day", "(time AT TIME ZONE 'UTC')::date"},
    [QUERY_BY_SEVERITY] = {"severity", "severity"},
};

bool query_by_named(const char *name, enum query_by *out)
{
    for (size_t i = QUERY_BY_NONE + 1; i < sizeof bys / sizeof *bys; i++)
        if (strcmp(bys[i].name, name) == 0) {
            *out = (enum query_by)i;
            return true;
        }
    return false;
}

const char *query_by_name(enum query_by by)
{
    return bys[by].name;
}

/* --- parameters --------------------------------------------------------------------------------------------------- */

/* Every parameter has its number, whether it is used or not. */
enum parameter {
    ADAPTERS,
    CATEGORY,
    SINCE,
    UNTIL,
    SEVERITY,
    ID,
    WEST,
    SOUTH,
    EAST,
    NORTH,
    LIMIT,
    AREA,
    TEXT_LIKE,
    JSON_LIKE,
    RECEIVED_SINCE,
    RECEIVED_UNTIL,
    AFTER_TIME,
    AFTER_ADAPTER,
    AFTER_ID,
    AFTER_REVISION,
    PARAMETERS
};

#define TEXT 25
#define INT8 20
#define FLOAT8 701
#define TIMESTAMPTZ 1184
static const Oid types[PARAMETERS] = {
    [ADAPTERS] = TEXT,
    [CATEGORY] = TEXT,
    [SINCE] = TIMESTAMPTZ,
    [UNTIL] = TIMESTAMPTZ,
    [SEVERITY] = INT8,
    [ID] = TEXT,
    [WEST] = FLOAT8,
    [SOUTH] = FLOAT8,
    [EAST] = FLOAT8,
    [NORTH] = FLOAT8,
    [LIMIT] = INT8,
    [AREA] = TEXT,
    [TEXT_LIKE] = TEXT,
    [JSON_LIKE] = TEXT,
    [RECEIVED_SINCE] = TIMESTAMPTZ,
    [RECEIVED_UNTIL] = TIMESTAMPTZ,
    [AFTER_TIME] = TIMESTAMPTZ,
    [AFTER_ADAPTER] = TEXT,
    [AFTER_ID] = TEXT,
    [AFTER_REVISION] = INT8,
};

struct parameters {
    struct buf text[PARAMETERS];
    const char *values[PARAMETERS];
};

/* A pattern for LIKE: what contains text. */
static void put_like(struct buf *out, const char *text, size_t len)
{
    buf_add_char(out, '%');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' || text[i] == '_' || text[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, text[i]);
    }
    buf_add_char(out, '%');
}

static void parameters_fill(struct parameters *p, const struct query *q)
{
    struct buf quoted = {0};
    const char *text = q->text ? q->text : "";

    *p = (struct parameters){0};
    buf_add(&p->text[ADAPTERS], q->adapters.data, q->adapters.len);
    buf_add(&p->text[AREA], q->area.data, q->area.len);
    clock_put(&p->text[SINCE], q->since, CLOCK_Z);
    clock_put(&p->text[UNTIL], q->until, CLOCK_Z);
    clock_put(&p->text[RECEIVED_SINCE], q->received_since, CLOCK_Z);
    clock_put(&p->text[RECEIVED_UNTIL], q->received_until, CLOCK_Z);
    clock_put(&p->text[AFTER_TIME], q->after.time, CLOCK_Z);
    json_put_int(&p->text[AFTER_REVISION], q->after.revision);
    json_put_int(&p->text[SEVERITY], q->severity);
    for (int i = 0; i < 4; i++)
        json_put_double(&p->text[WEST + i], q->box[i]);
    json_put_int(&p->text[LIMIT], q->limit);
    put_like(&p->text[TEXT_LIKE], text, strlen(text));
    json_put_string(&quoted, text, strlen(text));
    put_like(&p->text[JSON_LIKE], quoted.data + 1, quoted.len - 2);
    buf_free(&quoted);
    for (int i = 0; i < PARAMETERS; i++)
        p->values[i] = buf_text(&p->text[i]);
    p->values[CATEGORY] = q->category;
    p->values[ID] = q->id;
    p->values[AFTER_ADAPTER] = q->after.adapter;
    p->values[AFTER_ID] = q->after.id;
}

static void parameters_free(struct parameters *p)
{
    for (int i = 0; i < PARAMETERS; i++)
        buf_free(&p->text[i]);
}

/* --- statements --------------------------------------------------------------------------------------------------- */

static void put_where(struct buf *sql, const struct query *q)
{
    buf_add_text(sql, q->history ? " FROM events_versions WHERE true" : " FROM events WHERE true");
    if (q->adapters.len)
        buf_add_text(sql, " AND adapter = ANY (string_to_array($1, ','))");
    if (q->category)
        buf_add_text(sql, " AND category ^@ $2");
    if (q->has_since)
        buf_add_text(sql, " AND time >= $3");
    if (q->has_until)
        buf_add_text(sql, " AND time < $4");
    if (q->severity >= 0)
        buf_add_text(sql, " AND severity >= $5");
    if (q->id)
        buf_add_text(sql, q->history ? " AND (id = $6 OR removes = $6)" : " AND id = $6");
    /* The key begins with the adapter. */
    if (q->id && !q->adapters.len)
        buf_add_text(sql, " AND adapter = ANY (ARRAY(SELECT adapter FROM events_adapters))");
    if (q->has_box && q->box[0] <= q->box[2])
        buf_add_text(sql, " AND ST_Intersects(geom, ST_MakeEnvelope($7, $8, $9, $10, 4326))");
    else if (q->has_box)
        buf_add_text(sql, " AND (ST_Intersects(geom, ST_MakeEnvelope($7, $8, 180, $10, 4326))"
                          " OR ST_Intersects(geom, ST_MakeEnvelope(-180, $8, $9, $10, 4326)))");
    if (q->area.len)
        buf_add_text(sql, " AND ST_Intersects(geom, $12::geometry)");
    /* The first is quick and takes what the second may refuse: names, and the text that only the quoting made. */
    if (q->text)
        buf_add_text(sql, " AND (payload->'data'->'data')::text ILIKE $14"
                          " AND EXISTS (SELECT FROM jsonb_path_query(payload, '$.data.data.**') v"
                          " WHERE jsonb_typeof(v) = 'string' AND v #>> '{}' ILIKE $13)");
    if (q->has_received_since)
        buf_add_text(sql, " AND received >= $15");
    if (q->has_received_until)
        buf_add_text(sql, " AND received < $16");
    if (q->active)
        buf_add_text(sql, " AND removed IS NULL AND removes IS NULL AND category NOT LIKE '%.removed'"
                          " AND coalesce(expires, 'infinity'::timestamptz) > now()");
}

static void put_columns(struct buf *sql, const struct query *q)
{
    buf_add_text(sql, "SELECT payload::text, received, removed");
    buf_add_text(sql, q->history ? ", superseded" : ", NULL");
    buf_add_text(sql, q->geometry ? ", ST_AsGeoJSON(ST_ForcePolygonCCW(geom), 15)" : ", NULL");
}

static void put_newest(struct buf *sql, const struct query *q)
{
    put_columns(sql, q);
    put_where(sql, q);
    /* The first line is what an index and the choice of partitions understand. */
    if (q->after.id)
        buf_add_text(sql, " AND time <= $17 AND ");
    if (q->after.id && q->history)
        buf_add_text(sql, "(time, adapter, id, revision) < ($17, $18, $19, $20)");
    else if (q->after.id)
        buf_add_text(sql, "(time, adapter, id) < ($17, $18, $19)");
    buf_add_text(sql, " ORDER BY time DESC, adapter DESC, id DESC");
    if (q->history)
        buf_add_text(sql, ", revision DESC");
    if (q->limit)
        buf_add_text(sql, q->history ? " FETCH FIRST ($11) ROWS WITH TIES" : " LIMIT $11");
}

/* Two answers make one: events whose versions were archived in their order, as they came; then, event by event, those
 * whose versions were not. So nothing is sorted as a whole, and the first row comes at once. */
static void put_replay(struct buf *sql, const struct query *q, bool disordered)
{
    buf_add_text(sql, "WITH late AS MATERIALIZED (SELECT adapter, id FROM events_disordered) ");
    put_columns(sql, q);
    put_where(sql, q);
    buf_add_text(sql, disordered ? " AND " : " AND NOT ");
    buf_add_text(sql, "((adapter, coalesce(removes, id)) IN (SELECT adapter, id FROM late)) ORDER BY ");
    if (disordered)
        buf_add_text(sql,
                     "adapter, coalesce(removes, id), coalesce(removes_revision, revision), removes IS NOT NULL, ");
    buf_add_text(sql, disordered ? "revision, received, id" : "received, adapter, id, revision");
    if (q->limit)
        buf_add_text(sql, " LIMIT $11");
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* One moment for all statements; times as clock_parse reads them. Compiling a plan takes longer than most of them. */
static bool begin(struct db *d, const struct query *q, struct error *e)
{
    return db_script(d,
                     "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL timezone = 'UTC';"
                     " SET LOCAL datestyle = 'ISO'; SET LOCAL jit = off",
                     NULL, e) &&
           /* The list of late ones is looked up in for each row: it must fit, and the planner must believe it. */
           (q->order != QUERY_REPLAY || db_do(d, "SET LOCAL work_mem = '64MB'", e));
}

static bool end(struct db *d, bool ok, struct error *e)
{
    if (ok)
        return db_commit(d, e);
    db_rollback(d);
    return false;
}

/* A text that says what to do where the server says what it lacks. */
static bool failed(struct db *d, struct error *e)
{
    const char *sqlstate = db_sqlstate(d);

    if (e->text && strcmp(sqlstate, "42P01") == 0)
        error_set(e, CENTRAL_CONFIG, "%s: no archive in it, or an older one: central-archive --migrate", db_name(d));
    return false;
}

struct rows {
    query_row *row;
    query_count_row *count;
    void *closure;
    int64_t written;
    struct error bad;
};

static bool read_time(PGresult *r, int column, int64_t *out)
{
    return !PQgetisnull(r, 0, column) && clock_parse(PQgetvalue(r, 0, column), (size_t)PQgetlength(r, 0, column), out);
}

static bool on_row(void *closure, PGresult *r)
{
    struct rows *rows = closure;
    struct archived event = {0};

    if (!json_check(PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0), &event.envelope, &rows->bad))
        return false;
    read_time(r, 1, &event.received);
    event.has_removed = read_time(r, 2, &event.removed);
    event.has_superseded = read_time(r, 3, &event.superseded);
    if (!PQgetisnull(r, 0, 4) &&
        !json_check(PQgetvalue(r, 0, 4), (size_t)PQgetlength(r, 0, 4), &event.geometry, &rows->bad))
        return false;
    rows->written++;
    return rows->row(rows->closure, &event);
}

static bool on_count(void *closure, PGresult *r)
{
    struct rows *rows = closure;

    return rows->count(rows->closure, PQgetisnull(r, 0, 0) ? NULL : PQgetvalue(r, 0, 0),
                       strtoll(PQgetvalue(r, 0, 1), NULL, 10));
}

static bool stream(struct db *d, struct buf *sql, const struct query *q, db_row *row, struct rows *rows,
                   struct error *e)
{
    struct parameters p;

    parameters_fill(&p, q);
    bool ok = db_stream(d, buf_text(sql), PARAMETERS, types, p.values, row, rows, e) || failed(d, e);
    if (rows->bad.text) {
        error_set(e, CENTRAL_REJECTED, "%s: a payload that is no event: %s", db_name(d), rows->bad.text);
        error_free(&rows->bad);
    }
    parameters_free(&p);
    buf_free(sql);
    return ok;
}

static bool replay(struct db *d, const struct query *q, struct rows *rows, struct error *e)
{
    struct query rest = *q;
    struct buf sql = {0};

    put_replay(&sql, q, false);
    if (!stream(d, &sql, q, on_row, rows, e))
        return false;
    if (q->limit && !(rest.limit = q->limit - rows->written))
        return true;
    put_replay(&sql, &rest, true);
    return stream(d, &sql, &rest, on_row, rows, e);
}

bool query_run(struct db *d, const struct query *q, query_row *row, void *closure, struct error *e)
{
    struct rows rows = {.row = row, .closure = closure};
    struct buf sql = {0};

    if (!begin(d, q, e))
        return false;
    if (q->order == QUERY_REPLAY)
        return end(d, replay(d, q, &rows, e), e);
    put_newest(&sql, q);
    return end(d, stream(d, &sql, q, on_row, &rows, e), e);
}

bool query_count(struct db *d, const struct query *q, enum query_by by, query_count_row *row, void *closure,
                 struct error *e)
{
    struct rows rows = {.count = row, .closure = closure};
    struct buf sql = {0};

    if (!begin(d, q, e))
        return false;
    buf_add_text(&sql, "SELECT ");
    buf_add_text(&sql, bys[by].sql);
    buf_add_text(&sql, ", count(*)");
    put_where(&sql, q);
    if (by != QUERY_BY_NONE)
        buf_add_text(&sql, " GROUP BY 1 ORDER BY 1 NULLS FIRST");
    return end(d, stream(d, &sql, q, on_count, &rows, e), e);
}
