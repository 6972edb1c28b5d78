#include "central/xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "central/charset.h"
#include "central/json.h"
#include "central/mem.h"

/* Room for so many names of children at first; a power of two. */
#define GROUPS_FIRST 8

/* The children of one name. */
struct group {
    char *name;
    struct buf values; /* JSON values separated by commas */
};

/* An element that is open. */
struct element {
    char *name;
    struct buf attributes; /* members */
    struct buf text;
    struct group *groups;
    size_t count, room;
    /* Where a name stands among the groups: open addressing by its hash, twice as many places as there is room; 0:
     * free, else the group's number from 1. */
    size_t *places;
};

struct document {
    XML_Parser parser;
    struct element open[XML_DEPTH_MAX];
    size_t depth;
    size_t elements;
    struct buf root;
    const char *refused;
};

static void refuse(struct document *d, const char *why)
{
    if (!d->refused)
        d->refused = why;
    XML_StopParser(d->parser, XML_FALSE);
}

static void free_element(struct element *el)
{
    for (size_t i = 0; i < el->count; i++) {
        free(el->groups[i].name);
        buf_free(&el->groups[i].values);
    }
    free(el->groups);
    free(el->places);
    free(el->name);
    buf_free(&el->attributes);
    buf_free(&el->text);
    *el = (struct element){0};
}

static bool blank(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if (!strchr(" \t\r\n", b->data[i]))
            return false;
    return true;
}

/* The place of a name: its group's, or the free one that is to be its group's. */
static size_t *place_of(struct element *el, const char *name)
{
    size_t last = 2 * el->room - 1, i = json_hash_bytes(name, strlen(name)).low & last;

    while (el->places[i] && strcmp(el->groups[el->places[i] - 1].name, name) != 0)
        i = (i + 1) & last;
    return &el->places[i];
}

static void make_room(struct element *el)
{
    el->room = el->room ? 2 * el->room : GROUPS_FIRST;
    el->groups = mem_resize(el->groups, el->room * sizeof *el->groups);
    free(el->places);
    el->places = mem_alloc_array(2 * el->room, sizeof *el->places);
    for (size_t i = 0; i < el->count; i++)
        *place_of(el, el->groups[i].name) = i + 1;
}

static struct buf *values_of(struct element *parent, const char *name)
{
    /* Lists repeat one name. */
    if (parent->count && strcmp(parent->groups[parent->count - 1].name, name) == 0)
        return &parent->groups[parent->count - 1].values;
    if (parent->count == parent->room)
        make_room(parent);
    size_t *place = place_of(parent, name);
    if (!*place) {
        parent->groups[parent->count] = (struct group){.name = mem_string(name)};
        *place = ++parent->count;
    }
    return &parent->groups[*place - 1].values;
}

static void on_start(void *closure, const XML_Char *name, const XML_Char **attributes)
{
    struct document *d = closure;

    if (d->depth == XML_DEPTH_MAX) {
        refuse(d, "nested too deep");
        return;
    }
    if (++d->elements > XML_ELEMENTS_MAX) {
        refuse(d, "too many elements");
        return;
    }
    struct element *el = &d->open[d->depth++];
    *el = (struct element){.name = mem_string(name)};
    for (; *attributes; attributes += 2)
        json_put_member_text(&el->attributes, attributes[0], attributes[1]);
}

static void on_text(void *closure, const XML_Char *text, int len)
{
    struct document *d = closure;

    if (d->depth)
        buf_add(&d->open[d->depth - 1].text, text, (size_t)len);
}

static void put_element(struct buf *out, struct element *el, bool root)
{
    if (!root && !el->attributes.len && !el->count) {
        json_put_string(out, el->text.data ? el->text.data : "", el->text.len);
        return;
    }
    json_begin(out, '{');
    if (root)
        json_put_member_text(out, "#name", el->name);
    if (el->attributes.len) {
        json_put_name(out, "@attr");
        json_begin(out, '{');
        buf_add(out, el->attributes.data, el->attributes.len);
        json_end(out, '}');
    }
    if (el->count ? !blank(&el->text) : el->text.len > 0) {
        json_put_name(out, "#text");
        json_put_string(out, el->text.data, el->text.len);
    }
    for (size_t i = 0; i < el->count; i++) {
        json_put_name(out, el->groups[i].name);
        json_begin(out, '[');
        buf_add(out, el->groups[i].values.data, el->groups[i].values.len);
        json_end(out, ']');
    }
    json_end(out, '}');
}

static void on_end(void *closure, const XML_Char *name)
{
    struct document *d = closure;

    if (!d->depth)
        return;
    struct element *el = &d->open[d->depth - 1];
    bool root = d->depth == 1;
    put_element(root ? &d->root : values_of(&d->open[d->depth - 2], name), el, root);
    free_element(el);
    d->depth--;
}

static void on_entity(void *closure, const XML_Char *name, int parameter, const XML_Char *value, int len,
                      const XML_Char *base, const XML_Char *system, const XML_Char *public, const XML_Char *notation)
{
    (void)name, (void)parameter, (void)value, (void)len, (void)base, (void)system, (void)public, (void)notation;
    refuse(closure, "declares entities");
}

/* A default stands once in the document and again in each element that it is for: 64 KB would become a gigabyte. */
static void on_attribute(void *closure, const XML_Char *element, const XML_Char *name, const XML_Char *type,
                         const XML_Char *value, int required)
{
    (void)element, (void)name, (void)type, (void)required;
    if (value)
        refuse(closure, "declares what attributes are by default");
}

/* Single-byte encodings that expat does not know, through iconv. */
static int on_encoding(void *closure, const XML_Char *name, XML_Encoding *info)
{
    (void)closure;
    for (int byte = 0; byte < 256; byte++) {
        struct buf utf8 = {0};
        char c = (char)byte;
        info->map[byte] = -1;
        if (charset_to_utf8(&c, 1, name, &utf8, NULL) && utf8.len) {
            const unsigned char *u = (const unsigned char *)utf8.data;
            info->map[byte] = utf8.len == 1   ? u[0]
                              : utf8.len == 2 ? (u[0] & 0x1f) << 6 | (u[1] & 0x3f)
                              : utf8.len == 3 ? (u[0] & 0x0f) << 12 | (u[1] & 0x3f) << 6 | (u[2] & 0x3f)
                                              : -1;
        }
        buf_free(&utf8);
    }
    info->convert = NULL;
    info->release = NULL;
    info->data = NULL;
    /* Where even ASCII has no meaning the encoding is not one of single bytes. */
    return info->map['<'] == '<' ? XML_STATUS_OK : XML_STATUS_ERROR;
}

/* XML_Parse takes an int. */
#define PIECE (64 * 1024 * 1024)

bool xml_to_json(const char *text, size_t len, const char *charset, struct buf *out, struct error *e)
{
    struct document *d = mem_alloc(sizeof *d);
    bool ok = true;

    d->parser = XML_ParserCreate(charset && *charset ? charset : NULL);
    if (!d->parser) {
        free(d);
        return error_set(e, CENTRAL_TRY_AGAIN, "expat does not start");
    }
    XML_SetUserData(d->parser, d);
    XML_SetElementHandler(d->parser, on_start, on_end);
    XML_SetCharacterDataHandler(d->parser, on_text);
    XML_SetEntityDeclHandler(d->parser, on_entity);
    XML_SetAttlistDeclHandler(d->parser, on_attribute);
    XML_SetUnknownEncodingHandler(d->parser, on_encoding, NULL);
    for (size_t done = 0; ok && (done < len || done == 0);) {
        size_t n = len - done < PIECE ? len - done : PIECE;
        ok = XML_Parse(d->parser, text + done, (int)n, done + n == len) == XML_STATUS_OK;
        done += n;
        if (!len)
            break;
    }
    if (ok)
        buf_add(out, d->root.data, d->root.len);
    else
        error_set(e, CENTRAL_REJECTED, "not XML: %s at line %lu",
                  d->refused ? d->refused : XML_ErrorString(XML_GetErrorCode(d->parser)),
                  (unsigned long)XML_GetCurrentLineNumber(d->parser));
    while (d->depth)
        free_element(&d->open[--d->depth]);
    buf_free(&d->root);
    XML_ParserFree(d->parser);
    free(d);
    return ok;
}

char *xml_encoding(const char *text, size_t len)
{
    static const char start[] = "<?xml", name[] = "encoding";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    if (len < sizeof start - 1 || memcmp(text, start, sizeof start - 1) != 0)
        return NULL;
    const char *end = memchr(text, '>', len);
    const char *at = end ? memmem(text, (size_t)(end - text), name, sizeof name - 1) : NULL;
    if (!at)
        return NULL;
    at += sizeof name - 1;
    /* Before > at the latest there is an end to each. */
    at += strspn(at, " \t\r\n=\"'");
    size_t n = strspn(at, letters);
    return n ? mem_bytes(at, n) : NULL;
}
