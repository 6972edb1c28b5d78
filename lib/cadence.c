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

#define CADENCE_FILE_MAX 4096

static int64_t time_member(struct json v, const char *name)
{
    char *text = json_string(json_get(v, name));
    int64_t time = 0;

    if (text && !clock_parse(text, strlen(text), &time))
        time = 0;
    free(text);
    return time;
}

bool cadence_open(struct cadence *c, const char *source, struct error *e)
{
    char *dir = path_state(), *name = mem_format("%s.poll", source);
    struct buf text = {0};
    struct json v;

    *c = (struct cadence){.fd = -1, .path = path_join(dir, name)};
    free(name);
    bool ok = path_make(dir, e);
    free(dir);
    if (!ok)
        return false;
    c->fd = open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (c->fd < 0)
        return error_set(e, errno == EACCES ? CENTRAL_NO_PERMISSION : CENTRAL_IO, "%s: %s", c->path, strerror(errno));
    if (flock(c->fd, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK
                   ? error_set(e, CENTRAL_TRY_AGAIN, "%s: another poll is running", source)
                   : error_set(e, CENTRAL_IO, "%s: %s", c->path, strerror(errno));
    /* A file cut short by a full disk says nothing; a poll too early is the lesser evil. */
    if (path_read(c->path, CADENCE_FILE_MAX, &text, NULL) && text.len && json_check(text.data, text.len, &v, NULL)) {
        c->last = time_member(v, "last");
        c->not_before = time_member(v, "not_before");
    }
    buf_free(&text);
    return true;
}

static void put_time(struct buf *out, const char *name, int64_t time)
{
    struct buf text = {0};

    clock_put(&text, time, CLOCK_Z);
    json_put_member_text(out, name, buf_text(&text));
    buf_free(&text);
}

bool cadence_note(struct cadence *c, int64_t now, int64_t not_before, struct error *e)
{
    struct buf text = {0};

    json_begin(&text, '{');
    put_time(&text, "last", now);
    put_time(&text, "not_before", not_before);
    json_end(&text, '}');
    buf_add_char(&text, '\n');
    /* In place: the lock is on this very file, a new one in its stead would not be locked. */
    bool ok = pwrite(c->fd, text.data, text.len, 0) == (ssize_t)text.len && ftruncate(c->fd, (off_t)text.len) == 0;
    buf_free(&text);
    if (!ok)
        return error_set(e, CENTRAL_IO, "%s: %s", c->path, strerror(errno));
    c->last = now;
    c->not_before = not_before;
    return true;
}

void cadence_close(struct cadence *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->path);
    *c = (struct cadence){.fd = -1};
}
