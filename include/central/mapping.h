/* mapping.h - from what an adapter's `event` yields to a finished, checked canonical line.
 *
 * jq says what only the source knows; what is the same for all is done here: notations of time, tokens of the subject,
 * centroid and bounding box, the region, the envelope, the check. What `event` may yield (central-adapter(5)):
 *
 * - id: string, or an array of parts (strings, numbers, rounded(n)) to be joined by colons; needed
 * - category: string of tokens, or an array of tokens, each reduced to [a-z0-9_-]; needed
 * - subject: array of tokens behind "central.", or a finished string; without it "central." + category
 * - time: string that clock_parse reads, a number: milliseconds since 1970, or [date, "HHMM"] in UTC; needed. expires:
 *   the same, or null
 * - severity: number, cut to 0 ... 4, or null
 * - geo: {point: [lon, lat]}, {geometry: GeoJSON, centroid: "vertices" | "area"}, {bbox: [...]}, {regions: names,
 * arrays of parts, or {same, ugc}: codes (region.h)}; all optional
 * - data: object; needed
 * - removes: {id, revision}: this event is the removal of that one
 *
 * What is the same for every record of a source, constants and kept parts, may be said once, as the source's form: an
 * object of the same members, in whose place, or beside which, stands what `event` yields; of geo and data member by
 * member. id, time, expires and geo.point may be kept, too.
 *
 * A token may be {"central:letters": text} (its letters, digits and blanks) or {"central:region": ...} (those of the
 * primary region): letters and region of central.jq. */
#ifndef CENTRAL_MAPPING_H
#define CENTRAL_MAPPING_H

#include <jv.h>
#include "central/adapter.h"
#include "central/value.h"

/* The region of the settings: shapes and states, a union. */
struct mapping_region {
    struct geo_shape *shape; /* NULL: none given */
    char **states;           /* two-letter codes, NULL-terminated; NULL: none given */
};
/* {"north":, "south":, "east":, "west":}, {"states": ["ID", ...]}, GeoJSON, or an array of these; null and "not there"
 * are everywhere. CENTRAL_CONFIG. */
bool mapping_region_read(struct geo *g, struct json region, struct mapping_region *out, struct error *e);
/* The box around the shapes, [west, south, east, north]; false when there are none. */
bool mapping_region_box(struct geo *g, const struct mapping_region *r, double box[4]);
void mapping_region_free(struct geo *g, struct mapping_region *r);

struct mapping_form;
/* Takes form; adds what is kept in it to parts, which live longer and are not added to afterwards. NULL with e
 * (CENTRAL_CONFIG) when it is no object. */
struct mapping_form *mapping_form_read(jv form, struct value_part *parts, struct error *e);
/* NULL is fine. */
void mapping_form_free(struct mapping_form *f);

/* What all events of a source have in common. */
struct mapping {
    struct geo *geo;
    const struct mapping_region *region;
    struct mapping_form *form; /* NULL: none */
    const char *adapter;
};
/* Appends the canonical line for result (borrowed), which `event` yielded for record. ADAPTER_REJECTED sets e. */
enum adapter_outcome mapping_event(const struct mapping *m, jv result, const struct value_record *record,
                                   struct buf *line, struct error *e);

#endif
