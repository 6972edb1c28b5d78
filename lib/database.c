#include "central/database.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "central/log.h"
#include "central/mem.h"

/* What libpq says as one line. It may repeat a connection string's host, never its password. */
static char *one_line(const char *message)
{
    struct buf out = {0};

    for (; *message; message++) {
        bool blank = isspace((unsigned char)*message);
        if (!blank)
            buf_add_char(&out, *message);
        else if (out.len && out.data[out.len - 1] != ' ')
            buf_add_char(&out, ' ');
    }
    while (out.len && out.data[out.len - 1] == ' ')
        out.data[--out.len] = '\0';
    buf_text(&out);
    return out.data ? out.data : mem_string("");
}

static void on_notice(void *closure, const char *message)
{
    char *text = one_line(message);

    (void)closure;
    log_debug("%s", text);
    free(text);
}

PGconn *database_connect(const char *url, const char *name, struct error *e)
{
    const char *keys[] = {"dbname", "fallback_application_name", "client_encoding", "connect_timeout", NULL};
    const char *values[] = {url, name, "UTF8", getenv("PGCONNECT_TIMEOUT") ? NULL : "10", NULL};

    if (!url || !*url)
        values[0] = getenv("DATABASE_URL");
    PGconn *db = PQconnectdbParams(keys, values, 1);
    if (db && PQstatus(db) == CONNECTION_OK) {
        PQsetNoticeProcessor(db, on_notice, NULL);
        return db;
    }
    char *text = one_line(db ? PQerrorMessage(db) : "out of memory");
    enum central_exit status = CENTRAL_UNAVAILABLE;
    if (strstr(text, "authentication failed") || strstr(text, "permission denied") || strstr(text, "no password") ||
        strstr(text, "no pg_hba.conf entry"))
        status = CENTRAL_NO_PERMISSION;
    else if (strstr(text, "does not exist") || strstr(text, "invalid connection option") ||
             strstr(text, "invalid URI") || strstr(text, "missing \"=\""))
        status = CENTRAL_CONFIG;
    /* A string that cannot be parsed is quoted by libpq, password and all. */
    if (status == CENTRAL_CONFIG && (strstr(text, "URI") || strstr(text, "missing \"=\"")))
        error_set(e, status, "database: the connection string cannot be read");
    else
        error_set(e, status, "database: %s", text);
    free(text);
    PQfinish(db);
    return NULL;
}

enum central_exit database_status(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum central_exit status;
    } table[] = {{"08", CENTRAL_UNAVAILABLE}, {"57P", CENTRAL_UNAVAILABLE}, {"53", CENTRAL_TRY_AGAIN},
                 {"57", CENTRAL_TRY_AGAIN},   {"40", CENTRAL_TRY_AGAIN},    {"55", CENTRAL_TRY_AGAIN},
                 {"25", CENTRAL_TRY_AGAIN},   {"58", CENTRAL_TRY_AGAIN},    {"42501", CENTRAL_NO_PERMISSION},
                 {"28", CENTRAL_NO_PERMISSION}, {"42", CENTRAL_CONFIG},     {"3", CENTRAL_CONFIG}};

    if (!sqlstate || !*sqlstate)
        return CENTRAL_UNAVAILABLE;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].status;
    return CENTRAL_REJECTED;
}

bool database_failed(PGconn *db, const PGresult *r, struct error *e)
{
    const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    bool lost = PQstatus(db) != CONNECTION_OK;
    char *text = one_line(message && !lost ? message : PQerrorMessage(db));

    error_set(e, lost ? CENTRAL_UNAVAILABLE : database_status(sqlstate), "database: %s%s%s%s",
              *text ? text : "connection lost", sqlstate ? " (" : "", sqlstate ? sqlstate : "", sqlstate ? ")" : "");
    free(text);
    return false;
}

bool database_run(PGconn *db, const char *sql, struct error *e)
{
    PGresult *r = PQexec(db, sql);
    ExecStatusType status = PQresultStatus(r);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN;

    if (!ok)
        database_failed(db, r, e);
    PQclear(r);
    return ok;
}
