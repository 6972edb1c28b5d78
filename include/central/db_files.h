/* db_files.h - the files libpq takes secrets from and does not look who else can read them. */
#ifndef CENTRAL_DB_FILES_H
#define CENTRAL_DB_FILES_H

#include <stdbool.h>
#include <libpq-fe.h>
#include "central/error.h"

/* Whether none of them can be read by others: the private key of a client certificate, and service files that hold a
 * password. (A pass file that others can read is not used by libpq itself.) For a connection that was started and has
 * sent nothing yet; url is what it was started with, may be NULL. CENTRAL_NO_PERMISSION, CENTRAL_CONFIG. */
bool db_files_ok(PGconn *conn, const char *url, struct error *e);

#endif
