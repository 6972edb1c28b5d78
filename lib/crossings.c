#include "central/crossings.h"

#include <stdlib.h>

struct segment segment_of(double x1, double y1, double x2, double y2)
{
    return x1 <= x2 ? (struct segment){x1, y1, x2, y2} : (struct segment){x2, y2, x1, y1};
}

static int by_start(const void *a, const void *b)
{
    double x = ((const struct segment *)a)->x1, y = ((const struct segment *)b)->x1;

    return (x > y) - (x < y);
}

/* On which side of s the point lies: -1, 0, 1. */
static int side(const struct segment *s, double x, double y)
{
    double turn = (s->x2 - s->x1) * (y - s->y1) - (s->y2 - s->y1) * (x - s->x1);

    return (turn > 0) - (turn < 0);
}

static bool same(double x1, double y1, double x2, double y2)
{
    return x1 == x2 && y1 == y2;
}

static bool common_end(const struct segment *a, const struct segment *b)
{
    return same(a->x1, a->y1, b->x1, b->y1) || same(a->x1, a->y1, b->x2, b->y2) || same(a->x2, a->y2, b->x1, b->y1) ||
           same(a->x2, a->y2, b->x2, b->y2);
}

/* Their extents in x meet, and a begins before b. */
static bool meet(const struct segment *a, const struct segment *b)
{
    double low_a = a->y1 < a->y2 ? a->y1 : a->y2, high_a = a->y1 < a->y2 ? a->y2 : a->y1,
           low_b = b->y1 < b->y2 ? b->y1 : b->y2, high_b = b->y1 < b->y2 ? b->y2 : b->y1;
    /* What they have in common of either axis. */
    double x = (a->x2 < b->x2 ? a->x2 : b->x2) - b->x1,
           y = (high_a < high_b ? high_a : high_b) - (low_a > low_b ? low_a : low_b);

    if (high_a < low_b || high_b < low_a)
        return false;
    int one = side(a, b->x1, b->y1), other = side(a, b->x2, b->y2);
    if (one * other > 0 || side(b, a->x1, a->y1) * side(b, a->x2, a->y2) > 0)
        return false;
    /* On one line they run along each other, or one goes on where the other ends. */
    bool along = !one && !other && (x > 0 || y > 0);
    return along || !common_end(a, b);
}

bool crossings_at_most(struct segment *segments, size_t count, size_t most)
{
    size_t found = 0, looked = 0;

    if (count)
        qsort(segments, count, sizeof *segments, by_start);
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count && segments[k].x1 <= segments[i].x2; k++)
            if (++looked > CROSSINGS_PAIRS_MAX || (meet(&segments[i], &segments[k]) && ++found > most))
                return false;
    return true;
}
