/* settings.h: what is applied is in the file, once, and applying it again changes nothing. A line with what the adapter
 * says of itself, one with the file, then a line for each key=value. */
#include "fuzz.h"

#include "central/settings.h"
#include "central/utf8.h"

#define PAIRS_MAX 8

/* Other bytes than UTF-8 are written as others. */
static bool is_utf8(const char *text)
{
    for (size_t n; *text; text += n)
        if (!(n = utf8_next(text, strlen(text), NULL)))
            return false;
    return true;
}

static void check_pairs(struct json about, char *const *pairs, size_t count, const struct buf *first)
{
    struct buf again = {0};
    struct error e = {0};
    struct json settings = written(first), name, value;

    for (size_t i = 0; i < count; i++) {
        char *key = mem_bytes(pairs[i], strcspn(pairs[i], "="));
        size_t last = i, there = 0;
        for (size_t k = i + 1; k < count; k++)
            if (strncmp(pairs[k], pairs[i], strlen(key) + 1) == 0)
                last = k;
        for (struct json_iter w = json_walk(settings); json_next(&w, &name, &value);)
            there += json_equals(name, key);
        MUST_SAY(there == (pairs[last][strlen(key) + 1] ? 1 : 0), first->data, first->len);
        free(key);
    }
    MUST(settings_apply(about, settings, pairs, count, &again, &e));
    MUST_SAY(same_meaning(settings, written(&again)), again.data, again.len);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    size_t about_len, file_len, count = 0;
    bool utf8 = true;
    char *about_text = input_piece(&in, '\n', &about_len), *file_text = input_piece(&in, '\n', &file_len),
         *pairs[PAIRS_MAX];
    struct json about = json_absent, file = json_absent;
    struct buf out = {0};
    struct error e = {0};

    json_check(about_text, about_len, &about, NULL);
    json_check(file_text, file_len, &file, NULL);
    while (in.left && count < PAIRS_MAX)
        utf8 &= is_utf8(pairs[count++] = input_string(&in, '\n'));
    if (!settings_check(about, file, &e))
        must_say(&e, CENTRAL_CONFIG);
    if (settings_apply(about, file, pairs, count, &out, &e)) {
        MUST(json_kind(written(&out)) == JSON_OBJECT);
        if (utf8)
            check_pairs(about, pairs, count, &out);
        if (!settings_check(about, written(&out), &e))
            must_say(&e, CENTRAL_CONFIG);
    } else {
        must_say(&e, CENTRAL_USAGE);
    }
    while (count)
        free(pairs[--count]);
    free(about_text);
    free(file_text);
    buf_free(&out);
    return 0;
}
