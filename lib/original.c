#include "central/original.h"

#include <stdlib.h>
#include <string.h>

#include "central/event.h"
#include "central/json.h"

#define SEVERITY_MAX 4

/* Copies the members of v; what says the severity is clamped. */
static void put_members(struct buf *out, struct json v, const char *severity, const char *but)
{
    struct json_iter i = json_walk(v);
    struct json name, value;
    int64_t n;

    while (json_next(&i, &name, &value)) {
        char *text = json_string(name);
        if (text && !(but && strcmp(text, but) == 0)) {
            json_put_name(out, text);
            if (strcmp(text, severity) == 0 && json_int(value, &n) && n > SEVERITY_MAX)
                json_put_int(out, SEVERITY_MAX);
            else
                json_put(out, value);
        }
        free(text);
    }
}

/* Token by token in the characters that ours have. */
static void put_subject(struct buf *out, const char *subject)
{
    struct buf clean = {0};

    for (const char *at = subject;; at++) {
        size_t len = strcspn(at, ".");
        event_put_token(&clean, at, len);
        at += len;
        if (!*at)
            break;
        buf_add_text(&clean, ".");
    }
    json_put_string(out, clean.data, clean.len);
    buf_free(&clean);
}

bool original_adopt(const char *text, size_t len, const char *subject, struct buf *out)
{
    struct json line, category, data;
    struct buf words = {0};

    buf_clear(out);
    if (!json_check(text, len, &line, NULL) || json_exists(json_get(line, "centralsubject")))
        return false;
    category = json_get(line, "centralcategory");
    data = json_get(line, "data");
    if (json_kind(category) != JSON_STRING || json_kind(data) != JSON_OBJECT)
        return false;
    buf_add_text(&words, "central.");
    json_decode(category, &words);
    json_begin(out, '{');
    put_members(out, line, "centralseverity", "data");
    json_put_name(out, "centralsubject");
    put_subject(out, subject ? subject : buf_text(&words));
    json_put_name(out, "data");
    json_begin(out, '{');
    put_members(out, data, "severity", NULL);
    json_end(out, '}');
    json_end(out, '}');
    buf_free(&words);
    return true;
}

bool original_read(const char *text, size_t len, const char *subject, struct buf *adopted, struct event *out,
                   struct error *e)
{
    if (event_read(text, len, out, e))
        return true;
    if (!original_adopt(text, len, subject, adopted) || !event_read(adopted->data, adopted->len, out, NULL))
        return false;
    if (e)
        error_free(e);
    return true;
}
