/* region.h - the codes by which services of the United States name areas, as the names that geo.regions has (contract
 * §5, nws): US-<ST>-FIPS<SSCCC>, US-<ST>-C<nnn>, US-<ST>-Z<nnn>. */
#ifndef CENTRAL_REGION_H
#define CENTRAL_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"

/* Appends the name of a SAME code, PSSCCC: a part of the county, the state's FIPS code, the county's. False when it is
 * not six digits, or of no state. */
bool region_put_same(struct buf *out, const char *code, size_t len);
/* Appends the name of a Universal Geographic Code: two letters of the state, then C or Z and a number, or another rest.
 * False when it is none. */
bool region_put_ugc(struct buf *out, const char *code, size_t len);
/* Appends the tokens that a region has in a subject, <st>.<county|zone>.<code>; unknown when it is NULL or no name of
 * the form above. */
void region_put_tokens(struct buf *out, const char *region);

#endif
