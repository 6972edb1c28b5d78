/* migrate.h - the database's schema, from numbered files: sql/NNNN-name.sql, applied in order, each once. */
#ifndef CENTRAL_MIGRATE_H
#define CENTRAL_MIGRATE_H

#include <stdbool.h>
#include "central/db.h"
#include "central/error.h"

/* Applies what is not applied yet, each file in a transaction of its own, one runner at a time (an advisory lock: a
 * second one waits and then finds nothing to do); table central_migrations says what was. dir NULL: path_data("sql").
 * told (NULL is fine) is called after each one, with "0001-events". A failure names file and line. */
bool migrate_apply(struct db *d, const char *dir, void (*told)(void *, const char *name), void *closure,
                   struct error *e);
/* False with CENTRAL_CONFIG when a file of dir is not applied, or the database knows a higher number than dir. */
bool migrate_check(struct db *d, const char *dir, struct error *e);

#endif
