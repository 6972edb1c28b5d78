#include "central/query.h"

#include <stdio.h>
#include <string.h>

#include "central/clock.h"

/* Every parameter has its number, whether it is used or not. */
enum parameter { ADAPTERS, CATEGORY, SINCE, UNTIL, SEVERITY, ID, WEST, SOUTH, EAST, NORTH, LIMIT, PARAMETERS };

#define TEXT 25
#define INT8 20
#define FLOAT8 701
#define TIMESTAMPTZ 1184
static const Oid types[PARAMETERS] = {
    [ADAPTERS] = TEXT, [CATEGORY] = TEXT, [SINCE] = TIMESTAMPTZ, [UNTIL] = TIMESTAMPTZ, [SEVERITY] = INT8, [ID] = TEXT,
    [WEST] = FLOAT8,   [SOUTH] = FLOAT8,  [EAST] = FLOAT8,       [NORTH] = FLOAT8,      [LIMIT] = INT8};

static void put_sql(struct buf *sql, const struct query *q)
{
    buf_add_text(sql, "SELECT payload::text FROM events WHERE true");
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
        buf_add_text(sql, " AND id = $6");
    if (q->has_box && q->box[0] <= q->box[2])
        buf_add_text(sql, " AND ST_Intersects(geom, ST_MakeEnvelope($7, $8, $9, $10, 4326))");
    else if (q->has_box)
        buf_add_text(sql, " AND (ST_Intersects(geom, ST_MakeEnvelope($7, $8, 180, $10, 4326))"
                          " OR ST_Intersects(geom, ST_MakeEnvelope(-180, $8, $9, $10, 4326)))");
    if (q->active)
        buf_add_text(sql, " AND removed IS NULL AND removes IS NULL AND category NOT LIKE '%.removed'"
                          " AND (expires IS NULL OR expires > now())");
    buf_add_text(sql, q->oldest_first ? " ORDER BY time, adapter, id" : " ORDER BY time DESC, adapter, id");
    if (q->limit)
        buf_add_text(sql, " LIMIT $11");
}

struct rows {
    query_row *row;
    void *closure;
    struct error bad;
};

static bool on_row(void *closure, PGresult *r)
{
    struct rows *rows = closure;
    struct json envelope;

    return json_check(PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0), &envelope, &rows->bad) &&
           rows->row(rows->closure, envelope);
}

bool query_run(struct db *d, const struct query *q, query_row *row, void *closure, struct error *e)
{
    struct buf text[PARAMETERS] = {0}, sql = {0};
    const char *values[PARAMETERS];
    struct rows rows = {.row = row, .closure = closure};

    buf_add(&text[ADAPTERS], q->adapters.data, q->adapters.len);
    clock_put(&text[SINCE], q->since, CLOCK_Z);
    clock_put(&text[UNTIL], q->until, CLOCK_Z);
    json_put_int(&text[SEVERITY], q->severity);
    for (int i = 0; i < 4; i++)
        json_put_double(&text[WEST + i], q->box[i]);
    json_put_int(&text[LIMIT], q->limit);
    for (int i = 0; i < PARAMETERS; i++)
        values[i] = buf_text(&text[i]);
    values[CATEGORY] = q->category;
    values[ID] = q->id;
    put_sql(&sql, q);
    bool ok = db_stream(d, buf_text(&sql), PARAMETERS, types, values, on_row, &rows, e);
    if (rows.bad.text) {
        error_set(e, CENTRAL_REJECTED, "%s: a payload that is no event: %s", db_name(d), rows.bad.text);
        error_free(&rows.bad);
    } else if (!ok && strcmp(db_sqlstate(d), "42P01") == 0 && e->text) {
        error_set(e, CENTRAL_CONFIG, "%s: no table events: central-archive --migrate", db_name(d));
    }
    for (int i = 0; i < PARAMETERS; i++)
        buf_free(&text[i]);
    buf_free(&sql);
    return ok;
}
