/* central-top - the operator's desk on a terminal: streams, sources, events as they come, a map. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/output.h"
#include "central/screen.h"
#include "central/signals.h"
#include "central/tool.h"
#include "central/top.h"

#define MS INT64_C(1000)
#define DELAY_DEFAULT 1.0
/* What has come is taken so often; a key is answered at once. */
#define TAKE_MS 100
/* A batch waits as long for the first picture, then it prints what there is. */
#define READY_MS 10000
/* A server that refuses is not waited for so long. */
#define AWAY_MS 2000
#define BATCH_COLS 80
#define JSON_EVENTS 100
/* At the end, for each thread; one that waits for a server longer is left to the end of the process. */
#define CLOSE_MS 300

struct program {
    const char *file, *filter;
    char *db;
    double delay;
    int64_t count; /* pictures; 0: no end */
    bool batch, json, plain, readonly, has_region;
    double region[4];
    int panel;
    struct stream_list streams;
    struct mailbox *mail;
    struct watch *watch;
    struct history *history;
    struct top top;
    struct page page;
    int signals; /* a descriptor */
};

static const struct argp_option options[] = {
    {"batch", 'b', 0, 0, "Write a panel as text instead, once or -n times", 0},
    {"json", 'j', 0, 0, "Write all that is known as JSON lines instead, once or -n times", 0},
    {"tab", 't', "PANEL", 0, "Begin with this panel: overview, events, map, sources, streams", 0},
    {"delay", 'd', "SECONDS", 0, "Draw so often (default 1)", 0},
    {"iterations", 'n', "N", 0, "Leave after so many pictures", 0},
    {"filter", 'F', "FILTER", 0, "Show only such events", 0},
    {"region", 'r', "W,S,E,N", 0, "The region of interest on the map, in degrees", 0},
    {"no-color", 'C', 0, 0, "No colours (also NO_COLOR)", 0},
    {"readonly", 'R', 0, 0, "Change nothing from here", 0},
    {"db", 'D', "URL", 0, "The archive", 0},
    {"streams", 'S', "FILE", 0, "Read this streams.conf", 0},
    {0}};

static double parse_delay(const char *text, struct argp_state *state)
{
    char *end;
    double d = strtod(text, &end);

    if (end == text || *end || !(d >= 0.1 && d <= 3600))
        argp_error(state, "--delay: '%s' is no number of seconds from 0.1 to 3600", text);
    return d;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct program *p = state->input;

    switch (key) {
    case 'b':
        p->batch = true;
        return 0;
    case 'j':
        p->json = true;
        return 0;
    case 't':
        p->panel = top_panel(arg);
        if (p->panel < 0)
            argp_error(state, "--tab: '%s' is none of overview, events, map, sources, streams", arg);
        return 0;
    case 'd':
        p->delay = parse_delay(arg, state);
        return 0;
    case 'n':
        p->count = tool_number(state, "--iterations", arg, 1, INT64_MAX);
        return 0;
    case 'F':
        p->filter = arg;
        return 0;
    case 'r':
        p->has_region = true;
        if (!sieve_box(arg, p->region))
            argp_error(state, "--region: '%s' is not west,south,east,north in degrees", arg);
        return 0;
    case 'C':
        p->plain = true;
        return 0;
    case 'R':
        p->readonly = true;
        return 0;
    case 'D':
        p->db = mem_string(arg);
        /* Others can read our arguments, and it may hold a password. */
        memset(arg, '*', strlen(arg));
        return 0;
    case 'S':
        p->file = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': this tool takes no arguments", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- set-up and end ----------------------------------------------------------------------------------------------- */

/* Before anything else: threads take over what is blocked, and the screen's signals come through a descriptor. */
static sigset_t block_signals(void)
{
    sigset_t screen;

    sigemptyset(&screen);
    sigaddset(&screen, SIGWINCH);
    sigaddset(&screen, SIGTSTP);
    sigaddset(&screen, SIGHUP);
    sigaddset(&screen, SIGQUIT);
    sigprocmask(SIG_BLOCK, &screen, NULL);
    return screen;
}

static bool start(struct program *p, struct sieve **sieve, struct error *e)
{
    if (!(*sieve = sieve_read(p->filter ? p->filter : "", e)))
        return error_prefix(e, "--filter");
    if (!stream_list_read(p->file, &p->streams, e))
        return false;
    p->mail = mailbox_open();
    p->watch = p->mail ? watch_open(&p->streams, p->mail, (int)(p->delay * 1000)) : NULL;
    p->history = p->watch ? history_open(p->db, &p->streams, p->mail) : NULL;
    return p->history || error_set(e, CENTRAL_TRY_AGAIN, "no thread: %s", strerror(errno));
}

/* False when a thread still waits for a server: then nothing of what it uses may be freed. */
static bool stop(struct program *p)
{
    bool ended = watch_close(p->watch, CLOSE_MS);

    return history_close(p->history, CLOSE_MS) && ended;
}

static void take(struct program *p)
{
    uint64_t lost;
    struct letter *letters = mailbox_take(p->mail, &lost);

    top_take(&p->top, letters, lost, clock_now());
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

static int columns(void)
{
    const char *text = getenv("COLUMNS");
    int n = output_width(STDOUT_FILENO);

    if (!n && text)
        n = atoi(text);
    return n > 0 && n < 10000 ? n : BATCH_COLS;
}

static bool print(struct program *p, struct line_writer *w)
{
    struct buf text = {0};
    bool ok = true;

    top_refresh(&p->top, clock_now());
    if (p->json) {
        desk_put_json(&p->top.desk, p->top.view.sieve, JSON_EVENTS, clock_now(), &text);
        if (text.len)
            ok = line_write(w, text.data, text.len - 1);
    } else {
        top_print(&p->top, &p->page, columns());
        int rows = page_used(&p->page);
        for (int i = 0; i < rows && ok; i++) {
            buf_clear(&text);
            page_text(&p->page, i, &text);
            ok = line_write(w, buf_text(&text), text.len);
        }
        ok = ok && (p->count == 1 || line_write(w, "", 0));
    }
    buf_free(&text);
    return ok && line_flush(w);
}

/* Everything that a first picture shows has been told, or will not be for now. */
static bool ready(const struct top *t)
{
    const struct desk_link *bus = &t->desk.links[LINK_BUS];
    bool away = bus->known && !bus->up && clock_monotonic() - bus->since > AWAY_MS * MS;

    return (t->desk.ready || away) && t->adapters_known && t->desk.links[LINK_ARCHIVE].known;
}

/* Waits for mail and errands until then; false at a signal. */
static bool wait_until(struct program *p, int64_t end, bool until_ready)
{
    struct top *t = &p->top;

    for (;;) {
        struct pollfd fds[] = {{.fd = mailbox_fd(p->mail), .events = POLLIN}, {.fd = p->signals, .events = POLLIN}};
        int64_t left = (end - clock_monotonic()) / MS;
        take(p);
        top_tend(t);
        if (until_ready && ready(t))
            return true;
        if (left <= 0)
            return true;
        poll(fds, 2, (int)(left < TAKE_MS ? left : TAKE_MS));
        if (fds[1].revents || signals_stop())
            return false;
    }
}

static enum central_exit run_batch(struct program *p, struct line_writer *w)
{
    bool ok = true, on = wait_until(p, clock_monotonic() + READY_MS * MS, true);

    if (!p->count)
        p->count = 1;
    for (int64_t i = 0; ok && on && i < p->count; i++) {
        ok = print(p, w);
        on = i + 1 == p->count || wait_until(p, clock_monotonic() + (int64_t)(p->delay * 1e6), false);
    }
    const struct desk_link *bus = &p->top.desk.links[LINK_BUS];
    if (bus->up)
        return CENTRAL_OK;
    log_error("%s", bus->text ? bus->text : "NATS: no answer");
    return CENTRAL_UNAVAILABLE;
}

/* --- on the terminal ---------------------------------------------------------------------------------------------- */

static void show(struct program *p)
{
    int rows, cols;

    screen_size(&rows, &cols);
    top_refresh(&p->top, clock_now());
    page_clear(&p->page, rows, cols);
    int cursor = top_draw(&p->top, &p->page);
    screen_show(&p->page, cursor);
}

/* True when there was any. */
static bool take_keys(struct program *p)
{
    bool any = false;
    int row = 0, col = 0;

    for (int key; !p->top.quit && (key = screen_press(&row, &col)) != PRESS_NONE; any = true) {
        int open = p->top.open;
        if (key == PRESS_CONTROL('l'))
            screen_redraw();
        else
            top_press(&p->top, key, row, col);
        /* The next key may have come already, and means what is on the screen. */
        if (p->top.open != open)
            show(p);
    }
    return any;
}

static bool take_signals(struct program *p)
{
    struct signalfd_siginfo info;
    bool any = false;

    while (read(p->signals, &info, sizeof info) == sizeof info) {
        any = true;
        if (info.ssi_signo == SIGWINCH)
            screen_resize();
        else if (info.ssi_signo == SIGTSTP)
            screen_suspend();
        else
            p->top.quit = true;
    }
    return any;
}

static bool take_said(struct program *p)
{
    char *said = screen_said();

    if (said)
        view_say(&p->top.view, "%s", said);
    free(said);
    return said != NULL;
}

static enum central_exit run_screen(struct program *p, struct error *e)
{
    int64_t delay = (int64_t)(p->delay * 1e6), drawn = 0, taken = 0, pictures = 0;
    const char *no_color = getenv("NO_COLOR");
    bool plain = p->plain || (no_color && *no_color);

    if (!screen_open(!plain, e))
        return e->status;
    show(p);
    while (!p->top.quit && !signals_stop()) {
        int64_t now = clock_monotonic(), until = drawn + delay, mail = taken + TAKE_MS * MS;
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = p->signals, .events = POLLIN},
                               {.fd = screen_said_fd(), .events = POLLIN},
                               {.fd = now >= mail ? mailbox_fd(p->mail) : -1, .events = POLLIN},
                               {.fd = p->top.errand.what ? p->top.errand.fd : -1, .events = POLLIN}};
        int64_t end = now < mail && mail < until ? mail : until;
        poll(fds, sizeof fds / sizeof *fds, end > now ? (int)((end - now + MS - 1) / MS) : 0);
        if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            break;
        now = clock_monotonic();
        if (now >= mail) {
            take(p);
            top_tend(&p->top);
            taken = now;
        }
        bool pressed = take_keys(p), soon = take_signals(p) | take_said(p) | p->top.urgent | pressed;
        if (soon || now >= drawn + delay) {
            show(p);
            p->top.urgent = false;
            pictures += now >= drawn + delay;
            drawn = now >= drawn + delay ? now : drawn;
            if (p->count && pictures > p->count)
                break;
        }
    }
    screen_close();
    return CENTRAL_OK;
}

static enum central_exit run(struct program *p, struct line_writer *w, struct error *e)
{
    struct sieve *sieve = NULL;
    bool batch = p->batch || p->json;

    if (!start(p, &sieve, e)) {
        sieve_free(sieve);
        return e->status;
    }
    top_open(&p->top, &p->streams, sieve);
    p->top.watch = p->watch;
    p->top.open = p->panel;
    p->top.view.history = p->history;
    p->top.view.readonly = p->readonly;
    p->top.view.has_region = p->has_region;
    memcpy(p->top.view.region, p->region, sizeof p->region);
    page_open(&p->page, 1, 1, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    return batch ? run_batch(p, w) : run_screen(p, e);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     NULL,
                                     "Show streams, sources and events on the terminal.\v"
                                     "Manual: central-top(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct program p = {.delay = DELAY_DEFAULT};
    struct line_writer w;
    struct error e = {0};
    sigset_t signals = block_signals();

    setlocale(LC_CTYPE, "");
    /* As in central-archive: connections come and go with their threads, and each would leave an arena behind. */
    mallopt(M_ARENA_MAX, 1);
    tool_start("central-top");
    tool_parse(&argp, argc, argv, &p);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    p.signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    line_writer_open(&w, STDOUT_FILENO);
    enum central_exit status = run(&p, &w, &e);
    if (e.text)
        status = log_failure(&e);
    if (!stop(&p)) {
        status = tool_end(&w, status);
        _exit(status);
    }
    if (p.page.at)
        top_close(&p.top);
    page_close(&p.page);
    mailbox_close(p.mail);
    stream_list_free(&p.streams);
    free(p.db);
    return tool_end(&w, status);
}
