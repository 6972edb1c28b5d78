#include "central/publisher.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/inbox.h"
#include "central/mem.h"

/* While waiting for acknowledgements, so often is looked at the connection and the clock. */
#define WAIT_MS 50
/* In a window as full as this nobody is in a hurry: acknowledgements gather for so long, for waking up costs more than
 * reading one. */
#define GATHER_LINES 512
#define GATHER_MS 1
/* A destroyed message wakes nats.c's garbage collector, a thread of its own, which costs more than sending one:
 * messages go there by so many, or so many bytes. */
#define SPENT_LINES 128
#define SPENT_BYTES (256 * 1024)
/* NATS/1.0, Nats-Msg-Id: and the line ends, which count in what the server takes. */
#define HEADER_SIZE 27
/* Error codes of JetStream without a 5xx status that may pass all the same. */
#define ACCOUNT_FULL 10002
#define MEMORY_FULL 10028
#define STORAGE_FULL 10047

struct slot {
    char *line; /* one piece of memory with subject and message_id */
    char *subject, *message_id;
    size_t len;
    void *context;
    int64_t due;         /* to be sent (again) at this time */
    int64_t alone_since; /* since when nobody responds; 0 */
    bool told, acknowledged, duplicate;
    const char *stream;
    uint64_t sequence;
    struct error error;
};

struct publisher {
    struct bus *bus;
    struct publisher_options options;
    struct inbox *inbox;
    struct slot *ring;
    uint64_t head; /* number of the oldest line that is not told */
    uint64_t tail; /* number of the next line */
    size_t bytes;
    unsigned losses, denials;
    int64_t max_payload;
    int64_t looked;              /* monotonic */
    int64_t now;                 /* of our own time (PUBLISHER_LOOK_MS) */
    int64_t next_due;            /* nothing is due before */
    int64_t progress;            /* when the oldest line was last told, or the window was empty */
    natsMsg *spent[SPENT_LINES]; /* sent, not destroyed yet */
    size_t spent_count, spent_bytes;
    char **streams; /* names met so far */
    size_t stream_count;
};

static struct slot *slot_of(struct publisher *p, uint64_t number)
{
    return &p->ring[number % p->options.window];
}

struct publisher *publisher_open(struct bus *b, const struct publisher_options *o, struct error *e)
{
    struct publisher *p = mem_alloc(sizeof *p);

    p->bus = b;
    p->options = *o;
    if (!p->options.window)
        p->options.window = PUBLISHER_WINDOW;
    if (!p->options.ack_wait_ms)
        p->options.ack_wait_ms = PUBLISHER_ACK_WAIT_MS;
    if (!p->options.give_up_ms)
        p->options.give_up_ms = PUBLISHER_GIVE_UP_MS;
    p->ring = mem_alloc_array(p->options.window, sizeof *p->ring);
    p->losses = bus_losses(b);
    p->denials = bus_denials(b);
    p->max_payload = bus_max_payload(b);
    p->looked = clock_monotonic();
    p->now = 1; /* 0 is never */
    p->inbox = inbox_open(b, e);
    if (p->inbox)
        return p;
    publisher_close(p);
    return NULL;
}

static void clear_slot(struct publisher *p, struct slot *s)
{
    p->bytes -= s->len;
    free(s->line);
    error_free(&s->error);
    *s = (struct slot){0};
}

static void destroy_spent(struct publisher *p)
{
    while (p->spent_count)
        natsMsg_Destroy(p->spent[--p->spent_count]);
    p->spent_bytes = 0;
}

void publisher_close(struct publisher *p)
{
    if (!p)
        return;
    destroy_spent(p);
    while (p->head < p->tail)
        clear_slot(p, slot_of(p, p->head++));
    inbox_close(p->inbox);
    for (size_t i = 0; i < p->stream_count; i++)
        free(p->streams[i]);
    free(p->streams);
    free(p->ring);
    free(p);
}

unsigned publisher_in_flight(const struct publisher *p)
{
    return (unsigned)(p->tail - p->head);
}

/* --- sending -------------------------------------------------------------------------------------------------------
 */

static int64_t look(struct publisher *p)
{
    int64_t now = clock_monotonic(), passed = now - p->looked;

    p->looked = now;
    p->now += passed < PUBLISHER_LOOK_MS * INT64_C(1000) ? passed : PUBLISHER_LOOK_MS * INT64_C(1000);
    return p->now;
}

static void set_due(struct publisher *p, struct slot *s, int ms)
{
    s->due = p->now + ms * INT64_C(1000);
    if (s->due < p->next_due)
        p->next_due = s->due;
}

static void too_large(struct publisher *p, struct slot *s)
{
    error_set(&s->error, CENTRAL_REJECTED, "%s: %s: %zu bytes with %zu of header, the server takes %lld",
              bus_url(p->bus), s->subject, s->len + HEADER_SIZE + strlen(s->message_id),
              HEADER_SIZE + strlen(s->message_id), (long long)p->max_payload);
    s->told = true;
}

/* A line that could not be handed to the connection stays due. */
static void send_line(struct publisher *p, uint64_t number)
{
    struct slot *s = slot_of(p, number);
    natsMsg *m = NULL;
    char reply[128];

    snprintf(reply, sizeof reply, "%s%llu", inbox_prefix(p->inbox), (unsigned long long)number);
    natsStatus st = natsMsg_Create(&m, s->subject, reply, s->line, (int)s->len);
    if (st == NATS_OK)
        st = natsMsgHeader_Set(m, "Nats-Msg-Id", s->message_id);
    if (st == NATS_OK)
        st = natsConnection_PublishMsg(bus_connection(p->bus), m);
    if (m) {
        p->spent[p->spent_count++] = m;
        p->spent_bytes += s->len;
    }
    if (p->spent_count == SPENT_LINES || p->spent_bytes > SPENT_BYTES)
        destroy_spent(p);
    switch (st) {
    case NATS_OK:
        set_due(p, s, p->options.ack_wait_ms);
        break;
    case NATS_MAX_PAYLOAD:
        too_large(p, s);
        break;
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_ARG:
        error_set(&s->error, CENTRAL_REJECTED, "%s: %s: %s", bus_url(p->bus), s->subject, natsStatus_GetText(st));
        s->told = true;
        break;
    default:
        set_due(p, s, PUBLISHER_RETRY_MS);
    }
}

/* After a lost connection everything that is not acknowledged is due at once. */
static void send_due(struct publisher *p)
{
    unsigned losses = bus_losses(p->bus);
    bool all = losses != p->losses;

    if ((!all && p->now < p->next_due) || !bus_connected(p->bus))
        return;
    if (all)
        p->max_payload = bus_max_payload(p->bus);
    p->losses = losses;
    p->next_due = INT64_MAX;
    for (uint64_t n = p->head; n < p->tail; n++) {
        struct slot *s = slot_of(p, n);
        if (s->told)
            continue;
        if (all)
            s->alone_since = 0;
        if (all || s->due <= p->now)
            send_line(p, n);
        else if (s->due < p->next_due)
            p->next_due = s->due;
    }
}

/* --- acknowledgements ----------------------------------------------------------------------------------------------
 */

static const char *stream_name(struct publisher *p, struct json name)
{
    for (size_t i = 0; i < p->stream_count; i++)
        if (json_equals(name, p->streams[i]))
            return p->streams[i];
    char *text = json_string(name);
    if (!text)
        return "";
    p->streams = mem_resize(p->streams, (p->stream_count + 1) * sizeof *p->streams);
    return p->streams[p->stream_count++] = text;
}

/* No room, or no leader, for now. */
static bool may_pass(int64_t code, int64_t err_code)
{
    return code >= 500 || err_code == ACCOUNT_FULL || err_code == MEMORY_FULL || err_code == STORAGE_FULL;
}

static void read_answer(struct publisher *p, struct slot *s, struct json answer)
{
    struct json error = json_get(answer, "error");
    int64_t code = 0, err_code = 0, sequence = 0;

    if (!json_exists(error) && json_int(json_get(answer, "seq"), &sequence) && sequence > 0) {
        s->stream = stream_name(p, json_get(answer, "stream"));
        s->sequence = (uint64_t)sequence;
        s->duplicate = json_bool(json_get(answer, "duplicate")) == 1;
        s->acknowledged = s->told = true;
        return;
    }
    json_int(json_get(error, "code"), &code);
    json_int(json_get(error, "err_code"), &err_code);
    char *description = json_string(json_get(error, "description"));
    error_set(&s->error, may_pass(code, err_code) ? CENTRAL_TRY_AGAIN : CENTRAL_REJECTED, "%s: %s: %s", bus_url(p->bus),
              s->subject, description ? description : "an answer that is no acknowledgement");
    free(description);
    if (s->error.status == CENTRAL_TRY_AGAIN)
        set_due(p, s, PUBLISHER_RETRY_MS);
    else
        s->told = true;
}

static void no_responder(struct publisher *p, struct slot *s)
{
    if (!s->alone_since)
        s->alone_since = p->now;
    if (p->now - s->alone_since < PUBLISHER_NO_RESPONDER_MS * INT64_C(1000)) {
        set_due(p, s, PUBLISHER_RETRY_MS);
        return;
    }
    error_set(&s->error, CENTRAL_UNAVAILABLE,
              "%s: no responders for %s: is the stream applied? (central-streams apply)", bus_url(p->bus), s->subject);
    s->told = true;
}

static void handle(struct publisher *p, natsMsg *m)
{
    uint64_t number = strtoull(natsMsg_GetSubject(m) + strlen(inbox_prefix(p->inbox)), NULL, 10);
    struct json answer = {0};

    /* An acknowledgement of a line that was sent twice comes twice. */
    if (number < p->head || number >= p->tail || slot_of(p, number)->told)
        return;
    struct slot *s = slot_of(p, number);
    if (natsMsg_IsNoResponders(m)) {
        no_responder(p, s);
        return;
    }
    json_check(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m), &answer, NULL);
    read_answer(p, s, answer);
}

/* Tells what is decided, oldest first. */
static void tell(struct publisher *p)
{
    while (p->head < p->tail && slot_of(p, p->head)->told) {
        struct slot *s = slot_of(p, p->head);
        const struct publisher_result r = {.line = s->line,
                                           .len = s->len,
                                           .context = s->context,
                                           .acknowledged = s->acknowledged,
                                           .duplicate = s->duplicate,
                                           .stream = s->stream,
                                           .sequence = s->sequence,
                                           .error = s->acknowledged ? NULL : &s->error};
        p->options.done(p->options.closure, &r);
        clear_slot(p, s);
        p->head++;
    }
}

static bool give_up(struct publisher *p, struct error *e)
{
    bool away = !bus_connected(p->bus);
    struct slot *oldest = slot_of(p, p->head);

    if (away)
        error_set(e, CENTRAL_UNAVAILABLE, "%s: connection lost", bus_url(p->bus));
    else if (bus_denials(p->bus) != p->denials)
        error_set(e, CENTRAL_NO_PERMISSION, "%s: not permitted to publish on %s, or to subscribe to %s>",
                  bus_url(p->bus), oldest->subject, inbox_prefix(p->inbox));
    else if (oldest->error.text)
        error_set(e, oldest->error.status, "%s", oldest->error.text);
    else
        error_set(e, CENTRAL_TRY_AGAIN, "%s: no acknowledgement in time", bus_url(p->bus));
    for (uint64_t n = p->head; n < p->tail; n++) {
        struct slot *s = slot_of(p, n);
        if (!s->told)
            error_set(&s->error, e->status, "%s", e->text);
        s->told = true;
    }
    tell(p);
    return false;
}

/* How long the oldest line may still wait. */
static int patience_ms(struct publisher *p)
{
    /* nats.c comes back from anything but a server that twice did not let us in. */
    if (natsConnection_IsClosed(bus_connection(p->bus)))
        return 0;
    if (bus_denials(p->bus) != p->denials && p->options.ack_wait_ms < p->options.give_up_ms)
        return p->options.ack_wait_ms;
    return p->options.give_up_ms;
}

static size_t take(struct publisher *p, int timeout_ms)
{
    natsMsg **messages;
    size_t count = inbox_take(p->inbox, timeout_ms, false, &messages);

    for (size_t i = 0; i < count; i++)
        handle(p, messages[i]);
    for (size_t i = 0; i < count; i++)
        natsMsg_Destroy(messages[i]);
    return count;
}

/* Takes what has come, waiting up to timeout_ms for the first. What has come is looked at before anything is sent
 * again. */
static bool turn(struct publisher *p, int timeout_ms, struct error *e)
{
    uint64_t before = p->head;

    look(p);
    if (p->head == p->tail)
        p->progress = p->now;
    size_t count = take(p, 0);
    send_due(p);
    if (!count && timeout_ms && take(p, timeout_ms))
        look(p);
    tell(p);
    if (p->head != before)
        p->progress = look(p);
    if (p->head < p->tail && p->now - p->progress > WAIT_MS * INT64_C(1000) &&
        p->now - p->progress > patience_ms(p) * INT64_C(1000))
        return give_up(p, e);
    return true;
}

bool publisher_poll(struct publisher *p, struct error *e)
{
    return turn(p, 0, e);
}

bool publisher_finish(struct publisher *p, struct error *e)
{
    while (p->head < p->tail)
        if (!turn(p, WAIT_MS, e))
            return false;
    return true;
}

static bool make_room(struct publisher *p, size_t len, struct error *e)
{
    const unsigned window = p->options.window;
    const size_t bytes = (size_t)window * PUBLISHER_LINE_BYTES;

    /* Looking now and then, and all the more often the fuller it is. */
    bool half = publisher_in_flight(p) >= window / 2 || p->bytes >= bytes / 2;
    if (half && publisher_in_flight(p) % 64 == 0 && !turn(p, 0, e))
        return false;
    /* Full, it is left alone until an eighth is free. */
    bool full = publisher_in_flight(p) >= window || p->bytes + len > bytes;
    while (p->head < p->tail && (publisher_in_flight(p) > (full ? window - 1 - window / 8 : window - 1) ||
                                 p->bytes + len > (full ? bytes - bytes / 8 : bytes))) {
        if (!turn(p, WAIT_MS, e))
            return false;
        if (publisher_in_flight(p) >= GATHER_LINES || p->bytes >= GATHER_LINES * PUBLISHER_LINE_BYTES)
            poll(NULL, 0, GATHER_MS);
    }
    return true;
}

bool publisher_add(struct publisher *p, const char *subject, const char *message_id, const char *line, size_t len,
                   void *context, struct error *e)
{
    const size_t subject_size = strlen(subject) + 1, id_size = strlen(message_id) + 1;

    if (!make_room(p, len, e))
        return false;
    look(p);
    if (p->head == p->tail)
        p->progress = p->now;
    uint64_t number = p->tail++;
    struct slot *s = slot_of(p, number);
    *s = (struct slot){.line = mem_resize(NULL, len + 1 + subject_size + id_size), .len = len, .context = context};
    s->subject = s->line + len + 1;
    s->message_id = s->subject + subject_size;
    memcpy(s->line, line, len);
    s->line[len] = '\0';
    memcpy(s->subject, subject, subject_size);
    memcpy(s->message_id, message_id, id_size);
    p->bytes += len;
    if ((int64_t)(len + HEADER_SIZE + id_size - 1) > p->max_payload)
        too_large(p, s);
    else if (bus_losses(p->bus) == p->losses)
        send_line(p, number);
    else
        set_due(p, s, 0);
    return true;
}
