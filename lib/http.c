#include "central/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "central/clock.h"
#include "central/mem.h"
#include "central/signals.h"
#include "central/tool.h"

/* Headers that are kept; a longer one is no ETag anybody should send back. */
#define HTTP_HEADER_MAX 1024

struct http {
    CURL *curl;
    char *agent;
    bool whole_bundle; /* of authorities: one was not in the folder */
    char message[CURL_ERROR_SIZE];
};

struct transfer {
    struct http_answer *answer;
    int64_t body_max;
    bool too_large;
};

struct http *http_open(const char *contact, struct error *e)
{
    struct http *h = mem_alloc(sizeof *h);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(h->curl = curl_easy_init())) {
        free(h);
        error_set(e, CENTRAL_TRY_AGAIN, "libcurl does not start");
        return NULL;
    }
    h->agent = contact && *contact ? mem_format("Central/%s (%s)", CENTRAL_VERSION, contact)
                                   : mem_format("Central/%s", CENTRAL_VERSION);
    return h;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    curl_global_cleanup();
    free(h->agent);
    free(h);
}

void http_answer_free(struct http_answer *a)
{
    buf_free(&a->body);
    free(a->content_type);
    free(a->etag);
    free(a->last_modified);
    *a = (struct http_answer){.retry_after = -1};
}

static void replace_all(char **text, const char *what, const char *by)
{
    struct buf out = {0};
    const char *at = *text, *found;

    if (!what || !*what)
        return;
    while ((found = strstr(at, what))) {
        buf_add(&out, at, (size_t)(found - at));
        buf_add_text(&out, by);
        at = found + strlen(what);
    }
    buf_add_text(&out, at);
    free(*text);
    *text = out.data;
}

char *http_redact(const char *url, const char *secret)
{
    const char *host = strstr(url, "://");
    char *shown;

    host = host ? host + 3 : url;
    /* user:password@ stands before the first slash. */
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    shown = at ? mem_format("%.*s%s", (int)(host - url), url, at + 1) : mem_string(url);
    replace_all(&shown, secret, "***");
    return shown;
}

/* For a message: without the query as well, which may hold keys nobody told us of. */
static char *message_url(const struct http_request *r)
{
    char *shown = http_redact(r->url, r->secret);

    shown[strcspn(shown, "?#")] = '\0';
    return shown;
}

static size_t on_body(char *data, size_t size, size_t count, void *closure)
{
    struct transfer *t = closure;
    size_t n = size * count;

    if ((int64_t)(t->answer->body.len + n) > t->body_max) {
        t->too_large = true;
        return 0;
    }
    buf_add(&t->answer->body, data, n);
    return n;
}

/* The value of "Name: value\r\n" when it is that name. */
static char *header_value(const char *line, size_t len, const char *name)
{
    size_t n = strlen(name);

    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    line += n + 1;
    len -= n + 1;
    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    while (len && strchr(" \t\r\n", line[len - 1]))
        len--;
    return len && len <= HTTP_HEADER_MAX ? mem_bytes(line, len) : NULL;
}

static void keep(char **place, char *value)
{
    if (value) {
        free(*place);
        *place = value;
    }
}

int64_t http_retry_after(const char *text, int64_t now)
{
    int64_t when;
    size_t digits = strspn(text, "0123456789");

    if (digits && !text[digits] && digits < 10)
        return strtoll(text, NULL, 10);
    if (!digits && clock_parse(text, strlen(text), &when))
        return when > now ? (when - now + CLOCK_SECOND - 1) / CLOCK_SECOND : 0;
    return -1;
}

static size_t on_header(char *data, size_t size, size_t count, void *closure)
{
    struct http_answer *a = ((struct transfer *)closure)->answer;
    size_t n = size * count;

    /* A redirect's headers come first: each answer begins anew. */
    if (n > 5 && strncmp(data, "HTTP/", 5) == 0) {
        free(a->etag);
        free(a->last_modified);
        free(a->content_type);
        a->etag = a->last_modified = a->content_type = NULL;
        a->retry_after = -1;
    }
    keep(&a->etag, header_value(data, n, "ETag"));
    keep(&a->last_modified, header_value(data, n, "Last-Modified"));
    keep(&a->content_type, header_value(data, n, "Content-Type"));
    char *retry = header_value(data, n, "Retry-After");
    if (retry)
        a->retry_after = http_retry_after(retry, clock_now());
    free(retry);
    return n;
}

static int on_progress(void *closure, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)closure, (void)total, (void)now, (void)up_total, (void)up_now;
    return signals_stop();
}

static struct curl_slist *add_header(struct curl_slist *list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(list, header);

    return longer ? longer : list;
}

static struct curl_slist *request_headers(const struct http_request *r)
{
    struct curl_slist *list = NULL;

    for (const char *const *h = r->headers; h && *h; h++)
        list = add_header(list, *h);
    if (r->etag) {
        char *h = mem_format("If-None-Match: %s", r->etag);
        list = add_header(list, h);
        free(h);
    }
    if (r->last_modified) {
        char *h = mem_format("If-Modified-Since: %s", r->last_modified);
        list = add_header(list, h);
        free(h);
    }
    return list;
}

static const char *variable(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && *value ? value : otherwise;
}

/* Which authorities are trusted, by the variables that the curl program honours as well. Those of a folder are read one
 * by one as they are needed; reading the bundle of all of them costs several times what a poll does without. */
static void set_trust(struct http *h)
{
    const curl_version_info_data *built = curl_version_info(CURLVERSION_NOW);
    const char *bundle = variable("CURL_CA_BUNDLE", NULL), *folder = variable("SSL_CERT_DIR", built->capath);

    if (bundle) {
        curl_easy_setopt(h->curl, CURLOPT_CAINFO, bundle);
        return;
    }
    if (folder)
        curl_easy_setopt(h->curl, CURLOPT_CAPATH, folder);
    curl_easy_setopt(h->curl, CURLOPT_CAINFO,
                     folder && !h->whole_bundle ? NULL : variable("SSL_CERT_FILE", built->cainfo));
}

/* Whether to ask again with the whole bundle, which somebody may have added an authority to by hand. */
static bool look_in_bundle(struct http *h, CURLcode code)
{
    if (h->whole_bundle || variable("CURL_CA_BUNDLE", NULL) ||
        (code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE))
        return false;
    h->whole_bundle = true;
    set_trust(h);
    return true;
}

/* Options with wrong arguments are this program's fault; curl_easy_perform then fails and says what is missing. */
static void set_up(struct http *h, const struct http_request *r, struct transfer *t, struct curl_slist *headers)
{
    CURL *c = h->curl;

    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, r->url);
    curl_easy_setopt(c, CURLOPT_USERAGENT, h->agent);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->message);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,file");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms ? r->timeout_ms : HTTP_TIMEOUT_MS));
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_STALL_BYTES);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_SECONDS);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    set_trust(h);
}

static bool known_scheme(const char *url)
{
    static const char *const known[] = {"http://", "https://", "file://"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncasecmp(url, known[i], strlen(known[i])) == 0)
            return true;
    return false;
}

static bool failed(struct http *h, const struct http_request *r, CURLcode code, const struct transfer *t,
                   struct error *e)
{
    char *shown = message_url(r);

    /* An answer may redirect to another scheme, or speak another protocol: that is not the URL's fault. */
    if (!known_scheme(r->url) || code == CURLE_URL_MALFORMAT)
        error_set(e, CENTRAL_CONFIG, "%s: not an http, https or file URL", shown);
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        error_set(e, CENTRAL_TRY_AGAIN, "%s: stopped by a signal", shown);
    else if (t->too_large)
        error_set(e, CENTRAL_UNAVAILABLE, "%s: larger than %lld bytes", shown, (long long)t->body_max);
    else
        error_set(e, CENTRAL_UNAVAILABLE, "%s: %s", shown, *h->message ? h->message : curl_easy_strerror(code));
    free(shown);
    return false;
}

bool http_get(struct http *h, const struct http_request *r, struct http_answer *out, struct error *e)
{
    struct transfer t = {out, r->body_max ? r->body_max : HTTP_BODY_MAX, false};
    struct curl_slist *headers = request_headers(r);
    int64_t started = clock_monotonic();

    http_answer_free(out);
    *h->message = '\0';
    set_up(h, r, &t, headers);
    CURLcode code = curl_easy_perform(h->curl);
    if (look_in_bundle(h, code))
        code = curl_easy_perform(h->curl);
    curl_slist_free_all(headers);
    out->duration_ms = (clock_monotonic() - started) / 1000;
    if (code != CURLE_OK) {
        failed(h, r, code, &t, e);
        int64_t duration = out->duration_ms;
        http_answer_free(out);
        out->duration_ms = duration;
        return false;
    }
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &out->status);
    if (!out->status)
        out->status = 200; /* file: */
    return true;
}
