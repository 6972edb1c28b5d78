/* geo.h: a geometry that is read has a box, a centroid in it, and a valid shape that meets itself; a region holds what
 * its box says. */
#include "fuzz.h"

#include <geos_c.h>
#include <math.h>

#include "central/geo.h"

/* Of computing with doubles, in degrees. */
#define SLACK 1e-6

static GEOSContextHandle_t geos;

static void quiet(const char *message, void *closure)
{
    (void)message, (void)closure;
}

/* What PostGIS would be given. */
static GEOSGeometry *as_postgis(struct geo *g, const struct geo_shape *s)
{
    struct buf wkb = {0};

    MUST(geo_put_ewkb(g, s, &wkb));
    GEOSWKBReader *reader = GEOSWKBReader_create_r(geos);
    GEOSGeometry *geometry = GEOSWKBReader_read_r(geos, reader, (const unsigned char *)wkb.data, wkb.len);
    MUST(geometry && GEOSGetSRID_r(geos, geometry) == 4326);
    GEOSWKBReader_destroy_r(geos, reader);
    buf_free(&wkb);
    return geometry;
}

/* Rings are repaired; a line of one position is none that GEOS calls valid, and stays. */
static void check_areas(const GEOSGeometry *geometry)
{
    int type = GEOSGeomTypeId_r(geos, geometry), n = GEOSGetNumGeometries_r(geos, geometry);

    if (type == GEOS_POLYGON || type == GEOS_MULTIPOLYGON)
        MUST(GEOSisValid_r(geos, geometry) == 1);
    for (int i = 0; type == GEOS_GEOMETRYCOLLECTION && i < n; i++)
        check_areas(GEOSGetGeometryN_r(geos, geometry, i));
}

static void check_box(const double box[4])
{
    MUST(box[0] <= box[2] && box[1] <= box[3]);
    MUST(box[0] >= -360 && box[2] <= 360 && box[1] >= -90 && box[3] <= 90);
}

static void check_shape(struct geo *g, const struct geo_shape *s)
{
    double box[4], lon, lat;

    MUST(geo_bbox(g, s, box));
    check_box(box);
    MUST(geo_centroid(g, s, GEO_VERTEX_MEAN, &lon, &lat));
    MUST(lon >= box[0] - SLACK && lon <= box[2] + SLACK && lat >= box[1] - SLACK && lat <= box[3] + SLACK);
    MUST(geo_centroid(g, s, GEO_AREA, &lon, &lat));
    MUST(lat >= box[1] - SLACK && lat <= box[3] + SLACK);
    /* What was cut at the antimeridian has its middle beyond the one edge or the other. */
    if (box[2] - box[0] <= 180)
        MUST(lon >= box[0] - SLACK && lon <= box[2] + SLACK);
    else
        MUST(fabs(lon) <= 360);
    GEOSGeometry *geometry = as_postgis(g, s);
    check_areas(geometry);
    if (GEOSisEmpty_r(geos, geometry) == 0)
        MUST(geo_intersects(g, s, s));
    GEOSGeom_destroy_r(geos, geometry);
}

static void check_region(struct geo *g, struct json v)
{
    struct geo_shape *region = NULL;
    struct error e = {0};
    double box[4];

    if (!geo_region(g, v, &region, &e)) {
        MUST(!region);
        must_say(&e, CENTRAL_CONFIG);
        return;
    }
    MUST(!e.text && (region != NULL) == !json_is_null(v));
    if (!region)
        return;
    MUST(geo_bbox(g, region, box));
    check_box(box);
    struct geo_shape *corner = geo_point(g, box[0], box[1]), *away = geo_point(g, box[2] > 0 ? -300 : 300, 0);
    MUST(corner && away);
    if (box[0] > -300 && box[2] < 300)
        MUST(!geo_intersects(g, away, region));
    /* The second question is answered from another structure. */
    bool first = geo_intersects(g, corner, region);
    MUST(geo_intersects(g, corner, region) == first && geo_intersects(g, corner, region) == first);
    geo_shape_free(g, corner);
    geo_shape_free(g, away);
    geo_shape_free(g, region);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json v;
    struct error e = {0};

    if (!geos) {
        geos = GEOS_init_r();
        GEOSContext_setErrorMessageHandler_r(geos, quiet, NULL);
    }
    if (!json_check((const char *)data, size, &v, NULL))
        return 0;
    struct geo *g = geo_open();
    struct geo_shape *s = geo_read(g, v, &e);
    if (s) {
        MUST(!e.text);
        check_shape(g, s);
        geo_shape_free(g, s);
    } else if (json_is_null(v)) {
        MUST(!e.text);
    } else {
        must_say(&e, CENTRAL_REJECTED);
    }
    check_region(g, v);
    geo_close(g);
    return 0;
}
