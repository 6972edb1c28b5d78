/* fuzz.h - what the targets share: one input in, properties that must hold.
 *
 * A target is one file NAME.c with LLVMFuzzerTestOneInput. Its seeds are the files of tests/fuzz/NAME/, words for the
 * fuzzer stand in NAME.dict. main.c runs it over files without a fuzzer (tests/fuzz.t). */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"
#include "central/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where it does not hold, the program ends and the fuzzer keeps the input. */
#define MUST(property) ((property) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #property))
/* The same of two buffers or spans that stand in the message. */
#define MUST_SAY(property, at, len)                                                                                    \
    ((property) ? (void)0 : fuzz_fail_of(__FILE__, __LINE__, #property, (at), (int)(len)))

static inline void fuzz_fail_of(const char *file, int line, const char *property, const char *at, int len)
{
    fprintf(stderr, "%s:%d: does not hold: %s: %.*s\n", file, line, property, len, at ? at : "");
    abort();
}

static inline void fuzz_fail(const char *file, int line, const char *property)
{
    fuzz_fail_of(file, line, property, "", 0);
}

/* What is left of an input. */
struct input {
    const char *at;
    size_t left;
};

static inline struct input input_of(const uint8_t *data, size_t size)
{
    return (struct input){(const char *)data, size};
}

static inline unsigned char input_byte(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return (unsigned char)*in->at++;
}

/* The next piece up to the byte end, which is skipped, or to the end of the input. In memory of its own, without a NUL,
 * so that a step beyond it is seen; the caller frees. */
static inline char *input_piece(struct input *in, char end, size_t *len)
{
    const char *stop = in->left ? memchr(in->at, end, in->left) : NULL;

    *len = stop ? (size_t)(stop - in->at) : in->left;
    char *piece = mem_alloc(*len ? *len : 1);
    if (*len)
        memcpy(piece, in->at, *len);
    size_t taken = *len + (stop != NULL);
    in->at += taken;
    in->left -= taken;
    return piece;
}

/* The same as a C string, which a NUL ends too. */
static inline char *input_string(struct input *in, char end)
{
    size_t len;
    char *piece = input_piece(in, end, &len), *text = mem_bytes(piece, len);

    free(piece);
    return text;
}

/* What the program wrote must be JSON. */
static inline struct json written(const struct buf *out)
{
    struct json v = json_absent;
    struct error e = {0};
    bool ok = json_check(out->data ? out->data : "", out->len, &v, &e);

    MUST_SAY(ok, out->data, out->len);
    error_free(&e);
    return v;
}

static inline bool same_meaning(struct json a, struct json b)
{
    struct json_hash x = json_hash(a), y = json_hash(b);

    return x.high == y.high && x.low == y.low;
}

static inline bool same_bytes(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

/* A failure says why, with the status that was promised. */
static inline void must_say(struct error *e, enum central_exit status)
{
    MUST(e->text && *e->text);
    MUST(e->status == status);
    error_free(e);
}

#endif
