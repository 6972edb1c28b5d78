/* adapter_name.h - what an adapter may be called: it is a file name, a subject token and part of a program's name. */
#ifndef CENTRAL_ADAPTER_NAME_H
#define CENTRAL_ADAPTER_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define ADAPTER_NAME_MAX 40

/* [a-z][a-z0-9_]*, at most ADAPTER_NAME_MAX long. */
static inline bool adapter_name_ok(const char *name, size_t len)
{
    if (len == 0 || len > ADAPTER_NAME_MAX || name[0] < 'a' || name[0] > 'z')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_'))
            return false;
    return true;
}

#endif
