/* crossings.h - how often line segments meet: what repairing and combining rings costs. */
#ifndef CENTRAL_CROSSINGS_H
#define CENTRAL_CROSSINGS_H

#include <stdbool.h>
#include <stddef.h>

struct segment {
    double x1, y1, x2, y2; /* x1 <= x2; segment_of sees to it */
};
struct segment segment_of(double x1, double y1, double x2, double y2);

/* Pairs that are looked at; rings in which more lie side by side are taken to cross too often. */
#define CROSSINGS_PAIRS_MAX 50000000

/* True when no more than most pairs of them cross, touch or run along each other, common ends aside. Sorts them. */
bool crossings_at_most(struct segment *segments, size_t count, size_t most);

#endif
