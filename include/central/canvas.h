/* canvas.h - the world in dots: eight to a cell (braille), lines and marks in degrees, any meridian in the middle.
 *
 * Longitudes are taken round the world, so that what crosses the antimeridian is drawn where it is. */
#ifndef CENTRAL_CANVAS_H
#define CENTRAL_CANVAS_H

#include <stdbool.h>
#include "central/page.h"

struct canvas {
    int rows, cols; /* cells */
    unsigned char *dots, *styles;
    /* What is seen: the middle, and degrees in a dot. */
    double lon, lat, dx, dy;
};
/* Empties it, in this size. */
void canvas_clear(struct canvas *c, int rows, int cols);
void canvas_close(struct canvas *c);
/* Degrees in a dot when all of the world is to be seen. */
double canvas_world(const struct canvas *c);
/* Looks at lon, lat with dx degrees in a dot; what is nearer than a continent keeps its shape. */
void canvas_look(struct canvas *c, double lon, double lat, double dx);
/* The cell of a place; false when it is out of sight. */
bool canvas_cell(const struct canvas *c, double lon, double lat, int *row, int *col);
/* A line from place to place, the shorter way round; none to what is no place. A higher style covers a lower one where
 * they share a cell. */
void canvas_line(struct canvas *c, enum style s, double lon1, double lat1, double lon2, double lat2);
void canvas_draw(const struct canvas *c, const struct area *a);
/* The degrees from a to b, the shorter way: -180 to 180. */
double canvas_turn(double from, double to);

#endif
