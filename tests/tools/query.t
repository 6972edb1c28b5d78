#!/bin/bash
# central-query: what its page promises.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

start_postgres

# event ID ADAPTER CATEGORY TIME SEVERITY LON LAT [EXPIRES [TITLE]]; null where there is none.
event() {
    jq -nc --arg id "$1" --arg adapter "$2" --arg category "$3" --arg time "$4" --argjson severity "$5" --argjson lon "$6" \
        --argjson lat "$7" --arg expires "${8-}" --arg title "${9-Nothing to tell}" '
        (if $lon then [$lon, $lat] else null end) as $point | {
        specversion: "1.0", id: $id, source: "central", type: "central.\($category).v1", time: ($time | sub("Z"; "+00:00")),
        datacontenttype: "application/json", centralschemaversion: "1.0", centralcategory: $category,
        centralsubject: "central.\($category)",
        data: {id: $id, adapter: $adapter, category: $category, time: $time, severity: $severity,
            expires: (if $expires == "" then null else $expires end),
            geo: {centroid: $point, bbox: null, geometry: null, regions: [], primary_region: null}, data: {title: $title}}}
        | if $severity then .centralseverity = $severity else . end'
}
{
    event q1 usgs_quake quake.event.minor 2026-01-01T00:00:00Z 0 179.5 -17
    event q2 usgs_quake quake.event.strong 2026-01-02T00:00:00Z 3 -179.5 -17.5
    event q3 usgs_quake quake.event.great 2026-02-01T00:00:00Z 4 10 50 '' 'M 8.1 - Mitten im Wald'
    event w1 nws wx.alert.flood_warning 2026-02-02T00:00:00Z 3 -100 40 2026-02-03T00:00:00Z
    event w2 nws wx.alert.tornado_warning 2026-02-02T00:00:00.250000Z 4 -100 41 2200-01-01T00:00:00Z
    event w3 nws wx.alert.heat_advisory 2026-02-04T00:00:00Z null null null 2200-01-01T00:00:00Z $'evil \e[31mred\nline\t日本'
    event f1 wfigs_incidents fire.incident.wildfire 2026-02-05T00:00:00Z 2 -110 45
    event f1:removed wfigs_incidents fire.incident.removed 2026-02-06T00:00:00Z 0 null null |
        jq -c '.data += {removes: "f1", removes_revision: 1}'
} >events

exits 78 'no schema' central-query
like "$(cat err)" 'no table events: central-archive --migrate' '... says what to do'
central-archive --migrate >/dev/null
exits 0 'an empty archive' central-query
is "$(cat out err)" '' '... gives nothing'
central-archive - <events >/dev/null

# ids WANT DESC OPTION...
ids() {
    local want=$1 desc=$2 got
    shift 2
    got=$(central-query "$@" | jq -r .data.id | tr '\n' ' ')
    is "${got% }" "$want" "$desc"
}
everything='f1:removed f1 w3 w2 w1 q3 q2 q1'
ids "$everything" 'the newest first'
ids 'q1 q2 q3 w1 w2 w3 f1 f1:removed' '--all: the oldest first' --all
ids 'q1 q2' '--all --limit' --all --limit 2
ids 'f1:removed' '--limit' --limit 1
ids 'w3 w2 w1' '--adapter' --adapter nws
ids 'w3 w2 w1 q3 q2 q1' '--adapter twice' --adapter nws --adapter usgs_quake
ids '' '--adapter of none' --adapter gdacs
ids 'q3 q2 q1' '--category is a prefix' --category quake
ids 'w1' '... of any length' --category wx.alert.flood
ids '' '... and no pattern' --category 'wx.%'
ids 'f1:removed f1 w3 w2 w1 q3' '--since takes the moment itself' --since 2026-02-01
ids 'q2 q1' '--until does not' --until 2026-02-01T00:00:00Z
ids 'w2 w1' '--since and --until' --since 2026-02-02 --until 2026-02-03
ids '' '--since a duration ago' --since 1s
ids 'w2 w1 q3 q2' '--severity is the least' --severity 3
ids 'w2' '--id' --id w2
ids '' "--id is no SQL" --id "' or '1'='1"
ids 'f1 w2 w1' '--bbox' --bbox -120,30,-90,60
ids 'w1' '--bbox: edges are inside' --bbox -100,40,-99,40.5
ids 'q2 q1' '--bbox over the antimeridian' --bbox 170,-20,-170,-10
ids 'f1 w2 w1 q3' '--bbox without it' --bbox -170,-20,170,60
ids 'w3 w2 q3 q2 q1' '--active: neither removed nor expired' --active
ids 'w2' 'filters add up' --active --adapter nws --severity 2 --bbox -101,40,-99,42

# Round trips: what comes out goes in.
exits 0 'NDJSON' central-query --all
is "$(jq -cS . out)" "$(jq -cS . events)" 'is the events as they were archived'
unlike "$(cat out)" '": ' '... without blanks between tokens'
psql -XAtqc 'select * from events order by id' >before
central-query --all | central-archive - >/dev/null
psql -XAtqc 'select * from events order by id' >after
ok 'and goes into the archive again without a change' cmp before after

exits 0 'a table' central-query --format table --all
is "$(sed -n 1p out | tr -s ' ')" 'TIME SEV ADAPTER CATEGORY HEADLINE ID' 'has a title'
is "$(wc -l <out)" 9 '... and a line an event'
is "$(sed -n 4p out | tr -s ' ')" '2026-02-01T00:00:00Z 4 usgs_quake quake.event.great M 8.1 - Mitten im Wald q3' '... that says what'
like "$(grep w3 out)" ' - .* evil \\x1b\[31mred line 日本 +w3$' 'text from outside is harmless, unknown severity a dash'
is "$(awk '{ print index($0, substr($0, length($0) - 1)) }' <(sed -n '2,4p' out) | sort -u | wc -l)" 1 'columns are aligned'
exits 0 'a table of nothing' central-query --format table --id none
is "$(wc -l <out)" 1 '... is its title'
script -qec 'stty cols 90; central-query' /dev/null </dev/null >terminal
like "$(sed -n 1p terminal)" '^TIME' 'a terminal gets a table'
ok '... no wider than it is' test "$(tr -d '\r' <terminal | wc -L)" -le 90

# Many rows.
jq -c 'range(3000) as $i | .id = "x\($i)" | .data.id = .id' <<<"$(sed -n 1p events)" | central-archive - >/dev/null
is "$(central-query --all | wc -l)" 3008 'many rows'
is "$(central-query | wc -l)" 100 'the default limit'
is "$(central-query --format table --all | wc -l)" 3009 'a table of many pages'
is "$( (central-query --all || true) 2>err | head -n 1 | wc -l) $(wc -l <err)" '1 0' 'a reader that goes away is no news'

# Somebody waits behind a lock: SIGTERM gets out, and the answer is not taken for a whole one.
mkfifo lock
psql -XAtq <lock >locked &
locker=$!
exec 5>lock
echo 'begin; lock table events in access exclusive mode; select 1;' >&5
wait_for 20 grep -q 1 locked
central-query >out 2>err &
query=$!
waiting() { psql -XAtqc "select wait_event_type from pg_stat_activity where application_name = 'central-query'" | grep -q Lock; }
ok 'a query waits behind a lock' wait_for 20 waiting
kill -TERM "$query"
status=0
wait "$query" || status=$?
is "$status" 75 '... and ends at SIGTERM'
like "$(cat err)" 'interrupted: the answer is not complete' '... which it says'
exec 5>&-
wait "$locker"

exits 74 'a full disk' bash -c 'central-query >/dev/full'
exits 74 'a closed stdout' bash -c 'central-query >&-'
exits 69 'no server' env PGHOST="$tmp/nowhere" central-query
is "$(wc -l <err)" 1 '... in one line'
for options in --no-such-option argument '--bbox 1,2,3' '--bbox 1,2,3,4,5' '--bbox 1,50,2,40' '--bbox 200,0,201,1' '--bbox a,b,c,d' \
    '--bbox nan,0,1,1' '--severity 5' '--severity high' '--since yesterday' '--limit 0' '--format xml' '--adapter No'; do
    # shellcheck disable=SC2086
    exits 64 "$options is refused" central-query $options
done
done_testing
