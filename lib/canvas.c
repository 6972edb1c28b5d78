#include "central/canvas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "central/mem.h"
#include "central/utf8.h"

/* From here on (degrees in a dot) longitudes are shortened as they are at the middle's latitude. */
#define TRUE_SHAPE 0.75
#define SHORTEST 0.25

#define BRAILLE 0x2800u

void canvas_clear(struct canvas *c, int rows, int cols)
{
    size_t n = (size_t)(rows > 0 ? rows : 0) * (size_t)(cols > 0 ? cols : 0);

    if (rows != c->rows || cols != c->cols || !c->dots) {
        free(c->dots);
        free(c->styles);
        c->dots = mem_alloc(n + 1);
        c->styles = mem_alloc(n + 1);
        c->rows = rows;
        c->cols = cols;
    }
    memset(c->dots, 0, n);
    memset(c->styles, 0, n);
}

void canvas_close(struct canvas *c)
{
    free(c->dots);
    free(c->styles);
    *c = (struct canvas){0};
}

double canvas_world(const struct canvas *c)
{
    double x = 360.0 / (2 * (c->cols > 0 ? c->cols : 1)), y = 180.0 / (4 * (c->rows > 0 ? c->rows : 1));

    return x > y ? x : y;
}

void canvas_look(struct canvas *c, double lon, double lat, double dx)
{
    double shape = dx < TRUE_SHAPE ? cos(lat * M_PI / 180) : 1;

    c->lon = remainder(lon, 360);
    c->lat = lat;
    c->dx = dx;
    c->dy = dx * (shape < SHORTEST ? SHORTEST : shape);
}

double canvas_turn(double from, double to)
{
    return remainder(to - from, 360);
}

static double dot_x(const struct canvas *c, double turn)
{
    return turn / c->dx + c->cols;
}

static double dot_y(const struct canvas *c, double lat)
{
    return (c->lat - lat) / c->dy + 2 * c->rows;
}

bool canvas_cell(const struct canvas *c, double lon, double lat, int *row, int *col)
{
    double x = dot_x(c, canvas_turn(c->lon, lon)), y = dot_y(c, lat);

    if (!(x >= 0 && y >= 0 && x < 2 * c->cols && y < 4 * c->rows))
        return false;
    *row = (int)y / 4;
    *col = (int)x / 2;
    return true;
}

static void dot(struct canvas *c, enum style s, int x, int y)
{
    static const unsigned char bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

    if (x < 0 || y < 0 || x >= 2 * c->cols || y >= 4 * c->rows)
        return;
    int at = y / 4 * c->cols + x / 2;
    c->dots[at] |= bits[y % 4][x % 2];
    if (s > c->styles[at])
        c->styles[at] = (unsigned char)s;
}

/* Shortens the line to what lies between low and high in one of its coordinates. */
static bool clip(double *a, double *b, double *a2, double *b2, double low, double high)
{
    double *ends[2][2] = {{a, a2}, {b, b2}};

    if ((*a < low && *b < low) || (*a > high && *b > high))
        return false;
    for (int i = 0; i < 2; i++) {
        double *end = ends[i][0], *other = ends[i][1], edge = *end < low ? low : high;
        if (*end >= low && *end <= high)
            continue;
        double t = (edge - *a) / (*b - *a), cut = *a2 + t * (*b2 - *a2);
        *end = edge;
        *other = cut;
    }
    return true;
}

static void line(struct canvas *c, enum style s, double x1, double y1, double x2, double y2)
{
    double half = 180 / c->dx;
    double left = fmax(0, c->cols - half), right = fmin(2 * c->cols - 1, c->cols + half);

    /* Cut in x first, with y running along, then the other way. */
    if (!clip(&x1, &x2, &y1, &y2, left, right) || !clip(&y1, &y2, &x1, &x2, 0, 4 * c->rows - 1))
        return;
    int steps = (int)ceil(fmax(fabs(x2 - x1), fabs(y2 - y1)));
    for (int i = 0; i <= steps; i++) {
        double t = steps ? (double)i / steps : 0;
        dot(c, s, (int)floor(x1 + t * (x2 - x1)), (int)floor(y1 + t * (y2 - y1)));
    }
}

void canvas_line(struct canvas *c, enum style s, double lon1, double lat1, double lon2, double lat2)
{
    double from = canvas_turn(c->lon, lon1), to = from + canvas_turn(lon1, lon2);

    if (!(fabs(lat1) <= 90 && fabs(lat2) <= 90 && isfinite(from) && isfinite(to)))
        return;

    /* Once as it starts; where it leaves the world's edge it comes in at the other. */
    line(c, s, dot_x(c, from), dot_y(c, lat1), dot_x(c, to), dot_y(c, lat2));
    if (to > 180)
        line(c, s, dot_x(c, from - 360), dot_y(c, lat1), dot_x(c, to - 360), dot_y(c, lat2));
    else if (to < -180)
        line(c, s, dot_x(c, from + 360), dot_y(c, lat1), dot_x(c, to + 360), dot_y(c, lat2));
}

void canvas_draw(const struct canvas *c, const struct area *a)
{
    for (int row = 0; row < c->rows; row++)
        for (int col = 0; col < c->cols; col++) {
            unsigned char bits = c->dots[row * c->cols + col];
            char text[5] = "";
            if (!bits)
                continue;
            bool high = bits & 0x1b, low = bits & 0xe4;
            text[utf8_write(text, BRAILLE + bits)] = '\0';
            area_glyph(a, row, col, (enum style)c->styles[row * c->cols + col], text,
                       high && low ? ':'
                       : high      ? '\''
                                   : '.');
        }
}
