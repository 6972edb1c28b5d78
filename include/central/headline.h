/* headline.h - the line of an event that a person wants to read. */
#ifndef CENTRAL_HEADLINE_H
#define CENTRAL_HEADLINE_H

#include "central/json.h"

/* What the source calls headline, title, name, place or message, else the first region; a string, or null or "not
 * there" when it has none of them. data: the envelope's. */
struct json headline(struct json data);

#endif
