/* central-changes - drops what was sent unchanged, numbers revisions, makes removals when the evidence suffices. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter.h"
#include "central/clock.h"
#include "central/confine.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/state.h"
#include "central/tool.h"

/* A removal needs so many complete polls in a row without the id (contract §3). */
#define MISSES 2
/* An answer under half of the last is held, not believed, when the last had at least so many. */
#define SHRUNK_FROM 10

/* One source of the input. */
struct source {
    struct state *state;
    struct adapter *adapter; /* loaded when something is to be removed */
    int64_t fresh, revised, unchanged, removed, rejected, twice;
};

struct changes {
    struct line_writer out;
    struct state_list states;
    struct source *sources; /* one for each state, at the same place */
    size_t count;
    struct buf scratch, hash, last;
    struct buf held; /* lines whose numbers are not noted durably yet */
    size_t held_lines;
    struct source *now;    /* while removals are made */
    struct error *failure; /* what ended that */
    bool unmade;           /* a removal that its adapter could not make */
    bool failed;           /* what is held may lack its numbers */
};

/* Numbers noted in one transaction at most, and the lines that wait for it; the end of a poll, and of what is at hand,
 * ends one too. */
#define HELD_MAX 2000
#define HELD_BYTES_MAX (512 * 1024)

static bool lost_stdout(struct error *e)
{
    error_free(e);
    e->status = CENTRAL_IO;
    return false;
}

/* First the numbers, then the lines: what was written under a number keeps it, whatever happens behind us. */
static bool settle(struct changes *c, struct error *e)
{
    for (size_t i = 0; i < c->count; i++)
        if (!state_settle(c->sources[i].state, e))
            return false;
    for (const char *at = c->held.data; at && *at;) {
        size_t len = strcspn(at, "\n");
        if (!line_write(&c->out, at, len))
            return lost_stdout(e);
        at += len + 1;
    }
    buf_clear(&c->held);
    buf_trim(&c->held, 2 * HELD_BYTES_MAX);
    c->held_lines = 0;
    return true;
}

static bool write_line(struct changes *c, const char *text, size_t len, struct error *e)
{
    buf_add(&c->held, text, len);
    buf_add_char(&c->held, '\n');
    return (++c->held_lines < HELD_MAX && c->held.len < HELD_BYTES_MAX) || settle(c, e);
}

static struct source *source_of(struct changes *c, const struct event *ev, struct error *e)
{
    size_t i;
    struct state *state = state_of(&c->states, ev->adapter, &i, e);

    if (!state)
        return NULL;
    if (i == c->count) {
        c->sources = mem_resize(c->sources, (c->count + 1) * sizeof *c->sources);
        c->sources[c->count++] = (struct source){.state = state};
    }
    return &c->sources[i];
}

static char *removal_key(const char *id)
{
    return mem_format("removal of %s", id);
}

/* An event that is itself a removal (the source said so): it stands when what it removes stands. */
static bool pass_removal(struct changes *c, struct source *s, const struct event *ev, struct error *e)
{
    struct state_sent sent, before = {0};
    char *target = json_string(ev->removes), *key = removal_key(target);
    bool first, same, found, ok = state_find(s->state, target, &sent, e);

    /* Seen all the same: what its source calls past is not missing. */
    ok = ok && state_see(s->state, target, "", &first, &same, e);
    bool removes = ok && sent.known && (!sent.removed || sent.removal_lost) && first;
    buf_clear(&c->scratch);
    if (removes) {
        /* One that was written and not recorded is written again as it was: its id holds a time. */
        ok = state_find(s->state, key, &before, e);
        if (ok && before.issued_revision == sent.revision && before.issued_hash[0] == '{') {
            ok = state_issued(s->state, key, &c->scratch, &found, e);
        } else if (ok) {
            event_put_revision(&c->scratch, ev, 1, sent.revision);
            ok = state_issue(s->state, key, buf_text(&c->scratch), sent.revision, e);
        }
    }
    free(target);
    free(key);
    s->removed += ok && removes;
    s->unchanged += ok && !removes;
    return ok && (!removes || write_line(c, c->scratch.data, c->scratch.len, e));
}

/* Two records of one answer under one id that differ: which one counts nobody can tell. The first does; the other is a
 * reject. */
static bool reject_twin(struct changes *c, struct source *s, const struct event *ev, const struct filter_line *line,
                        struct error *e)
{
    static const char reason[] = "its id stands in the same answer with another content; the first one counts";
    const struct reject r = {.stage = log_tool(),
                             .adapter = state_source(s->state),
                             .line = line->number,
                             .reason = reason,
                             .original = line->text,
                             .original_len = line->len};
    struct event reject;
    bool known;

    s->rejected++;
    buf_clear(&c->scratch);
    event_put_reject(&c->scratch, &r);
    if (!event_read(c->scratch.data, c->scratch.len, &reject, e))
        return false;
    char *id = json_string(reject.id), *event_id = json_string(ev->event_id);
    bool ok = state_knows_reject(s->state, id, &known, e);
    if (ok && !known) {
        log_warning("line %llu: %s: %s: %s", (unsigned long long)line->number, state_source(s->state), event_id,
                    reason);
        ok = write_line(c, c->scratch.data, c->scratch.len, e);
    }
    free(id);
    free(event_id);
    return ok;
}

/* False in *none when a removal of this revision was written and may be out, though it is not recorded: then the event
 * did not stay, it comes back. */
static bool no_removal_out(struct source *s, const char *id, int64_t revision, bool *none, struct error *e)
{
    struct state_sent removal;
    char *key = removal_key(id);
    bool ok = state_find(s->state, key, &removal, e);

    free(key);
    *none = removal.issued_revision < revision;
    return ok;
}

/* What a removal will need, noted of all that is seen: what was passed on before may be recorded as sent although the
 * poll did not come to its end, and then it is unchanged. The kind is known from the last report; before the first
 * every source may have removals. */
static bool observe(struct changes *c, struct source *s, const char *id, const struct event *ev, int64_t revision,
                    struct error *e)
{
    buf_clear(&c->last);
    event_put_last(&c->last, ev, revision);
    return state_observe(s->state, id, buf_text(&c->last), e);
}

static bool remove_missing(void *closure, const char *id, int64_t revision, const char *last, int64_t seen)
{
    struct changes *c = closure;
    struct source *s = c->now;
    struct error *e = c->failure;
    struct json v, name, value;
    struct buf time = {0};
    struct event ev;

    if (!s->adapter && !(s->adapter = adapter_open(state_source(s->state), e)))
        return false;
    if (!json_check(last, strlen(last), &v, NULL))
        return true;
    /* The revision that stands, and when the id was last seen. */
    buf_clear(&c->last);
    json_begin(&c->last, '{');
    for (struct json_iter i = json_walk(v); json_next(&i, &name, &value);) {
        if (json_equals(name, "revision"))
            continue;
        json_put(&c->last, name);
        buf_add_char(&c->last, ':');
        json_put(&c->last, value);
    }
    json_put_member_int(&c->last, "revision", revision);
    /* A removal that was written and not recorded is written again as the same: its id holds the time. */
    char *key = removal_key(id);
    struct state_sent before;
    int64_t now = clock_now();
    bool ok = state_find(s->state, key, &before, e);
    if (ok && before.issued_revision == revision && clock_parse(before.issued_hash, strlen(before.issued_hash), &now)) {
        log_debug("%s: %s: removal written again", state_source(s->state), id);
    } else if (ok) {
        clock_put(&time, now, CLOCK_Z);
        ok = state_issue(s->state, key, buf_text(&time), revision, e);
        buf_clear(&time);
    }
    free(key);
    if (!ok) {
        buf_free(&time);
        return false;
    }
    clock_put(&time, seen * CLOCK_SECOND, CLOCK_OFFSET);
    json_put_member_text(&c->last, "seen", buf_text(&time));
    json_end(&c->last, '}');
    buf_free(&time);
    buf_clear(&c->scratch);
    if (!adapter_removed(s->adapter, buf_text(&c->last), "missing", now, &c->scratch, e) ||
        !event_read(c->scratch.data, c->scratch.len, &ev, e)) {
        log_error("%s: %s: its removal: %s", state_source(s->state), id, e->text);
        error_free(e);
        c->unmade = true;
        return true;
    }
    s->removed++;
    return write_line(c, c->scratch.data, c->scratch.len, e);
}

/* What was removed comes back, and its removal is lost: that goes out again, and first. */
static bool remove_again(struct changes *c, struct source *s, const char *id, struct error *e)
{
    c->now = s;
    c->failure = e;
    return state_lost_removal(s->state, id, remove_missing, c, e);
}

static bool pass_event(struct changes *c, const struct event *ev, const struct filter_line *line, struct error *e)
{
    struct source *s = source_of(c, ev, e);
    struct state_sent sent = {0};
    bool first, same;

    if (!s)
        return false;
    if (json_exists(ev->removes))
        return pass_removal(c, s, ev, e);
    buf_clear(&c->hash);
    json_put_hash(&c->hash, json_hash(ev->data));
    char *id = json_string(ev->event_id);
    bool ok = state_see(s->state, id, buf_text(&c->hash), &first, &same, e) && state_find(s->state, id, &sent, e);
    if (ok && !first) {
        s->twice += same;
        free(id);
        return same || reject_twin(c, s, ev, line, e);
    }
    bool snapshot = strcmp(state_kind(s->state), "window") != 0 && strcmp(state_kind(s->state), "log") != 0;
    bool stands = ok && sent.known && !sent.removed && strcmp(sent.hash, buf_text(&c->hash)) == 0 &&
                  sent.issued_revision <= sent.revision;
    if (stands && snapshot)
        ok = no_removal_out(s, id, sent.revision, &stands, e);
    if (ok && stands) {
        s->unchanged++;
        ok = !snapshot || observe(c, s, id, ev, sent.revision, e);
        free(id);
        return ok;
    }
    ok = ok && (!sent.removal_lost || remove_again(c, s, id, e));
    /* The number this very content got before and was not recorded under, else the next that no content has. */
    int64_t last = sent.revision > sent.issued_revision ? sent.revision : sent.issued_revision;
    bool again = ok && sent.issued_revision > sent.revision && strcmp(sent.issued_hash, buf_text(&c->hash)) == 0;
    int64_t revision = again ? sent.issued_revision : last + 1;
    ok = ok && (again || state_issue(s->state, id, buf_text(&c->hash), revision, e));
    ok = ok && (!snapshot || observe(c, s, id, ev, revision, e));
    free(id);
    if (!ok)
        return false;
    if (revision == 1) {
        s->fresh++;
        return write_line(c, line->text, line->len, e);
    }
    s->revised++;
    buf_clear(&c->scratch);
    event_put_revision(&c->scratch, ev, revision, 0);
    return write_line(c, c->scratch.data, c->scratch.len, e);
}

/* A reject that was sent before is not sent again with every poll. */
static bool pass_reject(struct changes *c, const struct event *ev, const struct filter_line *line, struct error *e)
{
    /* Of a line that no poll brings again, and no source's. */
    if (json_equals(ev->adapter, EVENT_NOBODY))
        return write_line(c, line->text, line->len, e);
    struct source *s = source_of(c, ev, e);
    bool known;

    if (!s)
        return false;
    char *id = json_string(ev->id);
    bool ok = state_knows_reject(s->state, id, &known, e);
    free(id);
    return ok && (known || write_line(c, line->text, line->len, e));
}

/* --- the end of a poll ---------------------------------------------------------------------------------------------
 */

/* Only a complete poll that read the answer is evidence. */
static bool is_evidence(const struct event *report)
{
    struct json state = json_get(report->data, "state");

    return json_bool(json_get(report->data, "complete")) == 1 &&
           (json_equals(state, "new") || json_equals(state, "empty"));
}

static bool end_poll(struct changes *c, const struct event *report, struct error *e)
{
    struct source *s = source_of(c, report, e);
    int64_t items = 0, held = 0;

    if (!s)
        return false;
    char *kind = json_string(json_get(report->data, "kind"));
    bool snapshot = kind && strcmp(kind, "snapshot") == 0;
    json_int(json_get(report->data, "items"), &items);
    bool evidence = snapshot && is_evidence(report);
    if (evidence && state_count(s->state) >= SHRUNK_FROM && items * 2 < state_count(s->state)) {
        held = state_count(s->state) - items;
        evidence = false;
        log_warning("%s: %lld items after %lld: held, nothing is removed on this evidence", state_source(s->state),
                    (long long)items, (long long)state_count(s->state));
    }
    bool ok = state_begin(s->state, e) &&
              state_end_poll(s->state, clock_now() / CLOCK_SECOND, kind ? kind : "", evidence, e) &&
              state_commit(s->state, e);
    state_rollback(s->state);
    free(kind);
    c->now = s;
    c->failure = e;
    ok = ok && (!evidence || state_each_missing(s->state, MISSES, remove_missing, c, e)) && state_new_poll(s->state, e);
    if (!ok)
        return false;
    const struct event_count counts[] = {
        {"fresh", s->fresh}, {"revised", s->revised}, {"unchanged", s->unchanged},    {"removed", s->removed},
        {"held", held},      {"twice", s->twice},     {"twins_rejected", s->rejected}};
    s->fresh = s->revised = s->unchanged = s->removed = s->twice = s->rejected = 0;
    buf_clear(&c->scratch);
    event_put_poll(&c->scratch, report, counts, sizeof counts / sizeof *counts);
    return write_line(c, c->scratch.data, c->scratch.len, e) && settle(c, e);
}

static bool on_idle(void *closure, struct error *e)
{
    struct changes *c = closure;

    c->failed = !settle(c, e);
    return !c->failed && line_flush(&c->out);
}

static bool on_event(void *closure, const struct event *ev, const struct filter_line *line, struct error *e)
{
    struct changes *c = closure;

    switch (ev->kind) {
    case EVENT_CANONICAL:
        c->failed = !pass_event(c, ev, line, e);
        break;
    case EVENT_REJECT:
        c->failed = !pass_reject(c, ev, line, e);
        break;
    case EVENT_POLL:
        c->failed = !end_poll(c, ev, e);
        break;
    default:
        return error_set(e, CENTRAL_USAGE, "line %llu: a raw event: central-normalize comes before",
                         (unsigned long long)line->number);
    }
    return !c->failed;
}

static bool on_bad(void *closure, const char *reason, const struct filter_line *line, struct error *e)
{
    struct changes *c = closure;
    const struct reject r = {.stage = log_tool(),
                             .adapter = EVENT_NOBODY,
                             .line = line->number,
                             .reason = reason,
                             .original = line->text,
                             .original_len = line->len,
                             .original_total = line->total};

    buf_clear(&c->scratch);
    event_put_reject(&c->scratch, &r);
    c->failed = !write_line(c, c->scratch.data, c->scratch.len, e);
    return !c->failed;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    argp_error(state, "'%s': this tool reads standard input and takes no arguments", arg);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        NULL,
        "Pass on events that are new or changed, numbered, and removals; drop what was sent "
        "unchanged.\vManual: central-changes(1)",
        NULL,
        NULL,
        NULL};
    struct changes c = {0};
    struct filter filter = {.event = on_event, .bad = on_bad, .idle = on_idle, .closure = &c, .writer = &c.out};

    tool_start("central-changes");
    tool_parse(&argp, argc, argv, NULL);
    confine_network();
    line_writer_open(&c.out, STDOUT_FILENO);
    enum central_exit status = filter_run(&filter);
    struct error e = {0};
    if (c.unmade)
        status = error_worse(status, CENTRAL_REJECTED);
    if (!c.failed && !settle(&c, &e))
        status = error_worse(e.text ? log_failure(&e) : e.status, status);
    for (size_t i = 0; i < c.count; i++)
        adapter_close(c.sources[i].adapter);
    free(c.sources);
    state_list_close(&c.states);
    buf_free(&c.scratch);
    buf_free(&c.hash);
    buf_free(&c.last);
    buf_free(&c.held);
    return tool_end(&c.out, status);
}
