/* stream_file.h - changing streams.conf and leaving what people wrote in it: comments, blanks, order. */
#ifndef CENTRAL_STREAM_FILE_H
#define CENTRAL_STREAM_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/error.h"
#include "central/stream.h"

/* Puts max_age (seconds) and max_bytes in the place of those in the stream's line; 0 leaves one as it is. What stands
 * behind stays in its column where the blanks allow it. line gets the new line without its end. False when no line has
 * that name. text must have been read as streams.conf without error. */
bool stream_file_edit(struct buf *text, const char *name, int64_t max_age, int64_t max_bytes, struct buf *line);

/* Reads the file that list was read from into text. */
bool stream_file_read(const struct stream_list *list, struct buf *text, struct error *e);
/* Reads text as streams.conf into out, as the file in the place of which it is to be put: that of list, but for the one
 * that was installed with the programs, which nobody edits: then CENTRAL_CONFIG/streams.conf, which counts once it is
 * there. out->path says which. CENTRAL_CONFIG when something is wrong. */
bool stream_file_check(const struct stream_list *list, const struct buf *text, struct stream_list *out,
                       struct error *e);
/* Puts text in the place of the file checked->path, whole or not at all, with its mode; a symbolic link stays one. */
bool stream_file_write(const struct stream_list *checked, const struct buf *text, struct error *e);

#endif
