/* json.h: what is checked and put again means the same and is accepted again; what libjq makes of it is a value. */
#include "fuzz.h"

#include "central/value.h"

/* Looked up one by one, of each array and object. */
#define LOOKED_UP 4

static void number(struct json v)
{
    struct buf out = {0};
    double d, again;
    int64_t n, m;

    if (json_double(v, &d)) {
        json_put_double(&out, d);
        MUST_SAY(json_double(written(&out), &again) && d == again, v.at, v.len);
    }
    if (json_int(v, &n)) {
        buf_clear(&out);
        json_put_int(&out, n);
        MUST_SAY(json_int(written(&out), &m) && m == n, v.at, v.len);
        MUST_SAY(same_meaning(v, written(&out)), v.at, v.len);
    }
    buf_free(&out);
}

static void string(struct json v)
{
    struct buf decoded = {0}, out = {0};

    MUST(json_decode(v, &decoded));
    json_put_string(&out, decoded.data, decoded.len);
    MUST_SAY(same_meaning(v, written(&out)), v.at, v.len);
    char *text = json_string(v);
    MUST((text == NULL) == (decoded.len && memchr(decoded.data, '\0', decoded.len)));
    if (text)
        MUST_SAY(json_equals(v, text), v.at, v.len);
    free(text);
    buf_free(&decoded);
    buf_free(&out);
}

static void visit(struct json v)
{
    struct json name, value, last;
    size_t n = 0;

    switch (json_kind(v)) {
    case JSON_NUMBER:
        number(v);
        break;
    case JSON_STRING:
        string(v);
        break;
    case JSON_ARRAY:
        for (struct json_iter i = json_walk(v); json_next(&i, NULL, &value); n++) {
            MUST(value.at > v.at && value.at + value.len < v.at + v.len);
            if (n < LOOKED_UP)
                MUST(json_at(v, (long)n).at == value.at);
            visit(value);
            last = value;
        }
        MUST(json_count(v) == n);
        MUST(n ? json_at(v, -1).at == last.at : !json_exists(json_at(v, -1)));
        break;
    case JSON_OBJECT:
        for (struct json_iter i = json_walk(v); json_next(&i, &name, &value); n++) {
            char *text = n < LOOKED_UP ? json_string(name) : NULL;
            MUST(name.at > v.at && value.at > name.at && value.at + value.len < v.at + v.len);
            /* Of two members of one name the last. */
            if (text)
                MUST(json_get(v, text).at >= value.at);
            free(text);
            string(name);
            visit(value);
        }
        MUST(json_count(v) == n);
        break;
    default:
        MUST(json_is_null(v) || json_bool(v) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json v, w;
    struct buf out = {0}, again = {0};
    struct error e = {0};

    if (!json_check((const char *)data, size, &v, &e)) {
        must_say(&e, CENTRAL_REJECTED);
        return 0;
    }
    MUST(v.at >= (const char *)data && v.at + v.len <= (const char *)data + size);
    json_put(&out, v);
    w = written(&out);
    MUST(w.len == out.len && same_meaning(v, w));
    json_put(&again, w);
    MUST(same_bytes(&out, &again));
    visit(w);
    jv parsed = value_parse(v);
    MUST_SAY(jv_is_valid(parsed), v.at, v.len);
    jv_free(parsed);
    buf_free(&out);
    buf_free(&again);
    return 0;
}
