#include "central/poll.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "central/clock.h"
#include "central/event.h"
#include "central/log.h"
#include "central/mem.h"
#include "central/path.h"
#include "central/signals.h"

static const char *const state_names[] = {"new", "unchanged", "empty", "failed", "partial"};

/* One request of the poll and what came of it. */
struct request {
    char *url;      /* with its secrets */
    char *shown;    /* without */
    char *format;   /* json, csv, xml */
    char *paging;   /* NULL, "arcgis", "links" */
    char *tag;      /* JSON text, NULL */
    char **headers; /* NULL-terminated, NULL */
    long status;
    int64_t bytes, items;
    char *etag, *last_modified, *error;
    struct buf hash; /* of the body */
    bool follow;     /* its answer leads to further requests and holds no records */
    bool asked, unchanged;
};

struct poll {
    struct adapter *adapter;
    struct parser *parser;
    struct http *http;
    const struct poll_options *options;
    struct line_writer *out;
    struct json known; /* state.requests */
    struct request *requests;
    size_t count;
    int64_t started;
    int64_t retry_after;
    enum central_exit status;
    size_t from_used;
    /* the request at hand */
    struct request *now;
    struct buf line;
    size_t page_items;
};

/* --- requests ------------------------------------------------------------------------------------------------------
 */

static struct request *add_request(struct poll *p)
{
    p->requests = mem_resize(p->requests, (p->count + 1) * sizeof *p->requests);
    p->requests[p->count] = (struct request){0};
    return &p->requests[p->count++];
}

static void free_request(struct request *r)
{
    free(r->url);
    free(r->shown);
    free(r->format);
    free(r->paging);
    free(r->tag);
    for (char **h = r->headers; h && *h; h++)
        free(*h);
    free(r->headers);
    free(r->etag);
    free(r->last_modified);
    free(r->error);
    buf_free(&r->hash);
}

static char *text_member(struct json v, const char *name)
{
    return json_string(json_get(v, name));
}

static bool read_request(struct poll *p, struct json v, struct error *e)
{
    struct json header, tag = json_get(v, "tag");
    char *url = json_kind(v) == JSON_STRING ? json_string(v) : text_member(v, "url");
    size_t n = 0;

    if (!url)
        return error_set(e, CENTRAL_CONFIG, "%s: requests: one without url", adapter_file(p->adapter));
    struct request *r = add_request(p);
    r->url = url;
    r->shown = http_redact(url, p->options->key);
    r->follow = json_bool(json_get(v, "follow")) == 1;
    r->format = text_member(v, "format");
    r->paging = text_member(v, "paging");
    if (!r->format)
        r->format = mem_string("json");
    if (!json_is_null(tag)) {
        struct buf text = {0};
        json_put(&text, tag);
        r->tag = text.data;
    }
    struct json headers = json_get(v, "headers");
    r->headers = mem_alloc_array(json_count(headers) + 1, sizeof *r->headers);
    for (struct json_iter i = json_walk(headers); json_next(&i, NULL, &header);) {
        char *h = json_string(header);
        if (h)
            r->headers[n++] = h;
    }
    return true;
}

static bool read_requests(struct poll *p, struct error *e)
{
    struct buf text = {0};
    struct json list = {0}, v;
    bool ok = adapter_requests(p->adapter, p->options->key, p->options->state, p->started, &text, e) &&
              json_check(text.data, text.len, &list, e);

    for (struct json_iter i = json_walk(list); ok && json_next(&i, NULL, &v);)
        ok = read_request(p, v, e);
    buf_free(&text);
    return ok && (p->count || error_set(e, CENTRAL_CONFIG, "%s: requests: none", adapter_file(p->adapter)));
}

/* Scheme, host and port. */
static bool same_server(const char *a, const char *b)
{
    const char *host = strstr(a, "://");
    size_t len = host ? (size_t)(host - a) + 3 + strcspn(host + 3, "/?#") : 0;

    return len && strncasecmp(a, b, len) == 0 && (!b[len] || strchr("/?#", b[len]));
}

/* The next page of the request at hand as one more request. Headers may hold a credential, and url be a stranger's. */
static void add_page(struct poll *p, char *url)
{
    size_t at = (size_t)(p->now - p->requests), n = 0;
    struct request *r = add_request(p);

    p->now = &p->requests[at];
    r->url = url;
    r->shown = http_redact(url, p->options->key);
    r->format = mem_string(p->now->format);
    r->paging = mem_string(p->now->paging);
    r->tag = mem_string(p->now->tag);
    while (same_server(p->now->url, url) && p->now->headers[n])
        n++;
    r->headers = mem_alloc_array(n + 1, sizeof *r->headers);
    while (n--)
        r->headers[n] = mem_string(p->now->headers[n]);
}

/* url with resultOffset=n instead of the one it has. */
static char *with_offset(const char *url, uint64_t n)
{
    static const char name[] = "resultOffset=";
    const char *old = strstr(url, name);

    if (!old)
        return mem_format("%s%s%s%llu", url, strchr(url, '?') ? "&" : "?", name, (unsigned long long)n);
    return mem_format("%.*s%s%llu%s", (int)(old - url), url, name, (unsigned long long)n,
                      old + sizeof name - 1 + strspn(old + sizeof name - 1, "0123456789"));
}

static uint64_t offset_of(const char *url)
{
    const char *old = strstr(url, "resultOffset=");

    return old ? strtoull(old + strlen("resultOffset="), NULL, 10) : 0;
}

/* first: what was said of the whole answer. */
static void follow_pages(struct poll *p, struct json first)
{
    char *url;

    if (!p->now->paging || p->options->from)
        return;
    if (json_bool(json_get(first, "more")) == 1)
        url = with_offset(p->now->url, offset_of(p->now->url) + p->page_items);
    else
        url = text_member(first, "next");
    if (url)
        add_page(p, url);
}

/* --- asking --------------------------------------------------------------------------------------------------------
 */

/* A pause drawn from 0 to limit (full jitter: many clients that failed together do not come back together). */
static bool pause_up_to(int64_t limit_ms, bool exact)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint32_t)clock_now();
    int64_t ms = exact ? limit_ms : (int64_t)(random % (uint64_t)(limit_ms + 1));
    signals_wait(-1, false, (int)ms);
    return !signals_stop();
}

/* Whether an answer that did not change may be left unread. Of a snapshot every record is evidence, so either all of it
 * is unchanged or all of it is read; and behind an unchanged page there may be one that changed. */
static bool conditional(const struct poll *p, const struct request *r)
{
    return !p->options->from && !r->paging && !r->follow &&
           (p->count == 1 || !json_equals(json_get(adapter_about(p->adapter), "kind"), "snapshot"));
}

static bool worth_another_try(const struct http_answer *answer, bool answered)
{
    return !answered || answer->status == 429 || answer->status >= 500;
}

/* The answer to the request at hand, tried again as manners allow. */
static bool ask(struct poll *p, struct http_answer *answer, struct error *e)
{
    struct request *r = p->now;
    struct json known = conditional(p, r) ? json_get(p->known, r->shown) : json_absent;
    char *etag = text_member(known, "etag"), *modified = text_member(known, "last_modified");
    struct json timeout = json_get(adapter_about(p->adapter), "timeout");
    int64_t body_max = 0, seconds = 0, backoff = p->options->backoff_ms ? p->options->backoff_ms : POLL_BACKOFF_MS;
    json_int(json_get(adapter_about(p->adapter), "max_bytes"), &body_max);
    struct http_request request = {.url = r->url,
                                   .secret = p->options->key,
                                   .headers = (const char *const *)r->headers,
                                   .etag = etag,
                                   .last_modified = modified,
                                   .timeout_ms = json_int(timeout, &seconds) ? (int)(seconds * 1000) : 0,
                                   .body_max = body_max};
    bool answered;

    for (int tries = p->options->tries ? p->options->tries : POLL_TRIES;; backoff *= 2) {
        answered = http_get(p->http, &request, answer, e);
        if (!worth_another_try(answer, answered) || --tries <= 0 || signals_stop())
            break;
        if (answered && answer->retry_after > POLL_RETRY_AFTER_MAX)
            break;
        bool told = answered && answer->retry_after >= 0;
        log_info("%s: %s: %s, trying again", adapter_name(p->adapter), r->shown,
                 answered  ? "busy"
                 : e->text ? e->text
                           : "failed");
        if (!pause_up_to(told ? answer->retry_after * 1000 : backoff, told))
            break;
        http_answer_free(answer);
        error_free(e);
    }
    if (answered && answer->status == 304 && !etag && !modified)
        answered = error_set(e, CENTRAL_UNAVAILABLE, "HTTP status 304 to a request without condition");
    free(etag);
    free(modified);
    return answered;
}

/* FILE or URL that stands for the request at hand. */
static bool ask_from(struct poll *p, struct http_answer *answer, struct error *e)
{
    const char *from = p->options->from[p->from_used];

    if (!from)
        return error_set(e, CENTRAL_USAGE, "--from was given for %zu requests, the source makes more", p->from_used);
    p->from_used++;
    free(p->now->shown);
    if (strstr(from, "://")) {
        p->now->shown = http_redact(from, p->options->key);
        return http_get(p->http, &(struct http_request){.url = from}, answer, e);
    }
    char *whole = realpath(from, NULL);
    p->now->shown = mem_format("file://%s", whole ? whole : from);
    free(whole);
    answer->retry_after = -1;
    if (path_read(from, HTTP_BODY_MAX, &answer->body, e)) {
        answer->status = 200;
        return true;
    }
    char *said = e->text;
    e->text = NULL;
    error_set(e, CENTRAL_IO, "file://%s", said);
    free(said);
    return false;
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

static bool write_record(struct poll *p, struct json record)
{
    buf_clear(&p->line);
    event_put_raw(&p->line, p->now->shown, adapter_name(p->adapter), p->started, record, p->now->tag);
    p->page_items++;
    return line_write(p->out, p->line.data, p->line.len);
}

/* Its records are written, or become requests. */
static bool read_answer(struct poll *p, struct http_answer *answer, struct error *e)
{
    const struct parser_job job = {.format = p->now->format,
                                   .content_type = answer->content_type,
                                   .paging = p->options->from ? NULL : p->now->paging,
                                   .follow = p->now->follow,
                                   .context = {p->now->shown, p->now->tag, p->started}};
    size_t at = (size_t)(p->now - p->requests);
    struct buf text = {0};
    struct json records = {0}, first = {0}, record;

    p->page_items = 0;
    bool ok = parser_read(p->parser, &job, &answer->body, &text, &records, e);
    struct json_iter i = json_walk(records);
    ok = ok && json_next(&i, NULL, &first);
    for (bool go_on = ok; go_on && json_next(&i, NULL, &record);) {
        if (job.follow)
            go_on = ok = read_request(p, record, e);
        else
            go_on = write_record(p, record);
    }
    p->now = &p->requests[at];
    p->now->items = (int64_t)p->page_items;
    if (ok && p->page_items)
        follow_pages(p, first);
    buf_free(&text);
    return ok;
}

static bool not_an_answer(struct poll *p, const struct http_answer *answer, struct error *e)
{
    if (answer->status == 200)
        return false;
    if (answer->retry_after > p->retry_after)
        p->retry_after = answer->retry_after;
    error_set(e, answer->status == 401 || answer->status == 403 ? CENTRAL_NO_PERMISSION : CENTRAL_UNAVAILABLE,
              "HTTP status %ld", answer->status);
    return true;
}

/* Asks and reads the request at hand. False with e when it came to nothing. */
static bool run_request(struct poll *p, struct error *e)
{
    struct http_answer answer = {.retry_after = -1};
    bool ok = p->options->from ? ask_from(p, &answer, e) : ask(p, &answer, e);
    struct request *r = p->now;

    r->asked = true;
    r->status = answer.status;
    r->bytes = (int64_t)answer.body.len;
    if (ok && answer.status == 304) {
        r->unchanged = true;
    } else if (ok && not_an_answer(p, &answer, e)) {
        ok = false;
    } else if (ok) {
        json_put_hash(&r->hash, json_hash_bytes(answer.body.data, answer.body.len));
        struct json known = json_get(json_get(p->known, r->shown), "hash");
        r->unchanged = conditional(p, r) && json_equals(known, buf_text(&r->hash));
        ok = r->unchanged || read_answer(p, &answer, e);
        r = p->now;
        r->etag = mem_string(answer.etag);
        r->last_modified = mem_string(answer.last_modified);
    }
    http_answer_free(&answer);
    return ok;
}

/* --- reporting -----------------------------------------------------------------------------------------------------
 */

static void put_request(struct buf *out, const struct request *r)
{
    json_begin(out, '{');
    json_put_member_text(out, "url", r->shown);
    json_put_member_int(out, "status", r->status);
    json_put_member_int(out, "bytes", r->bytes);
    json_put_member_int(out, "items", r->items);
    json_put_member_bool(out, "unchanged", r->unchanged);
    json_put_member_text(out, "etag", r->etag);
    json_put_member_text(out, "last_modified", r->last_modified);
    json_put_member_text(out, "hash", r->hash.len ? r->hash.data : NULL);
    json_put_member_text(out, "error", r->error);
    json_end(out, '}');
}

static enum poll_state judge(const struct poll *p, uint64_t *items, const char **error)
{
    size_t failed = 0, unchanged = 0;

    *items = 0;
    for (size_t i = 0; i < p->count; i++) {
        *items += (uint64_t)p->requests[i].items;
        unchanged += p->requests[i].unchanged;
        if (p->requests[i].error || !p->requests[i].asked) {
            failed++;
            if (!*error)
                *error = p->requests[i].error ? p->requests[i].error : "stopped before all was asked";
        }
    }
    if (failed)
        return failed == p->count ? POLL_FAILED : POLL_PARTIAL;
    return unchanged == p->count ? POLL_UNCHANGED : *items ? POLL_NEW : POLL_EMPTY;
}

static void put_report(struct poll *p, struct poll_result *result)
{
    struct buf *out = &p->line, ts = {0}, id = {0}, subject = {0};
    const char *error = NULL, *name = adapter_name(p->adapter);
    int64_t bytes = 0, every = adapter_every(p->adapter), now = clock_now();
    long status = 0;

    result->state = judge(p, &result->items, &error);
    result->complete = !error;
    result->error = mem_string(error);
    for (size_t i = 0; i < p->count; i++) {
        bytes += p->requests[i].bytes;
        if (!status || p->requests[i].error)
            status = p->requests[i].status;
    }
    clock_put(&ts, now, CLOCK_OFFSET);
    buf_add_format(&id, "poll:%s:%s", name, buf_text(&ts));
    buf_add_format(&subject, "central.meta.adapter.%s.status", name);
    buf_clear(out);
    json_begin(out, '{');
    json_put_member_text(out, "specversion", "1.0");
    json_put_member_text(out, "id", buf_text(&id));
    json_put_member_text(out, "source", event_source());
    json_put_member_text(out, "type", EVENT_TYPE_POLL);
    json_put_member_text(out, "time", buf_text(&ts));
    json_put_member_text(out, "datacontenttype", "application/json");
    json_put_member_text(out, "centralsubject", buf_text(&subject));
    json_put_member_bool(out, "ok", !error);
    json_put_member_text(out, "ts", buf_text(&ts));
    if (error)
        json_put_member_text(out, "error", error);
    json_put_name(out, "data");
    json_begin(out, '{');
    json_put_member_text(out, "adapter", name);
    json_put_member(out, "kind", json_get(adapter_about(p->adapter), "kind"));
    json_put_member(out, "keep", json_get(adapter_about(p->adapter), "keep"));
    json_put_member_text(out, "state", state_names[result->state]);
    json_put_member_bool(out, "complete", !error);
    json_put_member_int(out, "requests", (int64_t)p->count);
    json_put_member_int(out, "status", status);
    json_put_member_int(out, "bytes", bytes);
    json_put_member_int(out, "items", (int64_t)result->items);
    json_put_member_int(out, "duration_ms", (now - p->started) / 1000);
    struct buf next = {0};
    clock_put(&next, now + (every > p->retry_after ? every : p->retry_after) * CLOCK_SECOND, CLOCK_OFFSET);
    json_put_member_text(out, "next_poll", buf_text(&next));
    buf_free(&next);
    json_put_name(out, "answers");
    json_begin(out, '[');
    for (size_t i = 0; i < p->count; i++)
        put_request(out, &p->requests[i]);
    json_end(out, ']');
    json_end(out, '}');
    json_end(out, '}');
    buf_free(&ts);
    buf_free(&id);
    buf_free(&subject);
}

void poll_result_free(struct poll_result *r)
{
    free(r->error);
    r->error = NULL;
}

const char *poll_state_name(enum poll_state s)
{
    return state_names[s];
}

bool poll_run(struct adapter *a, struct parser *parser, struct http *h, const struct poll_options *o,
              struct line_writer *w, struct poll_result *result, struct error *e)
{
    struct poll p = {.adapter = a,
                     .parser = parser,
                     .http = h,
                     .options = o,
                     .out = w,
                     .started = o->now ? o->now : clock_now(),
                     .retry_after = -1};
    struct json state = {0};
    bool ok = json_check(o->state, strlen(o->state), &state, e) && read_requests(&p, e);

    p.known = json_get(state, "requests");
    for (size_t i = 0; ok && i < p.count && !w->error && !signals_stop(); i++) {
        struct error failed = {0};
        p.now = &p.requests[i];
        if (i >= POLL_REQUESTS_MAX)
            error_set(&failed, CENTRAL_UNAVAILABLE, "more than %d pages", POLL_REQUESTS_MAX);
        else
            run_request(&p, &failed);
        if (!failed.text)
            continue;
        p.status = error_worse(p.status, failed.status == CENTRAL_REJECTED ? CENTRAL_UNAVAILABLE : failed.status);
        /* http's own messages name the URL already. */
        p.now->error =
            strstr(failed.text, "://") ? mem_string(failed.text) : mem_format("%s: %s", p.now->shown, failed.text);
        if (!o->quiet)
            log_error("%s: %s", adapter_name(a), p.now->error);
        error_free(&failed);
        if (i >= POLL_REQUESTS_MAX)
            break;
    }
    if (ok) {
        put_report(&p, result);
        /* A signal before the first request, or between two, fails none of them. */
        if (!result->complete && p.status == CENTRAL_OK) {
            p.status = CENTRAL_TRY_AGAIN;
            if (!o->quiet)
                log_error("%s: %s", adapter_name(a), result->error);
        }
        line_write(w, p.line.data, p.line.len);
        result->retry_after = p.retry_after;
        result->status = p.status;
    }
    for (size_t i = 0; i < p.count; i++)
        free_request(&p.requests[i]);
    free(p.requests);
    buf_free(&p.line);
    return ok;
}
