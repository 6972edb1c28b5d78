/* coastline.h - the coastlines of the world: lines of longitude and latitude in tenths of a degree. */
#ifndef CENTRAL_COASTLINE_H
#define CENTRAL_COASTLINE_H

#include <stddef.h>
#include <stdint.h>

/* Stands behind each line. */
#define COASTLINE_END INT16_MAX

extern const int16_t coastline[];
extern const size_t coastline_count;

#endif
