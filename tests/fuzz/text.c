/* text.h, log.h, page.h: text from outside is harmless when it is shown, and as wide as is said. The first two bytes
 * say how wide the page is and where text is put on it. */
#include "pages.h"

#include "central/log.h"

#define COLUMNS_MAX 40

static void flat(const char *text, size_t len)
{
    struct buf once = {0}, twice = {0}, log = {0};

    text_flat(&once, text, len);
    must_be_harmless(once.data ? once.data : "", once.len, 0);
    text_flat(&twice, once.data ? once.data : "", once.len);
    MUST_SAY(same_bytes(&once, &twice), once.data, once.len);
    log_harmless(&log, text, len);
    must_be_harmless(log.data ? log.data : "", log.len, 0);
    buf_free(&once);
    buf_free(&twice);
    buf_free(&log);
}

static void fitting(const char *text, size_t len)
{
    int all = text_columns(text, len);

    MUST(all >= 0 && text_fitting(text, len, all) == len);
    for (int columns = 0; columns < all && columns < COLUMNS_MAX; columns++) {
        size_t n = text_fitting(text, len, columns);
        MUST(n < len && text_columns(text, n) <= columns);
        MUST(text_columns(text, n) + text_columns(text + n, len - n) == all);
    }
}

static void draw(const char *text, size_t len, int cols, int at, bool utf8)
{
    struct page p;

    page_open(&p, 4, cols, utf8);
    struct area all = page_area(&p), part = area_part(&all, 1, 1, 2, cols - 2);
    int taken = area_put(&all, 0, 0, -1, STYLE_NORMAL, text, len);
    MUST(taken >= 0 && taken <= cols);
    must_be_drawn(&p);
    /* Over what stands there, into the middle of wide characters. */
    MUST(area_put(&all, 0, at, 3, STYLE_BOLD, text, len) <= 3);
    MUST(area_put(&part, 0, 0, -1, STYLE_NORMAL, text, len) <= part.cols);
    MUST(area_put(&part, 1, at, 5, STYLE_NORMAL, text, len) <= 5);
    must_be_drawn(&p);
    char *string = mem_bytes(text, len);
    area_right(&all, 3, 0, cols, STYLE_NORMAL, string);
    area_glyph(&all, 0, at, STYLE_NORMAL, "\xe2\xa0\x81", '.');
    area_format(&part, 0, at, STYLE_NORMAL, "%s", string);
    must_be_drawn(&p);
    MUST(page_used(&p) <= p.rows);
    free(string);
    page_close(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    int cols = 1 + input_byte(&in) % COLUMNS_MAX, at = input_byte(&in) % (cols + 1);

    pages_begin();
    flat(in.at, in.left);
    fitting(in.at, in.left);
    draw(in.at, in.left, cols, at, true);
    draw(in.at, in.left, cols, at, false);
    return 0;
}
