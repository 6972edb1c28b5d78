#include "central/geos.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "central/error.h"
#include "central/log.h"

/* That of GEOS 3.0 up to now. */
#define LIBRARY "libgeos_c.so.1"

const char *const geos_files[] = {"/etc/ld.so.cache", "/lib", "/usr/lib", "/usr/local/lib", NULL};

static _Noreturn void give_up(void)
{
    log_error("%s", dlerror());
    exit(CENTRAL_CONFIG);
}

static void find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);

    if (!found)
        give_up();
    memcpy(function, &found, sizeof found);
}

const struct geos *geos_load(void)
{
    static struct geos geos;

    if (!geos.isValid) {
        void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        if (!library)
            give_up();
#define FIND(name) find(library, "GEOS" #name "_r", &geos.name);
        GEOS_FUNCTIONS(FIND)
#undef FIND
    }
    return &geos;
}
