/* base64.h - what JetStream's API wraps messages in (RFC 4648 §4). */
#ifndef CENTRAL_BASE64_H
#define CENTRAL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"

/* Appends what text stands for. False when it is no base64 of that alphabet, padded; out then has a part of it. */
bool base64_decode(const char *text, size_t len, struct buf *out);

#endif
