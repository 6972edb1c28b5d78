/* parse.h - JSON that a test is sure of. */
#ifndef TEST_PARSE_H
#define TEST_PARSE_H

#include <string.h>

#include "central/json.h"

static inline struct json parse(const char *text)
{
    struct json v;
    struct error e = {0};

    if (!json_check(text, strlen(text), &v, &e))
        fail_msg("%s: %s", text, e.text);
    return v;
}

#endif
