/* lint.h - what is wrong with an adapter: what it says of itself, its text, its settings, its golden cases. */
#ifndef CENTRAL_LINT_H
#define CENTRAL_LINT_H

#include <stdbool.h>
#include "central/adapter.h"
#include "central/buf.h"

/* Returns how much is wrong, and appends what to out, whole lines that begin with the adapter's name. *cases: how many
 * golden cases there are, in FILE.cases beside the adapter or in tests/adapters of the tree it stands in; regen writes
 * what they expect anew (trial.h). */
unsigned lint(struct adapter *a, bool regen, unsigned *cases, struct buf *out);

#endif
