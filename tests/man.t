#!/bin/bash
# Every example of every page is run, in the order of the page, in a hub with samples in it.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

# The "$ " lines of a page's EXAMPLES (of central-operations, which is all example, of the whole page), as one would type
# them.
examples() {
    if [[ $1 == *operations.7 ]]; then cat "$1"; else sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$1"; fi | sed -n 's/^\$ //p' | sed -e 's/\\e/\\/g' -e 's/\\-/-/g' -e 's/\\(aq/'"'"'/g' -e 's/\\&//g'
}

start_nats
start_postgres
export CENTRAL_EXAMPLES=$top/examples
central-streams apply >/dev/null
central-archive --migrate >/dev/null
for source in usgs_quake nws; do
    central-fetch $source --from "$CENTRAL_EXAMPLES/feeds/$source.geojson" 2>/dev/null | central-normalize 2>/dev/null |
        central-publish >$source.ndjson
done
grep -v '"central.meta' usgs_quake.ndjson >quakes.ndjson
central-archive --once

central-source usgs_quake --from "$CENTRAL_EXAMPLES/feeds/usgs_quake.geojson" --quiet
central-archive --once
for page in "$top"/man/*.[1-8]; do
    name=$(basename "$page")
    mkdir "page.$name"
    cp quakes.ndjson "page.$name"
    count=0
    while IFS= read -r command; do
        count=$((count + 1))
        status=0
        (cd "page.$name" && timeout 60 bash -c "$command" >out 2>err </dev/null) || status=$?
        if ((status == 0)); then
            ok "$name: $command" true
        else
            ok "$name: $command" false
            diag "status $status: $(tail -n 3 "page.$name/err")"
        fi
    done < <(examples "$page")
    case $name in
    *.1 | central.7) ok "$name has examples ($count)" test "$count" -gt 0 ;;
    esac
done
done_testing
