/* adapter_file.h - where adapters and their settings stand (design §4).
 *
 * Adapters are looked for in CENTRAL_ADAPTERS (folders, colon-separated), then CENTRAL_CONFIG/adapters (CENTRAL_CONFIG
 * defaults to /etc/central), then among the installed ones (lib/adapters of the tree when run from build/bin). Lists
 * end with NULL; adapter_list_free frees them. */
#ifndef CENTRAL_ADAPTER_FILE_H
#define CENTRAL_ADAPTER_FILE_H

#include "central/error.h"

/* The folders, in this order. */
char **adapter_folders(void);
/* The file of the first adapter of this name; the caller frees. CENTRAL_CONFIG when there is none. */
char *adapter_path(const char *name, struct error *e);
/* The names of all adapters found, sorted, each once. */
char **adapter_names(void);
/* All that loading any adapter may read: folders, and what stands in them. */
char **adapter_files(void);
/* CENTRAL_CONFIG/sources/NAME.json; the caller frees. */
char *adapter_settings_path(const char *name);
/* A list of these and what is in it; NULL is none. */
void adapter_list_free(char **list);

#endif
