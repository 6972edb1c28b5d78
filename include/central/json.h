/* json.h - JSON as bytes: check once, then look at values where they stand.
 *
 * A struct json is a span of checked text: one value without white space around it, pointing into memory that somebody
 * else owns. at == NULL means "not there", and every function takes such a span and answers accordingly. json_check is
 * the only function that reads unchecked text; all others rely on its having accepted the text.
 *
 * Upstream's bytes are passed on, not re-serialised: numbers keep their digits, strings their escapes (libjq 1.6 would
 * turn every number into a double). */
#ifndef CENTRAL_JSON_H
#define CENTRAL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "central/buf.h"
#include "central/error.h"

/* libjq 1.6 refuses more than 256; a little room for what is wrapped around a record. */
#define JSON_MAX_DEPTH 200

struct json {
    const char *at;
    size_t len;
};

/* "Not there". */
static const struct json json_absent = {0};

enum json_kind { JSON_NONE, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Checks that text is one JSON value (RFC 8259: grammar, UTF-8, no lone surrogates needed to be paired) with white
 * space around it at most, nested at most JSON_MAX_DEPTH deep. Sets out to the value. On failure e says what and at
 * which byte; its status is CENTRAL_REJECTED. */
bool json_check(const char *text, size_t len, struct json *out, struct error *e);

/* The same, and on the way tells each member that stands less than JSON_SEEN_DEPTH deep: names[depth] is its name,
 * those before it are the names of what it stands in (the outermost value has none; where that is an element of an
 * array, "not there"). What stands in a value is told before the value itself. All of it counts only when the whole
 * text is sound. */
#define JSON_SEEN_DEPTH 3
typedef void json_seen(void *closure, const struct json *names, int depth, struct json value);
bool json_check_seeing(const char *text, size_t len, struct json *out, json_seen *seen, void *closure, struct error *e);

enum json_kind json_kind(struct json v);
static inline bool json_exists(struct json v)
{
    return v.at != NULL;
}
/* True for null and for "not there". */
bool json_is_null(struct json v);

/* The member of an object by name; "not there" when v is no object or has none. Of two members of one name the last. */
struct json json_get(struct json v, const char *name);
/* json_get along several names, ended by NULL. */
struct json json_get_path(struct json v, ...) __attribute__((sentinel));
/* The element of an array, from 0; negative counts from the end. */
struct json json_at(struct json v, long index);
size_t json_count(struct json v);

/* Walks an object or array: struct json_iter i = json_walk(v); while (json_next(&i, &name, &value)) ... name is the
 * member's name as a string span, "not there" in an array; it may be NULL when nobody asks. */
struct json_iter {
    const char *at;
    const char *end;
    bool object;
};
struct json_iter json_walk(struct json v);
bool json_next(struct json_iter *i, struct json *name, struct json *value);

/* Appends a string's characters, decoded; a lone surrogate becomes U+FFFD. False when v is no string. */
bool json_decode(struct json v, struct buf *out);
/* The decoded string as a new C string, NULL when v is no string or has a NUL character in it; the caller frees. */
char *json_string(struct json v);
bool json_equals(struct json v, const char *text);
/* The same for a string known to be one, of text with that length, but only as it stands: one with escapes is another.
 */
static inline bool json_is(struct json v, const char *text, size_t len)
{
    return v.len == len + 2 && memcmp(v.at + 1, text, len) == 0;
}
/* A number that is an integer in range, however written (1e3, 5.0); false else. */
bool json_int(struct json v, int64_t *out);
bool json_double(struct json v, double *out);
/* 1, 0 for true, false; -1 for anything else. */
int json_bool(struct json v);

/* A hash of what v means: the order of an object's members, white space, escapes and the notation of numbers (1.0, 1,
 * 10e-1) make no difference, so a value read back from PostgreSQL's jsonb hashes as it did before. 128 bits, for
 * telling changes, not for defence against somebody who wants two values to collide. */
struct json_hash {
    uint64_t high;
    uint64_t low;
};
struct json_hash json_hash(struct json v);
/* Of plain bytes. */
struct json_hash json_hash_bytes(const char *data, size_t len);
/* Appends 32 hex digits. */
void json_put_hash(struct buf *out, struct json_hash h);

/* Writing. Each json_put adds a comma first when one is due, which it tells by the last byte of out: so begin each text
 * with an empty buffer, or one whose last byte is not part of a JSON value (such as \n). */
void json_begin(struct buf *out, char bracket); /* { or [ */
void json_end(struct buf *out, char bracket);   /* } or ] */
void json_put_name(struct buf *out, const char *name);
/* Bytes that are not UTF-8 become U+FFFD. */
void json_put_string(struct buf *out, const char *text, size_t len);
void json_put_text(struct buf *out, const char *text); /* NULL gives null */
void json_put_int(struct buf *out, int64_t n);
void json_put_double(struct buf *out, double d); /* shortest form that reads back the same; not finite gives null */
void json_put_bool(struct buf *out, bool b);
void json_put_null(struct buf *out);
/* v without the white space between its tokens; all bytes that mean something are kept. "Not there" gives null. */
void json_put(struct buf *out, struct json v);
/* v as it stands: for what was put by these functions and so has no white space to leave out. */
void json_put_dense(struct buf *out, struct json v);
/* A member in one call. */
void json_put_member_text(struct buf *out, const char *name, const char *text);
void json_put_member_int(struct buf *out, const char *name, int64_t n);
void json_put_member_bool(struct buf *out, const char *name, bool b);
void json_put_member(struct buf *out, const char *name, struct json v);

#endif
