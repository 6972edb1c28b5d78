/* unit.h - the timer of a source: drop-ins for the units central-source@.timer and .service, and systemctl. */
#ifndef CENTRAL_UNIT_H
#define CENTRAL_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include "central/error.h"

/* True where enabling makes a timer: run by root under systemd, with the units installed, or with CENTRAL_UNITS, which
 * names the folder of the drop-ins instead of /etc/systemd/system. */
bool unit_available(void);
/* Whether the source's drop-in is there. */
bool unit_enabled(const char *source);
/* Writes the drop-ins (how often; the credential to load, NULL for none), has systemd read them and starts the timer.
 * CENTRAL_IO, CENTRAL_NO_PERMISSION; CENTRAL_UNAVAILABLE when systemctl fails, with its status. */
bool unit_enable(const char *source, int64_t every_seconds, const char *credential, struct error *e);
/* The reverse; nothing to do is fine. */
bool unit_disable(const char *source, struct error *e);

#endif
