/* http.h - one polite answer from a URL: http, https or file, nothing else (libcurl underneath). */
#ifndef CENTRAL_HTTP_H
#define CENTRAL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "central/buf.h"
#include "central/error.h"

#define HTTP_BODY_MAX (64 * 1024 * 1024) /* after decompression; the largest feed seen is 20 MiB */
#define HTTP_REDIRECTS_MAX 5
#define HTTP_CONNECT_MS 15000
#define HTTP_TIMEOUT_MS 60000
#define HTTP_STALL_SECONDS 20 /* fewer than HTTP_STALL_BYTES a second for so long ends a transfer */
#define HTTP_STALL_BYTES 64

struct http;
/* One connection cache for all requests of a process. contact goes into the User-Agent: Central/<version> (<contact>);
 * NULL or "" leaves the brackets out. */
struct http *http_open(const char *contact, struct error *e);
void http_close(struct http *h);

struct http_request {
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; NULL */
    const char *secret;         /* a part of url that no message may show; NULL */
    const char *etag;           /* sent as If-None-Match; NULL */
    const char *last_modified;  /* sent as If-Modified-Since; NULL */
    int timeout_ms;             /* 0: HTTP_TIMEOUT_MS */
    int64_t body_max;           /* 0: HTTP_BODY_MAX */
};
struct http_answer {
    long status; /* 200, 304 ...; 200 for file:, 0 when there was no answer */
    struct buf body;
    char *content_type; /* NULL */
    char *etag;
    char *last_modified;
    int64_t retry_after; /* seconds from now (Retry-After in either form), -1: not sent */
    int64_t duration_ms;
};
/* True when an answer came, whatever its status; file: gives status 200. False with e (CENTRAL_UNAVAILABLE: away, too
 * slow, cut off, too large; CENTRAL_CONFIG: not a URL of these kinds) else. An answer cut short is never handed out. No
 * retries here. Messages show the URL without user, password and query. A signal ends a transfer (CENTRAL_TRY_AGAIN).
 */
bool http_get(struct http *h, const struct http_request *r, struct http_answer *out, struct error *e);
void http_answer_free(struct http_answer *a);
/* Seconds from now that a Retry-After header asks for, in either form (RFC 9110 §10.2.3); -1 when it is neither. */
int64_t http_retry_after(const char *text, int64_t now);
/* url for messages and for source: no user, no password, secret (NULL) replaced by ***. The caller frees. */
char *http_redact(const char *url, const char *secret);

#endif
