#include "central/feature.h"

#include "central/clock.h"
#include "central/headline.h"

static void put_properties(struct buf *out, const struct archived *event, struct json data)
{
    static const char *const own[] = {"id", "adapter", "category", "time", "expires", "severity"};
    struct json geo = json_get(data, "geo"), revision = json_get(event->envelope, "centralrevision");

    json_begin(out, '{');
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        json_put_member(out, own[i], json_get(data, own[i]));
    if (json_exists(revision))
        json_put_member(out, "revision", revision);
    else
        json_put_member_int(out, "revision", 1);
    clock_put_member(out, "received", true, event->received);
    clock_put_member(out, "removed", event->has_removed, event->removed);
    clock_put_member(out, "superseded", event->has_superseded, event->superseded);
    json_put_member(out, "headline", headline(data));
    json_put_member(out, "regions", json_get(geo, "regions"));
    json_put_member(out, "primary_region", json_get(geo, "primary_region"));
    json_put_member(out, "data", json_get(data, "data"));
    json_end(out, '}');
}

void feature_put(struct buf *out, const struct archived *event)
{
    struct json data = json_get(event->envelope, "data");

    json_begin(out, '{');
    json_put_member_text(out, "type", "Feature");
    json_put_member(out, "id", json_get(data, "id"));
    json_put_member(out, "geometry", event->geometry);
    json_put_name(out, "properties");
    put_properties(out, event, data);
    json_end(out, '}');
}
