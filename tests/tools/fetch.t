#!/bin/bash
# central-fetch: what its page promises, without a network.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

samples=$top/examples/feeds
exits 0 'a recorded answer' central-fetch usgs_quake --from "$samples/usgs_quake.geojson"
items=$(jq '.features | length' "$samples/usgs_quake.geojson")
is "$(wc -l <out)" $((items + 1)) 'gives a raw event for each record, and the report'
is "$(tail -n 1 out | jq -c '[.type, .centralsubject, .ok, .data.state, .data.complete, .data.items]')" \
    "[\"central.meta.poll.v1\",\"central.meta.adapter.usgs_quake.status\",true,\"new\",true,$items]" 'the report is last and complete'
is "$(head -n 1 out | jq -c '[.type, .centraladapter]')" '["central.raw.v1","usgs_quake"]' 'raw events say what they are'
is "$(jq -c 'select(.type == "central.raw.v1") | .data' out | jq -cS . | sort)" \
    "$(jq -cS '.features[]' "$samples/usgs_quake.geojson" | sort)" 'and hold the record untouched'
exits 0 'the same by the adapter'"'"'s own name' bash -c 'exec -a central-fetch-usgs_quake central-fetch --from "$0"' "$samples/usgs_quake.geojson"
is "$(tail -n 1 out | jq -r .data.adapter)" usgs_quake 'which it took from its name'

# Bytes upstream sent survive: libjq would change them.
cat >big.json <<'J'
{"features": [{"id": "a", "properties": {"mag": 1.0, "time": 1700000000000, "code": 12345678901234567890, "place": "\u00fc\/x"},
 "geometry": {"type": "Point", "coordinates": [1.50, 2, 3]}}]}
J
central-fetch usgs_quake --from big.json | central-normalize >out
like "$(head -n 1 out)" '"magnitude":1\.0,"time_ms":1700000000000,"code":12345678901234567890,"place":"\\u00fc\\/x"' \
    'numbers keep their digits, strings their escapes'

# What is no answer is a failure, never an empty feed.
failed() {
    exits "${3-69}" "$1" central-fetch usgs_quake --from "$2"
    is "$(jq -c '[.ok, .data.state, .data.complete, .data.items]' out)" '[false,"failed",false,0]' '... and nothing but a report says failed'
    is "$(wc -l <err)" 1 '... with one line on stderr'
}
echo '<html>captive portal</html>' >html
failed 'a page of HTML' html
head -c 500 "$samples/usgs_quake.geojson" >half
failed 'half an answer' half
echo '{"error": "maintenance"}' >error
failed 'an error object' error
: >nothing
failed 'an empty file' nothing
failed 'a file that is not there' no-such-file 74
printf '{"features": [{"id": "\xff"}]}' >latin
failed 'invalid UTF-8' latin
{ head -c 10000 /dev/zero | tr '\0' '['; } >deep
failed 'nesting ten thousand deep' deep

echo '{"features": []}' >empty
exits 0 'an empty collection' central-fetch usgs_quake --from empty
is "$(jq -c '[.ok, .data.state, .data.complete, .data.items]' out)" '[true,"empty",true,0]' '... is empty, and complete'
printf '\xef\xbb\xbf%s' '{"features": []}' >bom
exits 0 'a byte order mark' central-fetch usgs_quake --from bom

exits 78 'an unknown source' central-fetch no_such
exits 78 'a name that leads elsewhere' central-fetch ../../etc/passwd
exits 64 'no source' central-fetch
exits 64 'two sources' central-fetch a b
exits 64 'tries out of range' central-fetch usgs_quake --tries 0
exits 74 'a full disk' bash -c 'central-fetch usgs_quake --from "$0" >/dev/full' "$samples/usgs_quake.geojson"
exits 74 'a closed stdout' bash -c 'central-fetch usgs_quake --from "$0" >&-' "$samples/usgs_quake.geojson"
done_testing
