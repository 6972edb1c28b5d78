/* settings.h - a source's settings: what they may be, and the file they stand in.
 *
 * CENTRAL_CONFIG/sources/NAME.json is one JSON object. Every source knows enabled (boolean), every (seconds or a
 * duration, at least 10 s), region and contact_email; its adapter's about.settings names the others: NAME: {type:
 * "string" | "number" | "integer" | "boolean" | "list" | "duration" | "email" | "region", default, enum: [...], min,
 * max, required: true, help} */
#ifndef CENTRAL_SETTINGS_H
#define CENTRAL_SETTINGS_H

#include <stdbool.h>
#include "central/adapter.h"
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

#define SETTINGS_EVERY_MIN 10 /* seconds, contract §6 */

/* Checks a whole settings object against about. CENTRAL_CONFIG names the setting and what it may be. */
bool settings_check(struct json about, struct json settings, struct error *e);
/* Appends file (an object, or "not there") with key=value pairs applied: value is JSON where it is JSON, a plain string
 * else; an empty value takes the setting out. For a list, a,b,c is a list of strings. CENTRAL_USAGE for what is no
 * key=value. */
bool settings_apply(struct json about, struct json file, char *const *pairs, size_t count, struct buf *out,
                    struct error *e);
/* The settings every source has, as about.settings would say it. */
struct json settings_common(void);

#endif
