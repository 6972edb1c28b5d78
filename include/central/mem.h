/* mem.h - memory that is there, or the program ends.
 *
 * A tool that cannot get memory cannot report much either: every function here ends the program with CENTRAL_TRY_AGAIN
 * and one line on stderr when an allocation fails. Nothing on stdout is claimed that was not written before. */
#ifndef CENTRAL_MEM_H
#define CENTRAL_MEM_H

#include <stddef.h>

/* Ends the program like that: for libraries that ask whom to tell (unused is for their sake). Never returns. */
void mem_exhausted(void *unused) __attribute__((noreturn));
/* Returns size bytes, zeroed; the caller frees them with free(). */
void *mem_alloc(size_t size);
/* Returns count * size bytes, zeroed, refusing overflow; the caller frees them. */
void *mem_alloc_array(size_t count, size_t size);
/* Like realloc(); new bytes are not zeroed. */
void *mem_resize(void *old, size_t size);
/* Like strdup(); NULL gives NULL. */
char *mem_string(const char *text);
/* Copies len bytes and adds a NUL. */
char *mem_bytes(const char *data, size_t len);
/* Like asprintf(). Not for SQL or JSON. */
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
