/* consumer - a consumer as they were written for the Python system: a durable pull consumer that reads what it needs of
 * each event. It knows the wire and nothing of Central: no header of it, none of its library.
 *
 *     consumer URL SUBJECT DURABLE    reads what its stream holds; a line of fields for each event, then ends
 *     consumer URL status             reads one answer on central.meta.adapter.*.status, as plain JSON
 */
#include <jq.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(natsStatus s, const char *what)
{
    if (s == NATS_OK)
        return;
    fprintf(stderr, "consumer: %s: %s\n", what, natsStatus_GetText(s));
    exit(1);
}

static void refuse(const char *what, const char *text)
{
    fprintf(stderr, "consumer: %s: %.200s\n", what, text);
    exit(2);
}

/* The member, which has to be of the kind. Consumes object. */
static jv member(jv object, const char *name, jv_kind kind, const char *text)
{
    jv value = jv_object_get(object, jv_string(name));

    if (jv_get_kind(value) != kind)
        refuse(name, text);
    return value;
}

static void print_string(jv value)
{
    printf("%s\t", jv_string_value(value));
    jv_free(value);
}

static void read_event(natsMsg *msg)
{
    const char *text = natsMsg_GetData(msg), *id = NULL;
    jv event = jv_parse_sized(text, natsMsg_GetDataLength(msg));

    if (jv_get_kind(event) != JV_KIND_OBJECT)
        refuse("no object", text);
    check(natsMsgHeader_Get(msg, "Nats-Msg-Id", &id), "Nats-Msg-Id");
    printf("%s\t%s\t", natsMsg_GetSubject(msg), id);
    print_string(member(jv_copy(event), "id", JV_KIND_STRING, text));
    print_string(member(jv_copy(event), "time", JV_KIND_STRING, text));
    print_string(member(jv_copy(event), "type", JV_KIND_STRING, text));
    print_string(member(jv_copy(event), "centralcategory", JV_KIND_STRING, text));
    jv data = member(event, "data", JV_KIND_OBJECT, text);
    print_string(member(jv_copy(data), "adapter", JV_KIND_STRING, text));
    jv geo = member(jv_copy(data), "geo", JV_KIND_OBJECT, text);
    jv centroid = jv_object_get(geo, jv_string("centroid"));
    if (jv_get_kind(centroid) == JV_KIND_ARRAY) {
        jv lon = jv_array_get(jv_copy(centroid), 0), lat = jv_array_get(centroid, 1);
        if (jv_get_kind(lon) != JV_KIND_NUMBER || jv_get_kind(lat) != JV_KIND_NUMBER)
            refuse("centroid", text);
        printf("%.3f,%.3f\t", jv_number_value(lon), jv_number_value(lat));
    } else if (jv_get_kind(centroid) == JV_KIND_NULL) {
        printf("-\t");
    } else {
        refuse("centroid", text);
    }
    /* All names of the payload. */
    jv payload = member(data, "data", JV_KIND_OBJECT, text), names = jv_keys(payload);
    int count = jv_array_length(jv_copy(names));
    for (int i = 0; i < count; i++) {
        jv name = jv_array_get(jv_copy(names), i);
        printf("%s%s", i ? "," : "", jv_string_value(name));
        jv_free(name);
    }
    jv_free(names);
    printf("\n");
}

static void consume(jsCtx *js, const char *subject, const char *durable)
{
    natsSubscription *subscription = NULL;
    jsSubOptions options;
    jsErrCode code = 0;

    check(jsSubOptions_Init(&options), "options");
    check(js_PullSubscribe(&subscription, js, subject, durable, NULL, &options, &code), subject);
    for (;;) {
        natsMsgList list = {0};
        natsStatus s = natsSubscription_Fetch(&list, subscription, 50, 500, &code);
        if (s == NATS_TIMEOUT)
            break;
        check(s, "fetch");
        for (int i = 0; i < list.Count; i++) {
            read_event(list.Msgs[i]);
            check(natsMsg_AckSync(list.Msgs[i], NULL, &code), "ack");
        }
        natsMsgList_Destroy(&list);
    }
    natsSubscription_Destroy(subscription);
}

/* {"ok": true, "ts": ...} or {"ok": false, "error": ..., "ts": ...} */
static void read_status(natsConnection *nc)
{
    natsSubscription *subscription = NULL;
    natsMsg *msg = NULL;

    check(natsConnection_SubscribeSync(&subscription, nc, "central.meta.adapter.*.status"), "subscribe");
    check(natsConnection_Flush(nc), "flush");
    fprintf(stderr, "consumer: listening\n");
    check(natsSubscription_NextMsg(&msg, subscription, 60000), "status");
    jv status = jv_parse_sized(natsMsg_GetData(msg), natsMsg_GetDataLength(msg));
    jv ok = jv_object_get(jv_copy(status), jv_string("ok")), error = jv_object_get(jv_copy(status), jv_string("error"));
    printf("%s\t%s\t", natsMsg_GetSubject(msg),
           jv_get_kind(ok) == JV_KIND_TRUE    ? "true"
           : jv_get_kind(ok) == JV_KIND_FALSE ? "false"
                                              : "?");
    print_string(member(status, "ts", JV_KIND_STRING, natsMsg_GetData(msg)));
    printf("%s\n", jv_get_kind(error) == JV_KIND_STRING ? jv_string_value(error) : "-");
    jv_free(ok);
    jv_free(error);
    natsMsg_Destroy(msg);
    natsSubscription_Destroy(subscription);
}

int main(int argc, char **argv)
{
    natsConnection *nc = NULL;
    jsCtx *js = NULL;

    if (argc < 3)
        return 64;
    check(natsConnection_ConnectTo(&nc, argv[1]), argv[1]);
    check(natsConnection_JetStream(&js, nc, NULL), "JetStream");
    if (strcmp(argv[2], "status") == 0)
        read_status(nc);
    else if (argc == 4)
        consume(js, argv[2], argv[3]);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    nats_Close();
    return fflush(stdout) ? 74 : 0;
}
