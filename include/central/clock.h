/* clock.h - points in time, their notations, and spans of time and size.
 *
 * A time is microseconds since 1970-01-01T00:00:00Z, UTC, negative before. */
#ifndef CENTRAL_CLOCK_H
#define CENTRAL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"

#define CLOCK_SECOND INT64_C(1000000)

int64_t clock_now(void);
/* Microseconds that only go forward, for measuring. */
int64_t clock_monotonic(void);

/* Reads what feeds write: RFC 3339 (T or a blank; no zone is UTC; +0000 without colon; a fraction of any length, cut to
 * microseconds; date alone is midnight), RFC 822/1123 with zone names of that RFC and of the United States' zones (no
 * zone is UTC), and 1/31/2025 7:00:00 AM. Years 1 to 9999. A leap second is the next second's first. False else. */
bool clock_parse(const char *text, size_t len, int64_t *out);
enum clock_form { CLOCK_Z, CLOCK_OFFSET }; /* 2026-05-17T20:08:00Z (contract §2), ...+00:00 (contract §1) */
/* A fraction only when it is not zero, then six digits. */
void clock_put(struct buf *out, int64_t time, enum clock_form form);
/* A member of a JSON object, as CLOCK_Z; null when there is none. */
void clock_put_member(struct buf *out, const char *name, bool there, int64_t time);
/* For a person: 3s, 5m, 2h, 4d. */
void clock_put_age(struct buf *out, int64_t microseconds);
/* An operator's point in time: anything clock_parse reads, "now", or a duration before now such as 2h. */
bool clock_parse_since(const char *text, int64_t now, int64_t *out);

/* 90s 15m 24h 7d 2w 1y (365 d), several parts added (1d12h); a bare number is seconds; 0 is allowed. In seconds. */
bool duration_parse(const char *text, size_t len, int64_t *seconds);
/* The shortest exact notation: 7d, 90s. */
void duration_put(struct buf *out, int64_t seconds);
/* 1024, 64KiB, 100MiB, 1GiB, 1TiB (powers of 1024), kB MB GB TB (powers of 1000). In bytes. */
bool size_parse(const char *text, size_t len, int64_t *bytes);
/* The shortest exact notation in powers of 1024: 1GiB, 1500. */
void size_put(struct buf *out, int64_t bytes);

#endif
