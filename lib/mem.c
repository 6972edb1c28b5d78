#include "central/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/error.h"

/* No allocation here, and no stdio buffer: there is no memory. */
static _Noreturn void out_of_memory(void)
{
    static const char text[] = "out of memory\n";

    if (write(STDERR_FILENO, program_invocation_short_name, strlen(program_invocation_short_name)) < 0 ||
        write(STDERR_FILENO, ": ", 2) < 0 || write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(CENTRAL_TRY_AGAIN);
    _exit(CENTRAL_TRY_AGAIN);
}

void mem_exhausted(void *unused)
{
    (void)unused;
    out_of_memory();
}

void *mem_alloc(size_t size)
{
    return mem_alloc_array(1, size);
}

void *mem_alloc_array(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *mem_resize(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

char *mem_string(const char *text)
{
    return text ? mem_bytes(text, strlen(text)) : NULL;
}

char *mem_bytes(const char *data, size_t len)
{
    if (len == SIZE_MAX)
        out_of_memory();
    char *p = mem_alloc(len + 1);
    if (len)
        memcpy(p, data, len);
    return p;
}

char *mem_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        out_of_memory();
    return text;
}
