/* value.h - between libjq's values and JSON as bytes.
 *
 * What a jq program passes on untouched is not serialised from libjq's value but copied from the record's own bytes:
 * the program yields {"central:keep": PATH} (keep(PATH) of central.jq), and value_put puts what stands at that path. */
#ifndef CENTRAL_VALUE_H
#define CENTRAL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

/* Checked text as a value; the caller frees it with jv_free. */
jv value_parse(struct json text);
/* What stands in record at a path as jq's path() gives it; "not there" when nothing does. path is borrowed. */
struct json value_at(struct json record, jv path);

/* The same for many paths in a row: one that follows the last in the same array is found without walking to it again.
 */
struct value_cursor {
    struct json record;
    jv parent; /* path of the array, valid once started */
    long index;
    struct json_iter next;
    bool started;
};
struct json value_cursor_at(struct value_cursor *c, jv path);
void value_cursor_free(struct value_cursor *c);

/* Appends v (borrowed) as JSON. Where it holds
 *     {"central:keep": PATH}                        what stands in record at PATH, null when nothing does
 *     {..., "rename": {OLD: NEW, ...}}              an object's members OLD as NEW
 *     {..., "with": {NAME: VALUE, ...}}             members besides or instead of the object's own
 * stands, the record's bytes are copied. False (CENTRAL_REJECTED) when a path is none, or rename and with meet no
 * object. */
bool value_put(struct buf *out, jv v, struct json record, struct error *e);
/* A member of an object, borrowed in both directions: the caller must not free it. Invalid when absent. */
jv value_get(jv object, const char *name);

#endif
