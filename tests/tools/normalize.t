#!/bin/bash
# central-normalize: what its page promises.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

samples=$top/examples/feeds
central-fetch usgs_quake --from "$samples/usgs_quake.geojson" >raw
lines=$(wc -l <raw)
records=$((lines - 1))

exits 0 'a recorded answer goes through' central-normalize <raw
skipped=$(tail -n 1 out | jq .data.skipped)
is "$(tail -n 1 out | jq -c '.data | [.normalized + .skipped, .rejected, .outside_region]')" "[$records,0,0]" \
    'every record is counted in the report'
ok 'something is skipped (no magnitude)' test "$skipped" -gt 0
cp out canonical

exits 0 'canonical events pass through' central-normalize <canonical
is "$(head -n -1 out | cmp - <(head -n -1 canonical) && echo same)" same '... as they are'

# Bad lines in the middle.
{
    head -n 2 raw
    echo 'not json'
    echo '{"specversion":"1.0"}'
    printf '{"a":"\xff"}\n'
    echo
    sed -n 3p raw
    printf '%s' "$(sed -n 4p raw)"
} >mixed
exits 0 'bad lines do not stop it' central-normalize <mixed
is "$(jq -r 'select(.type == "central.meta.reject.v1") | .data.line' out | tr '\n' ' ')" '3 4 5 ' 'each is a reject with its line'
is "$(jq -r 'select(.type != "central.meta.reject.v1") | .data.adapter' out | wc -l)" 4 'the others come out, the last one without newline too'
like "$(cat err)" 'central-normalize: line 3: not JSON' 'stderr says tool, line and cause'
is "$(jq -r 'select(.data.line == 3) | .data.original_text' out)" 'not json' 'the reject holds the original'

# Half a record at the end is no record.
head -c 300 raw >half
exits 0 'a line cut short' central-normalize <half
like "$(cat err)" 'line 1: the input ended inside a line: not JSON' '... says so'

# Too long.
{
    head -n 1 raw
    head -c 2000000 /dev/zero | tr '\0' x
    echo
    sed -n 2p raw
} >long
exits 0 'a line too long' central-normalize <long
is "$(jq -c 'if .type == "central.meta.reject.v1" then [.data.original_bytes, (.data.original_text | length)] else 1 end' out | tr '\n' ' ')" \
    '1 [2000000,4096] 1 ' 'is a reject with its length and beginning, and the next line follows'
exits 0 'CENTRAL_LINE_MAX allows more' env CENTRAL_LINE_MAX=8MiB central-normalize <long
like "$(cat err)" 'not JSON' '... so that the cause is another'
exits 78 'CENTRAL_LINE_MAX that is no size' env CENTRAL_LINE_MAX=lots central-normalize <raw

# The ends of the pipe.
exits 74 'a full disk' bash -c 'central-normalize <raw >/dev/full'
exits 74 'a closed stdout' bash -c 'central-normalize <raw >&-'
exits 74 'stdin that is a folder' bash -c 'central-normalize <.'
exits 74 'stdin that is closed' bash -c 'central-normalize <&-'
for ((i = 0; i < 20; i++)); do head -n -1 raw; done >many
bash -c 'central-normalize 2>pipe.err; echo $? >pipe.status' <many | head -n 1 >/dev/null
is "$(cat pipe.status)$(cat pipe.err)" 74 'a reader that went away ends it quietly with 74'
exits 64 'an argument' central-normalize raw

exits 78 'an adapter that does not exist' central-normalize <<<"$(head -n 1 raw | sed 's/"centraladapter":"usgs_quake"/"centraladapter":"no_such"/')"
like "$(cat err)" "no adapter 'no_such'" '... says so'
echo 'def about: {name: "broken"}; def event: no_such_function;' >broken.jq
exits 78 'an adapter that does not compile' central-normalize -f broken.jq <raw
like "$(cat err)" 'no_such_function/0 is not defined' '... says why'

# A form: what stands in it for every record, and what `event` lays over it.
cat >form.jq <<'J'
def about: {name: "form", title: "t", every: 60, kind: "window", settings: {}};
def requests: {};
def uses: .p.size, .p.word;
def uses_numbers: .p.text;
def form: {
  id: keep(.id), category: "a.b", severity: 1, time: keep(.p.time), expires: keep(.p.until),
  geo: {point: keep(.at), regions: ["US-ID"]},
  data: {first: 1, size: null, x: keep(.at[0]), last: keep(.at[-1]), deep: {kept: keep(.p.list)}, gone: keep(.p.gone), all: keep(.p; {new: keep(.id)})}
};
def event: if .p.word == "kept" then {data: {size: .p.size, text: .p.text}}
  elif .p.word == "else" then {id: [1, "x"], category: "c", severity: 3, expires: null, geo: {regions: []}, data: {first: [], other: keep(.at)}}
  elif .p.word == "number" then {data: 3} else {id: null} end;
J
form() { jq -nc --argjson p "$1" '{specversion: "1.0", id: "r", source: "s", type: "central.raw.v1", time: "2026-05-17T20:08:00+00:00", datacontenttype: "application/json",
    centraladapter: "form", data: {id: "i", at: [10, 20.5, 3], p: $p}}' | sed 's/20\.5/20.50/' | central-normalize -f form.jq 2>/dev/null; }
form '{"word": "kept", "size": 2, "text": "5", "time": 1779048480000, "until": "2026-05-18T00:00:00Z", "list": [1, {}]}' >out
is "$(jq -c '[.id, .centralcategory, .centralseverity, .data.time, .data.expires, .data.geo.centroid, .data.geo.primary_region]' out)" \
    '["i","a.b",1,"2026-05-17T20:08:00Z","2026-05-18T00:00:00Z",[10,20.5],"US-ID"]' 'a form holds for every record'
like "$(cat out)" '"data":\{"first":1,"size":2,"x":10,"last":3,"deep":\{"kept":\[1,\{\}\]\},"gone":null,"all":\{"word":"kept","size":2,"text":"5".*,"new":"i"\},"text":5\}\}\}$' \
    '... with what event says in its place, and behind'
form '{"word": "else", "time": 0}' >out
is "$(jq -c '[.id, .centralcategory, .centralseverity, .data.expires, .data.geo.centroid, .data.geo.regions, .data.data.first]' out)" \
    '["1:x","c",3,null,[10,20.5],[],[]]' '... member by member'
like "$(cat out)" '"other":\[10,20.50,3\]' '... and keep in what event says'
is "$(form '{"word": "number", "time": 0}' | jq -r .data.reason)" 'data: not an object' 'data that is none is refused'
is "$(form '{"word": "", "time": 0}' | jq -r .data.reason)" 'id: missing' 'null in its place counts'
is "$(form '{"word": "kept"}' | jq -r .data.reason)" 'time: missing' 'what is kept and is not there is null'
sed -i 's/^  data: {first.*/  data: keep(.p; {size: null}; {time: "when"}) | texts(["word", "none"])/' form.jq
is "$(form '{"word": "kept", "size": 2, "text": "x", "time": 5, "new": 6}' | jq -c .data.data)" \
    '{"word":"kept","when":5,"new":6,"none":"","size":2,"text":null}' 'a form that keeps an object with changes, and a member that it does not know'
sed -i 's/, text: .p.text//' form.jq
is "$(form '{"word": "kept", "size": 2, "text": "x", "time": 5, "new": 6}' | jq -c .data.data)" \
    '{"word":"kept","text":"x","when":5,"new":6,"none":"","size":2}' '... and one with those it knows'
sed -i 's/data: keep(.p;/data: keep(.at;/' form.jq
is "$(form '{"word": "kept", "time": 5}' | jq -r .data.reason)" 'data: keep with changes: what stands there is not an object' '... which must be an object'
sed -i '/^def uses\|^def form/,$d' form.jq
cat >>form.jq <<'J'
def uses_filled: .p.a, .p.b, .p.c, .p.d;
def form: {id: keep(.id), category: "a.b"};
def event: {time: .p.d, data: .p};
J
is "$(form '{"a": "", "b": {}, "c": [], "d": ["2026-05-17", "2008"], "e": ""}' | jq -c '[.time, .data.data]')" \
    '["2026-05-17T20:08:00+00:00",{"a":null,"b":null,"c":null,"d":["2026-05-17","2008"],"e":""}]' 'uses_filled, and a time of a date and four digits'
is "$(form '{"d": ["2026-05-17", "35"]}' | jq -c .data.reason)" '"time: \"2026-05-17T35:Z\" is no time"' '... of no fewer'
sed -i 's/^def form: {/def form: 3, {/' form.jq
exits 78 'a form that is no object' central-normalize -f form.jq <raw
like "$(cat err)" 'form.jq: form: not an object' '... says so'

# An idle pipe has no latency: the first event is out while the input stays open.
mkfifo in
central-normalize <in >slow &
normalize=$!
exec 9>in
head -n 1 raw >&9
ok 'a line comes out while input is open' wait_for 10 test -s slow
head -c 200 <(sed -n 2p raw) >&9
kill -TERM $normalize
status=0
wait $normalize || status=$?
exec 9>&-
is "$status" 75 'SIGTERM in mid-line: leaves, and not as if that were all'
is "$(wc -l <slow)" 1 '... whole lines written, nothing half'

# Region.
mkdir -p etc/sources
echo '{"region": {"north": 49.5, "south": 31, "east": -102, "west": -124.5}}' >etc/sources/usgs_quake.json
exits 0 'a region' central-normalize <raw
inside=$(jq -s '[.[] | select(.data.geo) | .data.geo.centroid | select(.[0] >= -124.5 and .[0] <= -102 and .[1] >= 31 and .[1] <= 49.5)] | length' canonical)
is "$(tail -n 1 out | jq -c '.data | [.normalized, .outside_region]')" "[$inside,$((records - skipped - inside))]" 'keeps what is in it and counts the rest'
# GEOS is loaded for what needs it, also behind what normalize has given up.
loads() { LD_DEBUG=files "$@" 2>&1 >/dev/null | grep -c 'calling init: .*/libgeos_c' || true; }
is "$(loads central-normalize <raw)" 0 'for points in a box no GEOS is loaded'
echo '{"region": [{"north": 49.5, "south": 31, "east": -102, "west": -124.5}, {"north": 60, "south": 50, "east": 0, "west": -10}]}' >etc/sources/usgs_quake.json
is "$(loads central-normalize <raw)" 1 '... for points in two boxes it is'
central-fetch nws --from "$samples/nws.geojson" >alerts
is "$(loads central-normalize <alerts)" 1 '... and for polygons'
is "$(tail -n 1 alerts | loads central-normalize)" 0 '... but not for a report'
like "$(central-normalize <alerts | jq -c '.data.geo.geometry.type // empty' | sort -u | tr '\n' ' ')" 'Polygon' '... which are understood'
echo '{"region": {"north": 10, "south": 31, "east": -102, "west": -124.5}}' >etc/sources/usgs_quake.json
exits 78 'a region upside down' central-normalize <raw
echo '{"region": ' >etc/sources/usgs_quake.json
exits 78 'settings that are no JSON' central-normalize <raw
like "$(cat err)" 'etc/sources/usgs_quake.json: not JSON' '... name the file'
done_testing
