#include "central/screen.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "central/log.h"
#include "central/mem.h"

/* An Esc that nothing follows within so many ms is the key itself. */
#define ESCAPE_MS 25
/* Of stderr, kept for the end. */
#define SAID_MAX 4096

static struct {
    bool open;
    bool color;
    SCREEN *terminal;
    attr_t attributes[STYLE_COUNT];
    short pairs[STYLE_COUNT];
    int said[2]; /* a pipe in the place of stderr */
    int stderr_copy;
    struct buf kept;
    struct termios before;
    bool has_before;
} screen = {.said = {-1, -1}, .stderr_copy = -1};

/* --- colours ------------------------------------------------------------------------------------------------------ */

/* Without colours a person sees the same by other means: bold, reverse, and the words and digits themselves. */
static const struct {
    short front, back; /* -1: the terminal's own */
    attr_t color, plain;
} looks[STYLE_COUNT] = {
    [STYLE_NORMAL] = {-1, -1, A_NORMAL, A_NORMAL},
    [STYLE_DIM] = {-1, -1, A_DIM, A_DIM},
    [STYLE_BOLD] = {-1, -1, A_BOLD, A_BOLD},
    [STYLE_HEAD] = {COLOR_BLACK, COLOR_GREEN, A_NORMAL, A_REVERSE},
    [STYLE_TAB] = {-1, -1, A_NORMAL, A_NORMAL},
    [STYLE_TAB_OPEN] = {COLOR_BLACK, COLOR_CYAN, A_BOLD, A_REVERSE | A_BOLD},
    [STYLE_KEY] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
    [STYLE_SELECTED] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
    [STYLE_FOUND] = {COLOR_BLACK, COLOR_YELLOW, A_NORMAL, A_REVERSE | A_BOLD},
    [STYLE_GOOD] = {COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
    [STYLE_WARN] = {COLOR_YELLOW, -1, A_BOLD, A_BOLD},
    [STYLE_ALARM] = {COLOR_RED, -1, A_BOLD, A_BOLD | A_UNDERLINE},
    [STYLE_COAST] = {-1, -1, A_DIM, A_DIM},
    [STYLE_REGION] = {COLOR_WHITE, -1, A_BOLD, A_NORMAL},
    [STYLE_UNRATED] = {-1, -1, A_DIM, A_NORMAL},
    [STYLE_SEVERITY] = {-1, -1, A_NORMAL, A_NORMAL},
    [STYLE_SEVERITY + 1] = {COLOR_CYAN, -1, A_NORMAL, A_NORMAL},
    [STYLE_SEVERITY + 2] = {COLOR_YELLOW, -1, A_NORMAL, A_NORMAL},
    [STYLE_SEVERITY + 3] = {COLOR_MAGENTA, -1, A_BOLD, A_BOLD},
    [STYLE_SEVERITY + 4] = {COLOR_WHITE, COLOR_RED, A_BOLD, A_BOLD | A_REVERSE},
};

static void open_colors(bool color)
{
    screen.color = color && has_colors();
    if (screen.color) {
        start_color();
        use_default_colors();
    }
    for (short i = 0; i < STYLE_COUNT; i++) {
        screen.attributes[i] = screen.color ? looks[i].color : looks[i].plain;
        screen.pairs[i] = 0;
        if (screen.color && (looks[i].front >= 0 || looks[i].back >= 0)) {
            screen.pairs[i] = (short)(i + 1);
            init_pair(screen.pairs[i], looks[i].front, looks[i].back);
        }
    }
}

/* --- stderr ------------------------------------------------------------------------------------------------------- */

static void divert_stderr(void)
{
    if (pipe2(screen.said, O_CLOEXEC | O_NONBLOCK) != 0) {
        screen.said[0] = screen.said[1] = -1;
        return;
    }
    screen.stderr_copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(screen.said[1], STDERR_FILENO);
}

static void restore_stderr(void)
{
    if (screen.stderr_copy < 0)
        return;
    free(screen_said());
    dup2(screen.stderr_copy, STDERR_FILENO);
    close(screen.stderr_copy);
    close(screen.said[0]);
    close(screen.said[1]);
    screen.stderr_copy = screen.said[0] = screen.said[1] = -1;
    if (screen.kept.len && write(STDERR_FILENO, screen.kept.data, screen.kept.len) < 0)
        return;
    buf_free(&screen.kept);
}

int screen_said_fd(void)
{
    return screen.said[0];
}

char *screen_said(void)
{
    char text[1024];
    struct buf all = {0};
    ssize_t n;

    while (screen.said[0] >= 0 && (n = read(screen.said[0], text, sizeof text)) > 0)
        buf_add(&all, text, (size_t)n);
    if (!all.len)
        return NULL;
    if (screen.kept.len < SAID_MAX)
        buf_add(&screen.kept, all.data, all.len);
    /* The last line is the news. */
    while (all.len && all.data[all.len - 1] == '\n')
        all.len--;
    buf_text(&all);
    all.data[all.len] = '\0';
    const char *last = strrchr(all.data, '\n');
    char *line = mem_string(last ? last + 1 : all.data);
    buf_free(&all);
    return line;
}

/* --- the terminal ------------------------------------------------------------------------------------------------- */

/* A bug ends the program here. Only calls that are allowed in a handler: the terminal's own settings, and the sequences
 * that every terminal which curses drives today takes: main screen, cursor, colours, no mouse. */
static void on_bug(int number)
{
    static const char sequence[] = "\033[?1000l\033[?1002l\033[?1006l\033[?1049l\033[?25h\033[m\r\n";

    if (screen.open) {
        if (screen.has_before)
            tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
        if (write(STDOUT_FILENO, sequence, sizeof sequence - 1) < 0)
            _exit(CENTRAL_BUG);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_bugs(void)
{
    static const int bugs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = on_bug, .sa_flags = (int)SA_RESETHAND};

    for (size_t i = 0; i < sizeof bugs / sizeof *bugs; i++)
        sigaction(bugs[i], &action, NULL);
}

static void close_at_exit(void)
{
    screen_close();
}

static void take_terminal(void)
{
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    mouseinterval(0);
}

bool screen_open(bool color, struct error *e)
{
    static bool registered;
    const char *term = getenv("TERM");

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(e, CENTRAL_USAGE, "no terminal: -b writes the panels as text, --json as data");
    screen.has_before = tcgetattr(STDIN_FILENO, &screen.before) == 0;
    screen.terminal = newterm(NULL, stdout, stdin);
    if (!screen.terminal)
        return error_set(e, CENTRAL_CONFIG, "TERM=%s: no terminal that is known here", term ? term : "");
    set_term(screen.terminal);
    set_escdelay(ESCAPE_MS);
    open_colors(color);
    take_terminal();
    screen.open = true;
    if (!registered && atexit(close_at_exit) == 0)
        registered = true;
    watch_bugs();
    divert_stderr();
    return true;
}

void screen_close(void)
{
    if (!screen.open)
        return;
    screen.open = false;
    endwin();
    delscreen(screen.terminal);
    screen.terminal = NULL;
    restore_stderr();
}

void screen_size(int *rows, int *cols)
{
    *rows = LINES;
    *cols = COLS;
}

void screen_resize(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        resizeterm(size.ws_row, size.ws_col);
    screen_redraw();
}

void screen_suspend(void)
{
    endwin();
    kill(getpid(), SIGSTOP);
    take_terminal();
    screen_resize();
}

void screen_redraw(void)
{
    clearok(curscr, TRUE);
}

/* Runs of one style are written at once; curses finds out what is new. */
static void show_row(const struct page *p, int row, struct buf *run)
{
    for (int col = 0; col < p->cols;) {
        int start = col;
        uint8_t style = page_cell(p, row, col)->style;
        buf_clear(run);
        for (; col < p->cols && page_cell(p, row, col)->style == style; col++)
            buf_add_text(run, page_cell(p, row, col)->text);
        attr_set(screen.attributes[style], screen.pairs[style], NULL);
        mvaddnstr(row, start, buf_text(run), (int)run->len);
    }
}

void screen_show(const struct page *p, int cursor_col)
{
    struct buf run = {0};

    erase();
    for (int row = 0; row < p->rows && row < LINES; row++)
        show_row(p, row, &run);
    attr_set(A_NORMAL, 0, NULL);
    buf_free(&run);
    curs_set(cursor_col >= 0);
    if (cursor_col >= 0)
        move(LINES - 1, cursor_col < COLS ? cursor_col : COLS - 1);
    refresh();
}

static int mouse(int *row, int *col)
{
    MEVENT event;

    if (getmouse(&event) != OK)
        return PRESS_NONE;
    *row = event.y;
    *col = event.x;
    if (event.bstate & BUTTON4_PRESSED)
        return PRESS_WHEEL_UP;
    if (event.bstate & BUTTON5_PRESSED)
        return PRESS_WHEEL_DOWN;
    return event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED) ? PRESS_CLICK : PRESS_NONE;
}

int screen_press(int *row, int *col)
{
    static const struct {
        int key, press;
    } keys[] = {{KEY_UP, PRESS_UP},         {KEY_DOWN, PRESS_DOWN},           {KEY_LEFT, PRESS_LEFT},
                {KEY_RIGHT, PRESS_RIGHT},   {KEY_HOME, PRESS_HOME},           {KEY_END, PRESS_END},
                {KEY_PPAGE, PRESS_PAGE_UP}, {KEY_NPAGE, PRESS_PAGE_DOWN},     {KEY_BTAB, PRESS_BACK_TAB},
                {KEY_ENTER, PRESS_ENTER},   {KEY_BACKSPACE, PRESS_BACKSPACE}, {KEY_RESIZE, PRESS_RESIZE}};
    wint_t c;

    for (;;) {
        int kind = get_wch(&c);
        if (kind == ERR)
            return PRESS_NONE;
        if (kind == OK)
            return c == '\r' ? PRESS_ENTER : c == 8 ? PRESS_BACKSPACE : (int)c;
        if (c == KEY_MOUSE) {
            int press = mouse(row, col);
            if (press)
                return press;
            continue;
        }
        if (c > KEY_F0 && c <= KEY_F0 + 12)
            return PRESS_F0 + (int)(c - KEY_F0);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (keys[i].key == (int)c)
                return keys[i].press;
    }
}
