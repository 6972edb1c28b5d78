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
like "$(cat err)" 'no archive in it, or an older one: central-archive --migrate' '... says what to do'
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
then=$(psql -XAtqc "select to_char(max(received) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from events")
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
ids "$everything" '--received-since' --received-since 1h
ids "$everything" '... takes the moment itself, --received-until does not' --received-since 1h --received-until now
ids '' '--received-until' --received-until "$(psql -XAtqc "select to_char(min(received) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from events")"
is "$(central-query --received-since "$then" | wc -l)" "$(psql -XAtqc "select count(*) from events where received = (select max(received) from events)")" '... the last of them'
triangle='{"type":"Polygon","coordinates":[[[-101,39],[-99,39],[-101,42],[-101,39]]]}'
ids 'w1' '--within: a triangle' --within "$triangle"
printf '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":%s},
    {"type":"Feature","properties":null,"geometry":{"type":"Polygon","coordinates":[[[9,49],[11,49],[11,51],[9,51],[9,49]]]}}]}' "$triangle" >areas
ids 'w1 q3' '... a file, the union of what is in it' --within areas
ids 'w1' '... its edge is inside' --within '{"type":"Polygon","coordinates":[[[-100,40],[-99,40],[-99,41],[-100,40]]]}'
ids 'w2 w1' '... a line' --within '{"type":"LineString","coordinates":[[-100,39],[-100,42]]}'
ids '' '... a place where nothing is' --within '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}'
ids 'q3' '--text: any part, any case' --text 'MITTEN im'
ids 'w3' '... beyond ASCII' --text '日本'
ids 'w3' '... with what JSON escapes' --text $'red\nline'
ids '' '... no name of a member' --text title
ids '' '... and no pattern' --text 'M%Wald'
ids '' '... no regular expression' --text 'M.*Wald'
ids 'f1 w2 w1 q2 q1' '--text takes what else there is' --text 'NOTHING TO TELL' --until 2026-02-05T00:00:01Z
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

# The other formats.
exits 0 'GeoJSON' central-query --format geojson
is "$(jq -r '.type, .features[].id' out | tr '\n' ' ')" "FeatureCollection $everything " 'is one FeatureCollection'
is "$(jq -c '.features[] | select(.id == "w2") | [.type, .geometry, .properties.severity, .properties.category, .properties.revision,
    .properties.removed, .properties.headline, .properties.data.title]' out)" \
    '["Feature",{"type":"Point","coordinates":[-100,41]},4,"wx.alert.tornado_warning",1,null,"Nothing to tell","Nothing to tell"]' \
    '... with geometry and properties'
is "$(jq -c '.features[] | select(.id == "w3") | .geometry' out)" null '... no place is null'
is "$(jq -r '.features[] | select(.id == "f1") | .properties.removed' out)" 2026-02-06T00:00:00Z '... removed when'
exits 0 'GeoJSON of nothing' central-query --format geojson --id none
is "$(jq -c . out)" '{"type":"FeatureCollection","features":[]}' 'is an empty collection'
exits 0 'a sequence' central-query --format geojson-seq
is "$(tr -d '\n' <out | tr '\036' '\n' | sed 1d | jq -r .id | tr '\n' ' ')" "$everything " 'is GeoJSON behind RS'
is "$(grep -c $'^\x1e{.*}$' out)" 8 '... and before LF'
exits 0 'CSV' central-query --format csv
is "$(sed -n 1p out)" $'time,expires,severity,adapter,category,id,revision,received,removed,superseded,longitude,latitude,regions,headline,subject\r' \
    'has a header'
is "$(grep -c $'\r$' out)" 9 '... a line an event, ended as RFC 4180 says'
is "$(grep q3 out | cut -d, -f1-7,9-12,14- | tr -d '\r')" \
    '2026-02-01T00:00:00Z,,4,usgs_quake,quake.event.great,q3,1,,,10,50,M 8.1 - Mitten im Wald,central.quake.event.great' '... of these columns'
jq -c '.id = "c1" | .data.id = .id | .data.category = "csv.test" | .centralcategory = "csv.test" | .type = "central.csv.test.v1"
    | .data.data.title = "a, \"b\"\nc"' <<<"$(sed -n 1p events)" | central-archive - >/dev/null
like "$(central-query --format csv --id c1)" $',"a, ""b""\nc",central.quake.event.minor\r' '... and quotes what must be quoted'
psql -XAtqc "delete from events where id = 'c1'"
exits 0 'CSV of nothing' central-query --format csv --id none
is "$(wc -l <out)" 1 '... is its header'

# Counts.
is "$(central-query --count)" '{"count":8}' '--count'
is "$(central-query --count --format table)" 8 '... for a person'
is "$(central-query --count --by adapter)" '{"adapter":"nws","count":3}
{"adapter":"usgs_quake","count":3}
{"adapter":"wfigs_incidents","count":2}' '--by adapter'
is "$(central-query --count --by severity --adapter nws)" '{"severity":null,"count":1}
{"severity":3,"count":1}
{"severity":4,"count":1}' '--by severity, which may be unknown'
is "$(central-query --count --by day --until 2026-02-03 --format csv | tr -d '\r')" 'day,count
2026-01-01,1
2026-01-02,1
2026-02-01,1
2026-02-02,2' '--by day, as CSV'
is "$(central-query --count --by category --category wx --format table)" '       COUNT CATEGORY
           1 wx.alert.flood_warning
           1 wx.alert.heat_advisory
           1 wx.alert.tornado_warning' '--by category, as a table'
is "$(central-query --count --by severity --adapter nws --format csv | sed -n 2p)" $',1\r' 'unknown is an empty cell'
is "$(central-query --count --by adapter --id none --format csv)" $'adapter,count\r' 'counts of nothing are a header'
is "$(central-query --count --by adapter --id none)" '' '... or nothing'

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

# Page after page, three thousand events of one time among them.
place='"\(.time)/\(.data.adapter)/\(.centralrevision // 1)/\(.data.id)"'
after=()
: >pages
while central-query --limit 177 "${after[@]}" >page && [[ -s page ]]; do
    cat page >>pages
    after=(--after "$(tail -n 1 page | jq -r "$place")")
done
central-query --limit 100000 >whole
ok 'pages are the whole, once and in order' cmp pages whole
is "$(sort pages | uniq | wc -l)" 3008 '... nothing twice'
is "$(central-query --after '2026-02-02T00:00:00Z/nws/1/w1' | head -n 1 | jq -r .data.id)" q3 '--after as one would type it'

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
    '--bbox nan,0,1,1' --by\ adapter '--count --by moon' '--count --limit 3' '--count --all' '--count --format geojson' '--active --history' \
    '--after x' '--after 2026-01-01/nws/1/' '--after 2026-01-01/nws/0/x' '--after 2026-01-01/NWS/1/x' '--all --after 2026-01-01/nws/1/x' \
    '--within {}' '--text=' '--received-since x' '--severity 5' '--severity high' '--since yesterday' '--limit 0' '--format xml' '--adapter No'; do
    # shellcheck disable=SC2086
    exits 64 "$options is refused" central-query $options
done
exits 64 'text that is no UTF-8' central-query --text $'\xff'
exits 78 'an area in no file' central-query --within nowhere.geojson
# A row that somebody wrote by hand, deeper than events go.
psql -Xqc "update events set payload = (repeat('[', 5000) || repeat(']', 5000))::jsonb where id = (select min(id) from events)"
exits 65 'a payload that is no event' central-query --all
like "$(cat err)" 'a payload that is no event: ' '... is told, and does not end as if all were there'
exits 64 'an area of nothing' central-query --within '{"type": "Polygon", "coordinates": []}'
like "$(cat err)" 'within: ' '... is told'
done_testing
