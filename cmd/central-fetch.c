/* central-fetch - polls one source: raw events and a poll report on standard output. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "central/adapter.h"
#include "central/cadence.h"
#include "central/clock.h"
#include "central/confine.h"
#include "central/credential.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/path.h"
#include "central/poll.h"
#include "central/signals.h"
#include "central/state.h"
#include "central/tool.h"

static const char prefix[] = "central-fetch-";

struct fetch {
    const char *name;
    const char **from; /* NULL-terminated */
    size_t from_count;
    bool repeat, now;
    int tries;
    struct line_writer out;
    struct adapter *adapter;
    struct parser *parser;
    struct http *http;
};

static const struct argp_option options[] = {
    {"from", 'F', "FILE|URL", 0, "Take the answer from there, once per request; no lock, no cadence, no state", 0},
    {"every", 'e', 0, 0, "Poll again and again at the source's cadence, until a signal", 0},
    {"now", 'n', 0, 0, "Poll even when the last poll was sooner ago than the cadence", 0},
    {"tries", 't', "N", 0, "Try each request so often (default 3)", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct fetch *f = state->input;

    switch (key) {
    case 'F':
        f->from = mem_resize(f->from, (f->from_count + 2) * sizeof *f->from);
        f->from[f->from_count++] = arg;
        f->from[f->from_count] = NULL;
        return 0;
    case 'e':
        f->repeat = true;
        return 0;
    case 'n':
        f->now = true;
        return 0;
    case 't':
        f->tries = (int)tool_number(state, "--tries", arg, 1, 100);
        return 0;
    case ARGP_KEY_ARG:
        if (f->name)
            argp_error(state, "'%s': one source at a time", arg);
        f->name = arg;
        return 0;
    case ARGP_KEY_END:
        if (!f->name)
            argp_error(state, "which source? (central-adapter list)");
        if (f->from && f->repeat)
            argp_error(state, "--from and --every do not go together");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* One poll of the source itself, within its cadence. */
static enum central_exit poll_source(struct fetch *f, const char *key, struct cadence *cadence)
{
    int64_t now = clock_now(), every = adapter_every(f->adapter);
    struct error e = {0};
    struct poll_result result = {0};

    if (!f->now && now < cadence->not_before) {
        struct buf ago = {0}, left = {0};
        clock_put_age(&ago, now - cadence->last);
        clock_put_age(&left, cadence->not_before - now);
        error_set(&e, CENTRAL_TRY_AGAIN, "%s: polled %s ago, next in %s (--now does not wait)", f->name, buf_text(&ago),
                  buf_text(&left));
        buf_free(&ago);
        buf_free(&left);
        return log_failure(&e);
    }
    struct buf state = {0};
    cadence->last = now;
    cadence->not_before = now + every * CLOCK_SECOND;
    cadence_set(cadence, NULL, NULL);
    bool ok = cadence_note(cadence, &e) && state_put_cursor(f->name, &state, &e);
    struct poll_options o = {.key = key, .state = buf_text(&state), .tries = f->tries};
    ok = ok && poll_run(f->adapter, f->parser, f->http, &o, &f->out, &result, &e);
    buf_free(&state);
    if (!ok)
        return log_failure(&e);
    now = clock_now();
    if (result.retry_after > every)
        cadence->not_before = now + result.retry_after * CLOCK_SECOND;
    if (result.complete)
        cadence->last_complete = now;
    cadence->items = (int64_t)result.items;
    cadence_set(cadence, poll_state_name(result.state), result.error);
    poll_result_free(&result);
    return cadence_note(cadence, &e) ? result.status : log_failure(&e);
}

static enum central_exit poll_once_or_often(struct fetch *f, const char *key)
{
    struct error e = {0};
    struct cadence cadence;
    enum central_exit status = CENTRAL_OK;

    if (!cadence_open(&cadence, f->name, &e)) {
        cadence_close(&cadence);
        return log_failure(&e);
    }
    do {
        if (f->repeat)
            while (!f->now && !signals_stop() && clock_now() < cadence.not_before)
                signals_wait(-1, false, (int)((cadence.not_before - clock_now()) / 1000 + 1));
        if (signals_stop() && !f->repeat) {
            error_set(&e, CENTRAL_TRY_AGAIN, "%s: stopped before anything was asked", f->name);
            status = log_failure(&e);
        }
        if (signals_stop())
            break;
        status = poll_source(f, key, &cadence);
        f->now = false;
        /* A source that is away may come back; a wrong setting or a lost process will not mend itself. */
        if (!line_flush(&f->out) || status == CENTRAL_CONFIG || status == CENTRAL_BUG)
            break;
    } while (f->repeat);
    cadence_close(&cadence);
    return f->repeat && signals_stop() ? CENTRAL_OK : status;
}

static enum central_exit run(struct fetch *f)
{
    struct error e = {0};
    char *key = NULL, *contact = NULL;
    enum central_exit status = CENTRAL_OK;

    /* Who is to read answers never hears of the credential. */
    f->adapter = adapter_open_uncompiled(f->name, &e);
    f->parser = f->adapter ? parser_open(f->adapter, &e) : NULL;
    if (!f->parser)
        return log_failure(&e);
    contact = json_string(json_get(adapter_settings(f->adapter), "contact_email"));
    char *credential = json_string(json_get(adapter_about(f->adapter), "credential"));
    if ((credential && !f->from && !credential_read(credential, &key, &e)) || !(f->http = http_open(contact, &e))) {
        status = log_failure(&e);
    } else if (f->from) {
        struct poll_options o = {.from = f->from, .key = key, .state = "null", .tries = f->tries};
        struct poll_result result = {0};
        status = poll_run(f->adapter, f->parser, f->http, &o, &f->out, &result, &e) ? result.status : log_failure(&e);
        poll_result_free(&result);
    } else {
        status = poll_once_or_often(f, key);
    }
    credential_free(key);
    free(credential);
    free(contact);
    return status;
}

/* What talks to strangers: nothing but the state is to be written. */
static void confine(void)
{
    char *state = path_state(), *slash;

    /* Where it is not made yet, the folder it will be made in. */
    while (!path_exists(state) && (slash = strrchr(state, '/')) && slash > state)
        *slash = '\0';
    confine_writing((const char *const[]){path_exists(state) ? state : ".", NULL});
    free(state);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "NAME",
                                     "Poll one source once; write raw events and a poll report to standard output.\v"
                                     "Manual: central-fetch(1)",
                                     NULL,
                                     NULL,
                                     NULL};
    struct fetch f = {0};

    tool_start("central-fetch");
    /* central-fetch-NAME is central-fetch NAME. */
    if (strncmp(program_invocation_short_name, prefix, sizeof prefix - 1) == 0)
        f.name = program_invocation_short_name + sizeof prefix - 1;
    tool_parse(&argp, argc, argv, &f);
    confine();
    line_writer_open(&f.out, STDOUT_FILENO);
    enum central_exit status = run(&f);
    http_close(f.http);
    parser_close(f.parser);
    adapter_close(f.adapter);
    free(f.from);
    return tool_end(&f.out, status);
}
