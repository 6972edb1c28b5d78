/* publish_bare - the least that publishing lines to JetStream costs with nats.c: js_PublishAsync in a loop, one
 * subject, an id of its own for each message, nothing checked, nothing echoed. What central-publish is measured
 * against.
 *
 *     cc -O2 -o build/publish_bare tests/bench/publish_bare.c -lnats
 *     build/publish_bare SUBJECT RUN <FILE        (RUN makes the ids of this run its own)
 *
 * Prints lines a second on stderr. */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WINDOW 4096

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static natsStatus publish(jsCtx *js, const char *subject, const char *id, const char *line, size_t len)
{
    natsMsg *m = NULL;
    natsStatus s = natsMsg_Create(&m, subject, NULL, line, (int)len);

    if (s == NATS_OK)
        s = natsMsgHeader_Set(m, "Nats-Msg-Id", id);
    if (s == NATS_OK)
        s = js_PublishMsgAsync(js, &m, NULL);
    natsMsg_Destroy(m);
    return s;
}

int main(int argc, char **argv)
{
    natsConnection *nc = NULL;
    jsCtx *js = NULL;
    jsOptions o;
    jsPubOptions wait;
    const char *url = getenv("NATS_URL");
    char *line = NULL, id[128];
    size_t room = 0, count = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: publish_bare SUBJECT RUN <FILE\n");
        return 64;
    }
    natsStatus s = natsConnection_ConnectTo(&nc, url ? url : NATS_DEFAULT_URL);
    if (s == NATS_OK)
        s = jsOptions_Init(&o);
    o.PublishAsync.MaxPending = WINDOW;
    if (s == NATS_OK)
        s = natsConnection_JetStream(&js, nc, &o);
    double start = now();
    for (ssize_t len; s == NATS_OK && (len = getline(&line, &room, stdin)) > 0; count++) {
        snprintf(id, sizeof id, "%s-%zu", argv[2], count);
        s = publish(js, argv[1], id, line, (size_t)len - 1);
    }
    if (s == NATS_OK)
        s = jsPubOptions_Init(&wait);
    if (s == NATS_OK)
        s = js_PublishAsyncComplete(js, &wait);
    double seconds = now() - start;
    if (s == NATS_OK)
        fprintf(stderr, "%.0f\n", (double)count / seconds);
    else
        fprintf(stderr, "publish_bare: %s\n", natsStatus_GetText(s));
    free(line);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    nats_Close();
    return s == NATS_OK ? 0 : 69;
}
