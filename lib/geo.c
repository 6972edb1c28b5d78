#include "central/geo.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "central/crossings.h"
#include "central/geos.h"
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
    GEOSContextHandle_t handle; /* NULL until it is needed */
    struct buf message;         /* the last GEOS said */
};

/* Set with the first handle. */
static const struct geos *geos;

/* What the vertices as sent tell, and the geometry for computing. A point or a box needs no GEOS until somebody asks
 * for more. */
struct geo_shape {
    double sum[2];
    uint64_t vertices;
    double box[4];
    bool point, rectangle;
    GEOSGeometry *geometry;               /* NULL for a point or box not yet made */
    const GEOSPreparedGeometry *prepared; /* made at the second question */
    unsigned asked;
};

static void keep_message(const char *message, void *closure)
{
    struct geo *g = closure;

    buf_clear(&g->message);
    buf_add_text(&g->message, message);
}

static GEOSContextHandle_t handle(struct geo *g)
{
    if (!g->handle) {
        geos = geos_load();
        g->handle = geos->_init();
        if (g->handle) {
            geos->Context_setErrorMessageHandler(g->handle, keep_message, g);
            geos->Context_setNoticeMessageHandler(g->handle, NULL, NULL);
        }
    }
    return g->handle;
}

struct geo *geo_open(void)
{
    return mem_alloc(sizeof(struct geo));
}

void geo_close(struct geo *g)
{
    if (!g)
        return;
    if (g->handle)
        geos->_finish(g->handle);
    buf_free(&g->message);
    free(g);
}

void geo_shape_free(struct geo *g, struct geo_shape *s)
{
    if (!s)
        return;
    if (s->prepared)
        geos->PreparedGeom_destroy(handle(g), s->prepared);
    if (s->geometry)
        geos->Geom_destroy(handle(g), s->geometry);
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
        ok ? geos->CoordSeq_copyFromBuffer(handle(r->g), (const double *)(const void *)pairs.data, (unsigned)n, 0, 0)
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
    return geos->Geom_createPointFromXY(handle(r->g), lon, lat);
}

static GEOSGeometry *read_line(struct reading *r, struct json coordinates)
{
    GEOSCoordSequence *seq = read_positions(r, coordinates, false);

    return seq ? geos->Geom_createLineString(handle(r->g), seq) : NULL;
}

static GEOSGeometry *ring_polygon(struct reading *r, struct json ring)
{
    GEOSCoordSequence *seq = read_positions(r, ring, true);
    GEOSGeometry *line = seq ? geos->Geom_createLinearRing(handle(r->g), seq) : NULL;

    return line ? geos->Geom_createPolygon(handle(r->g), line, NULL, 0) : NULL;
}

static void add_ring(struct reading *r, const GEOSGeometry *ring, struct buf *segments)
{
    const GEOSCoordSequence *seq = ring ? geos->Geom_getCoordSeq(handle(r->g), ring) : NULL;
    unsigned n = 0;

    if (!seq || !geos->CoordSeq_getSize(handle(r->g), seq, &n) || !n)
        return;
    double(*at)[2] = mem_alloc_array(n, sizeof *at);
    if (geos->CoordSeq_copyToBuffer(handle(r->g), seq, &at[0][0], 0, 0))
        for (unsigned i = 0; i + 1 < n; i++) {
            struct segment s = segment_of(at[i][0], at[i][1], at[i + 1][0], at[i + 1][1]);
            buf_add(segments, &s, sizeof s);
        }
    free(at);
}

/* The segments of all rings of polygons. */
static void add_segments(struct reading *r, const GEOSGeometry *geometry, struct buf *segments)
{
    int n = geos->GetNumGeometries(handle(r->g), geometry);

    if (geos->GeomTypeId(handle(r->g), geometry) != GEOS_POLYGON) {
        for (int i = 0; i < n; i++) {
            const GEOSGeometry *part = geos->GetGeometryN(handle(r->g), geometry, i);
            if (part && part != geometry)
                add_segments(r, part, segments);
        }
        return;
    }
    add_ring(r, geos->GetExteriorRing(handle(r->g), geometry), segments);
    n = geos->GetNumInteriorRings(handle(r->g), geometry);
    for (int i = 0; i < n; i++)
        add_ring(r, geos->GetInteriorRingN(handle(r->g), geometry, i), segments);
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
    if (!geometry || geos->isValid(handle(r->g), geometry) == 1)
        return geometry;
    if (!few_crossings(r, &geometry, 1, REPAIR_CROSSINGS_MAX)) {
        geos->Geom_destroy(handle(r->g), geometry);
        return refuse(r, "a ring that crosses itself too often");
    }
    GEOSGeometry *valid = geos->MakeValid(handle(r->g), geometry);
    geos->Geom_destroy(handle(r->g), geometry);
    return valid ? valid : refuse(r, "beyond repair");
}

/* a with b combined; takes both. */
static GEOSGeometry *combined(struct reading *r, GEOSGeometry *a, GEOSGeometry *b, bool hole)
{
    GEOSGeometry *both = hole ? geos->Difference(handle(r->g), a, b) : geos->Union(handle(r->g), a, b);

    geos->Geom_destroy(handle(r->g), a);
    geos->Geom_destroy(handle(r->g), b);
    return both ? both : refuse(r, "rings that do not combine");
}

static void destroy_all(struct reading *r, GEOSGeometry **parts, unsigned n)
{
    while (n--)
        geos->Geom_destroy(handle(r->g), parts[n]);
}

/* A ring with the other rings as its holes; NULL when that is not valid, or one of them is more than a ring. */
static GEOSGeometry *with_holes(struct reading *r, GEOSGeometry *const *rings, unsigned n)
{
    GEOSContextHandle_t h = handle(r->g);
    GEOSGeometry **copies = mem_alloc_array(n, sizeof *copies), *whole = NULL;
    unsigned copied = 0;

    while (copied < n && geos->GeomTypeId(h, rings[copied]) == GEOS_POLYGON &&
           geos->GetNumInteriorRings(h, rings[copied]) == 0 &&
           (copies[copied] = geos->Geom_clone(h, geos->GetExteriorRing(h, rings[copied]))))
        copied++;
    if (copied == n)
        whole = geos->Geom_createPolygon(h, copies[0], copies + 1, n - 1);
    else
        destroy_all(r, copies, copied);
    free(copies);
    if (whole && geos->isValid(h, whole) != 1) {
        geos->Geom_destroy(h, whole);
        whole = NULL;
    }
    return whole;
}

/* Rings that do not meet lie in one another or apart: what is inside of an odd number of them. Takes the rings. */
static GEOSGeometry *nested_rings(struct reading *r, GEOSGeometry **rings, unsigned n)
{
    GEOSGeometry *all = geos->Geom_createCollection(handle(r->g), GEOS_GEOMETRYCOLLECTION, rings, n),
                 *whole = all ? geos->BuildArea(handle(r->g), all) : NULL;

    if (all)
        geos->Geom_destroy(handle(r->g), all);
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
        work += geos->GetNumCoordinates(handle(r->g), whole);
        if (work > COMBINE_WORK_MAX) {
            geos->Geom_destroy(handle(r->g), whole);
            destroy_all(r, rings + i, n - i);
            return refuse(r, "too many rings that cross");
        }
        whole = combined(r, whole, rings[i], geos->Covers(handle(r->g), whole, rings[i]) == 1);
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
    GEOSContextHandle_t h = handle(r->g);
    bool plain = true;

    if (n == 1)
        return parts[0];
    for (unsigned i = 0; i < n; i++)
        plain = plain && geos->GeomTypeId(h, parts[i]) == GEOS_POLYGON;
    /* Repaired polygons may be multipolygons themselves. */
    GEOSGeometry *all = geos->Geom_createCollection(h, plain ? GEOS_MULTIPOLYGON : GEOS_GEOMETRYCOLLECTION, parts, n);
    if (!all || (plain && geos->isValid(h, all) == 1))
        return all;
    GEOSGeometry *whole = NULL;
    if (few_crossings(r, &all, 1, COMBINE_CROSSINGS_MAX))
        whole = geos->UnaryUnion(h, all);
    else
        refuse(r, "polygons that cross too often");
    geos->Geom_destroy(h, all);
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
        whole = type == GEOS_MULTIPOLYGON
                    ? united(r, parts, n)
                    : geos->Geom_createCollection(handle(r->g), GEOS_GEOMETRYCOLLECTION, parts, n);
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
    } else if (handle(g)) {
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

    if (!own->geometry && handle(g))
        own->geometry = s->point ? geos->Geom_createPointFromXY(handle(g), s->sum[0], s->sum[1])
                                 : geos->Geom_createRectangle(handle(g), s->box[0], s->box[1], s->box[2], s->box[3]);
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
    GEOSGeometry *shifted = split ? geos->Geom_transformXY(handle(g), s->geometry, eastward, NULL) : NULL;
    GEOSGeometry *c = geos->GetCentroid(handle(g), shifted ? shifted : s->geometry);
    bool ok = c && geos->GeomGetX(handle(g), c, lon) == 1 && geos->GeomGetY(handle(g), c, lat) == 1;

    if (ok && shifted && *lon > 180)
        *lon -= 360;
    if (c)
        geos->Geom_destroy(handle(g), c);
    if (shifted)
        geos->Geom_destroy(handle(g), shifted);
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
    GEOSWKBWriter *writer = geometry ? geos->WKBWriter_create(handle(g)) : NULL;
    if (!writer)
        return false;
    geos->SetSRID(handle(g), geometry, 4326);
    geos->WKBWriter_setIncludeSRID(handle(g), writer, 1);
    unsigned char *wkb = geos->WKBWriter_write(handle(g), writer, geometry, &size);
    if (wkb)
        buf_add(out, wkb, size);
    bool ok = wkb != NULL;
    geos->Free(handle(g), wkb);
    geos->WKBWriter_destroy(handle(g), writer);
    return ok;
}

bool geo_intersects(struct geo *g, const struct geo_shape *a, const struct geo_shape *b)
{
    struct geo_shape *region = (struct geo_shape *)b;

    if (!a || !b || !a->vertices || !b->vertices)
        return false;
    if (a->box[0] > b->box[2] || a->box[2] < b->box[0] || a->box[1] > b->box[3] || a->box[3] < b->box[1])
        return false;
    if (a->point && b->rectangle)
        return true;
    GEOSGeometry *one = geometry_of(g, a), *other = geometry_of(g, b);
    if (!one || !other)
        return false;
    if (!region->prepared && ++region->asked > 1)
        region->prepared = geos->Prepare(handle(g), other);
    if (region->prepared)
        return geos->PreparedIntersects(handle(g), region->prepared, one) == 1;
    return geos->Intersects(handle(g), one, other) == 1;
}

/* --- regions -------------------------------------------------------------------------------------------------------
 */

static bool check_box(struct reading *r, struct json v, double box[4])
{
    static const char *const names[] = {"west", "south", "east", "north"};

    for (int i = 0; i < 4; i++)
        if (!json_double(json_get(v, names[i]), &box[i]))
            return error_set(r->e, CENTRAL_CONFIG, "a box needs numbers for north, south, east and west");
    if (!(box[3] > box[1] && box[1] >= -90 && box[3] <= 90))
        return error_set(r->e, CENTRAL_CONFIG, "north must be above south, both from -90 to 90");
    if (!(box[2] > box[0] && box[0] >= -180 && box[2] <= 180))
        return error_set(r->e, CENTRAL_CONFIG,
                         "east must be right of west, both from -180 to 180 (over the antimeridian: two boxes)");
    count_vertex(r->s, box[0], box[1]);
    count_vertex(r->s, box[2], box[3]);
    return true;
}

static GEOSGeometry *read_box(struct reading *r, struct json v)
{
    double box[4];

    return check_box(r, v, box) ? geos->Geom_createRectangle(handle(r->g), box[0], box[1], box[2], box[3]) : NULL;
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
            geos->Geom_destroy(handle(r->g), whole);
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
    /* The one box that most regions are. */
    struct json only = json_kind(region) == JSON_ARRAY && json_count(region) == 1 ? json_at(region, 0) : region;
    bool box = json_kind(only) == JSON_OBJECT && !json_exists(json_get(only, "type"));
    if (!box && !handle(g))
        return error_set(e, CENTRAL_TRY_AGAIN, "GEOS does not start");
    r.s = mem_alloc(sizeof *r.s);
    double corners[4];
    bool ok = box ? check_box(&r, only, corners) : (r.s->geometry = read_part(&r, region, 0)) != NULL;
    if (ok) {
        r.s->rectangle = box;
        *out = r.s;
        return true;
    }
    error_set(e, CENTRAL_CONFIG, "%s", local.text ? local.text : "GEOS refuses it");
    error_free(&local);
    geo_shape_free(g, r.s);
    return false;
}
