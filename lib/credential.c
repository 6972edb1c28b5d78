#include "central/credential.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "central/buf.h"
#include "central/mem.h"
#include "central/path.h"

/* The files a credential may be in, NULL-terminated. */
static char **places(const char *name)
{
    char **list = mem_alloc_array(3, sizeof *list), *config = path_config();
    const char *given = getenv("CREDENTIALS_DIRECTORY");
    size_t n = 0;

    if (given && *given)
        list[n++] = path_join(given, name);
    list[n] = mem_format("%s/credentials/%s", config, name);
    free(config);
    return list;
}

static void free_places(char **list)
{
    for (char **at = list; *at; at++)
        free(*at);
    free(list);
}

static const char *from_environment(const char *name)
{
    char *variable = mem_format("CENTRAL_KEY_%s", name);

    for (char *at = variable; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    const char *value = getenv(variable);
    free(variable);
    return value && *value ? value : NULL;
}

/* systemd's own credentials are 0440, root's, in a folder that only the service can enter: an ACL of that one user's
 * shows as rights of the group. */
static bool is_given(const char *path, const struct stat *file)
{
    const char *given = getenv("CREDENTIALS_DIRECTORY");
    size_t len = given ? strlen(given) : 0;
    struct stat folder;

    return len && strncmp(path, given, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/') &&
           !(file->st_mode & S_IRWXO) && stat(given, &folder) == 0 && !(folder.st_mode & S_IRWXO);
}

bool credential_file_ok(const char *path, struct error *e)
{
    struct stat st;

    if (stat(path, &st))
        return error_set(e, errno == EACCES ? CENTRAL_NO_PERMISSION : CENTRAL_CONFIG, "%s: %s", path, strerror(errno));
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) && !is_given(path, &st))
        return error_set(e, CENTRAL_NO_PERMISSION, "%s: others can read it (mode %03o); chmod 600 it", path,
                         (unsigned)(st.st_mode & 0777));
    return true;
}

bool credential_read(const char *name, char **key, struct error *e)
{
    char **files = places(name);
    struct buf text = {0};
    bool found = false, ok = true;

    for (char **file = files; *file && !found && ok; file++) {
        if (!path_exists(*file))
            continue;
        ok = credential_file_ok(*file, e) && path_read(*file, CREDENTIAL_MAX, &text, e);
        found = ok;
    }
    if (ok && !found && from_environment(name)) {
        buf_add_text(&text, from_environment(name));
        found = true;
    }
    while (text.len && isspace((unsigned char)text.data[text.len - 1]))
        text.len--;
    if (ok && (!found || !text.len))
        ok = error_set(e, CENTRAL_CONFIG, "no credential '%s': neither in %s nor in the environment (CENTRAL_KEY_...)",
                       name, files[1] ? files[1] : files[0]);
    *key = ok ? mem_bytes(text.data, text.len) : NULL;
    if (text.data)
        explicit_bzero(text.data, text.capacity);
    buf_free(&text);
    free_places(files);
    return ok;
}

bool credential_exists(const char *name)
{
    char **files = places(name);
    bool found = from_environment(name) != NULL;

    for (char **file = files; *file && !found; file++)
        found = path_exists(*file);
    free_places(files);
    return found;
}

void credential_free(char *key)
{
    if (!key)
        return;
    explicit_bzero(key, strlen(key));
    free(key);
}
