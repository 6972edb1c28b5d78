/* streams.conf: what is read and written again reads the same, and a change of one line changes nothing else. */
#include "fuzz.h"

#include "central/clock.h"
#include "central/stream.h"
#include "central/stream_file.h"

static void put_placement(struct buf *out, const char *placement)
{
    struct json v, tag;
    const char *between = ":";

    MUST(json_check(placement, strlen(placement), &v, NULL));
    buf_add_text(out, ",placement=");
    json_decode(json_get(v, "cluster"), out);
    for (struct json_iter i = json_walk(json_get(v, "tags")); json_next(&i, NULL, &tag); between = "+") {
        buf_add_text(out, between);
        MUST(json_decode(tag, out));
    }
}

static void put_stream(struct buf *out, const struct stream *s)
{
    buf_add_format(out, "%s ", s->name);
    for (size_t i = 0; i < s->subject_count; i++)
        buf_add_format(out, i ? ",%s" : "%s", s->subjects[i]);
    buf_add_char(out, ' ');
    duration_put(out, s->max_age);
    buf_add_char(out, ' ');
    size_put(out, s->max_bytes);
    buf_add_text(out, " duplicates=");
    duration_put(out, s->duplicate_window);
    if (s->archived)
        buf_add_text(out, ",archive");
    if (s->top)
        buf_add_text(out, ",top");
    if (s->replicas)
        buf_add_format(out, ",replicas=%d", s->replicas);
    if (s->keep) {
        buf_add_text(out, ",keep=");
        duration_put(out, s->keep);
    }
    if (s->compression)
        buf_add_format(out, ",compression=%s", s->compression);
    if (s->placement)
        put_placement(out, s->placement);
    buf_add_char(out, '\n');
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The same but for max-age and max-bytes of the stream named but. */
static void compare(const struct stream_list *a, const struct stream_list *b, const char *but)
{
    MUST(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct stream *x = &a->at[i], *y = &b->at[i];
        MUST(same_text(x->name, y->name) && x->subject_count == y->subject_count);
        for (size_t k = 0; k < x->subject_count; k++)
            MUST(same_text(x->subjects[k], y->subjects[k]));
        MUST(x->archived == y->archived && x->top == y->top && x->replicas == y->replicas && x->keep == y->keep);
        MUST(x->duplicate_window == y->duplicate_window && same_text(x->compression, y->compression));
        MUST(same_text(x->placement, y->placement));
        if (!but || strcmp(but, x->name) != 0)
            MUST(x->max_age == y->max_age && x->max_bytes == y->max_bytes);
    }
}

static void check_limits(const struct stream_list *l)
{
    MUST(l->count > 0);
    for (size_t i = 0; i < l->count; i++) {
        const struct stream *s = &l->at[i];
        MUST(stream_named(l, s->name) == s && s->subject_count > 0);
        MUST(s->max_age >= STREAM_MAX_AGE_MIN && s->max_age <= STREAM_MAX_AGE_MAX);
        MUST(s->max_bytes >= STREAM_MAX_BYTES_MIN && s->duplicate_window > 0 && s->duplicate_window <= s->max_age);
        for (size_t k = 0; k < s->subject_count; k++) {
            char *subject = mem_format("%.*sx", (int)strlen(s->subjects[k]) - 1, s->subjects[k]);
            MUST(stream_for(l, subject) == s && stream_subject_matches(s->subjects[k], subject));
            free(subject);
        }
    }
}

/* The last stream gets the longest age and another size. */
static void edit(const struct stream_list *list, const char *data, size_t size)
{
    const char *name = list->at[list->count - 1].name;
    struct buf text = {0}, line = {0};
    struct stream_list edited;
    struct error e = {0};

    buf_add(&text, data, size);
    MUST(stream_file_edit(&text, name, STREAM_MAX_AGE_MAX, STREAM_MAX_BYTES_MIN, &line));
    MUST_SAY(stream_list_parse("edited", text.data, text.len, &edited, &e), text.data, text.len);
    compare(list, &edited, name);
    const struct stream *s = stream_named(&edited, name);
    MUST(s && s->max_age == STREAM_MAX_AGE_MAX && s->max_bytes == STREAM_MAX_BYTES_MIN);
    MUST(memmem(text.data, text.len, line.data, line.len) != NULL);
    stream_list_free(&edited);
    buf_free(&text);
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream_list list, again;
    struct buf text = {0};
    struct error e = {0};

    if (!stream_list_parse("streams.conf", (const char *)data, size, &list, &e)) {
        MUST(!list.at && !list.count);
        must_say(&e, CENTRAL_CONFIG);
        return 0;
    }
    check_limits(&list);
    for (size_t i = 0; i < list.count; i++)
        put_stream(&text, &list.at[i]);
    MUST_SAY(stream_list_parse("again", text.data, text.len, &again, &e), text.data, text.len);
    compare(&list, &again, NULL);
    edit(&list, (const char *)data, size);
    stream_list_free(&again);
    stream_list_free(&list);
    buf_free(&text);
    return 0;
}
