/* db.h - the connection to PostgreSQL: opening it, asking, and telling whose fault a failure is.
 *
 * Every wait looks at signals: a stop is given DB_STOP_GRACE_MS to finish what was asked (db_stream: none), then the
 * server is told to cancel; when it does not answer that either, the connection is given up. */
#ifndef CENTRAL_DB_H
#define CENTRAL_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <libpq-fe.h>
#include "central/error.h"

#define DB_CONNECT_MS 30000
#define DB_STOP_GRACE_MS 20000

struct db;

/* Connects to url (a connection URL, a "key=value ..." string or the name of a database), else to DATABASE_URL, else as
 * libpq's own environment says (PGHOST, PGSERVICE, ...). name shows in pg_stat_activity. The text of a failure never
 * holds url, which may hold a password. CENTRAL_UNAVAILABLE, CENTRAL_NO_PERMISSION, CENTRAL_CONFIG. */
struct db *db_open(const char *url, const char *name, struct error *e);
/* The same connection anew; prepared statements and temporary tables are gone. */
bool db_reopen(struct db *d, struct error *e);
void db_close(struct db *d);
PGconn *db_connection(const struct db *d);
/* For messages: database central at localhost:5432. */
const char *db_name(const struct db *d);
/* SQLSTATE of the last failure, "" when the server gave none. */
const char *db_sqlstate(const struct db *d);
/* What the server said in the last failure: its message alone, on one line. */
const char *db_message(const struct db *d);

/* Runs one statement with n bound texts (NULL is null); the caller ends the result with PQclear. NULL with e:
 *     CENTRAL_REJECTED       the data's fault (class 22, 23, 54, an internal error over a value)
 *     CENTRAL_UNAVAILABLE    the connection is lost: db_reopen
 *     CENTRAL_TRY_AGAIN      deadlock, serialisation, disk full, read-only, cancelled, shutting down
 *     CENTRAL_NO_PERMISSION  not allowed
 *     CENTRAL_CONFIG         everything else: a table that is not there, a statement the server does not know */
PGresult *db_run(struct db *d, const char *sql, int n, const char *const *values, struct error *e);
/* The same without a result. */
bool db_do(struct db *d, const char *sql, struct error *e);
/* Many statements in one text, without parameters. On failure *position, if not NULL, is the character in sql, from 1,
 * or 0. */
bool db_script(struct db *d, const char *sql, size_t *position, struct error *e);
/* COMMIT that says so only when the server did. */
bool db_commit(struct db *d, struct error *e);
/* ROLLBACK where a transaction is open; false when the connection is lost. */
bool db_rollback(struct db *d);

/* COPY ... FROM STDIN: begin, data in any portions, end. After any of them fails the COPY is over. */
bool db_copy_begin(struct db *d, const char *sql, struct error *e);
bool db_copy_data(struct db *d, const char *data, size_t len, struct error *e);
bool db_copy_end(struct db *d, struct error *e);

/* A statement with n bound texts whose rows come one at a time: calls row(closure, result, number) with each, row 0 of
 * result. False from row cancels the rest and leaves e as row left it, which may be without text; a signal cancels
 * too, with CENTRAL_TRY_AGAIN. types may be NULL. */
typedef bool db_row(void *closure, PGresult *result);
bool db_stream(struct db *d, const char *sql, int n, const Oid *types, const char *const *values, db_row *row,
               void *closure, struct error *e);

#endif
