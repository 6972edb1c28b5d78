#include "central/region.h"

#include <string.h>

#include "central/event.h"

/* FIPS 5-2: states, and what stands beside them. */
static const char states[][3] = {
    [1] = "AL",  [2] = "AK",  [4] = "AZ",  [5] = "AR",  [6] = "CA",  [8] = "CO",  [9] = "CT",  [10] = "DE",
    [11] = "DC", [12] = "FL", [13] = "GA", [15] = "HI", [16] = "ID", [17] = "IL", [18] = "IN", [19] = "IA",
    [20] = "KS", [21] = "KY", [22] = "LA", [23] = "ME", [24] = "MD", [25] = "MA", [26] = "MI", [27] = "MN",
    [28] = "MS", [29] = "MO", [30] = "MT", [31] = "NE", [32] = "NV", [33] = "NH", [34] = "NJ", [35] = "NM",
    [36] = "NY", [37] = "NC", [38] = "ND", [39] = "OH", [40] = "OK", [41] = "OR", [42] = "PA", [44] = "RI",
    [45] = "SC", [46] = "SD", [47] = "TN", [48] = "TX", [49] = "UT", [50] = "VT", [51] = "VA", [53] = "WA",
    [54] = "WV", [55] = "WI", [56] = "WY", [60] = "AS", [66] = "GU", [69] = "MP", [72] = "PR", [78] = "VI"};

static const char digits[] = "0123456789";

static bool capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool region_put_same(struct buf *out, const char *code, size_t len)
{
    if (len != 6 || strspn(code, digits) < len)
        return false;
    size_t state = (size_t)(code[1] - '0') * 10 + (size_t)(code[2] - '0');
    if (state >= sizeof states / sizeof *states || !*states[state])
        return false;
    buf_add_text(out, "US-");
    buf_add_text(out, states[state]);
    buf_add_text(out, "-FIPS");
    buf_add(out, code + 1, len - 1);
    return true;
}

bool region_put_ugc(struct buf *out, const char *code, size_t len)
{
    if (len < 3 || !capital(code[0]) || !capital(code[1]))
        return false;
    buf_add_text(out, "US-");
    buf_add(out, code, 2);
    buf_add_char(out, '-');
    buf_add(out, code + 2, len - 2);
    return true;
}

void region_put_tokens(struct buf *out, const char *region)
{
    if (!region || strncmp(region, "US-", 3) != 0 || strlen(region) < 7 || region[5] != '-') {
        buf_add_text(out, "unknown");
        return;
    }
    const char *code = region + 6;
    bool zone = *code == 'Z' && code[1] && strspn(code + 1, digits) == strlen(code + 1);
    event_put_token(out, region + 3, 2);
    buf_add_text(out, zone ? ".zone." : ".county.");
    event_put_token(out, code, strlen(code));
}
