#include "central/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/json.h"
#include "central/mem.h"
#include "central/path.h"

#define FILE_MAX (1024 * 1024)

struct series {
    size_t metric;
    char *labels; /* "" for none */
    double value;
};

struct metrics {
    char *path;
    const struct metric *table;
    size_t table_count;
    struct series *at;
    size_t count;
};

static bool find_metric(const struct metrics *m, const char *name, size_t len, size_t *out)
{
    for (size_t i = 0; i < m->table_count; i++)
        if (strlen(m->table[i].name) == len && memcmp(m->table[i].name, name, len) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static struct series *series_for(struct metrics *m, size_t metric, const char *labels, size_t len)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->at[i].metric == metric && strlen(m->at[i].labels) == len && memcmp(m->at[i].labels, labels, len) == 0)
            return &m->at[i];
    m->at = mem_resize(m->at, (m->count + 1) * sizeof *m->at);
    m->at[m->count] = (struct series){metric, mem_bytes(labels, len), 0};
    return &m->at[m->count++];
}

/* name{labels} value */
static void load_line(struct metrics *m, const char *line)
{
    size_t name = strcspn(line, "{ "), metric;
    const char *labels = line + name, *end = labels, *value;
    char *rest;

    if (*line == '#' || !find_metric(m, line, name, &metric))
        return;
    if (*labels == '{') {
        labels++;
        if (!(end = strrchr(labels, '}')))
            return;
    }
    value = *end == '}' ? end + 1 : end;
    double number = strtod(value, &rest);
    if (rest != value && !*rest && number >= 0)
        series_for(m, metric, labels, (size_t)(end - labels))->value = number;
}

struct metrics *metrics_open(const char *path, const struct metric *table, size_t count)
{
    struct metrics *m = mem_alloc(sizeof *m);
    struct buf text = {0};
    char *next;

    *m = (struct metrics){.path = mem_string(path), .table = table, .table_count = count};
    if (path_exists(path) && path_read(path, FILE_MAX, &text, NULL)) {
        buf_text(&text);
        for (char *line = text.data; line && *line; line = next) {
            size_t len = strcspn(line, "\n");
            next = line[len] ? line + len + 1 : NULL;
            line[len] = '\0';
            load_line(m, line);
        }
    }
    buf_free(&text);
    return m;
}

static struct series *named(struct metrics *m, const char *name, const char *labels)
{
    size_t metric = 0;

    if (!find_metric(m, name, strlen(name), &metric))
        abort();
    return series_for(m, metric, labels ? labels : "", labels ? strlen(labels) : 0);
}

void metrics_set(struct metrics *m, const char *name, const char *labels, double value)
{
    named(m, name, labels)->value = value;
}

void metrics_add(struct metrics *m, const char *name, const char *labels, double value)
{
    named(m, name, labels)->value += value;
}

void metrics_label(struct buf *labels, const char *name, const char *value)
{
    if (labels->len)
        buf_add_char(labels, ',');
    buf_add_format(labels, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            buf_add_char(labels, '\\');
        if (*value == '\n')
            buf_add_text(labels, "\\n");
        else
            buf_add_char(labels, *value);
    }
    buf_add_char(labels, '"');
}

bool metrics_write(struct metrics *m, struct error *e)
{
    struct buf text = {0};

    for (size_t i = 0; i < m->table_count; i++) {
        bool told = false;
        for (size_t k = 0; k < m->count; k++) {
            const struct series *s = &m->at[k];
            if (s->metric != i)
                continue;
            if (!told)
                buf_add_format(&text, "# HELP %s %s\n# TYPE %s %s\n", m->table[i].name, m->table[i].help,
                               m->table[i].name, m->table[i].type);
            told = true;
            buf_add_text(&text, m->table[i].name);
            if (*s->labels)
                buf_add_format(&text, "{%s}", s->labels);
            buf_add_char(&text, ' ');
            json_put_double(&text, s->value);
            buf_add_char(&text, '\n');
        }
    }
    bool ok = path_write(m->path, text.len ? text.data : "", text.len, 0644, e);
    buf_free(&text);
    return ok;
}

void metrics_close(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++)
        free(m->at[i].labels);
    free(m->at);
    free(m->path);
    free(m);
}
