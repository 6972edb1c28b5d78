#include "central/db_files.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "central/buf.h"
#include "central/credential.h"
#include "central/mem.h"
#include "central/path.h"

#define SERVICE_FILE_MAX (1024 * 1024)
/* Where Debian's libpq looks without PGSYSCONFDIR; it does not say. */
#define SYSTEM_FOLDER "/etc/postgresql-common"

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* A line "password=...", in whichever section. */
static bool holds_password(const char *text)
{
    while (text) {
        text += strspn(text, " \t\r\n");
        if (strncasecmp(text, "password", 8) == 0 && text[8 + strspn(text + 8, " \t")] == '=')
            return true;
        text = strchr(text, '\n');
    }
    return false;
}

static bool service_file_ok(const char *path, struct error *e)
{
    struct buf text = {0};
    /* What cannot be read libpq cannot read either, and says so where it matters. */
    bool ok = !path_exists(path) || !path_read(path, SERVICE_FILE_MAX, &text, NULL) ||
              !holds_password(buf_text(&text)) || credential_file_ok(path, e);

    if (text.data)
        explicit_bzero(text.data, text.capacity);
    buf_free(&text);
    return ok;
}

static bool services_ok(struct error *e)
{
    const char *given = environment("PGSERVICEFILE"), *home = environment("HOME"),
               *folder = environment("PGSYSCONFDIR");
    char *own = given ? mem_string(given) : home ? path_join(home, ".pg_service.conf") : NULL;
    char *common = path_join(folder ? folder : SYSTEM_FOLDER, "pg_service.conf");
    bool ok = (!own || service_file_ok(own, e)) && service_file_ok(common, e);

    free(own);
    free(common);
    return ok;
}

bool db_files_ok(PGconn *conn, const char *url, struct error *e)
{
    PQconninfoOption *options = PQconninfo(conn);
    bool ok = true;

    for (PQconninfoOption *o = options; o && o->keyword && ok; o++)
        if (strcmp(o->keyword, "sslkey") == 0 && o->val && path_exists(o->val))
            ok = credential_file_ok(o->val, e);
    PQconninfoFree(options);
    if (ok && (environment("PGSERVICE") || (url && strstr(url, "service="))))
        ok = services_ok(e);
    return ok;
}
