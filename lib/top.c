#include "central/top.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/text.h"
#include "central/utf8.h"

/* Rows of the frame: the head, the panels' names, the bar. */
#define FRAME_TOP 2
#define FRAME_ROWS 3
#define MESSAGE_SECONDS 8

static const struct panel_class *const classes[TOP_PANELS] = {&panel_overview, &panel_events, &panel_map,
                                                              &panel_sources, &panel_streams};

void top_open(struct top *t, const struct stream_list *streams, struct sieve *sieve)
{
    *t = (struct top){0};
    desk_open(&t->desk, streams);
    roll_open(&t->roll);
    t->view = (struct view){.desk = &t->desk, .roll = &t->roll, .sieve = sieve};
    for (int i = 0; i < TOP_PANELS; i++)
        t->panels[i] = classes[i]->open ? classes[i]->open() : NULL;
}

void top_close(struct top *t)
{
    for (int i = 0; i < TOP_PANELS; i++)
        if (classes[i]->close)
            classes[i]->close(t->panels[i]);
    roll_close(&t->roll);
    desk_close(&t->desk);
    sieve_free(t->view.sieve);
    pager_close(&t->view.pager);
    question_end(&t->view.question);
    free(t->view.message);
    errand_end(&t->errand);
    errand_end(&t->adapters);
    buf_free(&t->prompt.text);
    free(t->searched);
}

int top_panel(const char *name)
{
    for (int i = 0; i < TOP_PANELS; i++)
        if (*name && strncasecmp(classes[i]->name, name, strlen(name)) == 0)
            return i;
    return -1;
}

/* --- what comes --------------------------------------------------------------------------------------------------- */

void top_take(struct top *t, struct letter *letters, uint64_t lost, int64_t now)
{
    t->desk.lost += lost;
    t->desk.came += lost;
    for (struct letter *l = letters, *next; l; l = next) {
        next = l->next;
        t->urgent = t->urgent || l->kind == LETTER_LINK || l->kind == LETTER_READY || l->kind == LETTER_ANSWER;
        if (!desk_take(&t->desk, l, now))
            roll_take(&t->roll, l);
    }
}

static void tell_errand(struct top *t)
{
    struct errand *r = &t->errand;
    const char *at = buf_text(&r->out);
    const char *end = strchr(at, '\n');

    if (r->status == 0 && (!end || !end[1])) {
        view_say(&t->view, "%s: %.*s", r->what, *at ? (int)strcspn(at, "\n") : 4, *at ? at : "done");
    } else {
        char *title =
            r->status ? mem_format("%s: exit status %d", r->what, r->status) : mem_format("%s: done", r->what);
        pager_begin(&t->view.pager, title);
        for (; *at; at = end + 1) {
            end = strchr(at, '\n');
            pager_add(&t->view.pager, STYLE_NORMAL, NULL, at, end ? (size_t)(end - at) : strlen(at));
            if (!end)
                break;
        }
        t->view.reading = true;
        t->view.reading_event = false;
        free(title);
    }
    errand_end(r);
    /* What it changed should be seen. */
    t->adapters_at = 0;
    if (t->watch)
        watch_look(t->watch);
    t->urgent = true;
}

static void take_adapters(struct top *t)
{
    const char *at = buf_text(&t->adapters.out);

    for (const char *end; (end = strchr(at, '\n')); at = end + 1)
        desk_adapter(&t->desk, at, (size_t)(end - at));
    errand_end(&t->adapters);
    t->adapters_known = true;
}

void top_tend(struct top *t)
{
    static const char *const list[] = {"central-adapter", "list", "--json", NULL};
    int64_t now = clock_monotonic();

    if (t->adapters.what) {
        if (errand_look(&t->adapters))
            take_adapters(t);
    } else if (!t->adapters_at || now - t->adapters_at > TOP_ADAPTERS_SECONDS * CLOCK_SECOND) {
        t->adapters_at = now;
        /* Not installed beside this program: then the reports tell what there is. */
        if (!errand_start(&t->adapters, list, NULL))
            t->adapters_known = true;
    }
    if (t->errand.what && errand_look(&t->errand))
        tell_errand(t);
}

void top_refresh(struct top *t, int64_t now)
{
    t->view.now = now;
    roll_refresh(&t->roll, &t->desk, t->view.sieve, now);
}

/* --- the frame ---------------------------------------------------------------------------------------------------- */

static int draw_link(const struct area *a, int col, const struct desk_link *l, const char *name, bool needed)
{
    struct buf text = {0};

    buf_add_format(&text, "%s ", name);
    if (!l->known) {
        buf_add_text(&text, "...");
    } else if (l->up) {
        buf_add_text(&text, "up");
    } else {
        buf_add_text(&text, "AWAY ");
        clock_put_age(&text, clock_monotonic() - l->since);
    }
    int taken = area_text(a, 0, col, -1,
                          !l->known ? STYLE_DIM
                          : l->up   ? STYLE_GOOD
                          : needed  ? STYLE_ALARM
                                    : STYLE_WARN,
                          buf_text(&text));
    buf_free(&text);
    return taken + 2;
}

static int draw_beat(const struct area *a, int col, const struct desk *d, int64_t now)
{
    struct buf text = {0};
    bool late = d->beat && now - d->beat > DESK_BEAT_LATE;

    buf_add_text(&text, late ? "archiver SILENT " : "archiver ");
    if (d->beat)
        put_age(&text, now, d->beat);
    else
        buf_add_text(&text, "not seen");
    int taken = area_text(a, 0, col, -1, late ? STYLE_ALARM : d->beat ? STYLE_GOOD : STYLE_DIM, buf_text(&text));
    buf_free(&text);
    return taken + 2;
}

static void draw_top_line(struct top *t, const struct area *a)
{
    struct buf text = {0};
    const struct desk *d = &t->desk;
    int col = area_text(a, 0, 0, -1, STYLE_BOLD, log_tool()) + 2;

    col += draw_link(a, col, &d->links[LINK_BUS], "NATS", true);
    col += draw_link(a, col, &d->links[LINK_ARCHIVE], "archive", false);
    col += draw_beat(a, col, d, t->view.now);
    if (desk_current(d))
        put_rate(&text, desk_rate(d));
    else
        buf_add_text(&text, "?/s");
    col += area_text(a, 0, col, -1, STYLE_NORMAL, buf_text(&text)) + 2;
    if (d->odd)
        col += area_format(a, 0, col, STYLE_WARN, "%llu no events", (unsigned long long)d->odd) + 2;
    if (d->lost)
        area_format(a, 0, col, STYLE_WARN, "%llu passed unread", (unsigned long long)d->lost);
    buf_clear(&text);
    put_moment(&text, t->view.now);
    buf_add_char(&text, 'Z');
    area_right(a, 0, a->cols - 15, 15, STYLE_DIM, buf_text(&text));
    buf_free(&text);
}

static void draw_tabs(struct top *t, const struct area *a)
{
    const struct desk_link *bus = &t->desk.links[LINK_BUS];
    int col = 0;

    for (int i = 0; i < TOP_PANELS; i++) {
        enum style s = i == t->open ? STYLE_TAB_OPEN : STYLE_TAB;
        col += area_format(a, 1, col, s, " %d %s ", i + 1, classes[i]->name);
    }
    if (bus->known && !bus->up && bus->text)
        area_text(a, 1, col + 1, -1, STYLE_ALARM, text_reason(bus->text));
    else if (!sieve_empty(t->view.sieve)) {
        col += area_text(a, 1, col + 1, -1, STYLE_WARN, "filter: ") + 1;
        area_text(a, 1, col, -1, STYLE_WARN, sieve_text(t->view.sieve));
    }
}

static void draw_bar(struct top *t, const struct area *a, int row)
{
    static const char *const ours[12] = {[0] = "Help", [1] = "Panel", [2] = "Search", [3] = "Filter", [9] = "Quit"};
    int col = 0;

    for (int i = 0; i < 12; i++) {
        const char *label = ours[i] ? ours[i] : classes[t->open]->bar[i];
        if (t->view.reading && i > 2 && i < 9)
            label = i == 3 ? "Close" : NULL;
        if (!label)
            continue;
        col += area_format(a, row, col, STYLE_BOLD, "F%d", i + 1);
        col += area_text(a, row, col, -1, STYLE_KEY, label);
        col += area_text(a, row, col, -1, STYLE_NORMAL, " ");
    }
    if (t->errand.what)
        area_format(a, row, col + 1, STYLE_WARN, "%s ...", t->errand.what);
}

static const char *prompt_label(const struct top *t)
{
    switch (t->prompt.kind) {
    case PROMPT_SEARCH:
        return "Search: ";
    case PROMPT_FILTER:
        return "Filter: ";
    default:
        return t->view.question.text ? t->view.question.text : "";
    }
}

static int draw_prompt(struct top *t, const struct area *a, int row)
{
    int col = area_text(a, row, 0, -1, STYLE_BOLD, prompt_label(t)), end;
    struct buf *text = &t->prompt.text;

    if (t->prompt.kind == PROMPT_YES)
        return col + area_text(a, row, col, -1, STYLE_NORMAL, " (y/n) ");
    if (t->prompt.kind == PROMPT_VALUE)
        col++;
    /* Of a long text the end is what is being typed. */
    int room = a->cols - col - 1;
    size_t from = 0;
    while (text_columns(buf_text(text) + from, text->len - from) > room && from < text->len) {
        size_t n = utf8_next(text->data + from, text->len - from, NULL);
        from += n ? n : 1;
    }
    end = col + area_put(a, row, col, -1, STYLE_NORMAL, buf_text(text) + from, text->len - from);
    if (t->view.message)
        area_text(a, row, end + 2, -1, STYLE_ALARM, t->view.message);
    return end;
}

static int draw_last_row(struct top *t, const struct area *a)
{
    int row = a->rows - 1;

    if (t->prompt.kind)
        return draw_prompt(t, a, row);
    if (t->view.message) {
        struct buf flat = {0};
        text_flat(&flat, t->view.message, strlen(t->view.message));
        area_text(a, row, 0, -1, STYLE_WARN, buf_text(&flat));
        buf_free(&flat);
        return -1;
    }
    draw_bar(t, a, row);
    return -1;
}

int top_draw(struct top *t, struct page *p)
{
    struct area a = page_area(p), body = area_part(&a, FRAME_TOP, 0, a.rows - FRAME_ROWS, a.cols);

    if (a.rows < TOP_ROWS_MIN || a.cols < TOP_COLS_MIN) {
        area_format(&a, a.rows / 2, 0, STYLE_WARN, "%dx%d, please: this is %dx%d", TOP_COLS_MIN, TOP_ROWS_MIN, a.cols,
                    a.rows);
        return -1;
    }
    draw_top_line(t, &a);
    draw_tabs(t, &a);
    if (t->view.reading)
        pager_draw(&t->view.pager, &body);
    else
        classes[t->open]->draw(t->panels[t->open], &t->view, &body);
    return draw_last_row(t, &a);
}

void top_print(struct top *t, struct page *p, int cols)
{
    int rows = classes[t->open]->rows(t->panels[t->open], &t->view);

    page_clear(p, rows + 1, cols);
    struct area a = page_area(p), body = area_part(&a, 1, 0, rows, cols);
    draw_top_line(t, &a);
    classes[t->open]->draw(t->panels[t->open], &t->view, &body);
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void begin_prompt(struct top *t, int kind, const char *text)
{
    t->prompt.kind = kind;
    buf_clear(&t->prompt.text);
    buf_add_text(&t->prompt.text, text);
}

static void show_help(struct top *t)
{
    static const char *const keys[] = {
        "q F10        leave                     1 to 5, Tab, F2   another panel",
        "? F1         this                      Esc               back; drops the filter",
        "/ F3 n N     search, next, previous    \\ F4              filter the events",
        "j k g G      down, up, first, last     ^B ^F ^U ^D       pages, half pages",
        "Enter        read what is selected     [ ]               ... the previous, the next",
        "^L           draw anew",
        "",
        "A filter is words that all must hold: adapter=nws,firms category=wx.alert",
        "severity=3 since=2h until=TIME id=ID region=US-ID box=W,S,E,N active; every",
        "other word, or \"words\", must stand somewhere in the event.",
    };
    struct pager *p = &t->view.pager;

    pager_begin(p, "Keys (central-top(1))");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        pager_text(p, STYLE_NORMAL, keys[i]);
    for (int i = 0; i < TOP_PANELS; i++) {
        pager_text(p, STYLE_NORMAL, "");
        pager_text(p, STYLE_HEAD, classes[i]->name);
        for (const char *const *line = classes[i]->help; *line; line++)
            pager_text(p, STYLE_NORMAL, *line);
    }
    t->view.reading = true;
    t->view.reading_event = false;
}

static bool search(struct top *t, int step, bool first)
{
    if (!t->searched || !*t->searched)
        return true;
    if (t->view.reading)
        return pager_search(&t->view.pager, first ? t->searched : NULL, step < 0);
    return classes[t->open]->search(t->panels[t->open], &t->view, t->searched, step);
}

static void search_and_tell(struct top *t, int step, bool first)
{
    if (!search(t, step, first))
        view_say(&t->view, "not found: %s", t->searched);
}

static bool set_filter(struct top *t, const char *text)
{
    struct error e = {0};
    struct sieve *s = sieve_read(text, &e);

    if (!s) {
        view_say(&t->view, "%s", e.text);
        error_free(&e);
        return false;
    }
    sieve_free(t->view.sieve);
    t->view.sieve = s;
    roll_hold(&t->roll, false);
    /* The past was asked for through the old one. */
    if (t->roll.past && t->view.history)
        roll_ask(&t->roll, history_ask(t->view.history, text));
    return true;
}

static void run_question(struct top *t, const char *value)
{
    struct question *q = &t->view.question;
    struct error e = {0};

    for (char **at = q->argv; *at; at++)
        if (!**at && value) {
            free(*at);
            *at = mem_string(value);
        }
    if (t->errand.what)
        view_say(&t->view, "%s still runs", t->errand.what);
    else if (!errand_start(&t->errand, (const char *const *)q->argv, &e))
        view_say(&t->view, "%s", e.text);
    else
        view_say(&t->view, "%s ...", t->errand.what);
    error_free(&e);
    question_end(q);
}

static void accept(struct top *t)
{
    const char *text = buf_text(&t->prompt.text);
    int kind = t->prompt.kind;

    t->prompt.kind = PROMPT_NONE;
    if (kind == PROMPT_SEARCH) {
        /* Nothing typed: what was searched last. */
        if (*text) {
            free(t->searched);
            t->searched = mem_string(text);
        }
        search_and_tell(t, 1, true);
    } else if (kind == PROMPT_FILTER) {
        if (!set_filter(t, text))
            t->prompt.kind = PROMPT_FILTER;
    } else if (kind == PROMPT_VALUE && *text) {
        run_question(t, text);
    } else {
        question_end(&t->view.question);
    }
}

static void rub_out(struct buf *b)
{
    while (b->len && ((unsigned char)b->data[b->len - 1] & 0xc0) == 0x80)
        b->len--;
    if (b->len)
        b->len--;
    buf_text(b);
}

static void press_prompt(struct top *t, int key)
{
    struct buf *text = &t->prompt.text;
    char bytes[4];

    if (t->prompt.kind == PROMPT_YES && key != PRESS_ESCAPE) {
        t->prompt.kind = PROMPT_NONE;
        if (key == 'y' || key == 'Y')
            run_question(t, NULL);
        else
            question_end(&t->view.question);
        return;
    }
    if (key == PRESS_ENTER)
        accept(t);
    else if (key == PRESS_ESCAPE) {
        t->prompt.kind = PROMPT_NONE;
        question_end(&t->view.question);
    } else if (key == PRESS_BACKSPACE)
        rub_out(text);
    else if (key == PRESS_CONTROL('u'))
        buf_clear(text);
    else if (key >= ' ' && key < PRESS_UP && !(key >= 0xd800 && key < 0xe000) && !(key >= 0x7f && key < 0xa0))
        buf_add(text, bytes, utf8_write(bytes, (uint32_t)key));
}

static bool press_reading(struct top *t, int key)
{
    if (key == 'q' || key == PRESS_ESCAPE || key == PRESS_LEFT || key == PRESS_F0 + 4) {
        t->view.reading = t->view.reading_event = false;
        return true;
    }
    /* The next one, without going back to the list. */
    if (t->view.reading_event && (key == '[' || key == ']')) {
        roll_press(&t->roll, key == '[' ? PRESS_UP : PRESS_DOWN);
        view_read_event(&t->view);
        return true;
    }
    return pager_press(&t->view.pager, key);
}

static void open_panel(struct top *t, int i)
{
    t->open = (i + TOP_PANELS) % TOP_PANELS;
    t->view.reading = t->view.reading_event = false;
}

static void click_tab(struct top *t, int col)
{
    for (int i = 0, at = 0; i < TOP_PANELS; i++) {
        int width = (int)strlen(classes[i]->name) + 4;
        if (col >= at && col < at + width)
            open_panel(t, i);
        at += width;
    }
}

/* Keys that mean the same everywhere. */
static bool press_common(struct top *t, int key)
{
    switch (key) {
    case 'q':
    case PRESS_F0 + 10:
        t->quit = true;
        return true;
    case '?':
    case PRESS_F0 + 1:
        show_help(t);
        return true;
    case '/':
    case PRESS_F0 + 3:
        begin_prompt(t, PROMPT_SEARCH, "");
        return true;
    case '\\':
    case PRESS_F0 + 4:
        begin_prompt(t, PROMPT_FILTER, sieve_text(t->view.sieve));
        return true;
    case 'n':
        search_and_tell(t, 1, false);
        return true;
    case 'N':
        search_and_tell(t, -1, false);
        return true;
    case PRESS_TAB:
    case PRESS_F0 + 2:
        open_panel(t, t->open + 1);
        return true;
    case PRESS_BACK_TAB:
        open_panel(t, t->open - 1);
        return true;
    default:
        if (key < '1' || key >= '1' + TOP_PANELS)
            return false;
        open_panel(t, key - '1');
        return true;
    }
}

void top_press(struct top *t, int key, int row, int col)
{
    struct view *v = &t->view;

    if (!t->prompt.kind || key != PRESS_RESIZE) {
        free(v->message);
        v->message = NULL;
    }
    if (key == PRESS_RESIZE)
        return;
    v->mouse_row = row - FRAME_TOP;
    v->mouse_col = col;
    if (t->prompt.kind) {
        press_prompt(t, key);
    } else if (key == PRESS_CLICK && row == 1) {
        click_tab(t, col);
    } else if (v->reading && press_reading(t, key)) {
        return;
    } else if (v->reading || !classes[t->open]->press(t->panels[t->open], v, key)) {
        if (!press_common(t, key) && key == PRESS_ESCAPE && !sieve_empty(v->sieve))
            set_filter(t, "");
    }
    if (v->question.asked) {
        v->question.asked = false;
        begin_prompt(t, v->question.initial ? PROMPT_VALUE : PROMPT_YES,
                     v->question.initial ? v->question.initial : "");
    }
}
