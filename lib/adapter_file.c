#include "central/adapter_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "central/adapter_name.h"
#include "central/buf.h"
#include "central/mem.h"
#include "central/path.h"

char **adapter_folders(void)
{
    const char *list = getenv("CENTRAL_ADAPTERS");
    char **dirs = mem_alloc_array((list ? strlen(list) : 0) + 4, sizeof *dirs);
    size_t n = 0;

    for (const char *at = list; at && *at;) {
        size_t len = strcspn(at, ":");
        if (len)
            dirs[n++] = mem_bytes(at, len);
        at += len + (at[len] == ':');
    }
    char *config = path_config();
    dirs[n++] = path_join(config, "adapters");
    free(config);
    dirs[n] = path_data("adapters");
    return dirs;
}

void adapter_list_free(char **list)
{
    for (char **at = list; at && *at; at++)
        free(*at);
    free(list);
}

char *adapter_path(const char *name, struct error *e)
{
    char **dirs = adapter_folders(), *found = NULL;
    struct buf tried = {0};

    if (!adapter_name_ok(name, strlen(name))) {
        error_set(e, CENTRAL_CONFIG, "'%s' is no adapter's name (a-z, 0-9, _)", name);
    } else {
        char *file = mem_format("%s.jq", name);
        for (char **dir = dirs; *dir && !found; dir++) {
            char *path = path_join(*dir, file);
            if (path_exists(path))
                found = mem_string(path);
            buf_add_format(&tried, "%s%s", tried.len ? ", " : "", *dir);
            free(path);
        }
        if (!found)
            error_set(e, CENTRAL_CONFIG, "no adapter '%s': no %s in %s", name, file, buf_text(&tried));
        free(file);
    }
    buf_free(&tried);
    adapter_list_free(dirs);
    return found;
}

static void add_files(char ***list, size_t *count, const char *dir, const char *suffix)
{
    DIR *d = opendir(dir);

    for (struct dirent *entry; d && (entry = readdir(d));)
        if (strlen(entry->d_name) > strlen(suffix) &&
            strcmp(entry->d_name + strlen(entry->d_name) - strlen(suffix), suffix) == 0) {
            *list = mem_resize(*list, (*count + 2) * sizeof **list);
            (*list)[(*count)++] = path_join(dir, entry->d_name);
        }
    if (d)
        closedir(d);
}

char **adapter_files(void)
{
    char **list = adapter_folders(), *config = path_config(), *sources = path_join(config, "sources");
    size_t count = 0, dirs;

    while (list[count])
        count++;
    dirs = count;
    /* The files too, for they may be links to somewhere else. */
    for (size_t i = 0; i < dirs; i++)
        add_files(&list, &count, list[i], ".jq");
    list = mem_resize(list, (count + 2) * sizeof *list);
    list[count++] = mem_string(sources);
    add_files(&list, &count, sources, ".json");
    list[count] = NULL;
    free(sources);
    free(config);
    return list;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **adapter_names(void)
{
    char **dirs = adapter_folders(), **names = mem_alloc_array(1, sizeof *names);
    size_t count = 0;

    for (char **dir = dirs; *dir; dir++) {
        DIR *d = opendir(*dir);
        for (struct dirent *entry; d && (entry = readdir(d));) {
            size_t n = strlen(entry->d_name);
            if (n < 4 || strcmp(entry->d_name + n - 3, ".jq") != 0 || !adapter_name_ok(entry->d_name, n - 3) ||
                strcmp(entry->d_name, "central.jq") == 0)
                continue;
            char *name = mem_bytes(entry->d_name, n - 3);
            size_t i = 0;
            while (i < count && strcmp(names[i], name) != 0)
                i++;
            if (i < count) {
                free(name);
                continue;
            }
            names = mem_resize(names, (count + 2) * sizeof *names);
            names[count++] = name;
            names[count] = NULL;
        }
        if (d)
            closedir(d);
    }
    adapter_list_free(dirs);
    qsort(names, count, sizeof *names, compare_names);
    return names;
}

char *adapter_settings_path(const char *name)
{
    char *config = path_config(), *path = mem_format("%s/sources/%s.json", config, name);

    free(config);
    return path;
}
