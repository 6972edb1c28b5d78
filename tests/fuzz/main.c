/* main.c - a target without a fuzzer: runs it over the files that are named. Ends with the first property that does not
 * hold, or where one input takes longer than SECONDS of the processor. */
#include "fuzz.h"

#include <sys/time.h>

#define SECONDS 20

static bool run(const char *path)
{
    struct itimerval limit = {.it_value = {.tv_sec = SECONDS}};
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, n;
    char piece[65536];

    if (!f)
        return false;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) {
        data = mem_resize(data, size + n);
        memcpy(data + size, piece, n);
        size += n;
    }
    bool ok = !ferror(f);
    fclose(f);
    if (ok && setitimer(ITIMER_PROF, &limit, NULL) == 0)
        LLVMFuzzerTestOneInput(data ? data : (const uint8_t *)"", size);
    else
        ok = false;
    free(data);
    return ok;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!run(argv[i])) {
            perror(argv[i]);
            return 1;
        }
    return 0;
}
