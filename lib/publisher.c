#include "central/publisher.h"

#include <stdlib.h>
#include <string.h>

#include "central/clock.h"
#include "central/inbox.h"
#include "central/mem.h"

/* While waiting for acknowledgements, so often is looked at the connection and the clock. */
#define WAIT_MS 50

struct slot {
    char *line, *subject, *message_id;
    size_t len;
    void *context;
    int64_t first_sent; /* monotonic; 0: never */
    int64_t due;        /* to be sent (again) at this time */
    bool told, acknowledged, duplicate;
    char *stream;
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
    unsigned losses;
    int64_t progress; /* when the last acknowledgement came, or the window was empty */
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
    if (!p->options.window_bytes)
        p->options.window_bytes = PUBLISHER_WINDOW_BYTES;
    if (!p->options.ack_wait_ms)
        p->options.ack_wait_ms = PUBLISHER_ACK_WAIT_MS;
    if (!p->options.give_up_ms)
        p->options.give_up_ms = PUBLISHER_GIVE_UP_MS;
    p->ring = mem_alloc_array(p->options.window, sizeof *p->ring);
    p->losses = bus_losses(b);
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
    free(s->subject);
    free(s->message_id);
    free(s->stream);
    error_free(&s->error);
    *s = (struct slot){0};
}

void publisher_close(struct publisher *p)
{
    if (!p)
        return;
    while (p->head < p->tail)
        clear_slot(p, slot_of(p, p->head++));
    inbox_close(p->inbox);
    free(p->ring);
    free(p);
}

unsigned publisher_in_flight(const struct publisher *p)
{
    return (unsigned)(p->tail - p->head);
}

/* --- sending -------------------------------------------------------------------------------------------------------
 */

/* A line that could not be handed to the connection stays due. */
static void send_line(struct publisher *p, uint64_t number, int64_t now)
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
    natsMsg_Destroy(m);
    if (!s->first_sent)
        s->first_sent = now;
    s->due = now + (st == NATS_OK ? p->options.ack_wait_ms : PUBLISHER_RETRY_MS) * INT64_C(1000);
}

/* After a lost connection everything that is not acknowledged is due at once. */
static void send_due(struct publisher *p)
{
    if (!bus_connected(p->bus))
        return;
    unsigned losses = bus_losses(p->bus);
    bool all = losses != p->losses;
    int64_t now = clock_monotonic();
    p->losses = losses;
    for (uint64_t n = p->head; n < p->tail; n++) {
        struct slot *s = slot_of(p, n);
        if (!s->told && (all || s->due <= now))
            send_line(p, n, now);
    }
}

/* --- acknowledgements ----------------------------------------------------------------------------------------------
 */

static void read_answer(struct publisher *p, struct slot *s, struct json answer)
{
    struct json error = json_get(answer, "error");
    int64_t number = 0, sequence = 0;

    if (!json_exists(error) && json_int(json_get(answer, "seq"), &sequence) && sequence > 0) {
        s->stream = json_string(json_get(answer, "stream"));
        s->sequence = (uint64_t)sequence;
        s->duplicate = json_bool(json_get(answer, "duplicate")) == 1;
        s->acknowledged = s->told = true;
        return;
    }
    json_int(json_get(error, "code"), &number);
    char *description = json_string(json_get(error, "description"));
    error_set(&s->error, number == 503 ? CENTRAL_TRY_AGAIN : CENTRAL_REJECTED, "%s: %s: %s", bus_url(p->bus),
              s->subject, description ? description : "an answer that is no acknowledgement");
    free(description);
    /* 503: no room, or no leader, for now. */
    if (number == 503)
        s->due = clock_monotonic() + PUBLISHER_RETRY_MS * INT64_C(1000);
    else
        s->told = true;
}

static void no_responder(struct publisher *p, struct slot *s)
{
    int64_t now = clock_monotonic();

    if (now - s->first_sent < PUBLISHER_NO_RESPONDER_MS * INT64_C(1000)) {
        s->due = now + PUBLISHER_RETRY_MS * INT64_C(1000);
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

    if (!away && oldest->error.text)
        error_set(e, oldest->error.status, "%s", oldest->error.text);
    else
        error_set(e, away ? CENTRAL_UNAVAILABLE : CENTRAL_TRY_AGAIN, "%s: %s, %u lines not acknowledged",
                  bus_url(p->bus), away ? "connection lost" : "no acknowledgement in time", publisher_in_flight(p));
    for (uint64_t n = p->head; n < p->tail; n++) {
        struct slot *s = slot_of(p, n);
        if (!s->told)
            error_set(&s->error, e->status, "%s", e->text);
        s->told = true;
    }
    tell(p);
    return false;
}

/* Takes what has come, waiting up to timeout_ms for the first. */
static bool turn(struct publisher *p, int timeout_ms, struct error *e)
{
    uint64_t before = p->head;
    natsMsg **messages;

    send_due(p);
    if (p->head == p->tail)
        p->progress = clock_monotonic();
    size_t count = inbox_take(p->inbox, timeout_ms, false, &messages);
    for (size_t i = 0; i < count; i++) {
        handle(p, messages[i]);
        natsMsg_Destroy(messages[i]);
    }
    tell(p);
    if (p->head != before)
        p->progress = clock_monotonic();
    if (p->head < p->tail && clock_monotonic() - p->progress > p->options.give_up_ms * INT64_C(1000))
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

bool publisher_add(struct publisher *p, const char *subject, const char *message_id, const char *line, size_t len,
                   void *context, struct error *e)
{
    /* Half a window at a time is taken off, so that looking costs little. */
    if (publisher_in_flight(p) >= p->options.window / 2 && publisher_in_flight(p) % 64 == 0 && !turn(p, 0, e))
        return false;
    while (p->head < p->tail &&
           (publisher_in_flight(p) >= p->options.window || p->bytes + len > p->options.window_bytes))
        if (!turn(p, WAIT_MS, e))
            return false;
    if (p->head == p->tail)
        p->progress = clock_monotonic();
    uint64_t number = p->tail++;
    struct slot *s = slot_of(p, number);
    *s = (struct slot){.line = mem_bytes(line, len),
                       .subject = mem_string(subject),
                       .message_id = mem_string(message_id),
                       .len = len,
                       .context = context};
    p->bytes += len;
    if ((int64_t)len > bus_max_payload(p->bus)) {
        error_set(&s->error, CENTRAL_REJECTED, "%s: %s: %zu bytes, the server takes %lld", bus_url(p->bus), subject,
                  len, (long long)bus_max_payload(p->bus));
        s->told = true;
        return true;
    }
    if (bus_connected(p->bus) && bus_losses(p->bus) == p->losses)
        send_line(p, number, clock_monotonic());
    return true;
}
