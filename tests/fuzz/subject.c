/* Subjects: a token is reduced to one that is allowed; what a pattern and a filter have in common matches what both
 * match. A line each: a pattern, the word of a stream's filter, a subject. */
#include "fuzz.h"

#include "central/event.h"
#include "central/region.h"
#include "central/stream.h"

#define TOKENS_MAX 8

/* Tokens of text behind first; with wild, * and a last > stay. */
static void put_tokens(struct buf *out, const char *first, const char *text, bool wild)
{
    buf_add_text(out, first);
    for (int n = 0; n < TOKENS_MAX; n++) {
        size_t len = strcspn(text, ".");
        bool last = !text[len] || n + 1 == TOKENS_MAX;
        if (out->len)
            buf_add_char(out, '.');
        if (wild && len == 1 && (*text == '*' || (*text == '>' && last)))
            buf_add_char(out, *text);
        else
            event_put_token(out, text, len);
        if (last)
            return;
        text += len + 1;
    }
}

static void token(const char *text, size_t len)
{
    struct buf once = {0}, twice = {0}, subject = {0};

    event_put_token(&once, text, len);
    event_put_token(&twice, once.data, once.len);
    MUST(once.len > 0 && same_bytes(&once, &twice));
    buf_add_format(&subject, "central.%s", once.data);
    MUST(event_subject_ok(subject.data, subject.len) == (subject.len <= EVENT_SUBJECT_MAX));
    buf_free(&once);
    buf_free(&twice);
    buf_free(&subject);
}

/* A region's code becomes a name, a name the end of a subject. */
static void region(const char *code)
{
    struct buf name = {0}, subject = {0};

    bool known = region_put_same(&name, code, strlen(code));
    if (!known) {
        buf_clear(&name);
        known = region_put_ugc(&name, code, strlen(code));
    }
    MUST(!known || strncmp(buf_text(&name), "US-", 3) == 0);
    buf_add_text(&subject, "central.");
    region_put_tokens(&subject, known ? buf_text(&name) : code);
    MUST_SAY(subject.len > EVENT_SUBJECT_MAX || event_subject_ok(subject.data, subject.len), subject.data, subject.len);
    buf_free(&name);
    buf_free(&subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    struct buf pattern = {0}, filter = {0}, subject = {0};
    char *first = input_string(&in, '\n'), *second = input_string(&in, '\n'), *third = input_string(&in, '\n');

    token(first, strlen(first));
    put_tokens(&pattern, "", first, true);
    buf_add_text(&filter, "central.");
    event_put_token(&filter, second, strlen(second));
    buf_add_text(&filter, ".>");
    put_tokens(&subject, "central", third, false);
    char *meet = stream_subject_meet(pattern.data, filter.data);
    bool both = stream_subject_matches(pattern.data, subject.data) && stream_subject_matches(filter.data, subject.data);
    MUST_SAY((meet && stream_subject_matches(meet, subject.data)) == both, subject.data, subject.len);
    free(meet);
    /* Whatever is no pattern has nothing in common with anything. */
    meet = stream_subject_meet(first, filter.data);
    if (meet)
        MUST(strspn(meet, "abcdefghijklmnopqrstuvwxyz0123456789_-.*>") == strlen(meet));
    free(meet);
    region(second);
    free(first);
    free(second);
    free(third);
    buf_free(&pattern);
    buf_free(&filter);
    buf_free(&subject);
    return 0;
}
