#include "central/sieve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/mem.h"

struct moment {
    bool given, moves;
    int64_t at, ago;
};

struct sieve {
    char *text;
    char **words;
    size_t word_count;
    char *adapters, *category, *id, *region;
    int severity;
    struct moment since, until;
    bool has_box, active;
    double box[4];
    unsigned number; /* that a brief remembers */
    int64_t asked;   /* since when this number is good */
};

/* Each sieve, and each step of a moving one, has a number of its own. Only the screen's thread makes them in earnest;
 * a number that another thread took is only skipped. */
static unsigned next_number(void)
{
    static _Thread_local unsigned last;

    return ++last ? last : ++last;
}

bool sieve_box(const char *text, double box[4])
{
    for (int i = 0; i < 4; i++) {
        char *end;
        box[i] = strtod(text, &end);
        if (end == text || !isfinite(box[i]) || *end != (i < 3 ? ',' : '\0'))
            return false;
        text = end + 1;
    }
    return box[0] >= -180 && box[0] <= 180 && box[2] >= -180 && box[2] <= 180 && box[1] >= -90 && box[3] <= 90 &&
           box[1] <= box[3];
}

bool sieve_in_box(const double box[4], double lon, double lat)
{
    bool across = box[0] > box[2];

    lon = remainder(lon, 360);
    return lat >= box[1] && lat <= box[3] && (across ? lon >= box[0] || lon <= box[2] : lon >= box[0] && lon <= box[2]);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void take_word(struct sieve *s, char *word)
{
    s->words = mem_resize(s->words, (s->word_count + 1) * sizeof *s->words);
    s->words[s->word_count++] = word;
}

static bool read_moment(const char *name, const char *text, struct moment *m, struct error *e)
{
    int64_t seconds;

    *m = (struct moment){.given = true};
    if (duration_parse(text, strlen(text), &seconds)) {
        m->moves = true;
        m->ago = seconds * CLOCK_SECOND;
        return true;
    }
    return clock_parse_since(text, clock_now(), &m->at) ||
           error_set(e, CENTRAL_USAGE, "%s: '%s' is no time such as 2h (ago) or 2026-05-17T20:08:00Z", name, text);
}

static void set_text(char **to, const char *value)
{
    free(*to);
    *to = mem_string(value);
}

static bool read_pair(struct sieve *s, const char *name, const char *value, struct error *e)
{
    if (strcmp(name, "adapter") == 0)
        set_text(&s->adapters, value);
    else if (strcmp(name, "category") == 0)
        set_text(&s->category, value);
    else if (strcmp(name, "id") == 0)
        set_text(&s->id, value);
    else if (strcmp(name, "region") == 0)
        set_text(&s->region, value);
    else if (strcmp(name, "severity") == 0) {
        if (value[0] < '0' || value[0] > '4' || value[1])
            return error_set(e, CENTRAL_USAGE, "severity: '%s' is none of 0 to 4", value);
        s->severity = value[0] - '0';
    } else if (strcmp(name, "since") == 0)
        return read_moment(name, value, &s->since, e);
    else if (strcmp(name, "until") == 0)
        return read_moment(name, value, &s->until, e);
    else if (strcmp(name, "box") == 0) {
        s->has_box = true;
        return sieve_box(value, s->box) ||
               error_set(e, CENTRAL_USAGE, "box: '%s' is not west,south,east,north in degrees", value);
    } else
        return error_set(e, CENTRAL_USAGE,
                         "'%s=': none of adapter, category, severity, since, until, id, region, box; \"...\" is text",
                         name);
    return true;
}

static bool read_word(struct sieve *s, char *word, bool quoted, struct error *e)
{
    char *equals = quoted ? NULL : strchr(word, '=');

    if (equals) {
        *equals = '\0';
        bool ok = read_pair(s, word, equals + 1, e);
        free(word);
        return ok;
    }
    if (!quoted && strcmp(word, "active") == 0) {
        s->active = true;
        free(word);
        return true;
    }
    take_word(s, word);
    return true;
}

struct sieve *sieve_read(const char *text, struct error *e)
{
    struct sieve *s = mem_alloc(sizeof *s);
    bool ok = true;

    *s = (struct sieve){.severity = -1, .text = mem_string(text), .number = next_number()};
    for (const char *at = text; ok;) {
        at += strspn(at, " \t");
        if (!*at)
            break;
        bool quoted = *at == '"';
        at += quoted;
        size_t n = strcspn(at, quoted ? "\"" : " \t");
        if (n)
            ok = read_word(s, mem_bytes(at, n), quoted, e);
        at += n + (quoted && at[n] == '"');
    }
    if (!ok) {
        sieve_free(s);
        return NULL;
    }
    return s;
}

void sieve_free(struct sieve *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->word_count; i++)
        free(s->words[i]);
    free(s->words);
    free(s->text);
    free(s->adapters);
    free(s->category);
    free(s->id);
    free(s->region);
    free(s);
}

const char *sieve_text(const struct sieve *s)
{
    return s->text;
}

bool sieve_empty(const struct sieve *s)
{
    return s->text[strspn(s->text, " \t")] == '\0';
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static int64_t moment_at(const struct moment *m, int64_t now)
{
    return m->moves ? now - m->ago : m->at;
}

static bool in_list(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

static bool passes(const struct sieve *s, const struct brief *b, int64_t now)
{
    if (s->adapters && !in_list(s->adapters, b->adapter))
        return false;
    if (s->category && strncmp(b->category, s->category, strlen(s->category)) != 0)
        return false;
    if (s->severity >= 0 && b->severity < s->severity)
        return false;
    if (s->id && strcmp(s->id, b->id) != 0)
        return false;
    if (s->since.given && b->time < moment_at(&s->since, now))
        return false;
    if (s->until.given && b->time >= moment_at(&s->until, now))
        return false;
    if (s->active && (b->removal || b->superseded || (b->has_expires && b->expires <= now)))
        return false;
    if (s->has_box && (!b->has_place || !sieve_in_box(s->box, b->lon, b->lat)))
        return false;
    if (s->region && strncasecmp(b->region, s->region, strlen(s->region)) != 0)
        return false;
    for (size_t i = 0; i < s->word_count; i++)
        if (!strcasestr(b->headline, s->words[i]) && !strcasestr(b->line, s->words[i]))
            return false;
    return true;
}

bool sieve_passes(struct sieve *s, struct brief *b, int64_t now)
{
    bool moves = s->since.moves || s->until.moves || s->active;

    if (moves && (now < s->asked || now - s->asked > SIEVE_MOVES * CLOCK_SECOND)) {
        s->number = next_number();
        s->asked = now;
    }
    if (b->sieve != s->number) {
        b->sieve = s->number;
        b->passes = passes(s, b, now);
    }
    return b->passes;
}

void sieve_query(const struct sieve *s, int64_t now, struct query *q)
{
    buf_free(&q->adapters);
    *q = (struct query){.severity = s->severity, .category = s->category, .id = s->id, .active = s->active};
    if (s->adapters)
        buf_add_text(&q->adapters, s->adapters);
    q->has_since = s->since.given;
    q->has_until = s->until.given;
    q->since = moment_at(&s->since, now);
    q->until = moment_at(&s->until, now);
    q->has_box = s->has_box;
    memcpy(q->box, s->box, sizeof q->box);
}

int64_t sieve_since(const struct sieve *s, int64_t now)
{
    return s->since.given ? moment_at(&s->since, now) : 0;
}
