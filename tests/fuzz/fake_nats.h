/* fake_nats.h - the connection of nats.c, played: answers to requests are the lines of the input, in order, and
 * messages arrive when a target says so. Everything above it is real. */
#ifndef FUZZ_FAKE_NATS_H
#define FUZZ_FAKE_NATS_H

#include "fuzz.h"

#include <nats/nats.h>

#include "central/bus.h"

static struct {
    struct input answers; /* a line each; "" and behind the end the connection is lost, - nobody answers, ! forbidden */
    natsMsgHandler handler;
    void *handler_closure;
    natsErrHandler error_handler;
    void *error_closure;
    char *asked, *error; /* the subject of the last request, what the server said last */
} fake;

/* Messages of our own: nats.c frees its own in another thread, some time. */
#define FAKE_HEADERS 4
struct fake_message {
    char *subject, *reply, *data;
    int len;
    size_t headers;
    char *name[FAKE_HEADERS], *value[FAKE_HEADERS];
};

static inline struct fake_message *fake_message(const natsMsg *m)
{
    return (struct fake_message *)(void *)m;
}

/* Pointers that nobody looks behind. */
static char fake_things[3];

static inline struct bus *fake_bus(void)
{
    static struct bus *bus;
    struct error e = {0};

    if (!bus) {
        setenv("NATS_URL", "nats://fake", 1);
        bus = bus_open("fuzz", &e);
        MUST_SAY(bus, e.text, e.text ? strlen(e.text) : 0);
    }
    return bus;
}

natsStatus natsMsg_Create(natsMsg **m, const char *subject, const char *reply, const char *data, int len)
{
    struct fake_message *f = mem_alloc(sizeof *f);

    f->subject = mem_string(subject);
    f->reply = mem_string(reply);
    f->data = mem_bytes(data, (size_t)len);
    f->len = len;
    *m = (natsMsg *)(void *)f;
    return NATS_OK;
}

void natsMsg_Destroy(natsMsg *m)
{
    struct fake_message *f = fake_message(m);

    if (!f)
        return;
    for (size_t i = 0; i < f->headers; i++) {
        free(f->name[i]);
        free(f->value[i]);
    }
    free(f->subject);
    free(f->reply);
    free(f->data);
    free(f);
}

const char *natsMsg_GetSubject(const natsMsg *m)
{
    return fake_message(m)->subject;
}

const char *natsMsg_GetReply(const natsMsg *m)
{
    return fake_message(m)->reply;
}

const char *natsMsg_GetData(const natsMsg *m)
{
    return fake_message(m)->data;
}

int natsMsg_GetDataLength(const natsMsg *m)
{
    return fake_message(m)->len;
}

natsStatus natsMsgHeader_Set(natsMsg *m, const char *name, const char *value)
{
    struct fake_message *f = fake_message(m);

    MUST(f->headers < FAKE_HEADERS);
    f->name[f->headers] = mem_string(name);
    f->value[f->headers++] = mem_string(value);
    return NATS_OK;
}

natsStatus natsMsgHeader_Get(natsMsg *m, const char *name, const char **value)
{
    struct fake_message *f = fake_message(m);

    for (size_t i = 0; i < f->headers; i++)
        if (strcmp(f->name[i], name) == 0) {
            *value = f->value[i];
            return NATS_OK;
        }
    return NATS_NOT_FOUND;
}

bool natsMsg_IsNoResponders(natsMsg *m)
{
    const char *status;

    return fake_message(m)->len == 0 && natsMsgHeader_Get(m, "Status", &status) == NATS_OK &&
           strcmp(status, "503") == 0;
}

/* Makes a message arrive; a status (NULL: a plain one) makes it one of the server's own. */
static inline void fake_deliver(const char *subject, const char *reply, const char *data, size_t len,
                                const char *status, const char *description, const char *left)
{
    natsMsg *m = NULL;

    if (!fake.handler || natsMsg_Create(&m, subject, reply, data, (int)len) != NATS_OK)
        return;
    if (status)
        natsMsgHeader_Set(m, "Status", status);
    if (description)
        natsMsgHeader_Set(m, "Description", description);
    if (left)
        natsMsgHeader_Set(m, "Nats-Pending-Messages", left);
    fake.handler(NULL, NULL, m, fake.handler_closure);
}

natsStatus natsConnection_SubscribeSync(natsSubscription **sub, natsConnection *nc, const char *subject)
{
    (void)nc;
    MUST(subject && *subject);
    *sub = (natsSubscription *)&fake_things[1];
    return NATS_OK;
}

natsStatus natsSubscription_AutoUnsubscribe(natsSubscription *sub, int max)
{
    (void)sub, (void)max;
    return NATS_OK;
}

/* The answer to the last request. */
natsStatus natsSubscription_NextMsg(natsMsg **reply, natsSubscription *sub, int64_t timeout)
{
    size_t n;
    natsStatus s = NATS_OK;

    (void)sub, (void)timeout;
    MUST(fake.asked);
    char *answer = input_piece(&fake.answers, '\n', &n);
    if (!n) {
        s = NATS_CONNECTION_DISCONNECTED;
    } else if (n == 1 && *answer == '!') {
        free(fake.error);
        fake.error = mem_format("Permissions Violation for Publish to \"%s\"", fake.asked);
        fake.error_handler(NULL, NULL, NATS_NOT_PERMITTED, fake.error_closure);
        s = NATS_TIMEOUT;
    } else if (n == 1 && *answer == '-') {
        natsMsg_Create(reply, "_INBOX.FUZZ.answer", NULL, "", 0);
        natsMsgHeader_Set(*reply, "Status", "503");
    } else {
        natsMsg_Create(reply, "_INBOX.FUZZ.answer", NULL, answer, (int)n);
    }
    free(answer);
    return s;
}

natsStatus natsConnection_GetLastError(natsConnection *nc, const char **text)
{
    (void)nc;
    *text = fake.error;
    return NATS_NOT_PERMITTED;
}

natsStatus natsConnection_Connect(natsConnection **nc, natsOptions *options)
{
    (void)options;
    *nc = (natsConnection *)&fake_things[0];
    return NATS_OK;
}

natsConnStatus natsConnection_Status(natsConnection *nc)
{
    (void)nc;
    return NATS_CONN_STATUS_CONNECTED;
}

int64_t natsConnection_GetMaxPayload(natsConnection *nc)
{
    (void)nc;
    return 1024 * 1024;
}

natsStatus natsConnection_GetConnectedUrl(natsConnection *nc, char *to, size_t room)
{
    (void)nc, (void)to, (void)room;
    return NATS_CONNECTION_DISCONNECTED;
}

natsStatus natsConnection_GetConnectedServerId(natsConnection *nc, char *to, size_t room)
{
    return natsConnection_GetConnectedUrl(nc, to, room);
}

static inline natsStatus fake_publish(const char *subject, const void *data, int len)
{
    MUST(subject && *subject && len >= 0 && (len == 0 || data));
    return NATS_OK;
}

natsStatus natsConnection_Publish(natsConnection *nc, const char *subject, const void *data, int len)
{
    (void)nc;
    return fake_publish(subject, data, len);
}

natsStatus natsConnection_PublishRequest(natsConnection *nc, const char *subject, const char *reply, const void *data,
                                         int len)
{
    (void)nc;
    MUST(reply && *reply);
    free(fake.asked);
    fake.asked = mem_string(subject);
    return fake_publish(subject, data, len);
}

natsStatus natsConnection_PublishString(natsConnection *nc, const char *subject, const char *text)
{
    (void)nc;
    return fake_publish(subject, text, (int)strlen(text));
}

natsStatus natsConnection_Subscribe(natsSubscription **sub, natsConnection *nc, const char *subject,
                                    natsMsgHandler handler, void *closure)
{
    (void)nc, (void)subject;
    fake.handler = handler;
    fake.handler_closure = closure;
    *sub = (natsSubscription *)&fake_things[1];
    return NATS_OK;
}

natsStatus natsConnection_FlushTimeout(natsConnection *nc, int64_t timeout)
{
    (void)nc, (void)timeout;
    return NATS_OK;
}

void natsConnection_Destroy(natsConnection *nc)
{
    (void)nc;
}

natsStatus natsSubscription_SetPendingLimits(natsSubscription *sub, int messages, int bytes)
{
    (void)sub, (void)messages, (void)bytes;
    return NATS_OK;
}

natsStatus natsSubscription_Drain(natsSubscription *sub)
{
    (void)sub;
    fake.handler = NULL;
    return NATS_OK;
}

natsStatus natsSubscription_WaitForDrainCompletion(natsSubscription *sub, int64_t timeout)
{
    (void)sub, (void)timeout;
    return NATS_OK;
}

void natsSubscription_Destroy(natsSubscription *sub)
{
    (void)sub;
}

natsStatus natsInbox_Create(natsInbox **inbox)
{
    *inbox = mem_string("_INBOX.FUZZ");
    return NATS_OK;
}

void natsInbox_Destroy(natsInbox *inbox)
{
    free(inbox);
}

natsStatus natsOptions_Create(natsOptions **options)
{
    *options = (natsOptions *)&fake_things[2];
    return NATS_OK;
}

void natsOptions_Destroy(natsOptions *options)
{
    (void)options;
}

natsStatus natsOptions_SetServers(natsOptions *options, const char **servers, int count)
{
    (void)options, (void)servers, (void)count;
    return NATS_OK;
}

natsStatus natsOptions_SetName(natsOptions *options, const char *name)
{
    (void)options, (void)name;
    return NATS_OK;
}

natsStatus natsOptions_SetTimeout(natsOptions *options, int64_t timeout)
{
    (void)options, (void)timeout;
    return NATS_OK;
}

natsStatus natsOptions_SetMaxReconnect(natsOptions *options, int most)
{
    (void)options, (void)most;
    return NATS_OK;
}

natsStatus natsOptions_SetReconnectWait(natsOptions *options, int64_t wait)
{
    (void)options, (void)wait;
    return NATS_OK;
}

natsStatus natsOptions_SetDisconnectedCB(natsOptions *options, natsConnectionHandler handler, void *closure)
{
    (void)options, (void)handler, (void)closure;
    return NATS_OK;
}

natsStatus natsOptions_SetErrorHandler(natsOptions *options, natsErrHandler handler, void *closure)
{
    (void)options;
    fake.error_handler = handler;
    fake.error_closure = closure;
    return NATS_OK;
}

#endif
