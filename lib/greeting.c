#include "central/greeting.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "central/mem.h"

#define GREETING_MAX (64 * 1024)
#define GREETING_SECONDS 3
#define DEFAULT_PORT "4222"

typedef natsStatus (*getter)(natsConnection *, char *, size_t);

/* What nats.c copies into a buffer that is large enough; NULL when it has none. */
static char *connection_text(struct bus *b, getter get)
{
    for (size_t room = 256; room <= GREETING_MAX; room *= 2) {
        char *text = mem_alloc(room);
        natsStatus s = get(bus_connection(b), text, room);
        if (s == NATS_OK && *text)
            return text;
        free(text);
        if (s != NATS_INSUFFICIENT_BUFFER)
            return NULL;
    }
    return NULL;
}

/* scheme://user:password@host:port, any part but the host missing; an IPv6 host in brackets. */
static void split(char *url, char **host, char **port)
{
    char *at = strstr(url, "://"), *end;

    at = at ? at + 3 : url;
    at[strcspn(at, "/")] = '\0';
    end = strrchr(at, '@');
    *host = end ? end + 1 : at;
    *port = strrchr(*host, ':');
    if (**host == '[' && (end = strchr(*host, ']'))) {
        *port = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
        (*host)++;
    }
    if (*port)
        *(*port)++ = '\0';
}

static int connect_to(const struct addrinfo *a)
{
    struct timeval wait = {.tv_sec = GREETING_SECONDS};
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

    /* Linux bounds connect by the time-out for sending. */
    if (fd >= 0 &&
        (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) ||
         setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) || connect(fd, a->ai_addr, a->ai_addrlen))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int dial(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &list))
        return -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_to(a);
    freeaddrinfo(list);
    return fd;
}

static bool read_line(int fd, struct buf *text)
{
    while (text->len < GREETING_MAX) {
        ssize_t n = recv(fd, buf_reserve(text, 4096), 4096, 0);
        if (n <= 0)
            return false;
        text->len += (size_t)n;
        char *end = memchr(text->data, '\n', text->len);
        if (end) {
            text->len = (size_t)(end - text->data);
            return true;
        }
    }
    return false;
}

bool greeting_read(struct bus *b, struct buf *text, struct json *v)
{
    char *url = connection_text(b, natsConnection_GetConnectedUrl),
         *id = connection_text(b, natsConnection_GetConnectedServerId), *host, *port;
    bool ok = false;

    if (url && id) {
        split(url, &host, &port);
        int fd = dial(host, port ? port : DEFAULT_PORT);
        ok = fd >= 0 && read_line(fd, text) && text->len > 5 && memcmp(text->data, "INFO ", 5) == 0 &&
             json_check(text->data + 5, text->len - 5, v, NULL) && json_equals(json_get(*v, "server_id"), id);
        if (fd >= 0)
            close(fd);
    }
    if (url)
        explicit_bzero(url, strlen(url)); /* a password, if it has one, stands before what split cut */
    free(url);
    free(id);
    return ok;
}
