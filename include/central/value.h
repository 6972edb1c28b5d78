/* value.h - between libjq's values and JSON as bytes.
 *
 * What a jq program passes on untouched is not serialised from libjq's value but copied from the record's own bytes:
 * the program yields {"central:keep": PATH} (keep(PATH) of central.jq), and value_put puts what stands at that path. */
#ifndef CENTRAL_VALUE_H
#define CENTRAL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

/* What is looked at of records: names in objects, found by one walk through each record. */
struct value_part {
    char *name;
    size_t len;
    jv key;      /* name, as libjq has it */
    bool given;  /* some of it is for `event`, ... */
    bool whole;  /* ... all of it */
    bool number; /* ... as a number */
    bool filled; /* ... or nothing */
    struct value_part *parts;
    size_t count;
    uint64_t marks; /* of the parts' names: most other names have none of these */
    struct json at; /* in the record at hand */
};
enum value_use {
    VALUE_FOUND,  /* to be kept */
    VALUE_GIVEN,  /* to `event` */
    VALUE_NUMBER, /* to `event`: a number, also from a string; null for anything else */
    VALUE_FILLED, /* to `event`: null for an empty string, array or object */
};
/* Adds what stands at a path as jq's path() gives it (borrowed). What goes on in an array is wanted with the array. */
void value_parts_add(struct value_part *root, jv path, enum value_use use);
void value_parts_free(struct value_part *root);

/* Checked text as a value; the caller frees it with jv_free. */
jv value_parse(struct json text);

/* A record and where in it stands what is looked at, so that each of several questions need not look through all of it.
 * {0} is no record; without parts and members they are looked for where they stand. */
struct value_span {
    struct json name, value;
};
struct value_record {
    struct json whole;
    const struct value_part *parts;
    struct value_span *members; /* its own */
    size_t count, room;
};
/* Finds the parts of whole, which is borrowed as parts is. May be called again and again. */
void value_record_read(struct value_record *r, struct json whole, struct value_part *parts);
void value_record_free(struct value_record *r);
/* What is given of the record; with everything all there is. */
jv value_parse_record(const struct value_record *r, bool everything);

/* What stands in record at a path as jq's path() gives it; "not there" when nothing does. path is borrowed. */
struct json value_at(const struct value_record *record, jv path);

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
 *     {..., "numbers": [NAME, ...]}                 members as numbers, also from strings; null for anything else
 *     {..., "texts": [NAME, ...]}                   members that are null or absent as ""
 * stands, the record's bytes are copied. False (CENTRAL_REJECTED) when a path is none, or changes meet no object. */
bool value_put(struct buf *out, jv v, const struct value_record *record, struct error *e);
/* True when v is {"central:keep": PATH}, without changes: *at is what stands there, "not there" when nothing does. */
bool value_kept(jv v, const struct value_record *record, struct json *at);
/* Adds the paths of all that is kept anywhere in v, to be found. */
void value_kept_paths(jv v, struct value_part *parts);

/* Where something kept as it is stands in any record. */
struct value_place {
    const struct value_part *part; /* NULL: v is nothing of that kind */
    long index;                    /* in the array there; -1: itself */
};
/* v is borrowed; parts as in value_form_open. */
struct value_place value_place_of(jv v, const struct value_part *parts);
/* What stands there in the record that was read last. */
struct json value_placed(const struct value_place *place);

/* An object that every record has, of constants and of what is kept, or one that is kept with changes: what can be made
 * ready is made ready once. */
struct value_form;
/* Takes object. parts has the paths of all that is kept in it, no others are added afterwards, and it lives longer. */
struct value_form *value_form_open(jv object, const struct value_part *parts);
/* NULL is fine. */
void value_form_free(struct value_form *f);
/* Appends it for the record, with the members of over (borrowed; an object or invalid) in the place of its own or
 * behind them. */
bool value_form_put(struct buf *out, struct value_form *f, jv over, const struct value_record *record, struct error *e);
/* A member of an object, borrowed in both directions: the caller must not free it. Invalid when absent. */
jv value_get(jv object, const char *name);
/* Several of them in one pass. */
struct value_member {
    const char *name;
    jv *value;
};
void value_members(jv object, const struct value_member *table, size_t count);

#endif
