/* copy_bare - the least that putting rows into a table costs: one COPY BINARY of rows that stand ready in a file, or
 * each of its rows as one prepared INSERT that commits by itself. What central-archive is measured against.
 *
 *     copy_bare copy TABLE(COLUMNS) FILE [STATEMENT]     STATEMENT comes first in the session
 *     copy_bare insert TABLE(COLUMNS) FILE [STATEMENT]
 *
 * FILE is PostgreSQL's COPY BINARY; the database is that of libpq's environment. */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (64 * 1024) /* bytes a PQputCopyData */
#define HEADER 19         /* of COPY BINARY, without extension */
#define FIELDS_MAX 64

static int failed(PGconn *db, const char *what)
{
    fprintf(stderr, "copy_bare: %s: %s", what, PQerrorMessage(db));
    return 69;
}

static int run(PGconn *db, const char *sql, ExecStatusType expected)
{
    PGresult *r = PQexec(db, sql);
    bool ok = PQresultStatus(r) == expected;

    PQclear(r);
    return ok ? 0 : failed(db, sql);
}

static int copy(PGconn *db, const char *table, const char *data, size_t size)
{
    char sql[1024];

    snprintf(sql, sizeof sql, "COPY %s FROM STDIN (FORMAT binary)", table);
    int status = run(db, sql, PGRES_COPY_IN);
    if (status)
        return status;
    for (size_t at = 0; at < size; at += CHUNK)
        if (PQputCopyData(db, data + at, (int)(size - at < CHUNK ? size - at : CHUNK)) != 1)
            return failed(db, "COPY");
    if (PQputCopyEnd(db, NULL) != 1)
        return failed(db, "COPY");
    PGresult *r = PQgetResult(db);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    PQclear(PQgetResult(db));
    return ok ? 0 : failed(db, "COPY");
}

static int64_t number(const char *at, unsigned size)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < size; i++)
        n = n << 8 | (unsigned char)at[i];
    return size == 2 ? (int16_t)n : (int32_t)n;
}

static int insert(PGconn *db, const char *table, const char *data, size_t size)
{
    const char *values[FIELDS_MAX];
    int lengths[FIELDS_MAX], formats[FIELDS_MAX];
    char sql[2048];
    int n = (int)number(data + HEADER, 2), used;

    if (size < HEADER + 2 || n < 1 || n > FIELDS_MAX) {
        fprintf(stderr, "copy_bare: not the rows of a COPY BINARY\n");
        return 65;
    }
    used = snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (", table);
    for (int i = 0; i < n; i++)
        used += snprintf(sql + used, sizeof sql - (size_t)used, "%s$%d", i ? "," : "", i + 1);
    snprintf(sql + used, sizeof sql - (size_t)used, ")");
    PGresult *r = PQprepare(db, "row", sql, 0, NULL);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    for (const char *at = data + HEADER; ok && number(at, 2) == n;) {
        at += 2;
        for (int i = 0; i < n; i++) {
            lengths[i] = (int)number(at, 4);
            values[i] = lengths[i] < 0 ? NULL : at + 4;
            formats[i] = 1;
            at += 4 + (lengths[i] < 0 ? 0 : lengths[i]);
        }
        r = PQexecPrepared(db, "row", n, values, lengths, formats, 0);
        ok = PQresultStatus(r) == PGRES_COMMAND_OK;
        PQclear(r);
    }
    return ok ? 0 : failed(db, "INSERT");
}

static char *whole(const char *name, size_t *size)
{
    FILE *f = fopen(name, "rb");
    char *data = NULL;

    if (f && fseek(f, 0, SEEK_END) == 0) {
        long length = ftell(f);
        rewind(f);
        data = length >= 0 ? malloc((size_t)length + 1) : NULL;
        *size = data ? fread(data, 1, (size_t)length, f) : 0;
    }
    if (f)
        fclose(f);
    if (!data)
        perror(name);
    return data;
}

int main(int argc, char **argv)
{
    size_t size = 0;

    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: copy_bare copy|insert TABLE(COLUMNS) FILE [STATEMENT]\n");
        return 64;
    }
    char *data = whole(argv[3], &size);
    if (!data)
        return 74;
    PGconn *db = PQconnectdb("");
    int status = PQstatus(db) == CONNECTION_OK ? 0 : failed(db, "connection");
    if (!status && argc == 5)
        status = run(db, argv[4], PGRES_COMMAND_OK);
    if (!status)
        status = (strcmp(argv[1], "insert") == 0 ? insert : copy)(db, argv[2], data, size);
    PQfinish(db);
    free(data);
    return status;
}
