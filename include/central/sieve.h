/* sieve.h - which events an operator wants to see, as one types it: words that all must hold.
 *
 *     adapter=NAME,...  category=PREFIX  severity=N  since=TIME  until=TIME  id=ID  region=PREFIX  box=W,S,E,N
 *     active            anything else is text that must stand somewhere in the event; "..." holds blanks and =
 *
 * Upper and lower case of text make no difference. A TIME that is a duration (2h) moves with the clock. */
#ifndef CENTRAL_SIEVE_H
#define CENTRAL_SIEVE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/brief.h"
#include "central/error.h"
#include "central/query.h"

/* A sieve whose times move is asked anew about an event after so many seconds. */
#define SIEVE_MOVES 10

struct sieve;
/* NULL with e (CENTRAL_USAGE) when a word is none. An empty text lets everything pass. */
struct sieve *sieve_read(const char *text, struct error *e);
void sieve_free(struct sieve *s);
const char *sieve_text(const struct sieve *s);
bool sieve_empty(const struct sieve *s);
/* Remembers the answer in b. */
bool sieve_passes(struct sieve *s, struct brief *b, int64_t now);
/* What of it the archive can tell; words of text and regions remain for sieve_passes. Frees what q held; the category
 * and id point into s. */
void sieve_query(const struct sieve *s, int64_t now, struct query *q);
/* From when on, 0: from the beginning. */
int64_t sieve_since(const struct sieve *s, int64_t now);
/* Four numbers: west, south, east, north. */
bool sieve_box(const char *text, double box[4]);
bool sieve_in_box(const double box[4], double lon, double lat);

#endif
