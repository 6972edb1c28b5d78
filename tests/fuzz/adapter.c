/* adapter.h, mapping.h: whatever a feed sends, an adapter makes of it events that pass, or says why not. The first line
 * names the adapter, and with a plus behind it what follows is an answer, else one record of it. */
#include "fuzz.h"

#include <unistd.h>

#include "central/adapter.h"
#include "central/event.h"
#include "central/path.h"

static const char *const names[] = {
    "nws",          "usgs_quake", "gdacs", "firms",           "inciweb",     "eonet",           "swpc_kindex",
    "swpc_protons", "nwis",       "wzdx",  "wfigs_incidents", "swpc_alerts", "wfigs_perimeters"};
#define NAMES (sizeof names / sizeof *names)

/* libjq 1.6 knows the end of its stack only, which is no leak, but nothing points to its beginning; and it loses the
 * message of an error that the program catches. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libjq.so";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

/* lib/adapters of the tree in which this program stands. */
static void find_adapters(void)
{
    char here[4096];
    ssize_t n = readlink("/proc/self/exe", here, sizeof here - 1);

    MUST(n > 0);
    here[n] = '\0';
    for (char *slash; (slash = strrchr(here, '/'));) {
        *slash = '\0';
        char *path = path_join(here, "lib/adapters");
        bool found = path_exists(path);
        if (found)
            setenv("CENTRAL_ADAPTERS", path, 1);
        free(path);
        if (found)
            break;
    }
    setenv("CENTRAL_CONFIG", "/nonexistent", 1);
}

/* NULL when there is none of that name. */
static struct adapter *adapter_named(const char *name, size_t len)
{
    static struct adapter *open[NAMES];
    struct error e = {0};
    size_t i = 0;

    while (i < NAMES && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
        i++;
    if (i == NAMES)
        return NULL;
    if (!getenv("CENTRAL_ADAPTERS"))
        find_adapters();
    if (!open[i])
        open[i] = adapter_open(names[i], &e);
    MUST_SAY(open[i], e.text, e.text ? strlen(e.text) : 0);
    return open[i];
}

/* What one record became: the lines, and why it was rejected. */
struct outcome {
    struct adapter *adapter;
    struct buf said;
    struct adapter_counts counts;
};

static bool on_event(void *closure, const char *line, size_t len)
{
    struct outcome *o = closure;
    struct event ev = {0};
    struct error e = {0};

    MUST_SAY(event_read(line, len, &ev, &e) && ev.kind == EVENT_CANONICAL, line, len);
    MUST_SAY(json_equals(ev.adapter, adapter_name(o->adapter)), line, len);
    buf_add(&o->said, line, len);
    buf_add_char(&o->said, '\n');
    return true;
}

static bool on_reject(void *closure, const char *reason)
{
    struct outcome *o = closure;

    MUST(reason && *reason);
    buf_add_text(&o->said, reason);
    buf_add_char(&o->said, '\n');
    return true;
}

static void convert(struct outcome *o, struct json record, const struct adapter_context *c, bool whole)
{
    struct adapter_sink sink = {on_event, on_reject, o};
    struct error e = {0};

    adapter_give_whole(o->adapter, whole);
    bool ok = adapter_events(o->adapter, record, c, &sink, &o->counts, &e);
    MUST_SAY(ok, e.text, e.text ? strlen(e.text) : 0);
    MUST(o->counts.events + o->counts.skipped + o->counts.outside + o->counts.rejected > 0);
}

/* An adapter that is given only what it says it uses makes the same as with all there is. */
static void record(struct adapter *a, struct json v, const struct adapter_context *c)
{
    struct outcome parts = {.adapter = a}, whole = {.adapter = a};

    convert(&parts, v, c, false);
    convert(&whole, v, c, true);
    MUST_SAY(same_bytes(&parts.said, &whole.said), parts.said.data, parts.said.len);
    buf_free(&parts.said);
    buf_free(&whole.said);
}

static bool on_record(void *closure, struct json record)
{
    struct buf out = {0};

    json_put(&out, record);
    MUST(json_exists(written(&out)));
    *(size_t *)closure += 1;
    buf_free(&out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    char *name = input_string(&in, '\n');
    size_t records = 0, len = strlen(name);
    bool answer = len && name[len - 1] == '+';
    struct adapter *a = adapter_named(name, len - answer);
    struct adapter_context c = {.url = "https://example.org/feed", .fetched = INT64_C(1779048480000000)};
    struct error e = {0};
    struct json v;
    char *text = input_piece(&in, '\0', &len);

    if (a && json_check(text, len, &v, NULL)) {
        if (answer) {
            if (!adapter_items(a, v, &c, on_record, &records, &e))
                must_say(&e, CENTRAL_REJECTED);
        } else {
            record(a, v, &c);
        }
    }
    free(name);
    free(text);
    return 0;
}
