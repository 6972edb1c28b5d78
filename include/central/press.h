/* press.h - what a person does at the keyboard and with the mouse: characters as themselves, other keys from here. */
#ifndef CENTRAL_PRESS_H
#define CENTRAL_PRESS_H

enum press {
    PRESS_NONE = 0,
    PRESS_TAB = 9,
    PRESS_ENTER = 10,
    PRESS_ESCAPE = 27,
    PRESS_BACKSPACE = 127,
    PRESS_UP = 0x110000, /* behind the last character of Unicode */
    PRESS_DOWN,
    PRESS_LEFT,
    PRESS_RIGHT,
    PRESS_PAGE_UP,
    PRESS_PAGE_DOWN,
    PRESS_HOME,
    PRESS_END,
    PRESS_BACK_TAB,
    PRESS_RESIZE,
    PRESS_CLICK, /* at mouse_row, mouse_col */
    PRESS_WHEEL_UP,
    PRESS_WHEEL_DOWN,
    PRESS_F0, /* PRESS_F0 + 1 is F1 */
    PRESS_F_LAST = PRESS_F0 + 12
};
#define PRESS_CONTROL(letter) ((letter)&0x1f)

/* A place in a list, and the keys that move it. */
struct scroll {
    long at;    /* the selected row */
    long top;   /* the first that is shown */
    long count; /* of all */
    long rows;  /* on the screen */
};
/* True when key was one that moves: j k, arrows, pages (^F ^B ^D ^U), g G, home, end, wheel. */
_Bool scroll_press(struct scroll *s, int key);
/* Brings at and top into range. */
void scroll_fit(struct scroll *s, long count, long rows);

#endif
