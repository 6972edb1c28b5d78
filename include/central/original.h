/* original.h - messages and rows of the Python system that Central replaces.
 *
 * They differ from ours in what contract §1 and §2 mark: the envelope has no centralsubject, and a severity may be 5.
 */
#ifndef CENTRAL_ORIGINAL_H
#define CENTRAL_ORIGINAL_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/event.h"

/* Writes the message as ours to out: with the subject it was published on (NULL, when that is lost: what its category
 * says) and a severity of at most 4. False, and out is empty: it is not one of theirs. Whether the result is an event
 * is event_read's to say. */
bool original_adopt(const char *text, size_t len, const char *subject, struct buf *out);

/* event_read of a message that may be theirs: then *adopted, which the caller frees, is what *out points into. */
bool original_read(const char *text, size_t len, const char *subject, struct buf *adopted, struct event *out,
                   struct error *e);

#endif
