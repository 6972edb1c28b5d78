#include "central/literal.h"

#include <ctype.h>
#include <string.h>

#include "central/json.h"

/* Integers of so many digits are the same in a double. */
#define DIGITS_MAX 15

static const char *skip_blanks(const char *at)
{
    for (;;) {
        at += strspn(at, " \t\r\n");
        if (*at != '#')
            return at;
        at += strcspn(at, "\n");
    }
}

/* Of an identifier at the beginning of text. */
static size_t word_length(const char *text)
{
    size_t n = 0;

    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return isdigit((unsigned char)*text) ? 0 : n;
}

/* Behind the closing quote; NULL where jq and JSON might differ. */
static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++)
        if (!*at || (*at == '\\' && !strchr("\"\\/bfnrt", *++at)) || !*at)
            return NULL;
    return at + 1;
}

static const char *skip_number(const char *at)
{
    const char *digits = at + (*at == '-');
    size_t n = strspn(digits, "0123456789");

    if (n < 1 || n > DIGITS_MAX || (digits[n] && strchr(".eE", digits[n])))
        return NULL;
    return digits + n;
}

/* Copies one token to value, a member's name with its quotes; NULL when it is none that both have. */
static const char *take_token(const char *at, struct buf *value)
{
    const char *end = NULL;
    size_t word = word_length(at);
    bool name = word && *skip_blanks(at + word) == ':';

    if (*at == '"')
        end = skip_string(at);
    else if (*at == '-' || isdigit((unsigned char)*at))
        end = skip_number(at);
    else if (word)
        end = at + word;
    else if (*at && strchr("{}[],:", *at))
        end = at + 1;
    if (!end)
        return NULL;
    if (name)
        buf_add_char(value, '"');
    buf_add(value, at, (size_t)(end - at));
    if (name)
        buf_add_char(value, '"');
    /* So that two tokens do not become one. */
    buf_add_char(value, ' ');
    return end;
}

bool literal_next(const char **at, struct buf *name, struct buf *value)
{
    const char *p = skip_blanks(*at);
    struct json checked;

    buf_clear(name);
    buf_clear(value);
    if (strncmp(p, "def", 3) != 0 || skip_blanks(p + 3) == p + 3)
        return false;
    p = skip_blanks(p + 3);
    size_t len = word_length(p);
    buf_add(name, p, len);
    p = skip_blanks(p + len);
    if (!len || *p != ':')
        return false;
    for (p = skip_blanks(p + 1); *p != ';'; p = skip_blanks(p))
        if (!(p = take_token(p, value)))
            return false;
    if (!json_check(buf_text(value), value->len, &checked, NULL))
        return false;
    *at = p + 1;
    return true;
}
