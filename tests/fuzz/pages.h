/* pages.h - what must hold of every page that was drawn, whatever text was put on it. */
#ifndef FUZZ_PAGES_H
#define FUZZ_PAGES_H

#include "fuzz.h"
#include "harmless.h"

#include <locale.h>

#include "central/page.h"
#include "central/text.h"

/* Columns are told by the C library, in a locale that knows UTF-8. */
static inline void pages_begin(void)
{
    static bool done;

    if (!done && !setlocale(LC_CTYPE, "C.UTF-8"))
        abort();
    done = true;
}

static inline void must_be_drawn(const struct page *p)
{
    struct buf text = {0};

    for (int row = 0; row < p->rows; row++) {
        for (int col = 0; col < p->cols; col++) {
            const char *cell = page_cell(p, row, col)->text;
            size_t len = strlen(cell);
            int width = text_columns(cell, len);
            MUST(len < sizeof page_cell(p, row, col)->text);
            must_be_harmless(cell, len, 0);
            if (!p->utf8)
                MUST(len == 0 || (len == 1 && *cell > 0));
            /* Behind a wide character there is nothing, and nowhere else. */
            bool behind = col > 0 &&
                          text_columns(page_cell(p, row, col - 1)->text, strlen(page_cell(p, row, col - 1)->text)) == 2;
            MUST(behind ? len == 0 : width == 1 || (width == 2 && col + 1 < p->cols));
        }
        buf_clear(&text);
        page_text(p, row, &text);
        must_be_harmless(text.data ? text.data : "", text.len, 0);
        MUST(text_columns(text.data ? text.data : "", text.len) <= p->cols);
    }
    buf_free(&text);
}

#endif
