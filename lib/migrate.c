#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "central/archive.h"
#include "central/database.h"
#include "central/mem.h"
#include "central/path.h"

#define MIGRATION_MAX (4 * 1024 * 1024)
/* One runner at a time, whatever database user it is. */
#define MIGRATION_LOCK "select pg_advisory_lock(hashtext('central_migrations'))"
#define MIGRATION_UNLOCK "select pg_advisory_unlock(hashtext('central_migrations'))"

static int is_migration(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 9 && strspn(d->d_name, "0123456789") == 4 && d->d_name[4] == '-' &&
           strcmp(d->d_name + n - 4, ".sql") == 0;
}

/* The newest version applied, 0 when none is. */
static bool newest(PGconn *db, long *version, struct error *e)
{
    PGresult *r = PQexec(db, "select coalesce(max(version), 0) from central_migrations");
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK;

    if (ok)
        *version = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    else
        database_failed(db, r, e);
    PQclear(r);
    return ok;
}

static bool record(PGconn *db, const char *name, struct error *e)
{
    char *number = mem_bytes(name, 4);
    const char *values[] = {number, name};
    PGresult *r = PQexecParams(db, "insert into central_migrations (version, name) values ($1::integer, $2)", 2, NULL,
                               values, NULL, NULL, 0);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || database_failed(db, r, e);

    PQclear(r);
    free(number);
    return ok;
}

static bool apply(PGconn *db, const char *dir, const char *name, struct error *e)
{
    struct buf sql = {0};
    char *path = path_join(dir, name);
    struct error rolled_back = {0};
    bool ok = path_read(path, MIGRATION_MAX, &sql, e) && database_run(db, "begin", e);

    if (ok && !(database_run(db, buf_text(&sql), e) && record(db, name, e) && database_run(db, "commit", e))) {
        database_run(db, "rollback", &rolled_back);
        error_free(&rolled_back);
        ok = error_prefix(e, "%s", path);
    }
    free(path);
    buf_free(&sql);
    return ok;
}

bool archive_migrate(PGconn *db, const char *dir, void (*told)(void *, const char *name), void *closure, struct error *e)
{
    static const char table[] = "create table if not exists central_migrations ("
                                "version integer primary key, name text not null, "
                                "applied timestamptz not null default now())";
    char *folder = dir ? mem_string(dir) : path_data("sql");
    struct dirent **files = NULL;
    long version = 0;
    int count = scandir(folder, &files, is_migration, alphasort);
    bool ok = count > 0;

    if (!ok)
        error_set(e, CENTRAL_CONFIG, "%s: %s", folder, count < 0 ? strerror(errno) : "no migrations in it");
    ok = ok && database_run(db, MIGRATION_LOCK, e);
    bool locked = ok;
    ok = ok && database_run(db, table, e) && newest(db, &version, e);
    for (int i = 0; i < count; i++) {
        if (ok && strtol(files[i]->d_name, NULL, 10) > version) {
            ok = apply(db, folder, files[i]->d_name, e);
            if (ok && told)
                told(closure, files[i]->d_name);
        }
        free(files[i]);
    }
    free(files);
    free(folder);
    if (locked && PQstatus(db) == CONNECTION_OK)
        ok = database_run(db, MIGRATION_UNLOCK, ok ? e : NULL) && ok;
    return ok;
}

bool archive_ready(PGconn *db, struct error *e)
{
    struct error missing = {0};
    long version;

    if (!newest(db, &version, &missing)) {
        if (missing.status == CENTRAL_CONFIG)
            error_set(e, CENTRAL_CONFIG, "database: no tables of Central in it (central-archive --migrate)");
        else
            error_set(e, missing.status, "%s", missing.text);
        error_free(&missing);
        return false;
    }
    if (version < ARCHIVE_SCHEMA)
        return error_set(e, CENTRAL_CONFIG, "database: its schema is version %ld, this program needs %d (central-archive --migrate)",
                         version, ARCHIVE_SCHEMA);
    if (version > ARCHIVE_SCHEMA)
        return error_set(e, CENTRAL_CONFIG, "database: its schema is version %ld, this program knows %d", version,
                         ARCHIVE_SCHEMA);
    return true;
}
