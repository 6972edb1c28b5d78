/* The desk without a terminal: page.h, sieve.h, desk.h, roll.h, mailbox.h, canvas.h, pager.h. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <locale.h>
#include <string.h>

#include "central/canvas.h"
#include "central/clock.h"
#include "central/desk.h"
#include "central/mem.h"
#include "central/pager.h"
#include "central/roll.h"
#include "parse.h"

#define TIME INT64_C(1779048480000000) /* 2026-05-17T20:08:00Z */
#define NUL_GEO "{\"centroid\":null,\"bbox\":null,\"geometry\":null,\"regions\":[],\"primary_region\":null}"

static struct brief *brief(const char *id, int severity, const char *geo, const char *data)
{
    const struct event_parts parts = {.id = id,
                                      .adapter = "usgs_quake",
                                      .category = "quake.event.light",
                                      .subject = "central.quake.event.light",
                                      .time = TIME,
                                      .severity = severity,
                                      .revision = 1,
                                      .geo = parse(geo),
                                      .data = parse(data)};
    struct buf line = {0};
    struct event ev;

    event_put(&line, "central", &parts);
    assert_true(event_read(line.data, line.len, &ev, NULL));
    struct brief *b = brief_new(&ev, line.data, line.len);
    buf_free(&line);
    return b;
}

static struct letter *event_letter(const char *id, int severity)
{
    struct letter *l = letter_new(LETTER_EVENT);

    l->brief = brief(id, severity, NUL_GEO, "{\"title\":\"something\"}");
    return l;
}

static void row_is(const struct page *p, int row, const char *want)
{
    struct buf text = {0};

    page_text(p, row, &text);
    assert_string_equal(buf_text(&text), want);
    buf_free(&text);
}

/* --- page --------------------------------------------------------------------------------------------------------- */

static void test_page_harmless(void **state)
{
    struct page p;
    struct area a;

    (void)state;
    page_open(&p, 3, 12, true);
    a = page_area(&p);
    area_text(&a, 0, 0, -1, STYLE_NORMAL, "\033[2J");
    row_is(&p, 0, "\\x1b[2J");
    area_text(&a, 1, 0, -1, STYLE_NORMAL, "e\u0301\u0301\u0301\u0301x");
    row_is(&p, 1, "e\u0301\u0301x");
    area_text(&a, 2, 0, -1, STYLE_NORMAL, "a\u200bb\ufe0fc");
    row_is(&p, 2, "abc");
    page_close(&p);
}

static void test_page_wide(void **state)
{
    struct page p;
    struct area a;

    (void)state;
    page_open(&p, 3, 5, true);
    a = page_area(&p);
    /* Half a wide character is none, at the edge and when another is drawn over it. */
    area_text(&a, 0, 0, -1, STYLE_NORMAL, "漢字漢");
    row_is(&p, 0, "漢字…");
    area_text(&a, 1, 0, -1, STYLE_NORMAL, "漢字");
    area_text(&a, 1, 1, 1, STYLE_NORMAL, "x");
    row_is(&p, 1, " x字");
    area_text(&a, 2, 0, -1, STYLE_NORMAL, "abcdef");
    row_is(&p, 2, "abcd…");
    page_close(&p);
}

static void test_page_area(void **state)
{
    struct page p;

    (void)state;
    page_open(&p, 2, 10, false);
    struct area a = page_area(&p), part = area_part(&a, 1, 4, 9, 3);
    assert_int_equal(area_text(&part, 0, 0, -1, STYLE_NORMAL, "\u00e9bcdef"), 3);
    area_text(&part, 1, 0, -1, STYLE_NORMAL, "outside");
    row_is(&p, 0, "");
    row_is(&p, 1, "    ?b~");
    page_close(&p);
}

/* --- sieve -------------------------------------------------------------------------------------------------------- */

static bool passes(const char *text, struct brief *b, int64_t now)
{
    struct error e = {0};
    struct sieve *s = sieve_read(text, &e);

    if (!s)
        fail_msg("%s: %s", text, e.text);
    bool yes = sieve_passes(s, b, now);
    sieve_free(s);
    return yes;
}

static void test_sieve(void **state)
{
    static const char *const yes[] = {"",
                                      "  ",
                                      "adapter=nws,usgs_quake",
                                      "category=quake",
                                      "severity=2",
                                      "since=2026-05-17",
                                      "since=1h",
                                      "until=2026-05-18",
                                      "id=q1",
                                      "region=us-",
                                      "box=170,-20,-170,20",
                                      "kodiak",
                                      "\"31 KM\" m",
                                      "active severity=2 kodiak"};
    static const char *const no[] = {"adapter=nws", "adapter=usgs",        "category=wx", "severity=3",
                                     "since=59m",   "until=2026-05-17",    "id=q",        "region=CA",
                                     "kodiac",      "box=-170,-20,170,20", "\"km 31\"",   "kodiak nowhere"};
    static const char *const wrong[] = {
        "severty=3", "severity=5", "severity=", "since=soon", "box=1,2,3", "box=0,9,1,8"};
    struct brief *b = brief("q1", 2,
                            "{\"centroid\":[175,10],\"bbox\":null,\"geometry\":null,\"regions\":[\"US-AK\"],"
                            "\"primary_region\":\"US-AK\"}",
                            "{\"place\":\"31 km ENE of Kodiak\",\"magnitude\":4.5}");

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!passes(yes[i], b, TIME + 3600 * CLOCK_SECOND))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (passes(no[i], b, TIME + 3600 * CLOCK_SECOND))
            fail_msg("%s", no[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error e = {0};
        assert_null(sieve_read(wrong[i], &e));
        assert_int_equal(e.status, CENTRAL_USAGE);
        error_free(&e);
    }
    brief_free(b);
}

static void test_sieve_moves(void **state)
{
    struct sieve *s = sieve_read("since=1h", NULL);
    struct brief *b = brief("q1", 2, NUL_GEO, "{}");

    (void)state;
    assert_true(sieve_passes(s, b, TIME + 3590 * CLOCK_SECOND));
    assert_false(sieve_passes(s, b, TIME + 3610 * CLOCK_SECOND));
    brief_free(b);
    sieve_free(s);
}

/* --- desk and roll ------------------------------------------------------------------------------------------------ */

static char *text(const char *t)
{
    return mem_string(t);
}

static void test_desk_is_bounded(void **state)
{
    const struct stream_list none = {0};
    struct desk d;
    struct roll r;
    struct sieve *all = sieve_read("", NULL);

    (void)state;
    desk_open(&d, &none);
    roll_open(&r);
    for (int i = 0; i < DESK_EVENTS_MAX + 10; i++)
        assert_true(desk_take(&d, event_letter("q", i % 5), TIME));
    assert_int_equal(d.event_count, DESK_EVENTS_MAX);
    assert_int_equal(desk_event(&d, 0)->number, DESK_EVENTS_MAX + 10);
    assert_null(desk_event(&d, DESK_EVENTS_MAX));
    roll_refresh(&r, &d, all, TIME);
    assert_int_equal(r.count, DESK_EVENTS_MAX);
    /* What is held stays, whatever comes. */
    roll_hold(&r, true);
    uint64_t oldest = r.at[r.count - 1]->number;
    for (int i = 0; i < DESK_EVENTS_MAX; i++)
        desk_take(&d, event_letter("later", 0), TIME);
    roll_refresh(&r, &d, all, TIME);
    assert_int_equal(r.at[r.count - 1]->number, oldest);
    roll_hold(&r, false);
    roll_refresh(&r, &d, all, TIME);
    assert_string_equal(r.at[0]->id, "later");
    roll_close(&r);
    sieve_free(all);
    desk_close(&d);
}

static void test_roll_keeps_its_bar(void **state)
{
    const struct stream_list none = {0};
    struct sieve *all = sieve_read("", NULL);
    struct desk d;
    struct roll r;

    (void)state;
    desk_open(&d, &none);
    roll_open(&r);
    r.scroll.rows = 5;
    for (int i = 0; i < 4; i++)
        desk_take(&d, event_letter("q", i), TIME);
    roll_refresh(&r, &d, all, TIME);
    assert_int_equal(roll_selected(&r)->number, 4);
    desk_take(&d, event_letter("q", 0), TIME);
    roll_refresh(&r, &d, all, TIME);
    /* On the first row it follows; elsewhere it stays on its event. */
    assert_int_equal(roll_selected(&r)->number, 5);
    assert_true(roll_press(&r, 'j'));
    desk_take(&d, event_letter("q", 0), TIME);
    roll_refresh(&r, &d, all, TIME);
    assert_int_equal(roll_selected(&r)->number, 4);
    r.order = ROLL_SEVERITY;
    roll_refresh(&r, &d, all, TIME);
    assert_int_equal(roll_selected(&r)->number, 4);
    assert_int_equal(r.scroll.at, 0);
    roll_close(&r);
    sieve_free(all);
    desk_close(&d);
}

static void test_superseded(void **state)
{
    const struct stream_list none = {0};
    struct sieve *active = sieve_read("active", NULL);
    struct desk d;
    struct roll r;
    static char two[] = "two";

    (void)state;
    desk_open(&d, &none);
    roll_open(&r);
    desk_take(&d, event_letter("one", 1), TIME);
    desk_take(&d, event_letter("two", 1), TIME);
    desk_take(&d, event_letter("one", 2), TIME);
    roll_refresh(&r, &d, active, TIME);
    assert_int_equal(r.count, 2);
    assert_true(desk_event(&d, 2)->superseded);
    struct letter *removal = event_letter("two:removed", 0);
    removal->brief->removal = true;
    removal->brief->removes = two;
    desk_take(&d, removal, TIME);
    roll_refresh(&r, &d, active, TIME);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.at[0]->severity, 2);
    roll_close(&r);
    sieve_free(active);
    desk_close(&d);
}

static enum source_state state_at(const struct desk *d, const char *name, int64_t now)
{
    for (size_t i = 0; i < d->source_count; i++)
        if (strcmp(d->sources[i].name, name) == 0)
            return desk_source_state(d, &d->sources[i], now);
    fail_msg("no source %s", name);
    return SOURCE_STATES;
}

static void test_source_states(void **state)
{
    static const char report[] =
        "{\"specversion\":\"1.0\",\"id\":\"poll:nws:1\",\"source\":\"central\",\"type\":\"central.meta.poll.v1\","
        "\"time\":\"2026-05-17T20:08:00+00:00\",\"datacontenttype\":\"application/json\","
        "\"centralsubject\":\"central.meta.adapter.nws.status\",\"ok\":true,\"ts\":\"2026-05-17T20:08:00+00:00\","
        "\"data\":{\"adapter\":\"nws\",\"state\":\"new\",\"complete\":true,\"items\":3,"
        "\"next_poll\":\"2026-05-17T20:09:00+00:00\"}}";
    static const char nws[] = "{\"name\":\"nws\",\"enabled\":false,\"every\":60}",
                      firms[] = "{\"name\":\"firms\",\"enabled\":false,\"every\":300}",
                      firms_on[] = "{\"name\":\"firms\",\"enabled\":true,\"every\":300}";
    const struct stream_list none = {0};
    struct desk d;

    (void)state;
    desk_open(&d, &none);
    struct letter *l = letter_new(LETTER_META);
    buf_add_text(&l->line, report);
    assert_true(desk_take(&d, l, TIME));
    assert_int_equal(state_at(&d, "nws", TIME), SOURCE_NEW);
    assert_int_equal(state_at(&d, "nws", TIME + 119 * CLOCK_SECOND), SOURCE_NEW);
    assert_int_equal(state_at(&d, "nws", TIME + 121 * CLOCK_SECOND), SOURCE_LATE);
    /* A machine that polls nothing does not know better. */
    desk_adapter(&d, nws, strlen(nws));
    desk_adapter(&d, firms, strlen(firms));
    assert_int_equal(state_at(&d, "nws", TIME + 121 * CLOCK_SECOND), SOURCE_LATE);
    assert_int_equal(state_at(&d, "firms", TIME), SOURCE_DISABLED);
    desk_adapter(&d, firms_on, strlen(firms_on));
    assert_int_equal(state_at(&d, "nws", TIME + 121 * CLOCK_SECOND), SOURCE_DISABLED);
    assert_int_equal(state_at(&d, "nws", TIME), SOURCE_NEW);
    assert_int_equal(state_at(&d, "firms", TIME), SOURCE_NEVER);
    desk_close(&d);
}

static void test_stream_rates(void **state)
{
    char *subjects[] = {text("central.wx.>")};
    struct stream stream = {.name = text("CENTRAL_WX"), .subjects = subjects, .subject_count = 1, .top = true};
    const struct stream_list list = {.at = &stream, .count = 1};
    static const char *const infos[] = {
        "{\"config\":{\"max_bytes\":1000},\"state\":{\"messages\":10,\"bytes\":500,\"last_seq\":10}}",
        "{\"config\":{\"max_bytes\":1000},\"state\":{\"messages\":30,\"bytes\":900,\"last_seq\":30}}",
        "{\"config\":{\"max_bytes\":-1},\"state\":{\"messages\":1,\"bytes\":9,\"last_seq\":1}}"};
    static const char consumers[] =
        "{\"consumers\":[{\"name\":\"x\",\"config\":{},\"num_pending\":9},"
        "{\"name\":\"a\",\"config\":{\"durable_name\":\"a\"},\"num_pending\":3,\"num_ack_pending\":4}]}";
    static const double rates[] = {0, 10, 0};
    static const int percents[] = {50, 90, -1};
    struct desk d;

    (void)state;
    desk_open(&d, &list);
    for (int i = 0; i < 3; i++) {
        struct letter *l = letter_new(LETTER_STREAM);
        l->name = text("CENTRAL_WX");
        buf_add_text(&l->line, infos[i]);
        buf_add_text(&l->extra, consumers);
        assert_true(desk_take(&d, l, TIME + i * 2 * CLOCK_SECOND));
        assert_true(d.streams[0].rate == rates[i]);
        assert_int_equal(desk_stream_percent(&d.streams[0]), percents[i]);
    }
    assert_int_equal(d.streams[0].lag, 7);
    struct letter *gone = letter_new(LETTER_STREAM);
    gone->name = text("CENTRAL_WX");
    desk_take(&d, gone, TIME);
    assert_false(d.streams[0].exists);
    desk_close(&d);
    free(stream.name);
    free(subjects[0]);
}

/* --- mailbox ------------------------------------------------------------------------------------------------------ */

static void test_mailbox_is_bounded(void **state)
{
    struct mailbox *m = mailbox_open();
    uint64_t lost;
    size_t events = 0, others = 0;

    (void)state;
    mailbox_post(m, letter_new(LETTER_READY));
    for (int i = 0; i < MAILBOX_LETTERS + 100; i++)
        mailbox_post(m, letter_new(LETTER_EVENT));
    mailbox_post(m, letter_new(LETTER_READY));
    for (struct letter *l = mailbox_take(m, &lost), *next; l; l = next) {
        next = l->next;
        *(l->kind == LETTER_EVENT ? &events : &others) += 1;
        letter_free(l);
    }
    assert_int_equal(events + others, MAILBOX_LETTERS);
    assert_int_equal(others, 2);
    assert_int_equal(lost, 102);
    assert_null(mailbox_take(m, &lost));
    assert_int_equal(lost, 0);
    for (int i = 0; i <= MAILBOX_BUSY; i++)
        mailbox_post(m, letter_new(LETTER_STREAM));
    assert_true(mailbox_busy(m));
    mailbox_close(m);
}

/* --- canvas ------------------------------------------------------------------------------------------------------- */

static size_t cells(const struct canvas *c, int col)
{
    size_t n = 0;

    for (int row = 0; row < c->rows; row++)
        n += c->dots[row * c->cols + col] != 0;
    return n;
}

static void test_canvas_antimeridian(void **state)
{
    struct canvas c = {0};
    int row, col;

    (void)state;
    canvas_clear(&c, 45, 180);
    canvas_look(&c, 0, 0, canvas_world(&c));
    /* From Fiji to Samoa: at both edges, and nothing in between. */
    canvas_line(&c, STYLE_COAST, 178, -17, -172, -14);
    assert_true(cells(&c, 0) > 0);
    assert_true(cells(&c, 179) > 0);
    assert_int_equal(cells(&c, 90), 0);
    /* With the antimeridian in the middle it is one line. */
    canvas_clear(&c, 45, 180);
    canvas_look(&c, 180, 0, canvas_world(&c));
    canvas_line(&c, STYLE_COAST, 178, -17, -172, -14);
    assert_int_equal(cells(&c, 0) + cells(&c, 179), 0);
    for (int i = 90; i < 93; i++)
        assert_true(cells(&c, i) > 0);
    assert_true(canvas_cell(&c, -179, 0, &row, &col));
    assert_int_equal(col, 90);
    assert_true(canvas_cell(&c, 541, 0, &row, &col));
    assert_int_equal(col, 90);
    canvas_close(&c);
}

static void test_canvas_far_away(void **state)
{
    struct canvas c = {0};

    (void)state;
    /* A line that begins and ends far out of a small picture costs what is seen of it. */
    canvas_clear(&c, 10, 10);
    canvas_look(&c, 10, 50, 0.001);
    canvas_line(&c, STYLE_COAST, -70, 50, 90, 50);
    for (int i = 0; i < 10; i++)
        assert_int_equal(cells(&c, i), 1);
    canvas_close(&c);
}

/* --- pager -------------------------------------------------------------------------------------------------------- */

static void test_pager(void **state)
{
    struct pager p = {0};
    struct page page;

    (void)state;
    page_open(&page, 4, 20, true);
    struct area a = page_area(&page);
    pager_begin(&p, "title");
    pager_text(&p, STYLE_NORMAL, "one two three four five six");
    pager_text(&p, STYLE_NORMAL, "last\x1b");
    pager_draw(&p, &a);
    row_is(&page, 0, "title      1-3 of 3");
    row_is(&page, 1, "one two three four");
    row_is(&page, 2, "five six");
    row_is(&page, 3, "last\\x1b");
    pager_begin(&p, "title");
    pager_text(&p, STYLE_NORMAL, "exactly twenty here. and more");
    page_clear(&page, 4, 20);
    pager_draw(&p, &a);
    row_is(&page, 1, "exactly twenty here.");
    row_is(&page, 2, "and more");
    for (int i = 0; i < 3; i++)
        pager_text(&p, STYLE_NORMAL, i == 2 ? "much of it" : "so");
    pager_draw(&p, &a);
    assert_true(pager_search(&p, "MUCH", false));
    assert_int_equal(p.top, 2);
    assert_false(pager_search(&p, "less", false));
    assert_true(pager_press(&p, 'g'));
    assert_int_equal(p.top, 0);
    pager_close(&p);
    page_close(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_harmless),      cmocka_unit_test(test_page_wide),
        cmocka_unit_test(test_page_area),          cmocka_unit_test(test_sieve),
        cmocka_unit_test(test_sieve_moves),        cmocka_unit_test(test_desk_is_bounded),
        cmocka_unit_test(test_roll_keeps_its_bar), cmocka_unit_test(test_superseded),
        cmocka_unit_test(test_source_states),      cmocka_unit_test(test_stream_rates),
        cmocka_unit_test(test_mailbox_is_bounded), cmocka_unit_test(test_canvas_antimeridian),
        cmocka_unit_test(test_canvas_far_away),    cmocka_unit_test(test_pager),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
