/* database.h - what every user of PostgreSQL here needs of libpq: connecting, and failures in our terms. */
#ifndef CENTRAL_DATABASE_H
#define CENTRAL_DATABASE_H

#include <stdbool.h>
#include <libpq-fe.h>
#include "central/error.h"

/* Connects to url, else DATABASE_URL, else what libpq's own environment says (PGHOST, PGSERVICE, ...). The text of a failure
 * never holds a password. CENTRAL_UNAVAILABLE, CENTRAL_NO_PERMISSION, CENTRAL_CONFIG. PQfinish ends it. */
PGconn *database_connect(const char *url, const char *name, struct error *e);
/* What an SQLSTATE means for the caller: CENTRAL_UNAVAILABLE connection, CENTRAL_TRY_AGAIN it may pass (deadlock, disk full,
 * read-only, shutting down), CENTRAL_NO_PERMISSION, CENTRAL_CONFIG (no such table: --migrate), CENTRAL_REJECTED the data. */
enum central_exit database_status(const char *sqlstate);
/* Sets e from a failed result (NULL: the connection's own message); returns false. */
bool database_failed(PGconn *db, const PGresult *r, struct error *e);
/* Runs constant SQL and forgets its result. */
bool database_run(PGconn *db, const char *sql, struct error *e);

#endif
