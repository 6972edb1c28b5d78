/* screen.h - the terminal, through curses: shows pages, tells what is pressed, and is put back as it was.
 *
 * Between screen_open and screen_close nothing else may write to the terminal; what is said on stderr meanwhile can be
 * read from screen_said and is written out at the end. The terminal is restored by screen_close, at any exit(), and
 * when the program dies of a bug. */
#ifndef CENTRAL_SCREEN_H
#define CENTRAL_SCREEN_H

#include <stdbool.h>
#include "central/error.h"
#include "central/page.h"
#include "central/press.h"

/* SIGWINCH and SIGTSTP must be blocked in all threads: screen_resize and screen_suspend are for who takes them.
 * CENTRAL_CONFIG when TERM is none that is known, CENTRAL_USAGE when there is no terminal. */
bool screen_open(bool color, struct error *e);
void screen_close(void);
void screen_size(int *rows, int *cols);
/* After a SIGWINCH. */
void screen_resize(void);
/* After a SIGTSTP: gives the terminal back, stops the process, and takes the terminal again once it goes on. */
void screen_suspend(void);
/* Shows a page; only what differs from the last one goes to the terminal. cursor_col: in the last row, -1 for none. */
void screen_show(const struct page *p, int cursor_col);
/* Has everything drawn anew with the next page. */
void screen_redraw(void);
/* The next key or click that has come, PRESS_NONE; never waits. row and col are of a click. */
int screen_press(int *row, int *col);
/* What was written to stderr lately; the caller frees; NULL when nothing was. screen_said_fd can be polled. */
char *screen_said(void);
int screen_said_fd(void);

#endif
