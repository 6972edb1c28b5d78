/* feature.h - an event as a GeoJSON Feature (RFC 7946). */
#ifndef CENTRAL_FEATURE_H
#define CENTRAL_FEATURE_H

#include "central/archived.h"
#include "central/buf.h"

/* Appends the Feature: id and geometry, and as properties id, adapter, category, time, expires, severity, revision,
 * received, removed, superseded, headline, regions, primary_region and data, which is the adapter's payload. What is
 * not known is null. */
void feature_put(struct buf *out, const struct archived *event);

#endif
