/* line.h: lines come out as they went in, however the reads are cut; what is too long is told and skipped.
 *
 * The first byte says how the input is cut (even: through a pipe, odd: from a file), the second how long a line may be.
 * In the rest ~nc stands for many times c, so that a small input makes long lines. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "central/line.h"

#define REPEAT 64
#define TOTAL_MAX (256 * 1024)

static void expand(struct input in, struct buf *out)
{
    while (in.left && out->len < TOTAL_MAX) {
        char c = (char)input_byte(&in);
        if (c != '~' || in.left < 2) {
            buf_add_char(out, c);
            continue;
        }
        size_t n = input_byte(&in) * (size_t)REPEAT;
        memset(buf_reserve(out, n), input_byte(&in), n);
        out->len += n;
    }
    buf_text(out);
}

struct feeder {
    int fd; /* -1: closed */
    const struct buf *text;
    size_t at;
    uint32_t random;
};

/* Called when there is nothing to read: the next piece goes into the pipe, which is empty. */
static bool feed(void *closure)
{
    struct feeder *f = closure;
    static const size_t most[] = {1, 3, 64, 4096, 4097, 60000};

    if (f->fd < 0)
        return true;
    f->random = f->random * 1664525 + 1013904223;
    size_t n = 1 + (f->random >> 8) % most[(f->random >> 4) % 6], left = f->text->len - f->at;
    n = n < left ? n : left;
    if (n && write(f->fd, f->text->data + f->at, n) != (ssize_t)n)
        abort();
    f->at += n;
    if (f->at == f->text->len) {
        close(f->fd);
        f->fd = -1;
    }
    return true;
}

static int memory_file(const struct buf *text)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || (text->len && write(fd, text->data, text->len) != (ssize_t)text->len) || lseek(fd, 0, SEEK_SET))
        abort();
    return fd;
}

/* What must come out, told in the plainest way. Appends what the writer shall have written. */
static void compare(struct line_reader *r, const struct buf *in, struct line_writer *w, struct buf *expected)
{
    struct error e = {0};
    char *text;
    size_t len, at = 0;
    uint64_t number = 0;

    while (at < in->len) {
        const char *start = in->data + at, *newline = memchr(start, '\n', in->len - at);
        size_t whole = newline ? (size_t)(newline - start) : in->len - at, shown = whole;
        bool too_long = whole > r->max;
        if (too_long)
            shown = LINE_LONG_KEPT;
        if (shown && start[shown - 1] == '\r')
            shown--;
        enum line_result got = line_read(r, &text, &len, &e);
        MUST(got == (too_long ? LINE_TOO_LONG : LINE_OK));
        MUST(len == shown && memcmp(text, start, shown) == 0 && text[len] == '\0');
        MUST(r->number == ++number);
        MUST(!too_long || r->long_len == whole);
        MUST(newline || r->half_line);
        MUST(line_write(w, text, len));
        buf_add(expected, text, len);
        buf_add_char(expected, '\n');
        at += whole + 1;
    }
    MUST(line_read(r, &text, &len, &e) == LINE_END);
    MUST(line_read(r, &text, &len, &e) == LINE_END);
    MUST(r->half_line == (in->len && in->data[in->len - 1] != '\n'));
    MUST(r->number == number && w->lines == number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    unsigned char cut = input_byte(&in), max = input_byte(&in);
    struct buf text = {0}, expected = {0}, got = {0};
    struct line_reader r;
    struct line_writer w;
    struct error e = {0};
    int ends[2];

    expand(in, &text);
    bool file = cut & 1;
    if (file)
        ends[0] = memory_file(&text);
    else if (pipe(ends))
        abort();
    int to = memfd_create("fuzz", MFD_CLOEXEC);
    line_writer_open(&w, to);
    MUST(line_reader_open(&r, ends[0], &w, &e));
    struct feeder f = {file ? -1 : ends[1], &text, 0, cut};
    r.idle = feed;
    r.idle_context = &f;
    r.max = LINE_LONG_KEPT + (size_t)max * REPEAT;
    compare(&r, &text, &w, &expected);
    MUST(line_writer_close(&w, &e));
    off_t len = lseek(to, 0, SEEK_END);
    MUST(len == (off_t)expected.len);
    MUST(pread(to, buf_reserve(&got, expected.len), expected.len, 0) == len);
    MUST(!len || memcmp(got.data, expected.data, expected.len) == 0);
    line_reader_close(&r);
    MUST(f.fd < 0);
    close(ends[0]);
    close(to);
    buf_free(&text);
    buf_free(&expected);
    buf_free(&got);
    return 0;
}
