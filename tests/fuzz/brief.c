/* brief.h, pager.h, canvas.h: whatever an event says, what a person is shown of it is harmless and stays on the page.
 *
 * Either a canonical event, or a line with its payload, one with its geo, and one with a text that is searched for. */
#include "pages.h"

#include <math.h>

#include "central/brief.h"
#include "central/canvas.h"
#include "central/event.h"
#include "central/headline.h"
#include "central/pager.h"

struct told {
    struct pager pager;
    size_t lines;
};

static void take(void *closure, const char *name, const char *text, size_t len)
{
    struct told *t = closure;

    MUST(name && (len == 0 || text));
    t->lines++;
    pager_take(&t->pager, name, text, len);
}

static void read_on(struct pager *p, int cols, const char *search)
{
    struct page page;

    page_open(&page, 12, cols, true);
    struct area a = page_area(&page);
    pager_draw(p, &a);
    must_be_drawn(&page);
    for (int key = 0; key < 3 && pager_press(p, ' '); key++)
        pager_draw(p, &a);
    if (pager_search(p, search, false))
        pager_draw(p, &a);
    must_be_drawn(&page);
    page_close(&page);
}

static void draw(const struct brief *b)
{
    struct canvas c = {0};
    struct page page;
    int row, col;

    page_open(&page, 10, 30, true);
    struct area a = page_area(&page);
    for (int zoom = 0; zoom < 3; zoom++) {
        canvas_clear(&c, 10, 30);
        canvas_look(&c, zoom ? b->lon : 0, zoom ? b->lat : 0, zoom == 2 ? 0.002 : canvas_world(&c) / (1 + zoom));
        for (size_t i = 0; i + 1 < b->vertex_count; i++) {
            const float *v = b->vertices + 2 * i;
            if (!isnan(v[0]) && !isnan(v[2]))
                canvas_line(&c, STYLE_SEVERITY, v[0], v[1], v[2], v[3]);
        }
        if (b->has_place && canvas_cell(&c, b->lon, b->lat, &row, &col))
            MUST(row >= 0 && row < 10 && col >= 0 && col < 30);
        canvas_draw(&c, &a);
        must_be_drawn(&page);
    }
    canvas_close(&c);
    page_close(&page);
}

static void show(const struct event *ev, const char *line, size_t len, const char *search)
{
    struct brief *b = brief_new(ev, line, len);
    struct told told = {0};
    struct json whole;

    MUST(b && b->headline && b->adapter && b->category && b->subject && b->id && b->region);
    must_be_harmless(b->headline, strlen(b->headline), 0);
    MUST(!b->has_place || (isfinite(b->lon) && isfinite(b->lat)));
    MUST(b->vertex_count == 0 || b->vertices);
    MUST(brief_size(b) >= len);
    pager_begin(&told.pager, b->headline);
    brief_tell(b, take, &told);
    MUST(told.lines >= 5);
    MUST(json_check(b->line, b->len, &whole, NULL));
    brief_tell_json(whole, pager_take_json, &told.pager);
    read_on(&told.pager, 80, search);
    read_on(&told.pager, 9, search);
    pager_close(&told.pager);
    headline(ev->data);
    draw(b);
    brief_free(b);
}

static void put_event(struct buf *out, struct json payload, struct json geo)
{
    struct event_parts p = {.id = "1",
                            .adapter = "nws",
                            .category = "wx.alert",
                            .subject = "central.wx.alert.us.id",
                            .time = INT64_C(1779048480000000),
                            .severity = 3,
                            .revision = 1,
                            .geo = geo,
                            .data = payload};

    event_put(out, "central", &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    struct event ev;
    struct json payload, geo;
    struct buf line = {0};
    size_t payload_len, geo_len;

    pages_begin();
    if (event_read(in.at, in.left, &ev, NULL)) {
        if (ev.kind == EVENT_CANONICAL)
            show(&ev, in.at, in.left, "a");
        return 0;
    }
    char *payload_text = input_piece(&in, '\n', &payload_len), *geo_text = input_piece(&in, '\n', &geo_len),
         *search = input_string(&in, '\n');
    if (json_check(payload_text, payload_len, &payload, NULL) && json_check(geo_text, geo_len, &geo, NULL)) {
        put_event(&line, payload, geo);
        if (event_read(line.data, line.len, &ev, NULL))
            show(&ev, line.data, line.len, search);
    }
    free(payload_text);
    free(geo_text);
    free(search);
    buf_free(&line);
    return 0;
}
