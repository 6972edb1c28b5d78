/* RAND_METHOD is of 1.1: what came with 3.0 in its place is a provider, and that is what takes its time. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "central/bus.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "central/clock.h"
#include "central/credential.h"
#include "central/mem.h"
#include "central/path.h"

#define BUS_CONNECT_MS 5000
#define BUS_RECONNECT_MS 250
/* How soon a request that waits notices that the server forbade it. */
#define BUS_LOOK_MS 50
#define CONTEXT_MAX (64 * 1024)
#define API_PREFIX "$JS.API."

struct bus {
    natsConnection *nc;
    natsOptions *options;
    char *url; /* for messages */
    atomic_uint losses, denials;
    pthread_mutex_t lock; /* of denied */
    char *denied;         /* what the server said last that it does not permit */
};

/* What the environment, or a context of the nats command, says. */
struct settings {
    char *url, *user, *password, *token, *creds, *nkey, *nkey_public, *ca, *cert, *key;
};

static void free_settings(struct settings *s)
{
    char **all[] = {&s->url,  &s->user,        &s->password, &s->token, &s->creds,
                    &s->nkey, &s->nkey_public, &s->ca,       &s->cert,  &s->key};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i])
            explicit_bzero(*all[i], strlen(*all[i]));
        free(*all[i]);
        *all[i] = NULL;
    }
}

static char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? mem_string(value) : NULL;
}

/* $XDG_CONFIG_HOME/nats or ~/.config/nats; NULL without a home. */
static char *nats_folder(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (xdg && *xdg)
        return path_join(xdg, "nats");
    return home && *home ? path_join(home, ".config/nats") : NULL;
}

static char *member(struct json v, const char *name)
{
    char *text = json_string(json_get(v, name));

    if (text && !*text) {
        free(text);
        text = NULL;
    }
    return text;
}

/* The nats command takes ~/FILE in a context. */
static char *member_path(struct json v, const char *name)
{
    char *text = member(v, name);
    const char *home = getenv("HOME");

    if (!text || strncmp(text, "~/", 2) != 0 || !home || !*home)
        return text;
    char *full = path_join(home, text + 2);
    free(text);
    return full;
}

static bool read_context(struct settings *s, struct error *e)
{
    char *name = variable("NATS_CONTEXT"), *dir = nats_folder();
    struct buf text = {0};
    struct json v;
    bool asked = name != NULL, ok = true;

    if (dir && !name) {
        char *selected = path_join(dir, "context.txt");
        if (path_read(selected, 1024, &text, NULL))
            name = mem_bytes(text.data, strcspn(buf_text(&text), " \t\r\n"));
        free(selected);
        buf_clear(&text);
    }
    if (dir && name && *name && !strchr(name, '/')) {
        char *path = mem_format("%s/context/%s.json", dir, name);
        if (asked || path_exists(path)) {
            ok = path_read(path, CONTEXT_MAX, &text, e) &&
                 (json_check(text.data ? text.data : "", text.len, &v, e) || error_prefix(e, "%s", path));
            if (ok) {
                *s = (struct settings){.url = member(v, "url"),
                                       .user = member(v, "user"),
                                       .password = member(v, "password"),
                                       .token = member(v, "token"),
                                       .creds = member_path(v, "creds"),
                                       .nkey = member_path(v, "nkey"),
                                       .ca = member_path(v, "ca"),
                                       .cert = member_path(v, "cert"),
                                       .key = member_path(v, "key")};
                /* The file may hold a password, in its URL too. */
                ok = (!s->password && !s->token && !(s->url && strchr(s->url, '@'))) || credential_file_ok(path, e);
            } else {
                e->status = CENTRAL_CONFIG;
            }
        }
        free(path);
    } else if (asked) {
        ok = error_set(e, CENTRAL_CONFIG, "NATS_CONTEXT: no such context");
    }
    if (text.data)
        explicit_bzero(text.data, text.capacity);
    buf_free(&text);
    free(name);
    free(dir);
    return ok;
}

static bool read_settings(struct settings *s, struct error *e)
{
    *s = (struct settings){.url = variable("NATS_URL"),
                           .user = variable("NATS_USER"),
                           .password = variable("NATS_PASSWORD"),
                           .token = variable("NATS_TOKEN"),
                           .creds = variable("NATS_CREDS"),
                           .nkey = variable("NATS_NKEY"),
                           .nkey_public = variable("NATS_NKEY_PUBLIC"),
                           .ca = variable("NATS_CA"),
                           .cert = variable("NATS_CERT"),
                           .key = variable("NATS_KEY")};
    bool any = s->url || s->user || s->token || s->creds || s->nkey || s->ca || s->cert || s->key;
    if (!any && !read_context(s, e))
        return false;
    if (!s->url)
        s->url = mem_string(BUS_URL_DEFAULT);
    /* nats.c would connect without either. */
    if (s->nkey && !s->nkey_public)
        return error_set(e, CENTRAL_CONFIG, "%s: NATS_NKEY_PUBLIC must hold the public key of this seed", s->nkey);
    /* A certificate without a key beside it is taken to hold its key. */
    const char *secrets[] = {s->creds, s->nkey, s->cert && !s->key ? s->cert : s->key};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (secrets[i] && !credential_file_ok(secrets[i], e))
            return false;
    return true;
}

/* The URLs without user:password@. */
static char *shown_url(const char *urls)
{
    struct buf out = {0};

    while (*urls) {
        size_t len = strcspn(urls, ",");
        const char *end = urls + len, *host = memmem(urls, len, "://", 3);
        host = host ? host + 3 : urls;
        const char *at = memrchr(host, '@', (size_t)(end - host));
        buf_add(&out, urls, (size_t)(host - urls));
        buf_add(&out, at ? at + 1 : host, (size_t)(end - (at ? at + 1 : host)));
        if (*end)
            buf_add_char(&out, ',');
        urls = end + (*end != '\0');
    }
    buf_text(&out);
    return out.data ? out.data : mem_string("");
}

static void on_loss(natsConnection *nc, void *closure)
{
    (void)nc;
    atomic_fetch_add(&((struct bus *)closure)->losses, 1);
}

/* Without a handler nats.c prints to stderr. What went wrong shows in the calls that fail, but for what the server does
 * not permit: that it says only here. */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *closure)
{
    struct bus *b = closure;
    const char *text = NULL;

    (void)sub;
    if (status != NATS_NOT_PERMITTED)
        return;
    pthread_mutex_lock(&b->lock);
    if (natsConnection_GetLastError(nc, &text) == NATS_NOT_PERMITTED && text) {
        free(b->denied);
        b->denied = mem_string(text);
    }
    pthread_mutex_unlock(&b->lock);
    atomic_fetch_add(&b->denials, 1);
}

/* Whether the last denial is of subject: Permissions Violation for Publish to "SUBJECT". A long one comes cut short. */
static bool denied(struct bus *b, const char *subject)
{
    pthread_mutex_lock(&b->lock);
    const char *quote = b->denied ? strchr(b->denied, '"') : NULL;
    size_t len = quote ? strcspn(quote + 1, "\"") : 0;
    bool ends = quote && quote[1 + len];
    bool same = quote && strncmp(quote + 1, subject, len) == 0 && (!ends || !subject[len]);
    pthread_mutex_unlock(&b->lock);
    return same;
}

static natsStatus set_servers(natsOptions *o, const char *urls)
{
    char *copy = mem_string(urls), *save = NULL;
    const char **list = mem_alloc_array(strlen(urls) / 2 + 2, sizeof *list);
    int n = 0;

    for (char *u = strtok_r(copy, ", ", &save); u; u = strtok_r(NULL, ", ", &save))
        list[n++] = u;
    natsStatus s = natsOptions_SetServers(o, list, n);
    free(list);
    free(copy);
    return s;
}

static bool secure(const struct settings *s)
{
    return s->ca || s->cert || strstr(s->url, "tls://");
}

static natsStatus set_options(struct bus *b, const struct settings *s, const char *name)
{
    natsOptions *o = b->options;
    natsStatus st = set_servers(o, s->url);

    if (st == NATS_OK)
        st = natsOptions_SetName(o, name);
    if (st == NATS_OK)
        st = natsOptions_SetTimeout(o, BUS_CONNECT_MS);
    if (st == NATS_OK)
        st = natsOptions_SetMaxReconnect(o, -1);
    if (st == NATS_OK)
        st = natsOptions_SetReconnectWait(o, BUS_RECONNECT_MS);
    if (st == NATS_OK)
        st = natsOptions_SetDisconnectedCB(o, on_loss, b);
    if (st == NATS_OK)
        st = natsOptions_SetErrorHandler(o, on_error, b);
    if (st == NATS_OK && s->user)
        st = natsOptions_SetUserInfo(o, s->user, s->password ? s->password : "");
    if (st == NATS_OK && s->token)
        st = natsOptions_SetToken(o, s->token);
    if (st == NATS_OK && s->creds)
        st = natsOptions_SetUserCredentialsFromFiles(o, s->creds, NULL);
    if (st == NATS_OK && s->nkey)
        st = natsOptions_SetNKeyFromSeed(o, s->nkey_public, s->nkey);
    if (st == NATS_OK && secure(s))
        st = natsOptions_SetSecure(o, true);
    if (st == NATS_OK && s->ca)
        st = natsOptions_LoadCATrustedCertificates(o, s->ca);
    if (st == NATS_OK && s->cert)
        st = natsOptions_LoadCertificatesChain(o, s->cert, s->key ? s->key : s->cert);
    return st;
}

static enum central_exit status_of(natsStatus s)
{
    switch (s) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
        return CENTRAL_NO_PERMISSION;
    case NATS_INVALID_ARG:
    case NATS_SSL_ERROR:
        return CENTRAL_CONFIG;
    default:
        return CENTRAL_UNAVAILABLE;
    }
}

static int random_bytes(unsigned char *to, int count)
{
    return getrandom(to, (size_t)count, 0) == count;
}

static int random_ready(void)
{
    return 1;
}

/* For its ids nats.c asks OpenSSL, which reads its configuration and sets up its generators: most of what a connection
 * costs. Without TLS the kernel's numbers do as well. */
static void spare_openssl(void)
{
    static const RAND_METHOD kernel = {.bytes = random_bytes, .pseudorand = random_bytes, .status = random_ready};

    RAND_set_rand_method(&kernel);
}

/* Connections of this process, being opened or open: nats.c is closed behind the last, for while it closes no other can
 * make an inbox. */
static atomic_uint buses;

struct bus *bus_open(const char *name, struct error *e)
{
    struct bus *b = mem_alloc(sizeof *b);
    struct settings s;

    if (!read_settings(&s, e)) {
        free_settings(&s);
        free(b);
        return NULL;
    }
    atomic_fetch_add(&buses, 1);
    pthread_mutex_init(&b->lock, NULL);
    b->url = shown_url(s.url);
    if (!secure(&s))
        spare_openssl();
    natsStatus st = natsOptions_Create(&b->options);
    if (st == NATS_OK)
        st = set_options(b, &s, name);
    if (st == NATS_OK)
        st = natsConnection_Connect(&b->nc, b->options);
    free_settings(&s);
    if (st == NATS_OK)
        return b;
    error_set(e, status_of(st), "%s: %s", b->url,
              st == NATS_NO_SERVER ? "no server answers (connection refused, or no such host)"
                                   : natsStatus_GetText(st));
    bus_close(b);
    return NULL;
}

void bus_close(struct bus *b)
{
    if (!b)
        return;
    natsConnection_Destroy(b->nc);
    natsOptions_Destroy(b->options);
    if (atomic_fetch_sub(&buses, 1) == 1)
        nats_CloseAndWait(2000);
    pthread_mutex_destroy(&b->lock);
    free(b->denied);
    free(b->url);
    free(b);
}

const char *bus_url(struct bus *b)
{
    return b->url;
}

natsConnection *bus_connection(struct bus *b)
{
    return b->nc;
}

bool bus_connected(struct bus *b)
{
    return natsConnection_Status(b->nc) == NATS_CONN_STATUS_CONNECTED;
}

unsigned bus_losses(struct bus *b)
{
    return atomic_load(&b->losses);
}

unsigned bus_denials(struct bus *b)
{
    return atomic_load(&b->denials);
}

bool bus_denied(struct bus *b, const char *prefix, struct error *e)
{
    pthread_mutex_lock(&b->lock);
    const char *quote = b->denied ? strchr(b->denied, '"') : NULL;
    bool is = quote && strncmp(quote + 1, prefix, strlen(prefix)) == 0;
    if (is)
        error_set(e, CENTRAL_NO_PERMISSION, "%s: not permitted to publish to %.*s", b->url,
                  (int)strcspn(quote + 1, "\""), quote + 1);
    pthread_mutex_unlock(&b->lock);
    return is;
}

int64_t bus_max_payload(struct bus *b)
{
    return natsConnection_GetMaxPayload(b->nc);
}

/* Waits for the one answer; NATS_NOT_PERMITTED as soon as the server forbade the subject or that of the answer. */
static natsStatus await_answer(struct bus *b, natsSubscription *sub, const char *subject, const char *inbox,
                               unsigned denials, int timeout_ms, natsMsg **reply)
{
    int64_t end = clock_monotonic() + INT64_C(1000) * timeout_ms;

    for (;;) {
        int64_t left = (end - clock_monotonic()) / 1000;
        natsStatus s = natsSubscription_NextMsg(reply, sub, left > BUS_LOOK_MS ? BUS_LOOK_MS : left > 0 ? left : 1);
        if (s == NATS_OK && natsMsg_IsNoResponders(*reply)) {
            natsMsg_Destroy(*reply);
            *reply = NULL;
            s = NATS_NO_RESPONDERS;
        }
        if (s != NATS_TIMEOUT)
            return s;
        if (bus_denials(b) != denials && (denied(b, subject) || denied(b, inbox)))
            return NATS_NOT_PERMITTED;
        if (left <= BUS_LOOK_MS)
            return s;
    }
}

/* A subscription of its own instead of natsConnection_Request: that waits to the end for what the server forbade. */
static natsStatus request(struct bus *b, const char *subject, const char *body, size_t len, int timeout_ms,
                          natsMsg **reply)
{
    natsSubscription *sub = NULL;
    natsInbox *inbox = NULL;
    unsigned denials = bus_denials(b);
    natsStatus s = natsInbox_Create(&inbox);

    if (s == NATS_OK)
        s = natsConnection_SubscribeSync(&sub, b->nc, inbox);
    if (s == NATS_OK)
        s = natsSubscription_AutoUnsubscribe(sub, 1);
    if (s == NATS_OK)
        s = natsConnection_PublishRequest(b->nc, subject, inbox, body, (int)len);
    if (s == NATS_OK)
        s = await_answer(b, sub, subject, inbox, denials, timeout_ms, reply);
    natsSubscription_Destroy(sub);
    natsInbox_Destroy(inbox);
    return s;
}

bool bus_request(struct bus *b, const char *subject, const char *body, size_t len, int timeout_ms, struct buf *answer,
                 struct error *e)
{
    natsMsg *reply = NULL;
    natsStatus s = request(b, subject, body, len, timeout_ms, &reply);

    if (s == NATS_OK) {
        buf_add(answer, natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply));
        natsMsg_Destroy(reply);
        return true;
    }
    if (s == NATS_NO_RESPONDERS)
        return error_set(e, CENTRAL_UNAVAILABLE, "%s: nobody answers %s%s", b->url, subject,
                         strncmp(subject, API_PREFIX, strlen(API_PREFIX)) == 0 ? ": is JetStream enabled?" : "");
    if (s == NATS_TIMEOUT)
        return error_set(e, CENTRAL_UNAVAILABLE, "%s: no answer to %s in %d ms", b->url, subject, timeout_ms);
    if (s == NATS_NOT_PERMITTED)
        return error_set(e, CENTRAL_NO_PERMISSION, "%s: not permitted to %s %s", b->url,
                         denied(b, subject) ? "publish to" : "subscribe to the answer of", subject);
    return error_set(e, status_of(s), "%s: %s: %s", b->url, subject, natsStatus_GetText(s));
}

bool bus_api(struct bus *b, const char *subject, const char *body, size_t len, struct buf *answer, struct json *v,
             int *code, struct error *e)
{
    char *full = mem_format(API_PREFIX "%s", subject);
    int64_t number = 0;

    if (code)
        *code = 0;
    buf_clear(answer);
    bool ok = bus_request(b, full, body, len, BUS_REQUEST_MS, answer, e);
    free(full);
    if (!ok)
        return false;
    if (!json_check(answer->data ? answer->data : "", answer->len, v, e))
        return error_prefix(e, "%s: answer to %s", b->url, subject);
    struct json error = json_get(*v, "error");
    if (!json_exists(error))
        return true;
    char *description = json_string(json_get(error, "description"));
    json_int(json_get(error, "err_code"), &number);
    if (code)
        *code = (int)number;
    json_int(json_get(error, "code"), &number);
    error_set(e, number == 503 ? CENTRAL_TRY_AGAIN : CENTRAL_UNAVAILABLE, "%s: %s: %s", b->url, subject,
              description ? description : "refused");
    free(description);
    return false;
}
