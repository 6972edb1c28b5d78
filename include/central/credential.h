/* credential.h - a source's key: from a file that only its owner can read, or from the environment. */
#ifndef CENTRAL_CREDENTIAL_H
#define CENTRAL_CREDENTIAL_H

#include <stdbool.h>
#include "central/error.h"

#define CREDENTIAL_MAX 4096

/* Looks at $CREDENTIALS_DIRECTORY/NAME, CENTRAL_CONFIG/credentials/NAME, CENTRAL_KEY_NAME (NAME in upper case), in this
 * order; white space at its end is cut off. A file that group or others can read is refused (CENTRAL_NO_PERMISSION),
 * one that is not there anywhere is CENTRAL_CONFIG; the text of neither holds the key. The caller ends it with
 * credential_free. */
bool credential_read(const char *name, char **key, struct error *e);
/* Whether there is one, without reading it. */
bool credential_exists(const char *name);
/* Overwrites and frees; NULL is fine. */
void credential_free(char *key);
/* The check for any file that holds a secret: true when it is readable by its owner alone. */
bool credential_file_ok(const char *path, struct error *e);

#endif
