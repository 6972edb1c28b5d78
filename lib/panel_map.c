/* panel_map.c - where the events are: the world in dots, coastlines, polygons, marks by severity. */
#include "central/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "central/canvas.h"
#include "central/clock.h"
#include "central/coastline.h"
#include "central/mem.h"

#define BATCH_ROWS 30
#define ZOOM_STEP 1.4
/* Degrees in a dot: nearer than this the coastline says nothing. */
#define NEAREST 0.002
/* A step of panning is this part of the picture. */
#define PAN_PART 8
/* How wide the picture is around a single place, in degrees. */
#define PLACE_DEGREES 12.0

struct map {
    struct canvas canvas;
    double lon, lat;
    double dx; /* degrees in a dot, 0: the whole world */
    bool set;  /* somebody has looked somewhere */
};

static void *open(void)
{
    return mem_alloc(sizeof(struct map));
}

static void close_map(void *self)
{
    struct map *m = self;

    canvas_close(&m->canvas);
    free(m);
}

static int wanted(void *self, struct view *v)
{
    (void)self;
    (void)v;
    return BATCH_ROWS;
}

/* --- where to look ------------------------------------------------------------------------------------------------ */

static void fit(struct map *m)
{
    double world = canvas_world(&m->canvas);

    if (m->dx <= 0 || m->dx >= world) {
        m->dx = 0;
        m->lat = 0;
    }
    if (m->dx > 0 && m->dx < NEAREST)
        m->dx = NEAREST;
    m->lon = remainder(m->lon, 360);
    m->lat = fmax(-85, fmin(85, m->lat));
    canvas_look(&m->canvas, m->lon, m->lat, m->dx > 0 ? m->dx : world);
}

/* A box of degrees, whole; west may be greater than east. */
static void look_at_box(struct map *m, double west, double south, double east, double north)
{
    double wide = east >= west ? east - west : east - west + 360, high = north - south;
    double x = wide / (2 * (m->canvas.cols > 4 ? m->canvas.cols - 4 : 1)),
           y = high / (4 * (m->canvas.rows > 2 ? m->canvas.rows - 2 : 1));

    m->lon = west + wide / 2;
    m->lat = (south + north) / 2;
    m->dx = fmax(NEAREST, fmax(x, y / fmax(0.25, cos(m->lat * M_PI / 180))));
    m->set = true;
}

static void look_at_event(struct map *m, const struct brief *b)
{
    double west = -PLACE_DEGREES / 2, east = PLACE_DEGREES / 2, south = b->lat - PLACE_DEGREES / 4,
           north = b->lat + PLACE_DEGREES / 4;

    for (size_t i = 0; i < b->vertex_count; i++) {
        if (isnan(b->vertices[2 * i]))
            continue;
        double turn = canvas_turn(b->lon, b->vertices[2 * i]), lat = b->vertices[2 * i + 1];
        if (i == 0) {
            west = east = turn;
            south = north = lat;
        }
        west = fmin(west, turn);
        east = fmax(east, turn);
        south = fmin(south, lat);
        north = fmax(north, lat);
    }
    double room_x = fmax((east - west) * 0.5, 0.5), room_y = fmax((north - south) * 0.5, 0.5);
    look_at_box(m, b->lon + west - room_x, south - room_y, b->lon + east + room_x, north + room_y);
}

/* --- drawing ------------------------------------------------------------------------------------------------------ */

/* What was removed is no longer there, and of an event that moved only the last place counts. */
static bool stands(const struct brief *b)
{
    return !b->removal && !b->superseded;
}

static void draw_coast(struct canvas *c)
{
    for (size_t i = 0; i + 3 < coastline_count; i += 2) {
        if (coastline[i] == COASTLINE_END) {
            i--; /* one number, not a pair */
            continue;
        }
        if (coastline[i + 2] != COASTLINE_END)
            canvas_line(c, STYLE_COAST, coastline[i] / 10.0, coastline[i + 1] / 10.0, coastline[i + 2] / 10.0,
                        coastline[i + 3] / 10.0);
        else
            i++;
    }
}

/* Long edges along a parallel are straight lines on this map, but the shorter way round may be the wrong one: a box may
 * be wider than half the world. */
static void draw_parallel(struct canvas *c, double west, double east, double lat)
{
    double wide = east >= west ? east - west : east - west + 360;

    for (int i = 0; i < 8; i++)
        canvas_line(c, STYLE_REGION, west + wide * i / 8, lat, west + wide * (i + 1) / 8, lat);
}

static void draw_region(struct canvas *c, const double box[4])
{
    draw_parallel(c, box[0], box[2], box[1]);
    draw_parallel(c, box[0], box[2], box[3]);
    canvas_line(c, STYLE_REGION, box[0], box[1], box[0], box[3]);
    canvas_line(c, STYLE_REGION, box[2], box[1], box[2], box[3]);
}

static void draw_shape(struct canvas *c, const struct brief *b)
{
    for (size_t i = 0; i + 1 < b->vertex_count; i++) {
        const float *p = &b->vertices[2 * i];
        if (!isnan(p[0]) && !isnan(p[2]))
            canvas_line(c, style_severity(b->severity), p[0], p[1], p[2], p[3]);
    }
}

static void draw_mark(const struct map *m, const struct area *a, const struct brief *b, bool selected)
{
    char mark = b->severity < 0 ? 'o' : (char)('0' + b->severity), text[] = {mark, '\0'};
    int row, col;

    if (!b->has_place || !canvas_cell(&m->canvas, b->lon, b->lat, &row, &col))
        return;
    area_glyph(a, row, col, selected ? STYLE_SELECTED : style_severity(b->severity), text, mark);
    if (selected) {
        area_glyph(a, row, col - 1, STYLE_SELECTED, ">", '>');
        area_glyph(a, row, col + 1, STYLE_SELECTED, "<", '<');
    }
}

/* The severe above the light ones. */
static size_t draw_marks(struct map *m, struct view *v, const struct area *a, size_t *unplaced)
{
    const struct brief *selected = roll_selected(v->roll);
    size_t placed = 0;

    *unplaced = 0;
    for (int severity = -1; severity <= 4; severity++)
        for (size_t i = v->roll->count; i-- > 0;) {
            const struct brief *b = v->roll->at[i];
            if (b->severity != severity || !stands(b))
                continue;
            *(b->has_place ? &placed : unplaced) += 1;
            draw_mark(m, a, b, false);
        }
    if (selected && stands(selected))
        draw_mark(m, a, selected, true);
    return placed;
}

static void put_degrees(struct buf *out, double value, char positive, char negative)
{
    buf_add_format(out, "%.1f%c", fabs(value), value < 0 ? negative : positive);
}

static void draw_legend(struct map *m, struct view *v, const struct area *a, size_t placed, size_t unplaced)
{
    const struct brief *b = roll_selected(v->roll);
    struct buf text = {0}, moment = {0};

    put_degrees(&text, m->canvas.lat, 'N', 'S');
    buf_add_char(&text, ' ');
    put_degrees(&text, m->canvas.lon, 'E', 'W');
    buf_add_format(&text, "  %.0f degrees wide  %zu events here, %zu without a place%s",
                   fmin(360, m->canvas.dx * 2 * m->canvas.cols), placed, unplaced, v->roll->past ? "  (past)" : "");
    area_text(a, a->rows - 2, 0, -1, STYLE_DIM, buf_text(&text));
    if (b) {
        int col = 0;
        put_moment(&moment, b->time);
        col += area_text(a, a->rows - 1, 0, -1, STYLE_NORMAL, buf_text(&moment)) + 1;
        col += area_text(a, a->rows - 1, col, 16, STYLE_NORMAL, b->adapter) + 1;
        if (!stands(b))
            col += area_text(a, a->rows - 1, col, -1, STYLE_WARN, "no longer so") + 1;
        else if (!b->has_place)
            col += area_text(a, a->rows - 1, col, -1, STYLE_WARN, "no place") + 1;
        area_text(a, a->rows - 1, col, -1, style_severity(b->severity), b->headline);
    }
    buf_free(&text);
    buf_free(&moment);
}

static void draw(void *self, struct view *v, const struct area *a)
{
    struct map *m = self;
    struct area picture = area_part(a, 0, 0, a->rows - 2, a->cols);

    canvas_clear(&m->canvas, picture.rows, picture.cols);
    if (!m->set && v->has_region)
        look_at_box(m, v->region[0], v->region[1], v->region[2], v->region[3]);
    fit(m);
    draw_coast(&m->canvas);
    if (v->has_region)
        draw_region(&m->canvas, v->region);
    for (size_t i = v->roll->count; i-- > 0;)
        if (stands(v->roll->at[i]))
            draw_shape(&m->canvas, v->roll->at[i]);
    canvas_draw(&m->canvas, &picture);
    size_t unplaced, placed = draw_marks(m, v, &picture, &unplaced);
    draw_legend(m, v, a, placed, unplaced);
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

/* The next event that has a place; the picture follows it when it is out of sight. */
static void step(struct map *m, struct view *v, int by)
{
    long n = (long)v->roll->count;
    int row, col;

    for (long i = 1; i <= n; i++) {
        long at = ((v->roll->scroll.at + by * i) % n + n) % n;
        const struct brief *b = v->roll->at[at];
        if (!b->has_place || !stands(b))
            continue;
        roll_select(v->roll, (size_t)at);
        if (!canvas_cell(&m->canvas, b->lon, b->lat, &row, &col)) {
            m->lon = b->lon;
            m->lat = b->lat;
        }
        return;
    }
}

static void zoom(struct map *m, double by)
{
    m->dx = (m->dx > 0 ? m->dx : canvas_world(&m->canvas)) * by;
    m->set = true;
}

static void pan(struct map *m, double x, double y)
{
    m->lon += x * m->canvas.dx * 2 * m->canvas.cols / PAN_PART;
    m->lat += y * m->canvas.dy * 4 * m->canvas.rows / PAN_PART;
    m->set = true;
}

/* The event whose mark is nearest to a click. */
static void click(struct map *m, struct view *v)
{
    long best = -1, nearest = 9;

    for (size_t i = 0; i < v->roll->count; i++) {
        const struct brief *b = v->roll->at[i];
        int row, col;
        if (!b->has_place || !stands(b) || !canvas_cell(&m->canvas, b->lon, b->lat, &row, &col))
            continue;
        long away = labs(row - v->mouse_row) * 2 + labs(col - v->mouse_col);
        if (away < nearest) {
            nearest = away;
            best = (long)i;
        }
    }
    if (best >= 0)
        roll_select(v->roll, (size_t)best);
}

/* What is seen becomes the region of interest. */
static void take_region(struct map *m, struct view *v)
{
    const struct canvas *c = &m->canvas;
    double wide = c->dx * c->cols, high = c->dy * 2 * c->rows;

    v->has_region = !v->has_region && wide < 180;
    if (!v->has_region)
        return;
    v->region[0] = remainder(c->lon - wide * 0.9, 360);
    v->region[2] = remainder(c->lon + wide * 0.9, 360);
    v->region[1] = fmax(-90, c->lat - high * 0.9);
    v->region[3] = fmin(90, c->lat + high * 0.9);
    view_say(v, "region of interest: --region=%.2f,%.2f,%.2f,%.2f", v->region[0], v->region[1], v->region[2],
             v->region[3]);
}

static bool press_event(struct map *m, struct view *v, int key)
{
    const struct brief *b = roll_selected(v->roll);

    switch (key) {
    case '[':
    case ']':
    case PRESS_F0 + 7:
        step(m, v, key == '[' ? -1 : 1);
        return true;
    case 'c':
    case PRESS_F0 + 5:
        if (b && b->has_place)
            look_at_event(m, b);
        return true;
    case PRESS_ENTER:
        view_read_event(v);
        return true;
    case PRESS_CLICK:
        click(m, v);
        return true;
    case ' ':
        roll_hold(v->roll, !v->roll->held);
        return true;
    default:
        return false;
    }
}

static bool press(void *self, struct view *v, int key)
{
    struct map *m = self;

    switch (key) {
    case 'h':
    case PRESS_LEFT:
        pan(m, -1, 0);
        return true;
    case 'l':
    case PRESS_RIGHT:
        pan(m, 1, 0);
        return true;
    case 'k':
    case PRESS_UP:
        pan(m, 0, 1);
        return true;
    case 'j':
    case PRESS_DOWN:
        pan(m, 0, -1);
        return true;
    case '+':
    case '=':
    case PRESS_WHEEL_UP:
        zoom(m, 1 / ZOOM_STEP);
        return true;
    case '-':
    case PRESS_WHEEL_DOWN:
        zoom(m, ZOOM_STEP);
        return true;
    case '0':
    case PRESS_HOME:
    case 'g':
    case PRESS_F0 + 6:
        m->dx = 0;
        m->lon = 0;
        m->set = true;
        return true;
    case 'r':
        if (v->has_region)
            look_at_box(m, v->region[0], v->region[1], v->region[2], v->region[3]);
        else
            view_say(v, "no region of interest: R makes one of what is seen");
        return true;
    case 'R':
        take_region(m, v);
        return true;
    default:
        return press_event(m, v, key);
    }
}

static bool search(void *self, struct view *v, const char *text, int step_by)
{
    struct map *m = self;

    if (!roll_search(v->roll, text, step_by))
        return false;
    const struct brief *b = roll_selected(v->roll);
    if (b->has_place) {
        m->lon = b->lon;
        m->lat = b->lat;
    }
    return true;
}

static const char *const help[] = {"h j k l, arrows  move the picture",
                                   "+ - wheel        nearer, farther; 0 F6 the whole world",
                                   "[ ] F7           the previous, the next event; Enter reads it; Space holds",
                                   "c F5             go near the selected event",
                                   "R r              what is seen becomes the region of interest, or none; look at it",
                                   "Marks are severities, 0 to 4, o where none is told; the selected is >marked<.",
                                   NULL};

const struct panel_class panel_map = {.name = "Map",
                                      .help = help,
                                      .bar = {[4] = "Near", [5] = "World", [6] = "Next"},
                                      .open = open,
                                      .close = close_map,
                                      .rows = wanted,
                                      .draw = draw,
                                      .press = press,
                                      .search = search};
