/* desk.h, panel.h: the operator's desk on whatever comes over the bus, with whatever keys. The first line is a sieve;
 * then a line for each thing that comes, by its first byte:
 *
 *     L a link     S STREAM.INFO, C its CONSUMER.LIST     E an event     M a report or reject     B a heartbeat
 *     O why a message is none     R all has come     A a line of central-adapter list     K keys, each a byte
 */
#include "pages.h"

#include "central/desk.h"
#include "central/event.h"
#include "central/panel.h"

#define NOW INT64_C(1779048480000000)

static const struct panel_class *const classes[] = {&panel_overview, &panel_events, &panel_map, &panel_sources,
                                                    &panel_streams};
#define PANELS (sizeof classes / sizeof *classes)
/* Of one input: each draws a page, coastlines and all. */
#define KEYS_MAX 12

struct top {
    struct desk desk;
    struct roll roll;
    struct view view;
    void *panels[PANELS];
    struct page page;
    size_t open;
    int keys;
    struct letter *figures; /* of a stream, whose consumers may follow */
    int64_t now;
};

static void draw(struct top *t, int rows, int cols)
{
    page_clear(&t->page, rows, cols);
    struct area a = page_area(&t->page);
    roll_refresh(&t->roll, &t->desk, t->view.sieve, t->now);
    if (t->view.reading)
        pager_draw(&t->view.pager, &a);
    else
        classes[t->open]->draw(t->panels[t->open], &t->view, &a);
    must_be_drawn(&t->page);
}

static void draw_all(struct top *t)
{
    t->view.reading = false;
    for (t->open = 0; t->open < PANELS; t->open++) {
        MUST(classes[t->open]->rows(t->panels[t->open], &t->view) >= 0);
        draw(t, 24, 80);
        draw(t, 3, 11);
    }
    t->open = 0;
}

/* A key for each byte; those beyond ASCII stand for arrows and the like. */
static void press(struct top *t, const char *keys)
{
    for (; *keys && t->keys++ < KEYS_MAX; keys++) {
        int key = (signed char)*keys > 0 ? *keys : PRESS_UP + (unsigned char)*keys % (PRESS_F_LAST - PRESS_UP + 1);
        if (key >= '1' && key < '1' + (int)PANELS) {
            t->open = (size_t)(key - '1');
            t->view.reading = false;
        } else if (t->view.reading) {
            pager_press(&t->view.pager, key);
        } else if (!classes[t->open]->press(t->panels[t->open], &t->view, key)) {
            roll_press(&t->roll, key);
        }
        if (key == '/')
            classes[t->open]->search(t->panels[t->open], &t->view, "a", 1);
        question_end(&t->view.question);
        draw(t, 24, 80);
    }
}

static void take(struct top *t, struct letter *l)
{
    if (l)
        MUST(desk_take(&t->desk, l, t->now));
}

static struct letter *with_line(enum letter_kind kind, const char *line)
{
    struct letter *l = letter_new(kind);

    buf_add_text(&l->line, line);
    return l;
}

static void come(struct top *t, const char *line)
{
    struct event ev;
    struct letter *l = NULL;
    char kind = *line;

    t->now += INT64_C(7000000);
    t->view.now = t->now;
    line += kind != '\0';
    if (kind != 'C') {
        take(t, t->figures);
        t->figures = NULL;
    }
    switch (kind) {
    case 'L':
        l = letter_new(LETTER_LINK);
        l->link = *line & 1 ? LINK_BUS : LINK_ARCHIVE;
        l->ok = *line & 2;
        l->text = mem_string(line);
        break;
    case 'S':
        t->figures = with_line(LETTER_STREAM, line);
        t->figures->name = mem_string(strstr(line, "CENTRAL_META") ? "CENTRAL_META" : "CENTRAL_WX");
        break;
    case 'C':
        if (t->figures)
            buf_add_text(&t->figures->extra, line);
        break;
    case 'E':
        if (event_read(line, strlen(line), &ev, NULL) && ev.kind == EVENT_CANONICAL) {
            l = letter_new(LETTER_EVENT);
            l->brief = brief_new(&ev, line, strlen(line));
        }
        break;
    case 'M':
        l = with_line(LETTER_META, line);
        l->name = mem_string("central.meta.adapter.nws.status");
        break;
    case 'B':
        l = with_line(LETTER_BEAT, line);
        l->stored = t->now;
        break;
    case 'O':
        l = with_line(LETTER_ODD, line);
        l->name = mem_string("central.wx.alert");
        break;
    case 'R':
        l = letter_new(LETTER_READY);
        break;
    case 'A':
        desk_adapter(&t->desk, line, strlen(line));
        break;
    case 'K':
        press(t, line);
        break;
    default:
        break;
    }
    take(t, l);
}

static void check_json(struct top *t)
{
    struct buf out = {0};
    struct json v;

    desk_put_json(&t->desk, t->view.sieve, 10, t->now, &out);
    for (const char *at = out.data, *end; at && *at; at = end + 1) {
        end = strchr(at, '\n');
        MUST(end && json_check(at, (size_t)(end - at), &v, NULL));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char conf[] = "CENTRAL_WX central.wx.> 7d 1GiB archive,top\nCENTRAL_META central.meta.> 1d 1GiB top\n";
    struct input in = input_of(data, size);
    struct top t = {.now = NOW};
    struct stream_list list;
    struct error e = {0};
    char *line = input_string(&in, '\n');

    pages_begin();
    MUST(stream_list_parse("streams.conf", conf, sizeof conf - 1, &list, &e));
    struct sieve *sieve = sieve_read(line, &e);
    if (!sieve)
        must_say(&e, CENTRAL_USAGE);
    free(line);
    if (!sieve)
        sieve = sieve_read("", &e);
    desk_open(&t.desk, &list);
    roll_open(&t.roll);
    t.view = (struct view){.desk = &t.desk, .roll = &t.roll, .sieve = sieve, .now = NOW};
    page_open(&t.page, 24, 80, true);
    for (size_t i = 0; i < PANELS; i++)
        t.panels[i] = classes[i]->open ? classes[i]->open() : NULL;
    while (in.left) {
        line = input_string(&in, '\n');
        come(&t, line);
        free(line);
    }
    take(&t, t.figures);
    draw_all(&t);
    check_json(&t);
    for (size_t i = 0; i < PANELS; i++)
        if (classes[i]->close)
            classes[i]->close(t.panels[i]);
    pager_close(&t.view.pager);
    question_end(&t.view.question);
    free(t.view.message);
    sieve_free(t.view.sieve);
    roll_close(&t.roll);
    desk_close(&t.desk);
    page_close(&t.page);
    stream_list_free(&list);
    return 0;
}
