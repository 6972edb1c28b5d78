/* clock.h: what was read and is put reads the same, in every notation. */
#include "fuzz.h"

#include "central/clock.h"

#define YEAR (INT64_C(365) * 24 * 60 * 60)

static void point(int64_t time, enum clock_form form)
{
    struct buf out = {0};
    int64_t again;

    clock_put(&out, time, form);
    MUST_SAY(clock_parse(out.data, out.len, &again) && again == time, out.data, out.len);
    MUST_SAY(out.len == (form == CLOCK_Z ? 20u : 25u) + (time % CLOCK_SECOND ? 7 : 0), out.data, out.len);
    buf_free(&out);
}

static void spans(const char *text, size_t len)
{
    struct buf out = {0};
    int64_t n, again;

    if (duration_parse(text, len, &n)) {
        MUST(n >= 0 && n <= 1000 * YEAR);
        duration_put(&out, n);
        MUST_SAY(duration_parse(out.data, out.len, &again) && again == n, out.data, out.len);
    }
    buf_clear(&out);
    if (size_parse(text, len, &n)) {
        MUST(n >= 0);
        size_put(&out, n);
        MUST_SAY(size_parse(out.data, out.len, &again) && again == n, out.data, out.len);
    }
    buf_free(&out);
}

/* Numbers that nobody checked. */
static void any(const uint8_t *data, size_t size)
{
    struct buf out = {0};
    int64_t n;

    if (size < sizeof n)
        return;
    memcpy(&n, data, sizeof n);
    clock_put(&out, n, CLOCK_Z);
    clock_put_age(&out, n);
    duration_put(&out, n);
    size_put(&out, n);
    MUST(out.len == strlen(out.data));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t now = INT64_C(1779048480) * CLOCK_SECOND;
    const char *text = (const char *)data;
    int64_t time, since;

    if (clock_parse(text, size, &time)) {
        point(time, CLOCK_Z);
        point(time, CLOCK_OFFSET);
    }
    spans(text, size);
    any(data, size);
    char *string = mem_bytes(text, size);
    if (clock_parse_since(string, now, &since))
        point(since < 0 ? 0 : since, CLOCK_Z);
    free(string);
    return 0;
}
