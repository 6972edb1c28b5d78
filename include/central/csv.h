/* csv.h - CSV as JSON (libcsv underneath).
 *
 * The first row names the columns. The result is {"header": [NAME, ...], "rows": [{NAME: "cell", ...}, ...]}: an answer
 * that is no CSV, such as an error in plain text, shows in its header, and no rows are not the same as no answer. Every
 * cell is a string; a missing one is "", one too many is an error, for then the columns are not what the header says.
 */
#ifndef CENTRAL_CSV_H
#define CENTRAL_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"

#define CSV_COLUMNS_MAX 1000
#define CSV_ROWS_MAX 5000000
/* A row of two bytes becomes one of all names of the header. */
#define CSV_JSON_MAX (256 * 1024 * 1024)

/* Appends the JSON text. charset is what the content type named, NULL for UTF-8. A byte order mark, CR LF and a missing
 * last newline are fine; blank lines are passed over. CENTRAL_REJECTED: not text of that charset, a row wider than the
 * header, a header with two columns of one name, an unclosed quote, beyond a limit. */
bool csv_to_json(const char *text, size_t len, const char *charset, struct buf *out, struct error *e);

#endif
