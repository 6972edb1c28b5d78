#include "central/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "central/buf.h"
#include "central/mem.h"
#include "central/path.h"

/* Any number that nobody else locks. */
#define LOCK_KEY "4856742918370209"
#define FILE_MAX (4 * 1024 * 1024)
#define DIGITS 4

/* NNNN-name.sql, sorted by number. */
struct files {
    char *dir;
    char **names; /* without .sql */
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_migration(const char *name)
{
    size_t len = strlen(name);

    return len > DIGITS + 5 && strspn(name, "0123456789") == DIGITS && name[DIGITS] == '-' &&
           strcmp(name + len - 4, ".sql") == 0;
}

static void files_free(struct files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->names[i]);
    free(f->names);
    free(f->dir);
    *f = (struct files){0};
}

static bool files_list(struct files *f, struct error *e)
{
    struct dirent *entry;
    DIR *d = opendir(f->dir);

    if (!d)
        return error_set(e, CENTRAL_CONFIG, "%s: %s", f->dir, strerror(errno));
    while ((entry = readdir(d)))
        if (is_migration(entry->d_name)) {
            f->names = mem_resize(f->names, (f->count + 1) * sizeof *f->names);
            f->names[f->count++] = mem_bytes(entry->d_name, strlen(entry->d_name) - 4);
        }
    closedir(d);
    if (!f->count)
        return error_set(e, CENTRAL_CONFIG, "%s: no migrations (NNNN-name.sql)", f->dir);
    qsort(f->names, f->count, sizeof *f->names, by_name);
    for (size_t i = 1; i < f->count; i++)
        if (strncmp(f->names[i - 1], f->names[i], DIGITS) == 0)
            return error_set(e, CENTRAL_CONFIG, "%s: %s.sql and %s.sql have one number", f->dir, f->names[i - 1],
                             f->names[i]);
    return true;
}

static bool files_read(const char *dir, struct files *f, struct error *e)
{
    *f = (struct files){.dir = dir ? mem_string(dir) : path_data("sql")};
    if (files_list(f, e))
        return true;
    files_free(f);
    return false;
}

/* The names applied so far, in order. NULL with e; no table counts as none. */
static PGresult *applied(struct db *d, struct error *e)
{
    PGresult *r = db_run(d, "SELECT to_regclass('central_migrations') IS NOT NULL", 0, NULL, e);

    if (!r)
        return NULL;
    bool there = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return db_run(d, there ? "SELECT name FROM central_migrations ORDER BY number" : "SELECT '' WHERE false", 0, NULL,
                  e);
}

static bool among(const PGresult *r, const char *name)
{
    for (int i = 0; i < PQntuples(r); i++)
        if (strcmp(PQgetvalue(r, i, 0), name) == 0)
            return true;
    return false;
}

/* The line of a character, both from 1. */
static size_t line_of(const char *text, size_t character)
{
    size_t line = 1;

    for (; *text && character > 1; text++) {
        line += *text == '\n';
        character -= (*text & 0xc0) != 0x80;
    }
    return line;
}

static bool run_file(struct db *d, const char *file, const char *text, struct error *e)
{
    size_t position;

    if (db_script(d, text, &position, e))
        return PQtransactionStatus(db_connection(d)) == PQTRANS_INTRANS ||
               error_set(e, CENTRAL_CONFIG, "%s: ends its transaction itself", file);
    if (position)
        error_prefix(e, "%s:%zu", file, line_of(text, position));
    else
        error_prefix(e, "%s", file);
    /* What the server refuses is the file's fault here, never a row's. */
    if (e->status == CENTRAL_REJECTED)
        e->status = CENTRAL_CONFIG;
    return false;
}

static bool note(struct db *d, const char *name, struct error *e)
{
    char number[DIGITS + 1] = {0};
    const char *const values[] = {memcpy(number, name, DIGITS), name};
    PGresult *r = db_run(d, "INSERT INTO central_migrations (number, name) VALUES ($1::integer, $2)", 2, values, e);

    PQclear(r);
    return r != NULL;
}

static bool apply(struct db *d, const struct files *f, const char *name, struct error *e)
{
    struct buf text = {0};
    char *file = mem_format("%s/%s.sql", f->dir, name);
    bool ok = path_read(file, FILE_MAX, &text, e) && db_do(d, "BEGIN", e) && run_file(d, file, buf_text(&text), e) &&
              note(d, name, e) && db_commit(d, e);

    if (!ok)
        db_rollback(d);
    buf_free(&text);
    free(file);
    return ok;
}

static bool apply_all(struct db *d, const struct files *f, void (*told)(void *, const char *), void *closure,
                      struct error *e)
{
    if (!db_do(d,
               "CREATE TABLE IF NOT EXISTS central_migrations (number integer PRIMARY KEY, name text NOT NULL UNIQUE, "
               "applied timestamptz NOT NULL DEFAULT now())",
               e))
        return false;
    PGresult *r = applied(d, e);
    bool ok = r != NULL;
    for (size_t i = 0; ok && i < f->count; i++) {
        if (among(r, f->names[i]))
            continue;
        ok = apply(d, f, f->names[i], e);
        if (ok && told)
            told(closure, f->names[i]);
    }
    PQclear(r);
    return ok;
}

bool migrate_apply(struct db *d, const char *dir, void (*told)(void *, const char *name), void *closure,
                   struct error *e)
{
    struct files f;
    struct error ignored = {0};

    if (!files_read(dir, &f, e))
        return false;
    bool ok = db_do(d, "SELECT pg_advisory_lock(" LOCK_KEY ")", e);
    if (ok) {
        ok = apply_all(d, &f, told, closure, e);
        /* The end of the connection would do it too. */
        db_do(d, "SELECT pg_advisory_unlock(" LOCK_KEY ")", &ignored);
        error_free(&ignored);
    }
    files_free(&f);
    return ok;
}

bool migrate_check(struct db *d, const char *dir, struct error *e)
{
    struct files f;

    if (!files_read(dir, &f, e))
        return false;
    PGresult *r = applied(d, e);
    bool ok = r != NULL;
    for (size_t i = 0; ok && i < f.count; i++)
        if (!among(r, f.names[i]))
            ok = error_set(e, CENTRAL_CONFIG, "%s: migration %s is not applied: central-archive --migrate", db_name(d),
                           f.names[i]);
    const char *last = ok && PQntuples(r) ? PQgetvalue(r, PQntuples(r) - 1, 0) : "";
    if (ok && f.count && strcmp(last, f.names[f.count - 1]) > 0)
        ok = error_set(e, CENTRAL_CONFIG, "%s: migration %s is newer than this program knows", db_name(d), last);
    PQclear(r);
    files_free(&f);
    return ok;
}
