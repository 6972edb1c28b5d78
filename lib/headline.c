#include "central/headline.h"

struct json headline(struct json data)
{
    /* The best first. */
    static const char *const names[] = {"headline", "title", "IncidentName", "place",
                                        "event",    "name",  "description",  "message"};
    struct json payload = json_get(data, "data");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct json v = json_get(payload, names[i]);
        if (json_kind(v) == JSON_STRING && v.len > 2)
            return v;
    }
    return json_get(json_get(data, "geo"), "primary_region");
}
