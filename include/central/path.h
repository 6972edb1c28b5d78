/* path.h - where things are: installed, in the tree, or as the environment says. */
#ifndef CENTRAL_PATH_H
#define CENTRAL_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"

/* CENTRAL_CONFIG or /etc/central; the caller frees. */
char *path_config(void);
/* Where the source's state is kept: CENTRAL_STATE, STATE_DIRECTORY (its first), for root /var/lib/central, else
 * $XDG_STATE_HOME/central or ~/.local/state/central. Not created. The caller frees. */
char *path_state(void);
/* A folder or file of the program's data: "adapters", "sql", "streams.conf". Programs that run from a build tree
 * (build/bin, build/asan/bin) find lib/adapters, sql and examples/streams.conf of the tree; installed ones
 * ../share/central beside their own folder, wherever that is. The caller frees. */
char *path_data(const char *what);
/* dir/name as a new string. */
char *path_join(const char *dir, const char *name);
bool path_exists(const char *path);
/* Makes the folder and those above it, 0755, where they are missing. CENTRAL_IO, CENTRAL_NO_PERMISSION. */
bool path_make(const char *dir, struct error *e);
/* Opens a file for reading and writing, and makes it where it is missing: 0644, and when root makes it, its folder's
 * owner's, who is to go on with what root began by hand. -1 with CENTRAL_IO or CENTRAL_NO_PERMISSION. */
int path_open(const char *path, struct error *e);
/* Reads a whole file of at most max bytes into out. CENTRAL_IO, CENTRAL_NO_PERMISSION; CENTRAL_CONFIG when it is not
 * there. */
bool path_read(const char *path, size_t max, struct buf *out, struct error *e);
/* Writes a file whole or not at all: temporary name, fsync, rename, fsync of the folder. */
bool path_write(const char *path, const char *data, size_t len, unsigned mode, struct error *e);

#endif
