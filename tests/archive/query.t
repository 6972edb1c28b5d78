#!/bin/bash
# What central-query makes of revisions and removals, and that either side can be rebuilt from the other.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

ask() { psql -XAtqc "$1"; }

# version ID REVISION TIME [TITLE]: of an event; removal ID REVISION TIME: of what stands until then.
version() {
    jq -nc --arg id "$1" --argjson revision "$2" --arg time "$3" --arg title "${4-revision $2}" '{
        specversion: "1.0", id: (if $revision > 1 then "\($id)@\($revision)" else $id end), source: "central",
        type: "central.disaster.fl.v1", time: ($time | sub("Z"; "+00:00")), datacontenttype: "application/json",
        centralschemaversion: "1.0", centralcategory: "disaster.fl", centralsubject: "central.disaster.fl.x",
        data: {id: $id, adapter: "gdacs", category: "disaster.fl", time: $time, severity: null, expires: null,
            geo: {centroid: null, bbox: null, geometry: null, regions: [], primary_region: null}, data: {title: $title}}}
        | if $revision > 1 then .centralrevision = $revision else . end'
}
removal() {
    version "$1:removed:$3" 1 "$3" 'gone' | jq -c --arg id "$1" --argjson revision "$2" \
        '.data += {removes: $id, removes_revision: $revision} | .data.category = "disaster.fl.removed"
        | .centralcategory = .data.category | .type = "central.disaster.fl.removed.v1"'
}
# The second moves back in time; the third removal is of what has come back meanwhile.
{
    version a 1 2026-03-01T00:00:00Z
    version b 1 2026-03-02T00:00:00Z
    version a 2 2026-02-01T00:00:00Z
    removal a 2 2026-03-03T00:00:00Z
    version a 3 2026-02-02T00:00:00Z 'It is back'
    version c 1 2026-05-01T00:00:00Z
    removal c 1 2026-03-04T00:00:00Z
    version b 2 2026-03-02T00:00:00Z
} >messages
short() { jq -r '"\(.data.id)/\(.centralrevision // 1)"' | sed 's/:removed:.*/-/' | tr '\n' ' '; }
answer() { central-query "$@" | short; }

start_postgres
central-archive --migrate >/dev/null
# One at a time, as they came.
central-archive - <messages >/dev/null
is "$(answer)" 'c/1 c- a- b/2 a/3 ' 'what stands, the newest first'
is "$(answer --history)" 'c/1 c- a- b/2 b/1 a/1 a/3 a/2 ' '--history: all versions, by their times'
is "$(answer --history --id a)" 'a- a/1 a/3 a/2 ' '... of one event, with its removal'
is "$(answer --history --limit 4) $(answer --history --after 2026-03-02T00:00:00Z/gdacs/2/b)" \
    'c/1 c- a- b/2  b/1 a/1 a/3 a/2 ' '... in pages'
is "$(central-query --history --format table | awk 'NR > 1 { print $5, $6, $NF }' | sed 's/:removed:.*/-/' | tr '\n' ' ')" \
    '1 removed c 1 stands c- 1 stands a- 2 stands b 1 superseded b 1 superseded a 3 stands a 2 superseded a ' \
    '... and the table says what they are'
is "$(central-query --history --format csv --id b | tr -d '\r' | awk -F, 'NR > 1 { print $7, $10 != "" }' | tr '\n' ' ')" '2 0 1 1 ' \
    '... as CSV and GeoJSON do'
is "$(central-query --history --format geojson --id b | jq -c '[.features[].properties | .superseded != null]')" '[false,true]' \
    '... alike'
is "$(central-query --count --history) $(central-query --count)" '{"count":8} {"count":5}' 'counts know of it'
is "$(answer --active)" 'b/2 a/3 ' '--active: neither removed nor removals'
is "$(answer --all --history)" "$(short <messages)" '--all --history: as they came'
is "$(answer --all)" 'a- a/3 c/1 c- b/2 ' '--all: what stands, as it came'

# Two versions under one number, which should not be: a page does not end between them.
version d 1 2026-06-01T00:00:00Z one >twins
version d 1 2026-06-01T00:00:00Z two >>twins
central-archive - <twins >/dev/null
is "$(answer --history --limit 1)" 'd/1 d/1 ' 'versions of one number are not parted'
is "$(answer --history --after 2026-06-01T00:00:00Z/gdacs/1/d --limit 1)" 'c/1 ' '... and none is left out'

# --- order, however they came: every version after those below, every removal after what it removes and before what came back

# causal FILE: prints what stands before its place.
causal() {
    jq -rn 'reduce inputs as $e ({}; (($e.data.removes // $e.data.id) as $key
        | (($e.data.removes_revision // $e.centralrevision // 1) * 2 + (if $e.data.removes then 1 else 0 end)) as $rank
        | if (.[$key] // 0) > $rank then .wrong += ["\($e.data.id) \($rank)"] else .[$key] = $rank end)) | .wrong // empty'
}
sort -u messages twins >all
for seed in 1 2 3 4 5 6; do
    psql -XAtqc 'truncate events, events_history, events_heads, events_removals'
    shuf --random-source=<(yes "$seed") all | while IFS= read -r line; do printf '%s\n' "$line" | central-archive - >/dev/null; done
    central-query --all --history >out
    is "$(jq -S -c . out | sort) $(causal <out)" "$(jq -S -c . all | sort) " "shuffle $seed: all is there, nothing before its time"
    central-query --all >out
    is "$(causal <out)" '' '... nor without the history'
    is "$(central-query --all --history --limit 6 | wc -l) $(central-query --all --history --limit 10 | wc -l)" '6 10' '... and limits hold'
done

# --- either side from the other

tables() {
    ask 'select adapter, id, revision, category, time, expires, severity, st_asewkb(geom), regions, primary_region, payload, subject, removed,
        removes, removes_revision from events order by adapter, id, time'
    ask 'select adapter, id, revision, time, payload, removes, removes_revision from events_history
        order by adapter, id, revision, payload::text'
}
start_nats
central-streams apply >/dev/null
examples=$top/examples/feeds
for name in usgs_quake nws wfigs_perimeters gdacs; do
    for file in "$examples/$name".* "$examples/$name"-later.*; do
        if [[ -e $file ]]; then
            central-source "$name" --from "$file" >/dev/null 2>&1 || true
        fi
    done
done
central-publish <messages >/dev/null
streams=(CENTRAL_WX CENTRAL_FIRE CENTRAL_QUAKE CENTRAL_DISASTER)
# By meaning: jsonb keeps no -0.
stream() { central-subscribe --all "${streams[@]}" | jq -cS 'walk(if . == 0 then 0 else . end)' | sort; }
psql -XAtqc 'truncate events, events_history, events_heads, events_removals'
central-archive --once 2>/dev/null
is "$(ask 'select count(*) > 50 from events')$(ask 'select count(*) > 10 from events_history')" tt 'events and their history are archived'
tables >tables.1
stream >stream.1
hub stop --nats >/dev/null
rm -rf "${tap_hub:?}/nats"
start_nats
central-streams apply >/dev/null
central-query --all --history | central-publish >echoed
is "$(wc -l <echoed)" "$(wc -l <stream.1)" 'a fresh stream takes all that the archive has'
stream >stream.2
ok '... and is the one that was' cmp stream.1 stream.2
central-query --all --history | central-publish >echoed
is "$(stream | wc -l)" "$(wc -l <stream.2)" 'once more changes nothing: message ids are the same'
psql -XAtqc 'drop schema public cascade; create schema public; create extension postgis' 2>/dev/null
central-archive --migrate >/dev/null
central-subscribe --all "${streams[@]}" | central-archive - >/dev/null
tables >tables.2
ok 'a fresh archive is the one that was' cmp tables.1 tables.2

done_testing
