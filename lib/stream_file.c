#include "central/stream_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/path.h"

#define FILE_MAX (1024 * 1024)

enum { NAME, SUBJECTS, MAX_AGE, MAX_BYTES, WORDS };

struct word {
    size_t at, len;
};

/* The first words of a line; false when it has fewer, as a comment has. */
static bool split(const char *line, size_t len, struct word words[WORDS])
{
    size_t at = 0;

    for (size_t i = 0; i < WORDS; i++) {
        while (at < len && (line[at] == ' ' || line[at] == '\t'))
            at++;
        words[i].at = at;
        while (at < len && line[at] != ' ' && line[at] != '\t' && line[at] != '\r')
            at++;
        words[i].len = at - words[i].at;
        if (!words[i].len || line[words[i].at] == '#')
            return false;
    }
    return true;
}

/* Appends line with value in the place of w. Blanks behind it make up for another length, one stays. */
static void replace(const char *line, size_t len, struct word w, const char *value, struct buf *out)
{
    size_t n = strlen(value), rest = w.at + w.len;

    buf_add(out, line, w.at);
    buf_add_text(out, value);
    if (rest < len && line[rest] == ' ') {
        for (size_t more = n; more < w.len; more++)
            buf_add_char(out, ' ');
        for (size_t less = w.len; less < n && rest + 1 < len && line[rest + 1] == ' '; less++)
            rest++;
    }
    buf_add(out, line + rest, len - rest);
}

static void edit_line(const char *line, size_t len, const struct word words[WORDS], int64_t max_age, int64_t max_bytes,
                      struct buf *out)
{
    struct buf first = {0}, value = {0};

    /* The last word first: the places of the others stay. */
    if (max_bytes) {
        size_put(&value, max_bytes);
        replace(line, len, words[MAX_BYTES], buf_text(&value), &first);
    } else {
        buf_add(&first, line, len);
    }
    buf_clear(&value);
    if (max_age) {
        duration_put(&value, max_age);
        replace(first.data, first.len, words[MAX_AGE], buf_text(&value), out);
    } else {
        buf_add(out, first.data, first.len);
    }
    buf_free(&first);
    buf_free(&value);
}

bool stream_file_edit(struct buf *text, const char *name, int64_t max_age, int64_t max_bytes, struct buf *line)
{
    struct buf out = {0};
    struct word words[WORDS];

    for (size_t at = 0, len; at < text->len; at += len + 1) {
        const char *start = text->data + at, *end = memchr(start, '\n', text->len - at);
        len = end ? (size_t)(end - start) : text->len - at;
        if (!split(start, len, words) || words[NAME].len != strlen(name) ||
            memcmp(start + words[NAME].at, name, words[NAME].len) != 0)
            continue;
        edit_line(start, len, words, max_age, max_bytes, line);
        buf_add(&out, text->data, at);
        buf_add(&out, line->data, line->len);
        buf_add(&out, start + len, text->len - at - len);
        buf_free(text);
        *text = out;
        if (line->len && line->data[line->len - 1] == '\r')
            line->len--;
        return true;
    }
    return false;
}

bool stream_file_read(const struct stream_list *list, struct buf *text, struct error *e)
{
    return path_read(list->path, FILE_MAX, text, e);
}

bool stream_file_check(const struct stream_list *list, const struct buf *text, struct stream_list *out, struct error *e)
{
    char *installed = path_data("streams.conf"), *config = path_config(), *own = path_join(config, "streams.conf");
    bool ok = stream_list_parse(strcmp(list->path, installed) == 0 ? own : list->path, text->data, text->len, out, e);

    free(installed);
    free(config);
    free(own);
    return ok;
}

bool stream_file_write(const struct stream_list *checked, const struct buf *text, struct error *e)
{
    char *real = realpath(checked->path, NULL), *path = real ? real : mem_string(checked->path);
    char *slash = strrchr(path, '/');
    struct stat st;
    mode_t mode = stat(path, &st) == 0 ? st.st_mode & 07777 : 0644;
    bool ok = true;

    if (!real && slash && slash != path) {
        *slash = '\0';
        ok = path_make(path, e);
        *slash = '/';
    }
    ok = ok && path_write(path, text->data, text->len, mode, e);
    free(path);
    return ok;
}
