/* parser.h - what strangers sent is understood by a process that has nothing.
 *
 * An answer goes through expat, libcsv, iconv and libjq: much code, any of which a hostile answer may get the better
 * of. So each answer is read by a process of its own. It has the adapter, the answer and two pipes: no credential, no
 * socket, no file, no way to any of them (confine.h), and limits. What it gives back is text that is checked here.
 * However it ends, it ends alone: that answer has failed, with the reason, and the next one is read.
 *
 * Who starts those processes is forked itself before the credential is known and a connection is made, and does nothing
 * else, so that they have never had what they are not to have. They die with this process. */
#ifndef CENTRAL_PARSER_H
#define CENTRAL_PARSER_H

#include <stdbool.h>
#include "central/adapter.h"
#include "central/buf.h"
#include "central/error.h"
#include "central/json.h"

/* Of one answer. An inherited limit that is lower stands. libjq holds an answer at many times its size. */
#define PARSER_MEMORY_MIB 512
#define PARSER_CPU_SECONDS 60
#define PARSER_SECONDS 300
#define PARSER_RESULT_MAX (256 * 1024 * 1024) /* more than a worker within its limits has to say */

struct parser;
/* Call before the credential is read and a thread is started. Keeps a, which must live longer. */
struct parser *parser_open(struct adapter *a, struct error *e);
/* NULL is fine. */
void parser_close(struct parser *p);

struct parser_job {
    const char *format;       /* json, csv, xml */
    const char *content_type; /* as the server named it, NULL */
    const char *paging;       /* NULL, "arcgis", "links": whether and where there is more is asked for */
    bool follow;              /* the adapter's follow instead of its items */
    struct adapter_context context;
};
/* Takes body (it is empty afterwards). Sets out to checked JSON text: [{"more": true, "next": URL}, RECORD, ...], of
 * which out->data is the memory; with follow the records are requests. False with e: the answer is none, or was too
 * much for its process (CENTRAL_REJECTED), no process could be had, now or any more (CENTRAL_TRY_AGAIN), a signal came
 * (CENTRAL_TRY_AGAIN), or who starts them ended by itself (CENTRAL_BUG). */
bool parser_read(struct parser *p, const struct parser_job *job, struct buf *body, struct buf *out, struct json *result,
                 struct error *e);

#endif
