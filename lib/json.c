#include "central/json.h"

#include <endian.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/mem.h"
#include "central/utf8.h"

/* --- checking ---------------------------------------------------------------------------------------------------- */

struct check {
    const char *start, *at, *end;
    const char *why;
    /* json_check_seeing */
    json_seen *seen;
    void *closure;
    struct json names[JSON_SEEN_DEPTH];
};

static bool fail(struct check *c, const char *why)
{
    if (!c->why)
        c->why = why;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* Sixteen bytes are looked at at once. In found every byte that was looked for is all ones, every other zero. */
typedef signed char block __attribute__((vector_size(16)));

static inline block load(const char *at)
{
    block b;

    memcpy(&b, at, sizeof b);
    return b;
}

/* The place of the first byte found, 16 if there is none. */
static inline size_t first(block found)
{
    uint64_t halves[2];

    memcpy(halves, &found, sizeof halves);
    return halves[0]   ? (size_t)__builtin_ctzll(le64toh(halves[0])) / 8
           : halves[1] ? (size_t)__builtin_ctzll(le64toh(halves[1])) / 8 + 8
                       : 16;
}

/* The first byte from at on that is not plain in a string - a quote, a backslash, a control character or one beyond
 * ASCII, which is negative here - or end. */
static const char *skip_plain(const char *at, const char *end)
{
    for (; end - at >= 16; at += 16) {
        block b = load(at);
        size_t n = first((b == '"') | (b == '\\') | (b < 0x20));
        if (n < 16)
            return at + n;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hex digits at at, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t c = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        c = c << 4 | digit;
    }
    return c;
}

static bool check_string(struct check *c)
{
    c->at++;
    for (;;) {
        c->at = skip_plain(c->at, c->end);
        if (c->at >= c->end)
            return fail(c, "text ends inside a string");
        unsigned char b = (unsigned char)*c->at;
        if (b == '"') {
            c->at++;
            return true;
        }
        if (b == '\\') {
            if (c->end - c->at < 2)
                return fail(c, "text ends inside a string");
            if (c->at[1] == 'u') {
                if (hex4(c->at + 2, c->end) < 0)
                    return fail(c, "\\u without four hex digits");
                c->at += 6;
            } else if (strchr("\"\\/bfnrt", c->at[1]) && c->at[1]) {
                c->at += 2;
            } else {
                return fail(c, "unknown escape in a string");
            }
        } else if (b < 0x20) {
            return fail(c, "control character in a string");
        } else {
            size_t n = utf8_next(c->at, (size_t)(c->end - c->at), NULL);
            if (!n)
                return fail(c, "invalid UTF-8");
            c->at += n;
        }
    }
}

/* isdigit() looks the locale up each time. */
static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static bool check_digits(struct check *c)
{
    if (c->at >= c->end || !is_digit(*c->at))
        return fail(c, "malformed number");
    while (c->at < c->end && is_digit(*c->at))
        c->at++;
    return true;
}

static bool check_number(struct check *c)
{
    if (*c->at == '-')
        c->at++;
    if (c->at < c->end && *c->at == '0') {
        c->at++;
        if (c->at < c->end && is_digit(*c->at))
            return fail(c, "number with a leading zero");
    } else if (!check_digits(c)) {
        return false;
    }
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!check_digits(c))
            return false;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        return check_digits(c);
    }
    return true;
}

static bool check_word(struct check *c, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return fail(c, "unknown word (expected a JSON value)");
    c->at += n;
    return true;
}

static bool check_value(struct check *c, int depth);

static bool check_members(struct check *c, int depth, char close)
{
    if (depth >= JSON_MAX_DEPTH)
        return fail(c, "nested too deep");
    /* What stands in an array has no name. */
    if (close == ']' && depth < JSON_SEEN_DEPTH)
        c->names[depth] = json_absent;
    c->at = skip_blanks(c->at + 1, c->end);
    if (c->at < c->end && *c->at == close) {
        c->at++;
        return true;
    }
    const bool seen = c->seen && depth < JSON_SEEN_DEPTH && close == '}';
    for (;;) {
        const char *start = c->at;
        if (close == '}') {
            if (c->at >= c->end || *c->at != '"')
                return fail(c, c->at >= c->end ? "text ends inside an object" : "expected a member's name");
            if (!check_string(c))
                return false;
            if (seen)
                c->names[depth] = (struct json){start, (size_t)(c->at - start)};
            c->at = skip_blanks(c->at, c->end);
            if (c->at >= c->end || *c->at != ':')
                return fail(c, c->at >= c->end ? "text ends inside an object" : "expected ':'");
            c->at = skip_blanks(c->at + 1, c->end);
        }
        start = c->at;
        if (!check_value(c, depth + 1))
            return false;
        if (seen)
            c->seen(c->closure, c->names, depth, (struct json){start, (size_t)(c->at - start)});
        c->at = skip_blanks(c->at, c->end);
        if (c->at >= c->end)
            return fail(c, close == '}' ? "text ends inside an object" : "text ends inside an array");
        if (*c->at == close) {
            c->at++;
            return true;
        }
        if (*c->at != ',')
            return fail(c, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        c->at = skip_blanks(c->at + 1, c->end);
    }
}

static bool check_value(struct check *c, int depth)
{
    if (c->at >= c->end)
        return fail(c, "text ends where a value should be");
    switch (*c->at) {
    case '{':
        return check_members(c, depth, '}');
    case '[':
        return check_members(c, depth, ']');
    case '"':
        return check_string(c);
    case 't':
        return check_word(c, "true");
    case 'f':
        return check_word(c, "false");
    case 'n':
        return check_word(c, "null");
    default:
        if (*c->at == '-' || is_digit(*c->at))
            return check_number(c);
        return fail(c, "expected a JSON value");
    }
}

bool json_check(const char *text, size_t len, struct json *out, struct error *e)
{
    return json_check_seeing(text, len, out, NULL, NULL, e);
}

bool json_check_seeing(const char *text, size_t len, struct json *out, json_seen *seen, void *closure, struct error *e)
{
    struct check c = {
        .start = text, .at = skip_blanks(text, text + len), .end = text + len, .seen = seen, .closure = closure};
    const char *value = c.at;

    if (c.at == c.end)
        return error_set(e, CENTRAL_REJECTED, "not JSON: empty");
    if (check_value(&c, 0)) {
        const char *value_end = c.at;
        c.at = skip_blanks(c.at, c.end);
        if (c.at == c.end) {
            *out = (struct json){value, (size_t)(value_end - value)};
            return true;
        }
        fail(&c, "something follows the value");
    }
    return error_set(e, CENTRAL_REJECTED, "not JSON: %s at byte %zu", c.why, (size_t)(c.at - c.start) + 1);
}

/* --- looking: from here on text is known to be sound ---------------------------------------------------------------
 */

/* Behind the closing quote of the string at at. */
static const char *skip_string(const char *at, const char *end)
{
    at++;
    for (;;) {
        at = skip_plain(at, end);
        if (at >= end)
            return end;
        if (*at == '"')
            return at + 1;
        at += *at == '\\' ? 2 : 1;
    }
}

/* The first quote or bracket from at on, or end. Brackets of a kind differ in one bit. */
static const char *skip_to_structure(const char *at, const char *end)
{
    for (; end - at >= 16; at += 16) {
        block b = load(at), curly = b | 0x20;
        size_t n = first((b == '"') | (curly == '{') | (curly == '}'));
        if (n < 16)
            return at + n;
    }
    while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}')
        at++;
    return at;
}

static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;

    if (*at == '"')
        return skip_string(at, end);
    if (*at != '{' && *at != '[') {
        while (at < end && *at != ',' && *at != '}' && *at != ']' && !is_blank(*at))
            at++;
        return at;
    }
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else {
            depth += *at == '{' || *at == '[' ? 1 : -1;
            at++;
            if (!depth)
                return at;
        }
        at = skip_to_structure(at, end);
    }
    return at;
}

enum json_kind json_kind(struct json v)
{
    if (!v.at || !v.len)
        return JSON_NONE;
    switch (*v.at) {
    case 'n':
        return JSON_NULL;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

bool json_is_null(struct json v)
{
    enum json_kind kind = json_kind(v);

    return kind == JSON_NONE || kind == JSON_NULL;
}

struct json_iter json_walk(struct json v)
{
    enum json_kind kind = json_kind(v);

    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return (struct json_iter){0};
    return (struct json_iter){.at = v.at + 1, .end = v.at + v.len - 1, .object = kind == JSON_OBJECT};
}

bool json_next(struct json_iter *i, struct json *name, struct json *value)
{
    struct json key = {0};

    if (!i->at)
        return false;
    while (i->at < i->end && (is_blank(*i->at) || *i->at == ','))
        i->at++;
    if (i->at >= i->end)
        return false;
    if (i->object) {
        key.at = i->at;
        i->at = skip_string(i->at, i->end);
        key.len = (size_t)(i->at - key.at);
        while (is_blank(*i->at) || *i->at == ':')
            i->at++;
    }
    const char *start = i->at;
    i->at = skip_value(i->at, i->end);
    if (name)
        *name = key;
    *value = (struct json){start, (size_t)(i->at - start)};
    return true;
}

bool json_equals(struct json v, const char *text)
{
    /* Mostly it is another name, and its first byte says so. */
    if (json_kind(v) != JSON_STRING || (*text && v.at[1] != *text && v.at[1] != '\\'))
        return false;
    size_t n = strlen(text);
    if (!memchr(v.at, '\\', v.len))
        return json_is(v, text, n);
    struct buf decoded = {0};
    json_decode(v, &decoded);
    bool equal = decoded.len == n && memcmp(decoded.data, text, n) == 0;
    buf_free(&decoded);
    return equal;
}

struct json json_get(struct json v, const char *name)
{
    struct json found = {0}, key, value;

    if (json_kind(v) != JSON_OBJECT)
        return found;
    for (struct json_iter i = json_walk(v); json_next(&i, &key, &value);)
        if (json_equals(key, name))
            found = value;
    return found;
}

struct json json_get_path(struct json v, ...)
{
    va_list names;

    va_start(names, v);
    for (const char *name; (name = va_arg(names, const char *));)
        v = json_get(v, name);
    va_end(names);
    return v;
}

struct json json_at(struct json v, long index)
{
    struct json value;

    if (json_kind(v) != JSON_ARRAY)
        return json_absent;
    if (index < 0)
        index += (long)json_count(v);
    if (index < 0)
        return json_absent;
    for (struct json_iter i = json_walk(v); json_next(&i, NULL, &value);)
        if (index-- == 0)
            return value;
    return json_absent;
}

size_t json_count(struct json v)
{
    struct json value;
    size_t n = 0;

    for (struct json_iter i = json_walk(v); json_next(&i, NULL, &value);)
        n++;
    return n;
}

/* Decodes the escape at at, which may be two of a surrogate pair; returns its length. */
static size_t decode_escape(const char *at, const char *end, struct buf *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char bytes[4];

    if (at[1] != 'u') {
        const char *p = strchr(from, at[1]);
        buf_add_char(out, p ? to[p - from] : at[1]);
        return 2;
    }
    uint32_t c = (uint32_t)hex4(at + 2, end);
    size_t len = 6;
    if (c >= 0xd800 && c <= 0xdfff) {
        int32_t low = c <= 0xdbff && end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8, end) : -1;
        if (low >= 0xdc00 && low <= 0xdfff) {
            c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            len = 12;
        } else {
            c = 0xfffd;
        }
    }
    buf_add(out, bytes, utf8_write(bytes, c));
    return len;
}

bool json_decode(struct json v, struct buf *out)
{
    if (json_kind(v) != JSON_STRING)
        return false;
    const char *at = v.at + 1, *end = v.at + v.len - 1;
    buf_reserve(out, v.len);
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        const char *plain_end = slash ? slash : end;
        buf_add(out, at, (size_t)(plain_end - at));
        at = plain_end;
        if (slash)
            at += decode_escape(at, end, out);
    }
    buf_text(out);
    return true;
}

char *json_string(struct json v)
{
    struct buf b = {0};

    if (!json_decode(v, &b) || (b.len && memchr(b.data, '\0', b.len))) {
        buf_free(&b);
        return NULL;
    }
    return b.data;
}

/* --- numbers -------------------------------------------------------------------------------------------------------
 */

/* A number's value without its notation: sign, significant digits (no zeros at either end) and the power of ten that
 * the digits, read as an integer, are multiplied with. Zero has no digits. */
struct decimal {
    bool negative;
    const char *digits; /* may have a point among them */
    size_t len;
    int64_t exponent;
};

#define EXPONENT_MAX INT64_C(1000000000000)

static struct decimal decimal(struct json v)
{
    struct decimal d = {0};
    const char *at = v.at, *end = v.at + v.len, *mantissa, *point = NULL;
    int64_t exponent = 0;

    if (at < end && *at == '-') {
        d.negative = true;
        at++;
    }
    mantissa = at;
    while (at < end && *at != 'e' && *at != 'E') {
        if (*at == '.')
            point = at;
        at++;
    }
    const char *mantissa_end = at;
    if (at < end) {
        at++;
        bool negative = *at == '-';
        if (*at == '-' || *at == '+')
            at++;
        for (; at < end && exponent < EXPONENT_MAX; at++)
            exponent = exponent * 10 + (*at - '0');
        if (negative)
            exponent = -exponent;
    }
    const char *first = mantissa, *last = mantissa_end;
    while (first < last && (*first == '0' || *first == '.'))
        first++;
    while (last > first && (last[-1] == '0' || last[-1] == '.'))
        last--;
    if (first == last)
        return (struct decimal){0};
    d.digits = first;
    d.len = (size_t)(last - first);
    /* Digits behind the point make the exponent smaller, zeros cut off before it make it larger. */
    const char *integer_end = point ? point : mantissa_end;
    d.exponent = exponent + (last <= integer_end ? integer_end - last : -(last - integer_end - 1));
    return d;
}

bool json_int(struct json v, int64_t *out)
{
    if (json_kind(v) != JSON_NUMBER)
        return false;
    struct decimal d = decimal(v);
    int64_t n = 0;
    if (d.exponent < 0 || d.exponent > 19)
        return false;
    for (size_t i = 0; i < d.len + (size_t)d.exponent; i++) {
        if (i < d.len && d.digits[i] == '.')
            continue;
        int digit = i < d.len ? d.digits[i] - '0' : 0;
        /* Counted downwards: the smallest number has no positive twin. */
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, digit, &n))
            return false;
    }
    if (!d.negative && __builtin_sub_overflow(INT64_C(0), n, &n))
        return false;
    *out = n;
    return true;
}

/* Powers of ten that a double holds exactly. */
static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
/* So many digits are an integer that a double holds exactly. */
#define EXACT_DIGITS 15

/* A number without exponent and of few digits, as nearly all are: an exact integer divided by an exact power of ten
 * is rounded once, so it is what strtod gives (W. D. Clinger, How to read floating point numbers accurately). */
static bool plain_double(struct json v, double *out)
{
    const char *at = v.at, *end = v.at + v.len;
    int64_t n = 0;
    size_t digits = 0, decimals = 0;
    bool negative = *at == '-', point = false;

    for (at += negative; at < end; at++) {
        if (*at == '.') {
            point = true;
        } else if (is_digit(*at) && digits < EXACT_DIGITS) {
            n = n * 10 + (*at - '0');
            digits++;
            decimals += point;
        } else {
            return false;
        }
    }
    double d = (double)n / exact_powers[decimals];
    *out = negative ? -d : d;
    return true;
}

bool json_double(struct json v, double *out)
{
    char small[64];

    if (json_kind(v) != JSON_NUMBER)
        return false;
    if (plain_double(v, out))
        return true;
    /* strtod wants a NUL; a number that long is copied once more. */
    char *text = v.len < sizeof small ? small : mem_alloc(v.len + 1);
    memcpy(text, v.at, v.len);
    text[v.len] = '\0';
    *out = strtod(text, NULL);
    if (text != small)
        free(text);
    return isfinite(*out);
}

int json_bool(struct json v)
{
    enum json_kind kind = json_kind(v);

    return kind == JSON_TRUE ? 1 : kind == JSON_FALSE ? 0 : -1;
}

/* --- hashing -------------------------------------------------------------------------------------------------------
 */

/* Multiply 64 by 64 bits and fold: the mixing step of the multiply-and-fold family of hashes. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;

    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static const uint64_t odd1 = UINT64_C(0x9e3779b97f4a7c15), odd2 = UINT64_C(0xd6e8feb86659fd93);

static struct json_hash mix(struct json_hash h, uint64_t word)
{
    return (struct json_hash){fold(h.high ^ word, odd1 ^ (word << 1 | 1)) + odd2,
                              fold(h.low + (word ^ odd2), odd1) ^ (h.low << 7 | h.low >> 57)};
}

static struct json_hash mix_bytes(struct json_hash h, const char *data, size_t len)
{
    uint64_t w;

    h = mix(h, len);
    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&w, data, 8);
        h = mix(h, w);
    }
    w = 0;
    if (len)
        memcpy(&w, data, len);
    return mix(h, w);
}

static struct json_hash hash_string(struct json v, struct buf *scratch)
{
    struct json_hash h = {odd1, JSON_STRING};

    if (!memchr(v.at, '\\', v.len))
        return mix_bytes(h, v.at + 1, v.len - 2);
    buf_clear(scratch);
    json_decode(v, scratch);
    return mix_bytes(h, scratch->data, scratch->len);
}

static struct json_hash hash_number(struct json v)
{
    struct json_hash h = {odd2, JSON_NUMBER};
    struct decimal d = decimal(v);
    uint64_t word = 0;
    size_t n = 0;

    h = mix(h, (uint64_t)d.exponent << 1 | d.negative);
    for (size_t i = 0; i < d.len; i++) {
        if (d.digits[i] == '.')
            continue;
        word = word << 4 | (uint64_t)(d.digits[i] - '0' + 1);
        if (++n % 16 == 0) {
            h = mix(h, word);
            word = 0;
        }
    }
    return mix(h, word);
}

static struct json_hash hash_value(const char **at, const char *end, struct buf *scratch);

static const char *skip_to_next(const char *at)
{
    while (is_blank(*at) || *at == ',' || *at == ':')
        at++;
    return at;
}

/* Members are hashed one by one and added up, so that their order makes no difference. Two of one name count as two:
 * upstream text that has them is not what jsonb gives back, but then nothing is. */
static struct json_hash hash_object(const char **at, const char *end, struct buf *scratch)
{
    struct json_hash sum = {0};
    uint64_t n = 0;

    for (*at = skip_to_next(*at + 1); **at != '}'; *at = skip_to_next(*at), n++) {
        const char *name = *at;
        *at = skip_string(name, end);
        struct json_hash k = hash_string((struct json){name, (size_t)(*at - name)}, scratch);
        *at = skip_to_next(*at);
        struct json_hash m = hash_value(at, end, scratch), both = mix(mix(k, m.high), m.low);
        sum.high += both.high;
        sum.low += both.low;
    }
    ++*at;
    return mix(mix((struct json_hash){n, JSON_OBJECT}, sum.high), sum.low);
}

static struct json_hash hash_array(const char **at, const char *end, struct buf *scratch)
{
    struct json_hash h = {odd1, odd2};

    for (*at = skip_to_next(*at + 1); **at != ']'; *at = skip_to_next(*at)) {
        struct json_hash m = hash_value(at, end, scratch);
        h = mix(mix(h, m.high), m.low);
    }
    ++*at;
    return mix(h, JSON_ARRAY);
}

/* Of the value at *at, which is moved behind it: every byte is looked at once, however deep it lies. */
static struct json_hash hash_value(const char **at, const char *end, struct buf *scratch)
{
    if (**at == '{')
        return hash_object(at, end, scratch);
    if (**at == '[')
        return hash_array(at, end, scratch);

    struct json v = {.at = *at};
    *at = skip_value(v.at, end);
    v.len = (size_t)(*at - v.at);
    switch (json_kind(v)) {
    case JSON_STRING:
        return hash_string(v, scratch);
    case JSON_NUMBER:
        return hash_number(v);
    default:
        return mix((struct json_hash){odd1, odd2}, json_kind(v));
    }
}

struct json_hash json_hash(struct json v)
{
    struct buf scratch = {0};

    if (!json_exists(v))
        return mix((struct json_hash){odd1, odd2}, JSON_NONE);
    const char *at = v.at;
    struct json_hash h = hash_value(&at, v.at + v.len, &scratch);
    buf_free(&scratch);
    return h;
}

struct json_hash json_hash_bytes(const char *data, size_t len)
{
    return mix_bytes((struct json_hash){odd1, odd2}, data, len);
}

void json_put_hash(struct buf *out, struct json_hash h)
{
    buf_add_format(out, "%016" PRIx64 "%016" PRIx64, h.high, h.low);
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */

static void comma(struct buf *out)
{
    if (!out->len)
        return;
    char last = out->data[out->len - 1];
    /* The last byte of a finished value: closing bracket or quote, a digit, or the end of true, false and null. */
    if (last == '}' || last == ']' || last == '"' || is_digit(last) || (last >= 'a' && last <= 'z'))
        buf_add_char(out, ',');
}

void json_begin(struct buf *out, char bracket)
{
    comma(out);
    buf_add_char(out, bracket);
}

void json_end(struct buf *out, char bracket)
{
    buf_add_char(out, bracket);
}

void json_put_name(struct buf *out, const char *name)
{
    json_put_string(out, name, strlen(name));
    buf_add_char(out, ':');
}

void json_put_string(struct buf *out, const char *text, size_t len)
{
    const char *at = text, *end = text + len;

    comma(out);
    char *to = buf_reserve(out, len + 2);
    at = skip_plain(text, end);
    *to++ = '"';
    if (at > text)
        memcpy(to, text, (size_t)(at - text));
    out->len += (size_t)(at - text) + 1;
    while (at < end) {
        const char *plain = at;
        at = skip_plain(at, end);
        if (at > plain) {
            buf_add(out, plain, (size_t)(at - plain));
            continue;
        }
        size_t n = utf8_next(at, (size_t)(end - at), NULL);
        if (n > 1) {
            buf_add(out, at, n);
        } else if (n == 0) {
            buf_add(out, "\xef\xbf\xbd", 3);
            n = 1;
        } else {
            static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
            const char *p = *at ? strchr(named, *at) : NULL;
            if (p) {
                buf_add_char(out, '\\');
                buf_add_char(out, letters[p - named]);
            } else {
                buf_add_format(out, "\\u%04x", (unsigned char)*at);
            }
        }
        at += n;
    }
    buf_add_char(out, '"');
}

void json_put_text(struct buf *out, const char *text)
{
    if (text)
        json_put_string(out, text, strlen(text));
    else
        json_put_null(out);
}

/* Puts n's digits before end, at least so many; returns where they begin. */
static char *put_digits(char *end, uint64_t n, int least)
{
    char *at = end;

    for (; n || end - at < least; n /= 10)
        *--at = (char)('0' + n % 10);
    return at;
}

void json_put_int(struct buf *out, int64_t n)
{
    char text[24], *end = text + sizeof text, *at;

    comma(out);
    /* The smallest has no positive twin among the signed. */
    at = put_digits(end, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, 1);
    if (n < 0)
        *--at = '-';
    buf_add(out, at, (size_t)(end - at));
}

/* A double that is n / 10^decimals to the last bit, n of at most EXACT_DIGITS digits, written so. The fewest decimals
 * that do are found first. */
static bool put_plain_double(struct buf *out, double d)
{
    const double a = fabs(d);
    char text[48], *end = text + sizeof text, *at;

    /* Where %g would write an exponent it shall. */
    if (a >= exact_powers[EXACT_DIGITS] || (a < 1e-4 && a > 0))
        return false;
    for (int decimals = 0; decimals <= EXACT_DIGITS; decimals++) {
        double scaled = nearbyint(a * exact_powers[decimals]);
        if (scaled >= exact_powers[EXACT_DIGITS])
            return false;
        if (scaled / exact_powers[decimals] != a)
            continue;
        uint64_t n = (uint64_t)scaled, unit = (uint64_t)exact_powers[decimals];
        at = end;
        if (decimals) {
            at = put_digits(at, n % unit, decimals);
            *--at = '.';
        }
        at = put_digits(at, n / unit, 1);
        if (signbit(d))
            *--at = '-';
        buf_add(out, at, (size_t)(end - at));
        return true;
    }
    return false;
}

void json_put_double(struct buf *out, double d)
{
    char text[40];

    if (!isfinite(d)) {
        json_put_null(out);
        return;
    }
    comma(out);
    if (put_plain_double(out, d))
        return;
    /* 15 digits always survive, and zeros at their end are not written; the very small have fewer than 15. */
    for (int digits = fabs(d) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    buf_add_text(out, text);
}

void json_put_bool(struct buf *out, bool b)
{
    comma(out);
    buf_add_text(out, b ? "true" : "false");
}

void json_put_null(struct buf *out)
{
    comma(out);
    buf_add_text(out, "null");
}

void json_put_dense(struct buf *out, struct json v)
{
    if (!json_exists(v)) {
        json_put_null(out);
        return;
    }
    comma(out);
    buf_add(out, v.at, v.len);
}

/* The first quote or blank from at on, or end. Outside strings sound text has no other byte up to 0x20 than blanks. */
static const char *skip_dense(const char *at, const char *end)
{
    for (; end - at >= 16; at += 16) {
        block b = load(at);
        size_t n = first((b == '"') | (b <= 0x20));
        if (n < 16)
            return at + n;
    }
    while (at < end && *at != '"' && !is_blank(*at))
        at++;
    return at;
}

void json_put(struct buf *out, struct json v)
{
    if (!json_exists(v)) {
        json_put_null(out);
        return;
    }
    if (*v.at != '{' && *v.at != '[') {
        json_put_dense(out, v);
        return;
    }
    comma(out);
    char *to = buf_reserve(out, v.len), *start = to;
    for (const char *at = v.at, *end = v.at + v.len; at < end;) {
        const char *behind = *at == '"' ? skip_string(at, end) : skip_dense(at, end);
        memcpy(to, at, (size_t)(behind - at));
        to += behind - at;
        at = behind;
        while (at < end && is_blank(*at))
            at++;
    }
    out->len += (size_t)(to - start);
    buf_text(out);
}

void json_put_member_text(struct buf *out, const char *name, const char *text)
{
    json_put_name(out, name);
    json_put_text(out, text);
}

void json_put_member_int(struct buf *out, const char *name, int64_t n)
{
    json_put_name(out, name);
    json_put_int(out, n);
}

void json_put_member_bool(struct buf *out, const char *name, bool b)
{
    json_put_name(out, name);
    json_put_bool(out, b);
}

void json_put_member(struct buf *out, const char *name, struct json v)
{
    json_put_name(out, name);
    json_put(out, v);
}
