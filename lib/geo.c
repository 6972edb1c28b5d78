#include "central/geo.h"

#include <geos_c.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "central/crossings.h"
#include "central/mem.h"

/* Nesting of GeometryCollections; JSON_MAX_DEPTH bounds the rest. */
#define COLLECTION_DEPTH_MAX 16
/* A small ring may cross itself so often that GEOS works on it for minutes and in gigabytes: a repair costs more than
 * the square of the crossings (a thousand of them half a second), combining what overlaps about 20 us for each. */
#define REPAIR_CROSSINGS_MAX 1000
#define COMBINE_CROSSINGS_MAX 100000
/* Vertices that are gone through, again for each of several rings that meet. */
#define COMBINE_WORK_MAX 2000000

struct geo {
    GEOSContextHandle_t geos;
    struct buf message; /* the last GEOS said */
};

/* What the vertices as sent tell, and the geometry for computing. A point needs no GEOS until somebody asks for more.
 */
struct geo_shape {
    double sum[2];
    uint64_t vertices;
    double box[4];
    bool point;
    GEOSGeometry *geometry;               /* NULL for a point not yet made */
    const GEOSPreparedGeometry *prepared; /* made at the second question */
    unsigned asked;
};

static void keep_message(const char *message, void *closure)
{
    struct geo *g = closure;

    buf_clear(&g->message);
    buf_add_text(&g->message, message);
}

struct geo *geo_open(void)
{
    struct geo *g = mem_alloc(sizeof *g);

    g->geos = GEOS_init_r();
    if (g->geos) {
        GEOSContext_setErrorMessageHandler_r(g->geos, keep_message, g);
        GEOSContext_setNoticeMessageHandler_r(g->geos, NULL, NULL);
    }
    return g;
}

void geo_close(struct geo *g)
{
    if (!g)
        return;
    if (g->geos)
        GEOS_finish_r(g->geos);
    buf_free(&g->message);
    free(g);
}

void geo_shape_free(struct geo *g, struct geo_shape *s)
{
    if (!s)
        return;
    if (s->prepared)
        GEOSPreparedGeom_destroy_r(g->geos, s->prepared);
    if (s->geometry)
        GEOSGeom_destroy_r(g->geos, s->geometry);
    free(s);
}

static void count_vertex(struct geo_shape *s, double lon, double lat)
{
    s->sum[0] += lon;
    s->sum[1] += lat;
    if (!s->vertices++) {
        s->box[0] = s->box[2] = lon;
        s->box[1] = s->box[3] = lat;
        return;
    }
    s->box[0] = fmin(s->box[0], lon);
    s->box[1] = fmin(s->box[1], lat);
    s->box[2] = fmax(s->box[2], lon);
    s->box[3] = fmax(s->box[3], lat);
}

static bool sane(double lon, double lat)
{
    return isfinite(lon) && isfinite(lat) && fabs(lon) <= 360 && fabs(lat) <= 90;
}

struct geo_shape *geo_point(struct geo *g, double lon, double lat)
{
    (void)g;
    if (!sane(lon, lat))
        return NULL;
    struct geo_shape *s = mem_alloc(sizeof *s);
    s->point = true;
    count_vertex(s, lon, lat);
    return s;
}

/* --- GeoJSON -------------------------------------------------------------------------------------------------------
 */

struct reading {
    struct geo *g;
    struct geo_shape *s;
    struct error *e;
};

static GEOSGeometry *refuse(struct reading *r, const char *what)
{
    if (!r->e->text)
        error_set(r->e, CENTRAL_REJECTED, "geometry: %s", what);
    return NULL;
}

static bool read_position(struct reading *r, struct json v, double *lon, double *lat)
{
    struct json x, y;
    struct json_iter i = json_walk(v);

    if (json_kind(v) != JSON_ARRAY || !json_next(&i, NULL, &x) || !json_next(&i, NULL, &y) || !json_double(x, lon) ||
        !json_double(y, lat)) {
        refuse(r, "a position that is not [lon, lat, ...] in numbers");
        return false;
    }
    if (!sane(*lon, *lat)) {
        refuse(r, "a position off the Earth");
        return false;
    }
    return true;
}

/* The positions of a line or ring. A ring is closed where it is open, and filled up to the four positions that GEOS
 * wants; a line of one position gets it twice. */
static GEOSCoordSequence *read_positions(struct reading *r, struct json list, bool ring)
{
    struct buf pairs = {0};
    struct json v;
    double at[2];
    bool ok = json_kind(list) == JSON_ARRAY;

    if (!ok)
        refuse(r, "coordinates that are not an array");
    for (struct json_iter i = json_walk(list); ok && json_next(&i, NULL, &v);) {
        ok = read_position(r, v, &at[0], &at[1]);
        if (ok) {
            count_vertex(r->s, at[0], at[1]);
            buf_add(&pairs, at, sizeof at);
        }
    }
    size_t n = pairs.len / sizeof at;
    if (ok && !n) {
        refuse(r, "no positions");
        ok = false;
    }
    while (ok && (ring ? n < 4 || memcmp(pairs.data, pairs.data + (n - 1) * sizeof at, sizeof at) != 0 : n < 2)) {
        memcpy(at, pairs.data, sizeof at);
        buf_add(&pairs, at, sizeof at);
        n++;
    }
    GEOSCoordSequence *seq =
        ok ? GEOSCoordSeq_copyFromBuffer_r(r->g->geos, (const double *)(const void *)pairs.data, (unsigned)n, 0, 0)
           : NULL;
    buf_free(&pairs);
    return seq;
}

static GEOSGeometry *read_point(struct reading *r, struct json coordinates)
{
    double lon, lat;

    if (!read_position(r, coordinates, &lon, &lat))
        return NULL;
    count_vertex(r->s, lon, lat);
    return GEOSGeom_createPointFromXY_r(r->g->geos, lon, lat);
}

static GEOSGeometry *read_line(struct reading *r, struct json coordinates)
{
    GEOSCoordSequence *seq = read_positions(r, coordinates, false);

    return seq ? GEOSGeom_createLineString_r(r->g->geos, seq) : NULL;
}

static GEOSGeometry *ring_polygon(struct reading *r, struct json ring)
{
    GEOSCoordSequence *seq = read_positions(r, ring, true);
    GEOSGeometry *line = seq ? GEOSGeom_createLinearRing_r(r->g->geos, seq) : NULL;

    return line ? GEOSGeom_createPolygon_r(r->g->geos, line, NULL, 0) : NULL;
}

static void add_ring(struct reading *r, const GEOSGeometry *ring, struct buf *segments)
{
    const GEOSCoordSequence *seq = ring ? GEOSGeom_getCoordSeq_r(r->g->geos, ring) : NULL;
    unsigned n = 0;

    if (!seq || !GEOSCoordSeq_getSize_r(r->g->geos, seq, &n) || !n)
        return;
    double(*at)[2] = mem_alloc_array(n, sizeof *at);
    if (GEOSCoordSeq_copyToBuffer_r(r->g->geos, seq, &at[0][0], 0, 0))
        for (unsigned i = 0; i + 1 < n; i++) {
            struct segment s = segment_of(at[i][0], at[i][1], at[i + 1][0], at[i + 1][1]);
            buf_add(segments, &s, sizeof s);
        }
    free(at);
}

/* The segments of all rings of polygons. */
static void add_segments(struct reading *r, const GEOSGeometry *geometry, struct buf *segments)
{
    int n = GEOSGetNumGeometries_r(r->g->geos, geometry);

    if (GEOSGeomTypeId_r(r->g->geos, geometry) != GEOS_POLYGON) {
        for (int i = 0; i < n; i++) {
            const GEOSGeometry *part = GEOSGetGeometryN_r(r->g->geos, geometry, i);
            if (part && part != geometry)
                add_segments(r, part, segments);
        }
        return;
    }
    add_ring(r, GEOSGetExteriorRing_r(r->g->geos, geometry), segments);
    n = GEOSGetNumInteriorRings_r(r->g->geos, geometry);
    for (int i = 0; i < n; i++)
        add_ring(r, GEOSGetInteriorRingN_r(r->g->geos, geometry, i), segments);
}

static bool few_crossings(struct reading *r, GEOSGeometry *const *parts, unsigned n, size_t most)
{
    struct buf segments = {0};

    for (unsigned i = 0; i < n; i++)
        add_segments(r, parts[i], &segments);
    bool few = crossings_at_most((struct segment *)(void *)segments.data, segments.len / sizeof(struct segment), most);
    buf_free(&segments);
    return few;
}

/* A valid geometry in the place of an invalid one; takes it. */
static GEOSGeometry *repaired(struct reading *r, GEOSGeometry *geometry)
{
    if (!geometry || GEOSisValid_r(r->g->geos, geometry) == 1)
        return geometry;
    if (!few_crossings(r, &geometry, 1, REPAIR_CROSSINGS_MAX)) {
        GEOSGeom_destroy_r(r->g->geos, geometry);
        return refuse(r, "a ring that crosses itself too often");
    }
    GEOSGeometry *valid = GEOSMakeValid_r(r->g->geos, geometry);
    GEOSGeom_destroy_r(r->g->geos, geometry);
    return valid ? valid : refuse(r, "beyond repair");
}

/* a with b combined; takes both. */
static GEOSGeometry *combined(struct reading *r, GEOSGeometry *a, GEOSGeometry *b, bool hole)
{
    GEOSGeometry *both = hole ? GEOSDifference_r(r->g->geos, a, b) : GEOSUnion_r(r->g->geos, a, b);

    GEOSGeom_destroy_r(r->g->geos, a);
    GEOSGeom_destroy_r(r->g->geos, b);
    return both ? both : refuse(r, "rings that do not combine");
}

static void destroy_all(struct reading *r, GEOSGeometry **parts, unsigned n)
{
    while (n--)
        GEOSGeom_destroy_r(r->g->geos, parts[n]);
}

/* A ring with the other rings as its holes; NULL when that is not valid, or one of them is more than a ring. */
static GEOSGeometry *with_holes(struct reading *r, GEOSGeometry *const *rings, unsigned n)
{
    GEOSContextHandle_t geos = r->g->geos;
    GEOSGeometry **copies = mem_alloc_array(n, sizeof *copies), *whole = NULL;
    unsigned copied = 0;

    while (copied < n && GEOSGeomTypeId_r(geos, rings[copied]) == GEOS_POLYGON &&
           GEOSGetNumInteriorRings_r(geos, rings[copied]) == 0 &&
           (copies[copied] = GEOSGeom_clone_r(geos, GEOSGetExteriorRing_r(geos, rings[copied]))))
        copied++;
    if (copied == n)
        whole = GEOSGeom_createPolygon_r(geos, copies[0], copies + 1, n - 1);
    else
        destroy_all(r, copies, copied);
    free(copies);
    if (whole && GEOSisValid_r(geos, whole) != 1) {
        GEOSGeom_destroy_r(geos, whole);
        whole = NULL;
    }
    return whole;
}

/* Rings that do not meet lie in one another or apart: what is inside of an odd number of them. Takes the rings. */
static GEOSGeometry *nested_rings(struct reading *r, GEOSGeometry **rings, unsigned n)
{
    GEOSGeometry *all = GEOSGeom_createCollection_r(r->g->geos, GEOS_GEOMETRYCOLLECTION, rings, n),
                 *whole = all ? GEOSBuildArea_r(r->g->geos, all) : NULL;

    if (all)
        GEOSGeom_destroy_r(r->g->geos, all);
    /* Rings that touch at corners may leave an area in several parts that GEOS takes for one. */
    return whole ? repaired(r, whole) : refuse(r, "rings that do not combine");
}

/* A ring inside what is there so far is a hole; one outside of it is a polygon of its own, whatever upstream called the
 * whole. Takes the rings. */
static GEOSGeometry *combined_rings(struct reading *r, GEOSGeometry **rings, unsigned n)
{
    GEOSGeometry *whole = rings[0];
    int64_t work = 0;

    if (few_crossings(r, rings, n, 0))
        return nested_rings(r, rings, n);
    if (!few_crossings(r, rings, n, COMBINE_CROSSINGS_MAX)) {
        destroy_all(r, rings, n);
        return refuse(r, "rings that cross too often");
    }
    for (unsigned i = 1; whole && i < n; i++) {
        work += GEOSGetNumCoordinates_r(r->g->geos, whole);
        if (work > COMBINE_WORK_MAX) {
            GEOSGeom_destroy_r(r->g->geos, whole);
            destroy_all(r, rings + i, n - i);
            return refuse(r, "too many rings that cross");
        }
        whole = combined(r, whole, rings[i], GEOSCovers_r(r->g->geos, whole, rings[i]) == 1);
        if (!whole)
            destroy_all(r, rings + i + 1, n - i - 1);
    }
    return whole;
}

static GEOSGeometry *read_polygon(struct reading *r, struct json list)
{
    struct json ring;
    unsigned n = 0;
    bool ok = json_kind(list) == JSON_ARRAY && json_count(list) > 0;
    GEOSGeometry **rings = mem_alloc_array(json_count(list), sizeof *rings), *whole = NULL;

    if (!ok)
        refuse(r, "a polygon without rings");
    for (struct json_iter i = json_walk(list); ok && json_next(&i, NULL, &ring);) {
        rings[n] = repaired(r, ring_polygon(r, ring));
        if (rings[n])
            n++;
        else
            ok = false, refuse(r, "a ring that cannot be read");
    }
    if (ok && n > 1)
        whole = with_holes(r, rings, n);
    if (!ok || whole)
        destroy_all(r, rings, n);
    else
        whole = n > 1 ? combined_rings(r, rings, n) : rings[0];
    free(rings);
    return whole;
}

/* Polygons as one area; takes the parts. Those that neither overlap nor share a border are it as they are. */
static GEOSGeometry *united(struct reading *r, GEOSGeometry **parts, unsigned n)
{
    GEOSContextHandle_t geos = r->g->geos;
    bool plain = true;

    if (n == 1)
        return parts[0];
    for (unsigned i = 0; i < n; i++)
        plain = plain && GEOSGeomTypeId_r(geos, parts[i]) == GEOS_POLYGON;
    /* Repaired polygons may be multipolygons themselves. */
    GEOSGeometry *all =
        GEOSGeom_createCollection_r(geos, plain ? GEOS_MULTIPOLYGON : GEOS_GEOMETRYCOLLECTION, parts, n);
    if (!all || (plain && GEOSisValid_r(geos, all) == 1))
        return all;
    GEOSGeometry *whole = NULL;
    if (few_crossings(r, &all, 1, COMBINE_CROSSINGS_MAX))
        whole = GEOSUnaryUnion_r(geos, all);
    else
        refuse(r, "polygons that cross too often");
    GEOSGeom_destroy_r(geos, all);
    return whole;
}

static GEOSGeometry *read_any(struct reading *r, struct json v, int depth);

static GEOSGeometry *read_several(struct reading *r, struct json list,
                                  GEOSGeometry *(*one)(struct reading *, struct json), int type, int depth)
{
    GEOSGeometry **parts = mem_alloc_array(json_count(list), sizeof *parts);
    struct json v;
    unsigned n = 0;
    bool ok = json_kind(list) == JSON_ARRAY && json_count(list) > 0;

    if (!ok)
        refuse(r, "no coordinates");
    for (struct json_iter i = json_walk(list); ok && json_next(&i, NULL, &v);) {
        GEOSGeometry *part = one ? one(r, v) : read_any(r, v, depth + 1);
        ok = part != NULL;
        if (ok)
            parts[n++] = part;
    }
    GEOSGeometry *whole = NULL;
    if (ok) {
        whole = type == GEOS_MULTIPOLYGON ? united(r, parts, n)
                                          : GEOSGeom_createCollection_r(r->g->geos, GEOS_GEOMETRYCOLLECTION, parts, n);
        if (!whole)
            refuse(r, "parts that do not combine");
    } else {
        destroy_all(r, parts, n);
    }
    free(parts);
    return whole;
}

static GEOSGeometry *read_any(struct reading *r, struct json v, int depth)
{
    struct json type = json_get(v, "type"), coordinates = json_get(v, "coordinates");

    if (depth > COLLECTION_DEPTH_MAX)
        return refuse(r, "collections nested too deep");
    if (json_equals(type, "Point"))
        return read_point(r, coordinates);
    if (json_equals(type, "LineString"))
        return read_line(r, coordinates);
    if (json_equals(type, "Polygon"))
        return read_polygon(r, coordinates);
    if (json_equals(type, "MultiPoint"))
        return read_several(r, coordinates, read_point, GEOS_MULTIPOINT, depth);
    if (json_equals(type, "MultiLineString"))
        return read_several(r, coordinates, read_line, GEOS_MULTILINESTRING, depth);
    if (json_equals(type, "MultiPolygon"))
        return read_several(r, coordinates, read_polygon, GEOS_MULTIPOLYGON, depth);
    if (json_equals(type, "GeometryCollection"))
        return read_several(r, json_get(v, "geometries"), NULL, GEOS_GEOMETRYCOLLECTION, depth);
    return refuse(r, "no GeoJSON type");
}

struct geo_shape *geo_read(struct geo *g, struct json geometry, struct error *e)
{
    struct error local = {0};
    struct reading r = {.g = g, .e = &local};
    double lon, lat;

    if (json_is_null(geometry))
        return NULL;
    r.s = mem_alloc(sizeof *r.s);
    if (json_equals(json_get(geometry, "type"), "Point")) {
        if (read_position(&r, json_get(geometry, "coordinates"), &lon, &lat)) {
            r.s->point = true;
            count_vertex(r.s, lon, lat);
            return r.s;
        }
    } else if (g->geos) {
        r.s->geometry = read_any(&r, geometry, 0);
        if (r.s->geometry)
            return r.s;
    }
    if (!local.text)
        error_set(&local, CENTRAL_REJECTED, "geometry: %s", g->message.len ? buf_text(&g->message) : "GEOS refuses it");
    error_set(e, local.status, "%s", local.text);
    error_free(&local);
    geo_shape_free(g, r.s);
    return NULL;
}

/* --- asking --------------------------------------------------------------------------------------------------------
 */

static GEOSGeometry *geometry_of(struct geo *g, const struct geo_shape *s)
{
    /* Made when first needed; that is no change to anybody who looks from outside. */
    struct geo_shape *own = (struct geo_shape *)s;

    if (!own->geometry && g->geos)
        own->geometry = GEOSGeom_createPointFromXY_r(g->geos, s->sum[0], s->sum[1]);
    return own->geometry;
}

/* Degrees east of Greenwich from 0 to 360, so that what lies on both sides of the antimeridian lies side by side. */
static int eastward(double *x, double *y, void *closure)
{
    (void)y, (void)closure;
    if (*x < 0)
        *x += 360;
    return 1;
}

/* Of computing with doubles, in degrees. */
#define ROUNDING 1e-9

/* The centroid by area. A shape wider than half the world is one that upstream cut at the antimeridian: the mean of its
 * halves would lie on the other side of the Earth. */
static bool area_centroid(struct geo *g, const struct geo_shape *s, double *lon, double *lat)
{
    bool split = s->box[2] - s->box[0] > 180;
    GEOSGeometry *shifted = split ? GEOSGeom_transformXY_r(g->geos, s->geometry, eastward, NULL) : NULL;
    GEOSGeometry *c = GEOSGetCentroid_r(g->geos, shifted ? shifted : s->geometry);
    bool ok = c && GEOSGeomGetX_r(g->geos, c, lon) == 1 && GEOSGeomGetY_r(g->geos, c, lat) == 1;

    if (ok && shifted && *lon > 180)
        *lon -= 360;
    if (c)
        GEOSGeom_destroy_r(g->geos, c);
    if (shifted)
        GEOSGeom_destroy_r(g->geos, shifted);
    /* One that lies outside is no middle: a shape may be wide and not cut, and no shape any more once it is shifted. */
    return ok && *lat >= s->box[1] - ROUNDING && *lat <= s->box[3] + ROUNDING &&
           (shifted ? isfinite(*lon) : *lon >= s->box[0] - ROUNDING && *lon <= s->box[2] + ROUNDING);
}

bool geo_centroid(struct geo *g, const struct geo_shape *s, enum geo_centroid how, double *lon, double *lat)
{
    if (!s || !s->vertices)
        return false;
    if (how == GEO_AREA && !s->point && area_centroid(g, s, lon, lat))
        return true;
    *lon = s->sum[0] / (double)s->vertices;
    *lat = s->sum[1] / (double)s->vertices;
    return true;
}

bool geo_bbox(struct geo *g, const struct geo_shape *s, double box[4])
{
    (void)g;
    if (!s || !s->vertices)
        return false;
    memcpy(box, s->box, sizeof s->box);
    return true;
}

/* Little endian EWKB of a point: byte order, type with the SRID flag, SRID, x, y. */
static void put_point(const struct geo_shape *s, struct buf *out)
{
    static const unsigned char head[] = {1, 1, 0, 0, 0x20, 0xe6, 0x10, 0, 0};

    buf_add(out, head, sizeof head);
    for (int axis = 0; axis < 2; axis++) {
        uint64_t bits;
        memcpy(&bits, &s->sum[axis], sizeof bits);
        for (int byte = 0; byte < 8; byte++)
            buf_add_char(out, (char)(bits >> (8 * byte) & 0xff));
    }
}

bool geo_put_ewkb(struct geo *g, const struct geo_shape *s, struct buf *out)
{
    size_t size;

    if (!s)
        return false;
    if (s->point) {
        put_point(s, out);
        return true;
    }
    GEOSGeometry *geometry = geometry_of(g, s);
    GEOSWKBWriter *writer = geometry ? GEOSWKBWriter_create_r(g->geos) : NULL;
    if (!writer)
        return false;
    GEOSSetSRID_r(g->geos, geometry, 4326);
    GEOSWKBWriter_setIncludeSRID_r(g->geos, writer, 1);
    unsigned char *wkb = GEOSWKBWriter_write_r(g->geos, writer, geometry, &size);
    if (wkb)
        buf_add(out, wkb, size);
    bool ok = wkb != NULL;
    GEOSFree_r(g->geos, wkb);
    GEOSWKBWriter_destroy_r(g->geos, writer);
    return ok;
}

bool geo_intersects(struct geo *g, const struct geo_shape *a, const struct geo_shape *b)
{
    struct geo_shape *region = (struct geo_shape *)b;

    if (!a || !b || !a->vertices || !b->vertices)
        return false;
    if (a->box[0] > b->box[2] || a->box[2] < b->box[0] || a->box[1] > b->box[3] || a->box[3] < b->box[1])
        return false;
    GEOSGeometry *one = geometry_of(g, a), *other = geometry_of(g, b);
    if (!one || !other)
        return false;
    if (!region->prepared && ++region->asked > 1)
        region->prepared = GEOSPrepare_r(g->geos, other);
    if (region->prepared)
        return GEOSPreparedIntersects_r(g->geos, region->prepared, one) == 1;
    return GEOSIntersects_r(g->geos, one, other) == 1;
}

/* --- regions -------------------------------------------------------------------------------------------------------
 */

static GEOSGeometry *read_box(struct reading *r, struct json v)
{
    static const char *const names[] = {"west", "south", "east", "north"};
    double box[4];

    for (int i = 0; i < 4; i++)
        if (!json_double(json_get(v, names[i]), &box[i])) {
            error_set(r->e, CENTRAL_CONFIG, "a box needs numbers for north, south, east and west");
            return NULL;
        }
    if (!(box[3] > box[1] && box[1] >= -90 && box[3] <= 90)) {
        error_set(r->e, CENTRAL_CONFIG, "north must be above south, both from -90 to 90");
        return NULL;
    }
    if (!(box[2] > box[0] && box[0] >= -180 && box[2] <= 180)) {
        error_set(r->e, CENTRAL_CONFIG,
                  "east must be right of west, both from -180 to 180 (over the antimeridian: two boxes)");
        return NULL;
    }
    count_vertex(r->s, box[0], box[1]);
    count_vertex(r->s, box[2], box[3]);
    return GEOSGeom_createRectangle_r(r->g->geos, box[0], box[1], box[2], box[3]);
}

static GEOSGeometry *read_part(struct reading *r, struct json v, int depth);

static GEOSGeometry *read_list(struct reading *r, struct json list, int depth)
{
    GEOSGeometry *whole = NULL;
    struct json v;

    for (struct json_iter i = json_walk(list); json_next(&i, NULL, &v);) {
        GEOSGeometry *part = read_part(r, v, depth + 1);
        if (part && whole)
            part = combined(r, whole, part, false);
        else if (!part && whole)
            GEOSGeom_destroy_r(r->g->geos, whole);
        whole = part;
        if (!whole)
            return NULL;
    }
    if (!whole && !r->e->text)
        error_set(r->e, CENTRAL_CONFIG, "an empty list of boxes or geometries");
    return whole;
}

static GEOSGeometry *read_part(struct reading *r, struct json v, int depth)
{
    if (depth > COLLECTION_DEPTH_MAX) {
        error_set(r->e, CENTRAL_CONFIG, "nested too deep");
        return NULL;
    }
    if (json_kind(v) == JSON_ARRAY)
        return read_list(r, v, depth);
    if (json_equals(json_get(v, "type"), "FeatureCollection"))
        return read_list(r, json_get(v, "features"), depth);
    if (json_equals(json_get(v, "type"), "Feature"))
        return read_part(r, json_get(v, "geometry"), depth + 1);
    if (json_exists(json_get(v, "type")))
        return read_any(r, v, 0);
    return read_box(r, v);
}

bool geo_region(struct geo *g, struct json region, struct geo_shape **out, struct error *e)
{
    struct error local = {0};
    struct reading r = {.g = g, .e = &local};

    *out = NULL;
    if (json_is_null(region))
        return true;
    if (!g->geos)
        return error_set(e, CENTRAL_TRY_AGAIN, "GEOS does not start");
    r.s = mem_alloc(sizeof *r.s);
    r.s->geometry = read_part(&r, region, 0);
    if (r.s->geometry) {
        *out = r.s;
        return true;
    }
    error_set(e, CENTRAL_CONFIG, "%s", local.text ? local.text : "GEOS refuses it");
    error_free(&local);
    geo_shape_free(g, r.s);
    return false;
}
