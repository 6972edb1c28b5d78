/* request.h - what an adapter asks for, as data: a template that C fills in (central-adapter(5), requests).
 *
 *     {template: "https://host/{feed}/{region_box}/{reach}", ...}
 *
 * stands for {url: ..., ...}. In braces are names of settings, `key`, `region_box` and `reach`: simple string expansion
 * of RFC 6570, a list's members joined by commas. The key goes in as it is, so that it is found again where a message
 * has to leave it out.
 *
 * - each: {NAME: SETTING}: one request for each member of that list; it is {NAME}, and NAME of the tag
 * - reach: [[TEXT, SECONDS], ..., [TEXT]]: {reach} is the first that reaches back to the last complete poll
 * - at_least: a setting that holds one of these texts: none before it is taken */
#ifndef CENTRAL_REQUEST_H
#define CENTRAL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

struct request_facts {
    const char *name; /* of the source, for messages */
    struct json settings;
    const char *key;   /* NULL */
    const double *box; /* of the region, NULL */
    struct json state; /* last_success: seconds */
    int64_t now;
    bool unasked; /* nothing will be asked (--from): what is not there may be missing */
};

/* Appends the request, or those it stands for, to the JSON array in out; one without a template as it is. False with e
 * (CENTRAL_CONFIG) when something that it needs is not set. */
bool request_put(struct buf *out, struct json request, const struct request_facts *f, struct error *e);

#endif
