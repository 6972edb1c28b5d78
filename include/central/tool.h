/* tool.h - the small shape every tool shares: start, options, loop, shut.
 *
 *     int main(int argc, char **argv)
 *     {
 *         tool_start("central-publish");
 *         tool_parse(&argp, argc, argv, &options);   (usage errors leave with 64, --help checks its output)
 *         ...
 *         return tool_end(&writer, status);
 *     }
 */
#ifndef CENTRAL_TOOL_H
#define CENTRAL_TOOL_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include "central/error.h"
#include "central/event.h"
#include "central/line.h"

#define CENTRAL_VERSION "0.1.0"

/* Opens log and signals, sets argp's version text and exit status, puts something harmless behind descriptors 0 to 2
 * that the caller had closed (a closed stdout then gives a write error, never a socket that is taken for it), and has
 * --help and
 * --version checked for write errors. */
void tool_start(const char *name);
/* argp_parse, of which the caller need not look at the result: what argp did not report itself (no memory) is reported
 * here and ends the program. */
void tool_parse(const struct argp *argp, int argc, char **argv, void *input);
/* Closes the writer (NULL is fine) and returns the exit status: the given one, or CENTRAL_IO when writing failed. A
 * reader that went away (head -1) gives CENTRAL_IO in silence. */
int tool_end(struct line_writer *w, enum central_exit status);
/* What an option's argument is, or a usage error through state (exit 64): "invalid --window 'x': ..." */
int64_t tool_number(const struct argp_state *state, const char *option, const char *text, int64_t min, int64_t max);
int64_t tool_duration(const struct argp_state *state, const char *option, const char *text);
int64_t tool_time(const struct argp_state *state, const char *option, const char *text);

/* The loop of a filter: every line of stdin is read, checked and handed to the tool. */
struct filter_line {
    const char *text; /* without newline, NUL-terminated; its beginning when it was too long */
    size_t len;
    size_t total;    /* the whole length when text is only the beginning, else 0 */
    size_t max;      /* that a line may have */
    uint64_t number; /* from 1 */
    bool half;       /* the input ended inside of it */
};
struct filter {
    /* A line that is an event (any kind). False ends the loop with e. */
    bool (*event)(void *closure, const struct event *ev, const struct filter_line *line, struct error *e);
    /* A line that is none: too long, not JSON, not by the contract. The loop has reported it on stderr. False ends the
     * loop with e. NULL: the loop goes on and the status becomes CENTRAL_REJECTED. */
    bool (*bad)(void *closure, const char *reason, const struct filter_line *line, struct error *e);
    /* Every line as it was read, in place of the loop looking at it: for filter_take in another process; NULL. False
     * ends the loop with e. */
    bool (*line)(void *closure, const struct filter_line *line, struct error *e);
    /* Before reading blocks, after the writer was flushed; NULL. False ends the loop with e. */
    bool (*idle)(void *closure, struct error *e);
    void *closure;
    struct line_writer *writer; /* NULL */
    enum central_exit status;   /* of the lines so far */
};
/* Runs to the end of stdin, a signal (CENTRAL_TRY_AGAIN) or the first error. Blank lines are passed over. Errors are
 * reported here; returns the status. */
enum central_exit filter_run(struct filter *f);
/* What the loop does with one line: checks it and hands it to event or bad. */
bool filter_take(struct filter *f, const struct filter_line *line, struct error *e);

#endif
