#include "central/press.h"

/* A turn of the wheel. */
#define WHEEL_ROWS 3

_Bool scroll_press(struct scroll *s, int key)
{
    long page = s->rows > 1 ? s->rows - 1 : 1;

    switch (key) {
    case 'j':
    case PRESS_DOWN:
        s->at++;
        break;
    case 'k':
    case PRESS_UP:
        s->at--;
        break;
    case PRESS_PAGE_DOWN:
    case PRESS_CONTROL('f'):
        s->at += page;
        break;
    case PRESS_PAGE_UP:
    case PRESS_CONTROL('b'):
        s->at -= page;
        break;
    case PRESS_CONTROL('d'):
        s->at += page / 2;
        break;
    case PRESS_CONTROL('u'):
        s->at -= page / 2;
        break;
    case 'g':
    case PRESS_HOME:
        s->at = 0;
        break;
    case 'G':
    case PRESS_END:
        s->at = s->count - 1;
        break;
    case PRESS_WHEEL_DOWN:
        s->at += WHEEL_ROWS;
        break;
    case PRESS_WHEEL_UP:
        s->at -= WHEEL_ROWS;
        break;
    default:
        return 0;
    }
    scroll_fit(s, s->count, s->rows);
    return 1;
}

void scroll_fit(struct scroll *s, long count, long rows)
{
    s->count = count;
    s->rows = rows;
    if (s->at >= count)
        s->at = count - 1;
    if (s->at < 0)
        s->at = 0;
    if (s->top > s->at)
        s->top = s->at;
    if (s->top < s->at - rows + 1)
        s->top = s->at - rows + 1;
    if (s->top > count - rows)
        s->top = count - rows;
    if (s->top < 0)
        s->top = 0;
}
