#!/bin/bash
# The same events, recorded and generated, with revisions and removals, give the same tables: archived in order, in any order, any
# number of times, from JetStream or standard input, by archivers that are killed (-9) in the middle.
#
#   N=100000 KILLS=10 tests/archive/shuffle.t
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

count=${N:-12000} kills=${KILLS:-3}

start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null
ask() { psql -XAtqc "$1"; }
empty() { ask 'truncate events, events_history, events_heads, events_removals, events_rejected'; }
# Everything but when it came.
tables() {
    local columns='id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, subject, revision, removed,
        removes, removes_revision'
    ask "select t, count(*), md5(string_agg(h, '' order by h collate \"C\")) from (
        select 'events' as t, md5(row($columns)::text) as h from events
        union all select 'history', md5(row($columns)::text) from events_history
        union all select 'removals', md5(r::text) from events_removals r
        union all select 'rejected', md5(row(reason, payload)::text) from events_rejected r) x group by t order by t"
}

# --- the events

: >recorded
if [[ -d $FEEDS/nws/series && -d $FEEDS/wfigs_perimeters ]]; then
    polls=("$FEEDS"/nws/series/*.json)
    ((count > 50000)) || polls=("${polls[@]:0:4}")
    for poll in "${polls[@]}"; do central-source nws --from "$poll" >/dev/null 2>&1 || true; done
    days=("$FEEDS"/wfigs_perimeters/*.geojson)
    for day in "${days[@]}" "${days[-1]}" "${days[0]}" "${days[0]}"; do
        central-source wfigs_perimeters --from "$day" >/dev/null 2>&1 || true
    done
    central-subscribe --all 'central.wx.>' 'central.fire.>' >recorded
fi
{
    cat recorded
    "$top/tests/archive/generate" $((count - $(wc -l <recorded)))
} >lines
# shuffled SEED: in an order that is the same every time.
shuffled() { awk -v seed="$1" 'BEGIN { srand(seed) } { printf "%.9f\t%s\n", rand(), $0 }' lines | sort -n | cut -f 2-; }
is "$(wc -l <lines)" "$count" 'so many events'
diag "$(wc -l <recorded) of them recorded; $(grep -c '"centralrevision"' lines) revisions, $(grep -c '"removes"' lines) removals"

# --- in order, once

exits 0 'archived in order' central-archive - <lines
want=$(tables)
diag "$(tr '\n' ' ' <<<"$want")"
is "$(ask 'select (select count(*) from events) + (select count(*) from events_history)')" "$count" 'every version is there once'
is "$(ask 'select count(*) from events_rejected')" 0 'nothing was rejected'
ok 'some were removed' test "$(ask 'select count(*) from events where removed is not null')" -gt 0
exits 0 'once more' central-archive - <lines
is "$(tables)" "$want" '... changes nothing'

# --- shuffled, through JetStream, by archivers that are killed

empty
shuffled 1 | central-publish >/dev/null
archiver=
restart() {
    central-archive --ack-wait 2s 2>>service.err &
    archiver=$!
}
kill_it() {
    {
        kill -KILL "$archiver"
        wait "$archiver"
    } 2>/dev/null || true
}
stored() { ask 'select (select count(*) from events) + (select count(*) from events_history)'; }
beyond() { (($(stored) > $1)); }
held=()
for ((i = 0; i < kills; i++)); do
    restart
    wait_for 60 beyond $((count * i / (kills + 1))) || true
    kill_it
    held+=("$(stored)")
done
diag "killed $kills times, with ${held[*]} versions in the tables"
exits 0 'shuffled, from JetStream, killed in between' central-archive --once --ack-wait 2s
is "$(tables)" "$want" '... the same tables'
shuffled 2 >again
exits 0 'shuffled otherwise, from standard input' central-archive - <again
is "$(tables)" "$want" '... changes nothing'

# --- twice and shuffled, from standard input, killed

empty
cat <(shuffled 3) <(shuffled 4) >twice
central-archive - <twice >/dev/null 2>>service.err &
archiver=$!
wait_for 60 beyond $((count / 3)) || true
kill_it
diag "killed with $(stored) versions in the tables"
exits 0 'everything again, twice, in another order' central-archive - <twice
is "$(tables)" "$want" '... the same tables'
is "$(cat service.err)" '' 'and nothing was said'
done_testing
