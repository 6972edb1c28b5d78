#include "central/adapter.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <jq.h>

#include "central/adapter_file.h"
#include "central/clock.h"
#include "central/literal.h"
#include "central/mapping.h"
#include "central/mem.h"
#include "central/path.h"
#include "central/request.h"
#include "central/value.h"

#define ADAPTER_FILE_MAX (1024 * 1024)
#define ADAPTER_EVERY_DEFAULT 60
#define SETTINGS_FILE_MAX (16 * 1024 * 1024) /* a region may be a detailed polygon */

/* What stands behind the adapter's own text. `input` gives what C put at hand, so that nothing has to be compiled in
 * and one compilation serves every call. */
static const char dispatch[] =
    "\n"
    "if input.op == null then event else input as $c | if $c.op == \"paths\" then path(items)\n"
    "elif $c.op == \"values\" then items\n"
    "elif $c.op == \"uses\" then path(uses)\n"
    "elif $c.op == \"uses_numbers\" then path(uses_numbers)\n"
    "elif $c.op == \"uses_filled\" then path(uses_filled)\n"
    "elif $c.op == \"form\" then form\n"
    "elif $c.op == \"about\" then about\n"
    "elif $c.op == \"requests\" then [requests | if type == \"array\" then .[] else . end]\n"
    "elif $c.op == \"follow\" then [follow]\n"
    "elif $c.op == \"removed\" then removed\n"
    "else error(\"unknown operation\") end end\n";
static const char before[] = "include \"central\"; ";

struct adapter {
    char *name;
    char *file;
    char **folders;
    struct buf text; /* of the file */
    jq_state *jq;    /* NULL until something needs it */
    jv context;      /* what `input` gives */
    const char *op;  /* that it names */
    struct buf messages;
    struct buf about_data, requests_data; /* as the file's head says, if it is plain data (literal.h) */
    struct buf about_text, settings_text;
    struct json about, settings;
    struct geo *geo;
    struct mapping_region region;
    double box[4]; /* around it */
    bool has_box;
    struct value_record record; /* at hand */
    struct value_part uses;     /* what `event` looks at of a record */
    bool whole;                 /* it is given all the same */
    struct mapping_form *form;
    /* what the context was last set to */
    char *url, *tag;
    int64_t fetched;
};

static const struct value_record no_record;

/* --- running -------------------------------------------------------------------------------------------------------
 */

static void keep_message(void *closure, jv message)
{
    struct adapter *a = closure;

    if (jv_get_kind(message) == JV_KIND_STRING && a->messages.len < 4096)
        buf_add_format(&a->messages, "%s%s", a->messages.len ? "; " : "", jv_string_value(message));
    jv_free(message);
}

static jv give_context(jq_state *jq, void *closure)
{
    (void)jq;
    return jv_copy(((struct adapter *)closure)->context);
}

static void set_context(struct adapter *a, const char *name, jv value)
{
    a->context = jv_object_set(a->context, jv_string(name), value);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void set_context_at(struct adapter *a, const struct adapter_context *c)
{
    struct json tag;

    /* Mostly the records of one answer follow each other. */
    if (a->fetched == c->fetched && same(a->url, c->url) && same(a->tag, c->tag))
        return;
    set_context(a, "url", c->url ? jv_string(c->url) : jv_null());
    set_context(a, "fetched", jv_number((double)c->fetched / CLOCK_SECOND));
    set_context(a, "tag", c->tag && json_check(c->tag, strlen(c->tag), &tag, NULL) ? value_parse(tag) : jv_null());
    free(a->url);
    free(a->tag);
    a->url = c->url ? mem_string(c->url) : NULL;
    a->tag = c->tag ? mem_string(c->tag) : NULL;
    a->fetched = c->fetched;
}

/* Starts an operation on input, which is taken; NULL is `event`, of which there are many. */
static void start(struct adapter *a, const char *op, jv input)
{
    if (op || a->op)
        set_context(a, "op", op ? jv_string(op) : jv_null());
    a->op = op;
    jq_start(a->jq, input, 0);
}

/* The next result. False at the end, or with e when the program fails; *said is true when it said so itself
 * (error(...)). */
static bool next(struct adapter *a, jv *result, struct error *e)
{
    jv v = jq_next(a->jq);

    if (jv_is_valid(v) && !jq_halted(a->jq)) {
        *result = v;
        return true;
    }
    if (jq_halted(a->jq)) {
        jv_free(v);
        return error_set(e, CENTRAL_REJECTED, "the adapter called halt");
    }
    if (!jv_invalid_has_msg(jv_copy(v))) {
        jv_free(v);
        return false;
    }
    jv message = jv_invalid_get_msg(v);
    jv text = jv_get_kind(message) == JV_KIND_STRING ? message : jv_dump_string(message, 0);
    error_set(e, CENTRAL_REJECTED, "%s", jv_string_value(text));
    jv_free(text);
    return false;
}

/* The one result of an operation, as JSON text. */
static bool once(struct adapter *a, const char *op, jv input, struct buf *out, struct error *e)
{
    jv result = jv_invalid();
    struct error failed = {0};

    start(a, op, input);
    if (!next(a, &result, &failed)) {
        error_set(e, CENTRAL_CONFIG, "%s: %s: %s", a->file, op, failed.text ? failed.text : "gives nothing");
        error_free(&failed);
        return false;
    }
    bool ok = value_put(out, result, &no_record, e) || error_prefix(e, "%s: %s", a->file, op);
    jv_free(result);
    return ok;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

/* The paths of `uses` and the like: what a path expression names needs no record to be named. */
static bool read_uses(struct adapter *a, const char *which, enum value_use use, struct error *e)
{
    struct error failed = {0};
    jv path = jv_invalid();

    for (start(a, which, jv_null()); next(a, &path, &failed); jv_free(path))
        value_parts_add(&a->uses, path, use);
    if (!failed.text)
        return true;
    error_set(e, CENTRAL_CONFIG, "%s: %s: %s", a->file, which, failed.text);
    error_free(&failed);
    return false;
}

static bool read_form(struct adapter *a, struct error *e)
{
    struct error failed = {0};
    jv form = jv_invalid();

    start(a, "form", jv_null());
    if (!next(a, &form, &failed))
        error_set(e, CENTRAL_CONFIG, "%s: form: %s", a->file, failed.text ? failed.text : "gives nothing");
    else if (!(a->form = mapping_form_read(form, &a->uses, e)))
        error_prefix(e, "%s: form", a->file);
    error_free(&failed);
    return a->form;
}

/* What was read as plain data is what the program says, too: a later definition would be another one. */
static bool agrees(struct adapter *a, const char *op, struct buf *read, struct error *e)
{
    struct json was, is;
    struct buf said = {0};
    bool ok = true;

    if (read->len) {
        struct json_hash one, other;
        ok = once(a, op, jv_null(), &said, e);
        if (ok && json_check(read->data, read->len, &was, e) && json_check(said.data, said.len, &is, e)) {
            one = json_hash(was), other = json_hash(is);
            ok = (one.high == other.high && one.low == other.low) ||
                 error_set(e, CENTRAL_CONFIG, "%s: %s is defined twice", a->file, op);
        }
    }
    buf_free(&said);
    return ok;
}

static bool compile(struct adapter *a, struct error *e)
{
    jv dirs = jv_array();
    struct buf program = {0};

    for (char **dir = a->folders; *dir; dir++)
        dirs = jv_array_append(dirs, jv_string(*dir));
    a->jq = jq_init();
    if (!a->jq) {
        jv_free(dirs);
        return error_set(e, CENTRAL_TRY_AGAIN, "%s: libjq does not start", a->file);
    }
    /* libjq 1.6 leaves this pointer uninitialised, and without memory calls what it points to. */
    jq_set_nomem_handler(a->jq, mem_exhausted, NULL);
    jq_set_error_cb(a->jq, keep_message, a);
    jq_set_attr(a->jq, jv_string("JQ_LIBRARY_PATH"), dirs);
    jq_set_input_cb(a->jq, give_context, a);
    buf_add_text(&program, before);
    buf_add_text(&program, buf_text(&a->text));
    buf_add_text(&program, dispatch);
    bool ok = jq_compile_args(a->jq, buf_text(&program), jv_object());
    buf_free(&program);
    /* Compiling takes twice what the program needs: for the rest of a process's life, and of twelve beside each other.
     */
    malloc_trim(0);
    /* "jq: error: NAME/0 is not defined at <top-level>, line 3:" and what follows it. */
    if (!ok)
        return error_set(e, CENTRAL_CONFIG, "%s: %s", a->file,
                         a->messages.len ? buf_text(&a->messages) : "does not compile");
    return read_uses(a, "uses", VALUE_GIVEN, e) && read_uses(a, "uses_numbers", VALUE_NUMBER, e) &&
           read_uses(a, "uses_filled", VALUE_FILLED, e) && read_form(a, e);
}

bool adapter_compile(struct adapter *a, struct error *e)
{
    if (a->jq)
        return true;
    if (compile(a, e) && agrees(a, "about", &a->about_data, e) && agrees(a, "requests", &a->requests_data, e)) {
        buf_free(&a->text);
        return true;
    }
    if (a->jq)
        jq_teardown(&a->jq);
    buf_clear(&a->messages);
    mapping_form_free(a->form);
    a->form = NULL;
    value_parts_free(&a->uses);
    return false;
}

/* The definitions at the head of the file that need no jq. */
static void read_data(struct adapter *a)
{
    struct buf name = {0}, value = {0};

    for (const char *at = buf_text(&a->text); literal_next(&at, &name, &value);) {
        struct buf *to = strcmp(buf_text(&name), "about") == 0      ? &a->about_data
                         : strcmp(buf_text(&name), "requests") == 0 ? &a->requests_data
                                                                    : NULL;
        if (!to)
            continue;
        /* One request is a list of one, as dispatch makes it. */
        bool one = to == &a->requests_data && *value.data != '[';
        buf_clear(to);
        if (one)
            buf_add_char(to, '[');
        buf_add(to, value.data, value.len);
        if (one)
            buf_add_char(to, ']');
    }
    buf_free(&name);
    buf_free(&value);
}

/* defaults of about.settings, then the file's members over them. */
static bool read_settings(struct adapter *a, const char *path, struct error *e)
{
    struct json name, value, file = {0};
    struct buf text = {0};

    if (path_exists(path) && (!path_read(path, SETTINGS_FILE_MAX, &text, e) ||
                              !(json_check(text.data, text.len, &file, e) || error_prefix(e, "%s", path)))) {
        if (e)
            e->status = e->status == CENTRAL_REJECTED ? CENTRAL_CONFIG : e->status;
        buf_free(&text);
        return false;
    }
    bool ok = !json_exists(file) || json_kind(file) == JSON_OBJECT;
    if (!ok)
        error_set(e, CENTRAL_CONFIG, "%s: not a JSON object", path);
    json_begin(&a->settings_text, '{');
    for (struct json_iter i = json_walk(json_get(a->about, "settings")); ok && json_next(&i, &name, &value);) {
        char *key = json_string(name);
        if (key && !json_exists(json_get(file, key)) && json_exists(json_get(value, "default")))
            json_put_member(&a->settings_text, key, json_get(value, "default"));
        free(key);
    }
    for (struct json_iter i = json_walk(file); ok && json_next(&i, &name, &value);) {
        json_put(&a->settings_text, name);
        buf_add_char(&a->settings_text, ':');
        json_put(&a->settings_text, value);
    }
    json_end(&a->settings_text, '}');
    ok = ok && json_check(a->settings_text.data, a->settings_text.len, &a->settings, e);
    if (ok) {
        set_context(a, "settings", value_parse(a->settings));
        ok = mapping_region_read(a->geo, json_get(a->settings, "region"), &a->region, e) ||
             error_prefix(e, "%s: region", path);
        const double *box = a->box;
        jv corners = jv_null();
        a->has_box = ok && mapping_region_box(a->geo, &a->region, a->box);
        if (a->has_box)
            corners = JV_ARRAY(jv_number(box[0]), jv_number(box[1]), jv_number(box[2]), jv_number(box[3]));
        set_context(a, "region_box", corners);
    }
    buf_free(&text);
    return ok;
}

void adapter_give_whole(struct adapter *a, bool whole)
{
    a->whole = whole;
}

static bool read_about(struct adapter *a, struct error *e)
{
    bool ok = a->about_data.len ? json_check(a->about_data.data, a->about_data.len, &a->about, e)
                                : adapter_compile(a, e) && once(a, "about", jv_null(), &a->about_text, e) &&
                                      json_check(a->about_text.data, a->about_text.len, &a->about, e);

    return ok &&
           (json_kind(a->about) == JSON_OBJECT || error_set(e, CENTRAL_CONFIG, "%s: about: not an object", a->file));
}

static struct adapter *load(const char *path, const char *name, const char *settings, bool compiled, struct error *e)
{
    struct adapter *a = mem_alloc(sizeof *a);

    jv_nomem_handler(mem_exhausted, NULL);
    a->name = mem_string(name);
    a->file = mem_string(path);
    a->folders = adapter_folders();
    a->context = jv_object();
    a->geo = geo_open();
    set_context(a, "name", jv_string(name));
    bool ok = path_read(a->file, ADAPTER_FILE_MAX, &a->text, e);
    if (ok)
        read_data(a);
    if (ok && (!compiled || adapter_compile(a, e)) && read_about(a, e) && read_settings(a, settings, e))
        return a;
    adapter_close(a);
    return NULL;
}

struct adapter *adapter_open_with(const char *path, const char *name, const char *settings, struct error *e)
{
    return load(path, name, settings, true, e);
}

struct adapter *adapter_open_uncompiled(const char *name, struct error *e)
{
    char *path = adapter_path(name, e), *settings = adapter_settings_path(name);
    struct adapter *a = path ? load(path, name, settings, false, e) : NULL;

    free(path);
    free(settings);
    return a;
}

struct adapter *adapter_open_file(const char *path, const char *name, struct error *e)
{
    char *settings = adapter_settings_path(name);
    struct adapter *a = adapter_open_with(path, name, settings, e);

    free(settings);
    return a;
}

struct adapter *adapter_open(const char *name, struct error *e)
{
    char *path = adapter_path(name, e);
    struct adapter *a = path ? adapter_open_file(path, name, e) : NULL;

    free(path);
    return a;
}

void adapter_close(struct adapter *a)
{
    if (!a)
        return;
    jv_free(a->context);
    if (a->jq)
        jq_teardown(&a->jq);
    mapping_region_free(a->geo, &a->region);
    mapping_form_free(a->form);
    value_parts_free(&a->uses);
    value_record_free(&a->record);
    geo_close(a->geo);
    buf_free(&a->messages);
    buf_free(&a->text);
    buf_free(&a->about_data);
    buf_free(&a->requests_data);
    buf_free(&a->about_text);
    buf_free(&a->settings_text);
    adapter_list_free(a->folders);
    free(a->url);
    free(a->tag);
    free(a->name);
    free(a->file);
    free(a);
}

const char *adapter_name(const struct adapter *a)
{
    return a->name;
}

const char *adapter_file(const struct adapter *a)
{
    return a->file;
}

struct json adapter_about(const struct adapter *a)
{
    return a->about;
}

struct json adapter_settings(const struct adapter *a)
{
    return a->settings;
}

int64_t adapter_every(const struct adapter *a)
{
    struct json set = json_get(a->settings, "every");
    int64_t every;

    if (json_int(set, &every) && every > 0)
        return every;
    if (json_kind(set) == JSON_STRING && duration_parse(set.at + 1, set.len - 2, &every) && every > 0)
        return every;
    return json_int(json_get(a->about, "every"), &every) && every > 0 ? every : ADAPTER_EVERY_DEFAULT;
}

/* --- asking --------------------------------------------------------------------------------------------------------
 */

/* What `requests` says, as JSON. */
static bool ask_program(struct adapter *a, const char *key, struct json state, int64_t now, struct buf *out,
                        struct error *e)
{
    jv input = jv_object();

    if (!adapter_compile(a, e)) {
        jv_free(input);
        return false;
    }
    input = jv_object_set(input, jv_string("settings"), value_parse(a->settings));
    input = jv_object_set(input, jv_string("key"), key ? jv_string(key) : jv_null());
    input = jv_object_set(input, jv_string("state"), value_parse(state));
    input = jv_object_set(input, jv_string("now"), jv_number((double)now / CLOCK_SECOND));
    return once(a, "requests", input, out, e);
}

bool adapter_requests(struct adapter *a, const char *key, const char *state, int64_t now, struct buf *out,
                      struct error *e)
{
    struct request_facts facts = {
        .name = a->name, .settings = a->settings, .key = key, .box = a->has_box ? a->box : NULL, .now = now};
    struct buf said = {0};
    struct json list = {0}, request;

    if (!json_check(state, strlen(state), &facts.state, e))
        return error_prefix(e, "state of %s", a->name);
    facts.unasked = !key && json_exists(json_get(a->about, "credential"));
    if (a->requests_data.len)
        buf_add(&said, a->requests_data.data, a->requests_data.len);
    bool ok =
        (said.len || ask_program(a, key, facts.state, now, &said, e)) && json_check(said.data, said.len, &list, e);
    json_begin(out, '[');
    for (struct json_iter i = json_walk(list); ok && json_next(&i, NULL, &request);)
        ok = request_put(out, request, &facts, e) || error_prefix(e, "%s: requests", a->file);
    json_end(out, ']');
    buf_free(&said);
    return ok;
}

bool adapter_follow(struct adapter *a, struct json answer, struct buf *out, struct error *e)
{
    struct error failed = {0};
    jv result = jv_invalid();

    if (!adapter_compile(a, e))
        return false;
    start(a, "follow", value_parse(answer));
    if (!next(a, &result, &failed)) {
        error_set(e, CENTRAL_REJECTED, "%s", failed.text ? failed.text : "follow gives nothing");
        error_free(&failed);
        return false;
    }
    bool ok = value_put(out, result, &(struct value_record){.whole = answer}, e);
    jv_free(result);
    return ok;
}

/* The records of an answer, all of them before the first is told. */
struct records {
    struct json *at;
    size_t count, room;
    struct buf made; /* records that the program made, one after the other */
};

static void add_record(struct records *r, struct json record)
{
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 256;
        r->at = mem_resize(r->at, r->room * sizeof *r->at);
    }
    r->at[r->count++] = record;
}

static bool collect_paths(struct adapter *a, struct json answer, jv parsed, struct records *r, struct error *e)
{
    struct value_cursor cursor = {.record = answer};
    jv path = jv_invalid();

    for (start(a, "paths", parsed); next(a, &path, e);) {
        struct json record = value_cursor_at(&cursor, path);
        jv_free(path);
        if (json_exists(record))
            add_record(r, record);
    }
    value_cursor_free(&cursor);
    return !e->text;
}

static bool collect_values(struct adapter *a, struct json answer, jv parsed, struct records *r, struct error *e)
{
    jv value = jv_invalid();

    /* Positions first: the buffer moves as it grows. */
    for (start(a, "values", parsed); next(a, &value, e);) {
        buf_add_char(&r->made, '\n');
        size_t from = r->made.len;
        bool ok = value_put(&r->made, value, &(struct value_record){.whole = answer}, e);
        jv_free(value);
        if (!ok)
            return false;
        add_record(r, (struct json){(const char *)from, r->made.len - from});
    }
    for (size_t i = 0; i < r->count; i++)
        r->at[i].at = r->made.data + (size_t)r->at[i].at;
    return !e->text;
}

/* The array that about.records names: a member of the answer, or "." for the answer itself. */
static bool find_records(const struct adapter *a, struct json answer, struct json *list, struct error *e)
{
    char *name = json_string(json_get(a->about, "records"));
    struct json failure = json_get(answer, "error");
    bool ok = false;

    if (!name) {
        error_set(e, CENTRAL_CONFIG, "%s: about: records is no text", a->file);
    } else if (!json_is_null(failure) && json_bool(failure) != 0) {
        char *said = json_string(json_get(failure, "message"));
        error_set(e, CENTRAL_REJECTED, "the service says: %s", said && *said ? said : "error");
        free(said);
    } else if (strcmp(name, ".") == 0) {
        *list = answer;
        ok = json_kind(answer) == JSON_ARRAY || error_set(e, CENTRAL_REJECTED, "not an array");
    } else {
        *list = json_get(answer, name);
        ok = json_kind(*list) == JSON_ARRAY || error_set(e, CENTRAL_REJECTED, "no array of %s in the answer", name);
    }
    free(name);
    return ok;
}

bool adapter_items(struct adapter *a, struct json answer, const struct adapter_context *c, adapter_each *each,
                   void *closure, struct error *e)
{
    static const char no_path[] = "Invalid path expression";
    struct records r = {0};
    struct error failed = {0};
    struct json list, record;

    if (json_exists(json_get(a->about, "records"))) {
        if (!find_records(a, answer, &list, e))
            return false;
        for (struct json_iter i = json_walk(list); json_next(&i, NULL, &record);)
            if (!each(closure, record))
                break;
        return true;
    }
    if (!adapter_compile(a, e))
        return false;
    set_context_at(a, c);
    jv parsed = value_parse(answer);
    bool ok = collect_paths(a, answer, jv_copy(parsed), &r, &failed);
    if (!ok && strncmp(failed.text, no_path, sizeof no_path - 1) == 0) {
        /* The adapter makes its records; they are not the answer's own bytes. */
        error_free(&failed);
        r.count = 0;
        ok = collect_values(a, answer, jv_copy(parsed), &r, &failed);
    }
    jv_free(parsed);
    if (!ok) {
        error_set(e, failed.status, "%s", failed.text);
        error_free(&failed);
    }
    for (size_t i = 0; ok && i < r.count; i++)
        if (!each(closure, r.at[i]))
            break;
    free(r.at);
    buf_free(&r.made);
    return ok;
}

bool adapter_events(struct adapter *a, struct json record, const struct adapter_context *c,
                    const struct adapter_sink *s, struct adapter_counts *counts, struct error *e)
{
    struct error failed = {0};
    struct buf line = {0};
    unsigned results = 0;
    bool go_on = true;
    jv result = jv_invalid();

    if (!adapter_compile(a, e))
        return false;
    const struct mapping mapping = {a->geo, &a->region, a->form, a->name};
    set_context_at(a, c);
    value_record_read(&a->record, record, &a->uses);
    jv parsed = value_parse_record(&a->record, a->whole);
    for (start(a, NULL, parsed); go_on && next(a, &result, &failed); results++) {
        buf_clear(&line);
        switch (mapping_event(&mapping, result, &a->record, &line, &failed)) {
        case ADAPTER_EVENT:
            counts->events++;
            go_on = s->event(s->closure, line.data, line.len);
            break;
        case ADAPTER_OUTSIDE:
            counts->outside++;
            break;
        case ADAPTER_SKIPPED:
            counts->skipped++;
            break;
        case ADAPTER_REJECTED:
            counts->rejected++;
            go_on = s->reject(s->closure, failed.text);
            error_free(&failed);
            break;
        }
        jv_free(result);
    }
    if (failed.text) {
        counts->rejected++;
        go_on = s->reject(s->closure, failed.text);
        error_free(&failed);
    } else if (!results) {
        counts->skipped++;
    }
    buf_free(&line);
    return go_on || error_set(e, CENTRAL_IO, "cannot write");
}

bool adapter_removed(struct adapter *a, const char *last, const char *reason, int64_t now, struct buf *line,
                     struct error *e)
{
    static const struct mapping_region everywhere = {0};
    struct error failed = {0};
    struct buf time = {0};
    struct json v;
    jv result = jv_invalid(), input = jv_object();

    if (!json_check(last, strlen(last), &v, e) || !adapter_compile(a, e)) {
        jv_free(input);
        return error_prefix(e, "what a removal needs");
    }
    clock_put(&time, now, CLOCK_OFFSET);
    input = jv_object_set(input, jv_string("last"), value_parse(v));
    input = jv_object_set(input, jv_string("reason"), jv_string(reason));
    input = jv_object_set(input, jv_string("now"), jv_string(buf_text(&time)));
    buf_free(&time);
    start(a, "removed", input);
    if (!next(a, &result, &failed)) {
        error_set(e, CENTRAL_REJECTED, "removed: %s", failed.text ? failed.text : "gives nothing");
        error_free(&failed);
        return false;
    }
    const struct mapping mapping = {a->geo, &everywhere, NULL, a->name};
    bool ok = mapping_event(&mapping, result, &no_record, line, e) == ADAPTER_EVENT;
    jv_free(result);
    return ok || error_prefix(e, "removed");
}
