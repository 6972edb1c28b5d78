/* http.h: Retry-After in both forms, and URLs without their secrets. A line with the header's value, one with a secret,
 * and the URL. */
#include "fuzz.h"

#include "central/clock.h"
#include "central/http.h"

static void retry_after(const char *text)
{
    const int64_t now = INT64_C(1779048480) * CLOCK_SECOND;
    int64_t n = http_retry_after(text, now), later = http_retry_after(text, now + 60 * CLOCK_SECOND), when;

    MUST(n >= -1 && later >= -1 && (n < 0) == (later < 0));
    /* Seconds count from now, a date comes nearer. */
    MUST(later == n || (later < n && n - later <= 60));
    if (n >= 0 && !(*text >= '0' && *text <= '9'))
        MUST(clock_parse(text, strlen(text), &when) && (when <= now ? n == 0 : n > 0));
}

static void redact(const char *url, const char *secret)
{
    char *shown = http_redact(url, secret), *again = http_redact(shown, secret);

    /* What stands in the place of a secret must not make up a new one. */
    if (*secret && !strchr(secret, '*')) {
        MUST_SAY(!strstr(shown, secret), shown, strlen(shown));
        if (!strpbrk(secret, ":/@"))
            MUST_SAY(strcmp(shown, again) == 0, shown, strlen(shown));
    }
    const char *host = strstr(shown, "://");
    host = host ? host + 3 : shown;
    if (!*secret)
        MUST_SAY(!memchr(host, '@', strcspn(host, "/?#")), shown, strlen(shown));
    free(shown);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    char *header = input_string(&in, '\n'), *secret = input_string(&in, '\n'), *url = input_string(&in, '\n');

    retry_after(header);
    redact(url, secret);
    redact(url, "");
    free(header);
    free(secret);
    free(url);
    return 0;
}
