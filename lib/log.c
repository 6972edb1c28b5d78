#include "central/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "central/clock.h"
#include "central/json.h"
#include "central/utf8.h"

static struct {
    const char *tool;
    bool journal;
    bool json;
    bool debug;
    struct buf *into; /* log_gather */
} settings = {.tool = "central"};

/* $JOURNAL_STREAM is "device:inode" of what systemd connected; a redirected stderr is not it (systemd.exec(5)). */
static bool is_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat st;

    return text && sscanf(text, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; at && *at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, word, n) == 0 && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

void log_open(const char *tool)
{
    const char *words = getenv("CENTRAL_LOG");

    settings.tool = tool;
    settings.journal = is_journal();
    settings.json = has_word(words, "json");
    settings.debug = has_word(words, "debug");
}

const char *log_tool(void)
{
    return settings.tool;
}

void log_harmless(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = utf8_next(text + i, len - i, &c);
        /* C0, DEL, C1, line and paragraph separators, and the marks that turn the direction of text. */
        bool harmful = n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
                       (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c || c == 0xfeff;
        if (!harmful) {
            buf_add(out, text + i, n);
            i += n;
            continue;
        }
        for (size_t end = i + (n ? n : 1); i < end; i++)
            buf_add_format(out, "\\x%02x", (unsigned char)text[i]);
    }
}

static const char *level_name(int priority)
{
    switch (priority) {
    case LOG_ERR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_INFO:
        return "info";
    default:
        return "debug";
    }
}

void log_gather(struct buf *into)
{
    settings.into = into;
}

/* One write a line, so that lines of several stages on one terminal do not mix. Nobody can be told when stderr fails.
 */
void log_pass(const char *lines, size_t len)
{
    for (size_t done = 0; done < len;) {
        const char *end = memchr(lines + done, '\n', len - done);
        size_t upto = end ? (size_t)(end - lines) + 1 : len;
        while (done < upto) {
            ssize_t n = write(STDERR_FILENO, lines + done, upto - done);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return;
            done += (size_t)n;
        }
    }
}

static void log_line(int priority, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void log_line(int priority, const char *format, va_list args)
{
    struct buf text = {0}, message = {0}, line = {0};

    buf_add_vformat(&text, format, args);
    /* In the JSON form too: JSON itself lets C1 controls and the marks that turn text pass. */
    log_harmless(&message, buf_text(&text), text.len);
    if (settings.journal)
        buf_add_format(&line, "<%d>", priority);
    if (settings.json) {
        json_begin(&line, '{');
        struct buf now = {0};
        clock_put(&now, clock_now(), CLOCK_Z);
        json_put_member_text(&line, "time", buf_text(&now));
        buf_free(&now);
        json_put_member_text(&line, "level", level_name(priority));
        json_put_member_text(&line, "tool", settings.tool);
        json_put_name(&line, "message");
        json_put_string(&line, buf_text(&message), message.len);
        json_end(&line, '}');
    } else {
        buf_add_text(&line, settings.tool);
        buf_add_text(&line, ": ");
        buf_add(&line, buf_text(&message), message.len);
    }
    buf_add_char(&line, '\n');
    if (settings.into)
        buf_add(settings.into, line.data, line.len);
    else
        log_pass(line.data, line.len);
    buf_free(&text);
    buf_free(&message);
    buf_free(&line);
}

#define LOG_AT(priority)                                                                                               \
    do {                                                                                                               \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        log_line(priority, format, args);                                                                              \
        va_end(args);                                                                                                  \
    } while (0)

void log_error(const char *format, ...)
{
    LOG_AT(LOG_ERR);
}

void log_warning(const char *format, ...)
{
    LOG_AT(LOG_WARNING);
}

void log_info(const char *format, ...)
{
    LOG_AT(LOG_INFO);
}

void log_debug(const char *format, ...)
{
    if (settings.debug)
        LOG_AT(LOG_DEBUG);
}

enum central_exit log_failure(struct error *e)
{
    enum central_exit status = e->status != CENTRAL_OK ? e->status : CENTRAL_BUG;

    log_error("%s", e->text ? e->text : "failed without saying why");
    error_free(e);
    return status;
}
