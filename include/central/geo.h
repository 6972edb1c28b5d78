/* geo.h - GeoJSON geometry: centroid, bounding box, does it touch the region (GEOS underneath).
 *
 * Nothing is thrown away for its geometry: what cannot be repaired counts as no geometry and the reason is given. All
 * coordinates are degrees, longitude first, WGS 84. */
#ifndef CENTRAL_GEO_H
#define CENTRAL_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

/* One set of GEOS state; not shared between threads. */
struct geo;
struct geo *geo_open(void);
void geo_close(struct geo *g);

/* A parsed geometry; owned by the caller. */
struct geo_shape;
/* Reads a GeoJSON geometry (all seven types; extra dimensions are dropped for computing). Invalid rings are repaired
 * (GEOSMakeValid), and a Polygon whose later rings lie outside the first is taken as the MultiPolygon it is. NULL with
 * e (CENTRAL_REJECTED) when nothing usable is in it: wrong type, no coordinates, not numbers, beyond +-90/+-360, rings
 * that cross so often that repairing them would take minutes (crossings.h). A JSON null or "not there" gives NULL with
 * e->text NULL. */
struct geo_shape *geo_read(struct geo *g, struct json geometry, struct error *e);
struct geo_shape *geo_point(struct geo *g, double lon, double lat);
void geo_shape_free(struct geo *g, struct geo_shape *s);

enum geo_centroid {
    GEO_VERTEX_MEAN, /* arithmetic mean of all vertices of all rings, closing vertices included (contract nws) */
    GEO_AREA,        /* area-weighted; of lines by length, of points the mean */
};
bool geo_centroid(struct geo *g, const struct geo_shape *s, enum geo_centroid how, double *lon, double *lat);
/* From the vertices as sent. box: minLon, minLat, maxLon, maxLat. */
bool geo_bbox(struct geo *g, const struct geo_shape *s, double box[4]);
/* Appends the shape as EWKB, SRID 4326, for PostGIS. */
bool geo_put_ewkb(struct geo *g, const struct geo_shape *s, struct buf *out);
bool geo_intersects(struct geo *g, const struct geo_shape *a, const struct geo_shape *b);

/* A region as the settings give it (contract §6): {"north":, "south":, "east":, "west":}, an array of such boxes and
 * GeoJSON geometries (Polygon, MultiPolygon, Feature, FeatureCollection), or one of them; the union counts. Boxes:
 * north > south in [-90, 90], east > west in [-180, 180]. A JSON null gives a NULL region without error: everywhere.
 * CENTRAL_CONFIG. */
bool geo_region(struct geo *g, struct json region, struct geo_shape **out, struct error *e);

#endif
