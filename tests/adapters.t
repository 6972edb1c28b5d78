#!/bin/bash
# Golden cases of the adapters. A case is a folder tests/adapters/NAME/CASE:
#
#   answer*        what the source answered, one file a request, in order of their names
#   settings.json  the source's settings, when the case needs some
#   expected       what comes out: each event, each reject's reason, the report's counts, one JSON text a line
#
# REGEN=1 writes expected anew (make regen); read the diff before committing it.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

# What may differ from run to run is left out: times and paths of fetching.
normal='
if .type == "central.meta.poll.v1" then
  {report: .data | {state, complete, items, normalized, skipped, outside_region, rejected,
                    errors: [.answers[].error | select(.) | sub("^file://[^ ]*/"; "")]}}
elif .type == "central.meta.reject.v1" then {reject: .data | {reason, line, original: .original.data}}
elif .data.removes then
  (.time, .data.time, .id, .data.id) |= sub("[0-9]{4}-[0-9-]+T[0-9:]+(\\+00:00|Z)"; "NOW")
else . end'

for case in "$top"/tests/adapters/*/*/; do
    case=${case%/}
    name=$(basename "$(dirname "$case")")
    rm -rf etc from
    mkdir -p etc/sources
    if [[ -f $case/settings.json ]]; then
        cp "$case/settings.json" "etc/sources/$name.json"
    fi
    from=()
    for answer in "$case"/answer*; do
        from+=(--from "$answer")
    done
    central-fetch "$name" "${from[@]}" 2>err.fetch | central-normalize 2>err.normalize | jq -cS "$normal" >got || true
    if [[ ${REGEN-} == 1 ]]; then
        cp got "$case/expected"
    fi
    is "$(cat got)" "$(cat "$case/expected")" "$name: $(basename "$case")"
done
done_testing
