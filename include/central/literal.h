/* literal.h - definitions at the head of an adapter that are plain data, read without jq.
 *
 * libjq 1.6 compiles its own definitions before any program, 20 ms and 5 MiB of them. What an adapter says of itself
 * and what it asks for is mostly data, and where nothing has changed nothing else is needed of it. */
#ifndef CENTRAL_LITERAL_H
#define CENTRAL_LITERAL_H

#include <stdbool.h>
#include "central/buf.h"

/* If the next definition in the jq program *at, behind white space and comments, is
 *
 *     def NAME: VALUE;
 *
 * and VALUE means in jq what it means in JSON (once comments are left out and member names quoted), sets name and value
 * (checked JSON text), moves *at behind it and returns true. False for anything else: jq has to say what it means. Not
 * plain here are interpolations, numbers that are no integers of 15 digits, and escapes by number. */
bool literal_next(const char **at, struct buf *name, struct buf *value);

#endif
