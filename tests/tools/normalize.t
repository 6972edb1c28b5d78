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
is "$status" 0 'SIGTERM in mid-line: leaves with 0'
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
