/* geos.h - GEOS, loaded when a program first computes with a geometry.
 *
 * With the C++ library below it, it takes a third of the start of a program that has it, and few runs need it: most
 * polls find nothing new, and points in a box are compared without. */
#ifndef CENTRAL_GEOS_H
#define CENTRAL_GEOS_H

#include <geos_c.h>

/* What stands between GEOS and _r in a function's name. */
/* clang-format off */
#define GEOS_FUNCTIONS(f)                                                                                             \
    f(BuildArea) f(Context_setErrorMessageHandler) f(Context_setNoticeMessageHandler)                                 \
    f(CoordSeq_copyFromBuffer) f(CoordSeq_copyToBuffer) f(CoordSeq_getSize) f(Covers) f(Difference) f(Free)           \
    f(GeomGetX) f(GeomGetY) f(GeomTypeId) f(Geom_clone) f(Geom_createCollection) f(Geom_createLineString)             \
    f(Geom_createLinearRing) f(Geom_createPointFromXY) f(Geom_createPolygon) f(Geom_createRectangle)                  \
    f(Geom_destroy) f(Geom_getCoordSeq) f(Geom_transformXY) f(GetCentroid) f(GetExteriorRing) f(GetGeometryN)         \
    f(GetInteriorRingN) f(GetNumCoordinates) f(GetNumGeometries) f(GetNumInteriorRings) f(Intersects)                 \
    f(MakeValid) f(Prepare) f(PreparedGeom_destroy) f(PreparedIntersects) f(SetSRID) f(UnaryUnion) f(Union)           \
    f(WKBWriter_create) f(WKBWriter_destroy) f(WKBWriter_setIncludeSRID) f(WKBWriter_write) f(_finish)                \
    f(_init) f(isValid)
/* clang-format on */

struct geos {
#define GEOS_MEMBER(name) __typeof__(GEOS##name##_r) *name;
    GEOS_FUNCTIONS(GEOS_MEMBER)
#undef GEOS_MEMBER
};

/* The functions. Loads GEOS at the first call; where it is not installed the program ends (CENTRAL_CONFIG, one line on
 * stderr), as it would have at its start. */
const struct geos *geos_load(void);
/* What that reads, for who gives up reading before; ends with NULL. */
extern const char *const geos_files[];

#endif
