#include "central/cadence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "central/buf.h"
#include "central/clock.h"
#include "central/json.h"
#include "central/mem.h"
#include "central/path.h"

#define CADENCE_FILE_MAX (64 * 1024)
#define CADENCE_ERROR_MAX 1024

static int64_t time_member(struct json v, const char *name)
{
    char *text = json_string(json_get(v, name));
    int64_t time = 0;

    if (text && !clock_parse(text, strlen(text), &time))
        time = 0;
    free(text);
    return time;
}

static char *cadence_path(const char *source, char **dir)
{
    char *name = mem_format("%s.poll", source);

    *dir = path_state();
    char *path = path_join(*dir, name);
    free(name);
    return path;
}

/* A file cut short by a full disk says nothing; a poll too early is the lesser evil. False when it cannot be read. */
static bool read_file(struct cadence *c, struct error *e)
{
    struct buf text = {0};
    struct json v;
    bool ok = path_read(c->path, CADENCE_FILE_MAX, &text, e);

    if (ok && text.len && json_check(text.data, text.len, &v, NULL)) {
        c->last = time_member(v, "last");
        c->not_before = time_member(v, "not_before");
        c->last_complete = time_member(v, "last_complete");
        c->state = json_string(json_get(v, "state"));
        c->error = json_string(json_get(v, "error"));
        if (!json_int(json_get(v, "items"), &c->items))
            c->items = 0;
    }
    buf_free(&text);
    return ok;
}

bool cadence_open(struct cadence *c, const char *source, struct error *e)
{
    char *dir;

    *c = (struct cadence){.fd = -1, .path = cadence_path(source, &dir)};
    bool ok = path_make(dir, e);
    free(dir);
    if (!ok)
        return false;
    c->fd = path_open(c->path, e);
    if (c->fd < 0)
        return false;
    if (flock(c->fd, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? error_set(e, CENTRAL_TRY_AGAIN, "%s: another poll is running", source)
                                    : error_set(e, CENTRAL_IO, "%s: %s", c->path, strerror(errno));
    read_file(c, NULL);
    return true;
}

bool cadence_look(struct cadence *c, const char *source, bool *running)
{
    char *dir;
    struct error e = {0};

    *c = (struct cadence){.fd = -1, .path = cadence_path(source, &dir)};
    free(dir);
    *running = false;
    c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0 && errno == ENOENT)
        return false;
    *running = c->fd >= 0 && flock(c->fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!read_file(c, &e))
        c->error = mem_string(e.text);
    error_free(&e);
    return c->last != 0;
}

static void put_time(struct buf *out, const char *name, int64_t time)
{
    struct buf text = {0};

    if (time) {
        clock_put(&text, time, CLOCK_Z);
        json_put_member_text(out, name, buf_text(&text));
    }
    buf_free(&text);
}

bool cadence_note(struct cadence *c, struct error *e)
{
    struct buf text = {0};

    json_begin(&text, '{');
    put_time(&text, "last", c->last);
    put_time(&text, "not_before", c->not_before);
    put_time(&text, "last_complete", c->last_complete);
    if (c->state)
        json_put_member_text(&text, "state", c->state);
    json_put_member_int(&text, "items", c->items);
    if (c->error) {
        json_put_name(&text, "error");
        json_put_string(&text, c->error, strnlen(c->error, CADENCE_ERROR_MAX));
    }
    json_end(&text, '}');
    buf_add_char(&text, '\n');
    /* In place: the lock is on this very file, a new one in its stead would not be locked. */
    bool ok = pwrite(c->fd, text.data, text.len, 0) == (ssize_t)text.len && ftruncate(c->fd, (off_t)text.len) == 0;
    buf_free(&text);
    return ok || error_set(e, CENTRAL_IO, "%s: %s", c->path, strerror(errno));
}

void cadence_set(struct cadence *c, const char *state, const char *error)
{
    char *new_state = mem_string(state), *new_error = mem_string(error);

    free(c->state);
    free(c->error);
    c->state = new_state;
    c->error = new_error;
}

void cadence_close(struct cadence *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->path);
    free(c->state);
    free(c->error);
    *c = (struct cadence){.fd = -1};
}
