#include "central/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "central/charset.h"
#include "central/confine.h"
#include "central/csv.h"
#include "central/mem.h"
#include "central/signals.h"
#include "central/worker.h"
#include "central/xml.h"

#define PIECE (64 * 1024) /* what a pipe holds */

static const struct confine_limits limits = {(size_t)PARSER_MEMORY_MIB << 20, PARSER_CPU_SECONDS, PARSER_SECONDS};

struct parser {
    pid_t starter; /* 0: gone */
    int socket;
};

/* --- the worker: one answer ----------------------------------------------------------------------------------------
 */

struct worker {
    struct adapter *adapter;
    struct json job; /* as the parent wrote it */
    struct buf out;
};

/* Hands over what has gathered. */
static void flush(struct worker *w)
{
    if (!worker_write(STDOUT_FILENO, w->out.data, w->out.len))
        worker_leave(CENTRAL_IO);
    buf_clear(&w->out);
}

/* In the place of records: why there are none. */
static void put_failure(struct buf *out, const struct error *e)
{
    buf_clear(out);
    json_begin(out, '[');
    json_begin(out, '{');
    json_put_member_text(out, "error", e->text ? e->text : "failed without saying why");
    json_put_member_int(out, "status", e->status);
    json_end(out, '}');
}

static bool put_record(void *closure, struct json record)
{
    struct worker *w = closure;

    /* By hand, for what stands before it may be gone. */
    buf_add_char(&w->out, ',');
    json_put(&w->out, record);
    if (w->out.len >= PIECE)
        flush(w);
    return true;
}

/* What asking for the next page takes. */
static void put_paging(struct worker *w, struct json answer)
{
    struct json paging = json_get(w->job, "paging"), link;

    json_begin(&w->out, '{');
    if (json_equals(paging, "arcgis")) {
        bool more = json_bool(json_get(answer, "exceededTransferLimit")) == 1 ||
                    json_bool(json_get(json_get(answer, "properties"), "exceededTransferLimit")) == 1;
        json_put_member_bool(&w->out, "more", more);
    } else if (!json_is_null(paging)) {
        for (struct json_iter i = json_walk(json_get(answer, "links")); json_next(&i, NULL, &link);) {
            if (json_equals(json_get(link, "rel"), "next") && json_kind(json_get(link, "href")) == JSON_STRING) {
                json_put_member(&w->out, "next", json_get(link, "href"));
                break;
            }
        }
    }
    json_end(&w->out, '}');
}

/* The answer, whatever its format, as JSON text: in made, or the body itself. */
static bool decode(struct worker *w, const char *charset, struct json body, struct buf *made, struct json *text,
                   struct error *e)
{
    static const char bom[] = "\xef\xbb\xbf";
    struct json format = json_get(w->job, "format");
    bool ok;

    if (json_equals(format, "json")) {
        size_t skip = body.len >= 3 && memcmp(body.at, bom, 3) == 0 ? 3 : 0;
        *text = (struct json){body.at + skip, body.len - skip};
        return true;
    }
    if (json_equals(format, "csv")) {
        ok = csv_to_json(body.at, body.len, charset, made, e);
    } else if (json_equals(format, "xml")) {
        ok = xml_to_json(body.at, body.len, charset, made, e);
    } else {
        char *name = json_string(format);
        ok = error_set(e, CENTRAL_CONFIG, "format '%s' is none of json, csv, xml", name ? name : "");
        free(name);
    }
    *text = (struct json){buf_text(made), made->len};
    return ok;
}

static bool put_requests(struct worker *w, struct json answer, struct error *e)
{
    struct buf text = {0};
    struct json list = {0}, v;
    bool ok = adapter_follow(w->adapter, answer, &text, e) && json_check(text.data, text.len, &list, e);

    for (struct json_iter i = json_walk(list); ok && json_next(&i, NULL, &v);)
        put_record(w, v);
    buf_free(&text);
    return ok;
}

static bool put_records(struct worker *w, struct json answer, struct error *e)
{
    struct json tag = json_get(w->job, "tag");
    char *url = json_string(json_get(w->job, "url")), *tag_text = json_is_null(tag) ? NULL : mem_bytes(tag.at, tag.len);
    struct adapter_context context = {.url = url, .tag = tag_text};

    json_int(json_get(w->job, "fetched"), &context.fetched);
    bool ok = adapter_items(w->adapter, answer, &context, put_record, w, e);
    free(url);
    free(tag_text);
    return ok;
}

static bool put_answer(struct worker *w, const char *charset, struct json body, struct error *e)
{
    struct buf made = {0};
    struct json text, answer;
    bool ok = decode(w, charset, body, &made, &text, e) && json_check(text.at, text.len, &answer, e);

    json_begin(&w->out, '[');
    if (ok) {
        put_paging(w, answer);
        ok = json_bool(json_get(w->job, "follow")) == 1 ? put_requests(w, answer, e) : put_records(w, answer, e);
    }
    buf_free(&made);
    return ok;
}

/* charset=... of a content type; NULL. */
static char *charset_of(struct json content_type)
{
    static const char name[] = "charset=";
    char *text = json_string(content_type), *at = text ? strcasestr(text, name) : NULL, *charset = NULL;

    if (at) {
        at += sizeof name - 1;
        at += *at == '"';
        charset = mem_bytes(at, strcspn(at, "\"; \t"));
    }
    free(text);
    return charset;
}

/* From here on nothing but the answer and the adapter can be reached; what is taken from files is taken now. */
static void give_up_rights(const char *charset, struct json body)
{
    static const char *const nothing[] = {NULL};
    char *declared = xml_encoding(body.at, body.len);

    if (CONFINED) {
        charset_load(charset);
        charset_load(declared);
    }
    free(declared);
    confine_resources(&limits);
    confine_reading(nothing);
    confine_calls();
}

/* Standard input: the job, a line, then the body; standard output: the result. */
static _Noreturn void work(struct adapter *a)
{
    struct worker w = {.adapter = a};
    struct buf input = {0};
    struct error e = {0};
    ssize_t n;

    while ((n = read(STDIN_FILENO, buf_reserve(&input, PIECE), PIECE)) > 0 || (n < 0 && errno == EINTR))
        input.len += n > 0 ? (size_t)n : 0;
    size_t line = strcspn(buf_text(&input), "\n");
    if (n < 0 || line == input.len || !json_check(input.data, line, &w.job, &e))
        worker_leave(CENTRAL_IO);
    struct json body = {input.data + line + 1, input.len - line - 1};
    char *charset = charset_of(json_get(w.job, "content_type"));
    give_up_rights(charset, body);
    /* Nothing is handed over before all of the answer was understood, so a failure can still be said instead. */
    if (!put_answer(&w, charset, body, &e))
        put_failure(&w.out, &e);
    json_end(&w.out, ']');
    flush(&w);
    error_free(&e);
    buf_free(&w.out);
    buf_free(&input);
    free(charset);
    worker_leave(CENTRAL_OK);
}

/* --- the starter: a process for each answer ------------------------------------------------------------------------
 */

/* A message with these two descriptors, and the other way round. */
union descriptors {
    struct cmsghdr header;
    char room[CMSG_SPACE(2 * sizeof(int))];
};

static bool send_descriptors(int socket, const int fds[2])
{
    union descriptors control = {0};
    char byte = 0;
    struct iovec one = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
    return sendmsg(socket, &m, MSG_NOSIGNAL) == 1;
}

static bool receive_descriptors(int socket, int fds[2])
{
    union descriptors control = {0};
    char byte;
    struct iovec one = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
    ssize_t n;

    while ((n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        continue;
    struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
    if (!c || c->cmsg_len != CMSG_LEN(2 * sizeof(int)))
        return false;
    memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
    return true;
}

/* Credentials may be handed over in it. What libjq says of local time goes on being true without files. */
static void forget_environment(void)
{
    const char *given = getenv("TZ");
    char *zone = mem_string(given ? given : ":/etc/localtime");

    for (char **at = environ; *at; at++)
        explicit_bzero(*at, strlen(*at));
    if (clearenv() || setenv("TZ", zone, 1))
        _exit(CENTRAL_TRY_AGAIN);
    tzset();
    free(zone);
}

/* Once for all workers, and not before there is an answer to read. Also where about names the records: a mistake in the
 * program is this poll's failure and stands in its report, while central-normalize could only end. */
static bool compile(struct adapter *a, int fd)
{
    struct error e = {0};
    struct buf out = {0};
    bool ok = adapter_compile(a, &e);

    if (!ok) {
        put_failure(&out, &e);
        json_end(&out, ']');
        worker_write(fd, out.data, out.len);
    }
    buf_free(&out);
    error_free(&e);
    return ok;
}

/* A worker on these pipes; its wait status, or what fork's errno was below zero. */
static int run_worker(struct adapter *a, const int fds[2])
{
    bool compiled = compile(a, fds[1]);
    pid_t self = getpid(), pid = compiled ? fork() : -1;
    int status = compiled ? -errno : 0;

    if (pid == 0) {
        worker_end_with(self);
        worker_stand_on(fds[0], fds[1]);
        work(a);
    }
    close(fds[0]);
    close(fds[1]);
    if (pid > 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    return status;
}

static _Noreturn void serve(struct adapter *a, int socket, pid_t parent)
{
    int fds[2], status;

    worker_end_with(parent);
    if (dup2(socket, STDIN_FILENO) < 0)
        _exit(CENTRAL_IO);
    confine_descriptors(STDIN_FILENO + 1);
    if (CONFINED)
        forget_environment();
    while (receive_descriptors(STDIN_FILENO, fds)) {
        status = run_worker(a, fds);
        if (send(STDIN_FILENO, &status, sizeof status, MSG_NOSIGNAL) != sizeof status)
            break;
    }
    worker_leave(CENTRAL_OK);
}

/* --- this process --------------------------------------------------------------------------------------------------
 */

struct parser *parser_open(struct adapter *a, struct error *e)
{
    int ends[2];
    pid_t self = getpid();

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        error_set(e, CENTRAL_TRY_AGAIN, "socketpair: %s", strerror(errno));
        return NULL;
    }
    /* What is in stdio's buffer would be written twice. */
    fflush(stdout);
    pid_t starter = fork();
    if (starter == 0)
        serve(a, ends[1], self);
    if (starter < 0)
        error_set(e, CENTRAL_TRY_AGAIN, "no process to read answers: %s", strerror(errno));
    close(ends[1]);
    if (starter < 0) {
        close(ends[0]);
        return NULL;
    }
    struct parser *p = mem_alloc(sizeof *p);
    *p = (struct parser){.starter = starter, .socket = ends[0]};
    return p;
}

/* Ends the starter; with it ends a worker that is under way. How it ended. */
static int stop(struct parser *p, bool at_once)
{
    int status = 0;

    if (!p->starter)
        return 0;
    close(p->socket);
    if (at_once)
        kill(p->starter, SIGKILL);
    while (waitpid(p->starter, &status, 0) < 0 && errno == EINTR)
        continue;
    p->starter = 0;
    return status;
}

void parser_close(struct parser *p)
{
    if (!p)
        return;
    stop(p, false);
    free(p);
}

static void put_job(struct buf *out, const struct parser_job *job)
{
    struct json tag = json_absent;

    json_begin(out, '{');
    json_put_member_text(out, "format", job->format);
    json_put_member_text(out, "content_type", job->content_type);
    json_put_member_text(out, "paging", job->paging);
    json_put_member_bool(out, "follow", job->follow);
    json_put_member_text(out, "url", job->context.url);
    if (job->context.tag && json_check(job->context.tag, strlen(job->context.tag), &tag, NULL))
        json_put_member(out, "tag", tag);
    json_put_member_int(out, "fetched", job->context.fetched);
    json_end(out, '}');
    buf_add_char(out, '\n');
}

/* All that comes. A worker that died has closed its end, too. */
static bool receive(int fd, struct buf *out, struct error *e)
{
    for (;;) {
        if (out->len > PARSER_RESULT_MAX)
            return error_set(e, CENTRAL_REJECTED, "its records are larger than %d MiB", PARSER_RESULT_MAX >> 20);
        if (signals_wait(fd, false, -1) < 0)
            return error_set(e, CENTRAL_TRY_AGAIN, "stopped by a signal");
        ssize_t n = read(fd, buf_reserve(out, PIECE), PIECE);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return error_set(e, CENTRAL_IO, "what reads it: %s", strerror(errno));
        out->len += n > 0 ? (size_t)n : 0;
    }
}

/* How the worker ended, in words. */
static bool ended_well(int status, struct error *e)
{
    const struct confine_limits in_force = confine_limits(&limits);

    if (status < 0)
        return error_set(e, CENTRAL_TRY_AGAIN, "no process to read it: %s", strerror(-status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == CENTRAL_OK)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CENTRAL_TRY_AGAIN)
        return error_set(e, CENTRAL_REJECTED, "reading it takes more than %zu MiB of memory (RLIMIT_DATA)",
                         in_force.memory >> 20);
    if (WIFEXITED(status))
        return error_set(e, CENTRAL_REJECTED, "what reads it ended with status %d", WEXITSTATUS(status));
    if (WTERMSIG(status) == SIGXCPU)
        return error_set(e, CENTRAL_REJECTED, "reading it takes more than %u s of computing (SIGXCPU)",
                         in_force.cpu_seconds);
    if (WTERMSIG(status) == SIGALRM)
        return error_set(e, CENTRAL_REJECTED, "reading it takes more than %u s (SIGALRM)", in_force.seconds);
    return error_set(e, CENTRAL_REJECTED, "what reads it was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
}

/* The worker may have been anybody's by then: its result is text from outside. */
static bool check(const struct buf *out, struct json *result, struct error *e)
{
    struct json first;
    int64_t status = 0;

    if (!json_check(out->data, out->len, result, e) || json_kind(first = json_at(*result, 0)) != JSON_OBJECT)
        return error_set(e, CENTRAL_REJECTED, "what reads it gave no records");
    char *said = json_string(json_get(first, "error"));
    if (!said)
        return true;
    json_int(json_get(first, "status"), &status);
    error_set(e, status == CENTRAL_CONFIG ? CENTRAL_CONFIG : CENTRAL_REJECTED, "%s", said);
    free(said);
    return false;
}

bool parser_read(struct parser *p, const struct parser_job *job, struct buf *body, struct buf *out, struct json *result,
                 struct error *e)
{
    int in[2], back[2], status;
    struct buf line = {0};

    if (!p->starter)
        return error_set(e, CENTRAL_TRY_AGAIN, "what reads answers is gone");
    if (pipe2(in, O_CLOEXEC))
        return error_set(e, CENTRAL_TRY_AGAIN, "pipe: %s", strerror(errno));
    if (pipe2(back, O_CLOEXEC)) {
        close(in[0]);
        close(in[1]);
        return error_set(e, CENTRAL_TRY_AGAIN, "pipe: %s", strerror(errno));
    }
    bool sent = send_descriptors(p->socket, (const int[]){in[0], back[1]});
    close(in[0]);
    close(back[1]);
    put_job(&line, job);
    /* A worker that ends before it has all says so by its status. */
    if (sent && worker_write(in[1], line.data, line.len))
        worker_write(in[1], body->data, body->len);
    close(in[1]);
    buf_free(&line);
    buf_free(body);
    bool ok = sent && receive(back[0], out, e);
    close(back[0]);
    if (signals_wait(p->socket, false, -1) < 0 || recv(p->socket, &status, sizeof status, 0) != sizeof status) {
        status = stop(p, true);
        if (signals_stop())
            return error_set(e, CENTRAL_TRY_AGAIN, "stopped by a signal");
        if (WIFEXITED(status) && WEXITSTATUS(status) == CENTRAL_TRY_AGAIN)
            return error_set(e, CENTRAL_TRY_AGAIN, "no memory for what reads answers");
        /* Like a worker that was killed, but the answer is not to blame: it was not begun. */
        if (WIFSIGNALED(status))
            return error_set(e, CENTRAL_TRY_AGAIN, "what starts those that read answers was killed by SIG%s",
                             sigabbrev_np(WTERMSIG(status)));
        return error_set(e, CENTRAL_BUG, "what reads answers is gone");
    }
    return ok && ended_well(status, e) && check(out, result, e);
}
