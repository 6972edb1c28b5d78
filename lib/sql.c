#include "central/sql.h"

bool sql_failed(const struct sql *s, struct error *e)
{
    int code = sqlite3_errcode(s->db);

    return error_set(e,
                     code == SQLITE_BUSY                              ? CENTRAL_TRY_AGAIN
                     : code == SQLITE_PERM || code == SQLITE_READONLY ? CENTRAL_NO_PERMISSION
                                                                      : CENTRAL_IO,
                     "%s: %s", s->name, sqlite3_errmsg(s->db));
}

bool sql_run(const struct sql *s, const char *text, struct error *e)
{
    return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK || sql_failed(s, e);
}

static bool bind(sqlite3_stmt *at, const char *const *texts, int count, const int64_t *numbers, int number_count)
{
    for (int i = 0; i < count; i++)
        if (sqlite3_bind_text(at, i + 1, texts[i], -1, SQLITE_TRANSIENT))
            return false;
    for (int i = 0; i < number_count; i++)
        if (sqlite3_bind_int64(at, count + i + 1, numbers[i]))
            return false;
    return true;
}

bool sql_step(const struct sql *s, struct statement *st, const char *const *texts, int count, const int64_t *numbers,
              int number_count, bool *row, struct error *e)
{
    if (!st->at && sqlite3_prepare_v3(s->db, st->text, -1, SQLITE_PREPARE_PERSISTENT, &st->at, NULL))
        return sql_failed(s, e);
    sqlite3_reset(st->at);
    if (!bind(st->at, texts, count, numbers, number_count))
        return sql_failed(s, e);
    int result = sqlite3_step(st->at);
    bool ok = result == SQLITE_ROW || result == SQLITE_DONE || sql_failed(s, e);
    if (row)
        *row = result == SQLITE_ROW;
    if (!row || !ok)
        sqlite3_reset(st->at);
    return ok;
}

void sql_reset(struct statement *st)
{
    sqlite3_reset(st->at);
}

void sql_finish(struct statement *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(all[i].at);
        all[i].at = NULL;
    }
}

bool sql_each(const struct sql *s, const char *text, const char *const *texts, int count, const int64_t *numbers,
              int number_count, sql_row *each, void *closure, struct error *e)
{
    sqlite3_stmt *at = NULL;
    int result = SQLITE_ERROR;
    bool ok =
        sqlite3_prepare_v2(s->db, text, -1, &at, NULL) == SQLITE_OK && bind(at, texts, count, numbers, number_count);

    while (ok && (result = sqlite3_step(at)) == SQLITE_ROW)
        ok = each(closure, at);
    if (result != SQLITE_DONE && result != SQLITE_ROW)
        ok = sql_failed(s, e);
    sqlite3_finalize(at);
    return ok;
}

const char *sql_text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}
