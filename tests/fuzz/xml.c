/* xml.h: the JSON has the shape that is promised; written as XML once more it reads the same. */
#include "fuzz.h"

#include "central/xml.h"
#include "charsets.h"

/* Looked up one by one, of each element. */
#define LOOKED_UP 4

static void put_text(struct buf *xml, struct json v)
{
    struct buf text = {0};

    MUST(json_decode(v, &text));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        /* Blanks by number: a parser folds those of attributes and line ends. */
        if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\t' || c == '\n' || c == '\r')
            buf_add_format(xml, "&#%d;", c);
        else
            buf_add_char(xml, (char)c);
    }
    buf_free(&text);
}

static void put_element(struct buf *xml, const char *name, struct json v)
{
    struct json member, value, child;
    size_t n = 0;

    buf_add_format(xml, "<%s", name);
    for (struct json_iter i = json_walk(json_get(v, "@attr")); json_next(&i, &member, &value);) {
        buf_add_char(xml, ' ');
        MUST(json_kind(value) == JSON_STRING && json_decode(member, xml));
        buf_add_text(xml, "=\"");
        put_text(xml, value);
        buf_add_char(xml, '"');
    }
    buf_add_char(xml, '>');
    if (json_kind(v) == JSON_STRING) {
        put_text(xml, v);
    } else {
        MUST(json_kind(v) == JSON_OBJECT);
        if (json_exists(json_get(v, "#text")))
            put_text(xml, json_get(v, "#text"));
        for (struct json_iter i = json_walk(v); json_next(&i, &member, &value);) {
            if (member.at[1] == '#' || member.at[1] == '@')
                continue;
            char *of = json_string(member);
            MUST(of && *of && json_kind(value) == JSON_ARRAY && json_count(value) > 0);
            if (n++ < LOOKED_UP)
                MUST(json_get(v, of).at == value.at);
            for (struct json_iter k = json_walk(value); json_next(&k, NULL, &child);)
                put_element(xml, of, child);
            free(of);
        }
    }
    buf_add_format(xml, "</%s>", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    struct input in = input_of(data, size);
    const char *charset = charset_named(input_byte(&in));
    struct buf out = {0}, xml = {0}, again = {0};
    struct error e = {0};
    char *encoding = xml_encoding(in.at, in.left);

    MUST(!encoding || (*encoding && strspn(encoding, letters) == strlen(encoding)));
    free(encoding);
    if (!xml_to_json(in.at, in.left, charset, &out, &e)) {
        must_say(&e, CENTRAL_REJECTED);
        MUST(!out.len);
        buf_free(&out);
        return 0;
    }
    struct json root = written(&out);
    char *name = json_string(json_get(root, "#name"));
    MUST(name && *name);
    put_element(&xml, name, root);
    MUST_SAY(xml_to_json(xml.data, xml.len, NULL, &again, &e), xml.data, xml.len);
    MUST_SAY(same_meaning(root, written(&again)), xml.data, xml.len);
    free(name);
    buf_free(&out);
    buf_free(&xml);
    buf_free(&again);
    return 0;
}
