#include "central/state.h"

#include <stdlib.h>
#include <sqlite3.h>

#include "central/json.h"
#include "central/mem.h"
#include "central/path.h"

static char *state_file(const char *source)
{
    char *dir = path_state(), *name = mem_format("%s.db", source), *path = path_join(dir, name);

    free(dir);
    free(name);
    return path;
}

static bool put_requests(sqlite3 *db, struct buf *out)
{
    sqlite3_stmt *q = NULL;
    int step;

    if (sqlite3_prepare_v2(db, "SELECT url, etag, last_modified, hash FROM cursor ORDER BY url", -1, &q, NULL))
        return false;
    json_put_name(out, "requests");
    json_begin(out, '{');
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        json_put_name(out, (const char *)sqlite3_column_text(q, 0));
        json_begin(out, '{');
        json_put_member_text(out, "etag", (const char *)sqlite3_column_text(q, 1));
        json_put_member_text(out, "last_modified", (const char *)sqlite3_column_text(q, 2));
        json_put_member_text(out, "hash", (const char *)sqlite3_column_text(q, 3));
        json_end(out, '}');
    }
    json_end(out, '}');
    sqlite3_finalize(q);
    return step == SQLITE_DONE;
}

static bool put_polls(sqlite3 *db, struct buf *out)
{
    sqlite3_stmt *q = NULL;
    int step;

    if (sqlite3_prepare_v2(db, "SELECT last_success, count FROM source", -1, &q, NULL))
        return false;
    if ((step = sqlite3_step(q)) == SQLITE_ROW) {
        json_put_member_int(out, "last_success", sqlite3_column_int64(q, 0));
        json_put_member_int(out, "count", sqlite3_column_int64(q, 1));
        step = SQLITE_DONE;
    }
    sqlite3_finalize(q);
    return step == SQLITE_DONE;
}

bool state_put_cursor(const char *source, struct buf *out, struct error *e)
{
    char *path = state_file(source);
    sqlite3 *db = NULL;
    bool ok = true;

    if (!path_exists(path)) {
        json_put_null(out);
    } else {
        ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
        sqlite3_busy_timeout(db, 5000);
        json_begin(out, '{');
        ok = ok && put_polls(db, out) && put_requests(db, out);
        json_end(out, '}');
        if (!ok)
            error_set(e, CENTRAL_IO, "%s: %s", path, sqlite3_errmsg(db));
        sqlite3_close(db);
    }
    free(path);
    return ok;
}
