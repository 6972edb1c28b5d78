/* sql.h - statements of SQLite, for the files that are kept in it: bound by position, errors with the file's name.
 * (db.h is PostgreSQL.) */
#ifndef CENTRAL_SQL_H
#define CENTRAL_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/error.h"

struct sql {
    sqlite3 *db;
    const char *name; /* for messages */
};

/* Sets e to what SQLite last said, and returns false: CENTRAL_TRY_AGAIN when another holds the file,
 * CENTRAL_NO_PERMISSION, else CENTRAL_IO. */
bool sql_failed(const struct sql *s, struct error *e);
/* One or more statements without rows. */
bool sql_run(const struct sql *s, const char *text, struct error *e);

/* A statement that is kept: {"text"}; compiled when it is first used, released by sql_finish. */
struct statement {
    const char *text;
    sqlite3_stmt *at;
};
/* Binds texts (NULL is null) to ?1 ..., the integers to those behind them, and steps once. *row: there is a row, whose
 * columns the caller reads before sql_reset; without row (NULL) it is reset at once. The texts are copied. */
bool sql_step(const struct sql *s, struct statement *st, const char *const *texts, int count, const int64_t *numbers,
              int number_count, bool *row, struct error *e);
void sql_reset(struct statement *st);
void sql_finish(struct statement *all, size_t count);

/* A statement for one use. Calls each with every row; false from it ends that, with e->text as each left it. */
typedef bool sql_row(void *closure, sqlite3_stmt *row);
bool sql_each(const struct sql *s, const char *text, const char *const *texts, int count, const int64_t *numbers,
              int number_count, sql_row *each, void *closure, struct error *e);
const char *sql_text(sqlite3_stmt *row, int column);

#endif
