/* publish_bare - the least that publishing to JetStream costs with nats.c: js_PublishMsgAsync in a loop, or
 * js_PublishMsg one at a time. Nothing is checked, nothing echoed; subjects and message ids stand ready in the input.
 * What central-publish is measured against.
 *
 *     publish_bare prepare <EVENTS >PREPARED     subject, message id (as central-publish makes it) and line
 *     publish_bare async <PREPARED
 *     publish_bare sync <PREPARED
 */
#include <nats/nats.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/event.h"

#define WINDOW 4096    /* central-publish's */
#define PATIENCE 60000 /* ms; nats.c gives up a full window after 200 */

static int prepare(void)
{
    char *line = NULL;
    size_t room = 0;
    struct buf subject = {0}, id = {0};
    struct event ev;

    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;) {
        if (!event_read(line, (size_t)len - 1, &ev, NULL)) {
            fprintf(stderr, "publish_bare: not an event: %.100s\n", line);
            return 65;
        }
        buf_clear(&subject);
        buf_clear(&id);
        json_decode(ev.subject, &subject);
        event_put_message_id(&id, &ev);
        printf("%s\t%s\t%s", buf_text(&subject), buf_text(&id), line);
    }
    free(line);
    buf_free(&subject);
    buf_free(&id);
    return fflush(stdout) == 0 ? 0 : 74;
}

/* "subject\tid\tline\n" of so many bytes. */
static natsStatus publish(jsCtx *js, char *text, size_t len, bool wait)
{
    natsMsg *m = NULL;
    char *id = strchr(text, '\t'), *line = id ? strchr(id + 1, '\t') : NULL;

    if (!line)
        return NATS_INVALID_ARG;
    *id++ = '\0';
    *line++ = '\0';
    natsStatus s = natsMsg_Create(&m, text, NULL, line, (int)(len - (size_t)(line - text) - 1));
    if (s == NATS_OK)
        s = natsMsgHeader_Set(m, "Nats-Msg-Id", id);
    if (s == NATS_OK)
        s = wait ? js_PublishMsg(NULL, js, m, NULL, NULL) : js_PublishMsgAsync(js, &m, NULL);
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
    char *text = NULL;
    size_t room = 0;
    bool sync = argc == 2 && strcmp(argv[1], "sync") == 0;

    if (argc == 2 && strcmp(argv[1], "prepare") == 0)
        return prepare();
    if (!sync && (argc != 2 || strcmp(argv[1], "async") != 0)) {
        fprintf(stderr, "usage: publish_bare prepare|async|sync <FILE\n");
        return 64;
    }
    natsStatus s = natsConnection_ConnectTo(&nc, url ? url : NATS_DEFAULT_URL);
    if (s == NATS_OK)
        s = jsOptions_Init(&o);
    o.PublishAsync.MaxPending = WINDOW;
    o.PublishAsync.StallWait = PATIENCE;
    if (s == NATS_OK)
        s = natsConnection_JetStream(&js, nc, &o);
    for (ssize_t len; s == NATS_OK && (len = getline(&text, &room, stdin)) > 0;)
        s = publish(js, text, (size_t)len, sync);
    if (s == NATS_OK)
        s = jsPubOptions_Init(&wait);
    wait.MaxWait = PATIENCE;
    if (s == NATS_OK && !sync)
        s = js_PublishAsyncComplete(js, &wait);
    if (s != NATS_OK)
        fprintf(stderr, "publish_bare: %s\n", natsStatus_GetText(s));
    free(text);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    nats_Close();
    return s == NATS_OK ? 0 : 69;
}
