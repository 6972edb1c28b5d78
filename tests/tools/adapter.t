#!/bin/bash
# central-adapter: what its page promises. Golden cases are in tests/adapters.t.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

exits 64 'no command' central-adapter
exits 64 'an unknown command' central-adapter remove
exits 64 'show without a name' central-adapter show
exits 0 'list' central-adapter list
is "$(tail -n +2 out | awk '{ print $1 }' | tr '\n' ' ')" \
    'eonet firms gdacs inciweb nwis nws swpc_alerts swpc_kindex swpc_protons usgs_quake wfigs_incidents wfigs_perimeters wzdx ' 'names every source'
is "$(central-adapter list --json | jq -c 'select(.name == "firms") | [.kind, .every, .enabled, .credential, .last_poll, .state]')" \
    '["window",300,false,"missing",null,"never"]' '... and says how it stands'
exits 0 'show' central-adapter show usgs_quake
like "$(cat out)" 'feed +"all_hour"' '... the settings in force'
exits 78 'show of an unknown source' central-adapter show nowhere

# set: the whole is checked, a wrong value changes nothing.
exits 0 'set' central-adapter set usgs_quake feed=all_day every=120
is "$(jq -c . etc/sources/usgs_quake.json)" '{"feed":"all_day","every":120}' '... writes the file'
wrong() {
    local before
    before=$(cat etc/sources/usgs_quake.json)
    exits "${3-78}" "set $1" central-adapter set usgs_quake "$1"
    like "$(cat err)" "$2" '... says why'
    is "$(cat etc/sources/usgs_quake.json)" "$before" '... and changes nothing'
}
wrong feed=all_year 'feed: "all_year": not one of'
wrong feed=7 'feed: '
wrong every=9 'every: 9: not seconds or a duration of at least 10s'
wrong enabled=perhaps 'enabled: "perhaps": neither true nor false'
wrong color=red 'color: no such setting'
wrong contact_email=nobody 'contact_email: "nobody": not an e-mail address'
wrong 'region={"north":1,"south":2,"east":2,"west":1}' 'north must be above south'
wrong 'region={"north":2,"south":1,"east":1,"west":2}' 'east must be right of west'
wrong feed "'feed' is not key=value" 64
exits 0 'a region of boxes and states' central-adapter set usgs_quake 'region=[{"north":49.5,"south":31,"east":-102,"west":-124.5},{"states":["ID"]}]' every=5m
exits 0 'a setting taken out' central-adapter set usgs_quake feed= every=
is "$(jq -c 'keys' etc/sources/usgs_quake.json)" '["region"]' '... is gone'
exits 0 'a list' central-adapter set firms satellites=VIIRS_SNPP_NRT,VIIRS_NOAA21_NRT
is "$(jq -c .satellites etc/sources/firms.json)" '["VIIRS_SNPP_NRT","VIIRS_NOAA21_NRT"]' '... may be written with commas'
exits 78 'a list with something else in it' central-adapter set firms satellites=LANDSAT
echo '{"feed": ' >etc/sources/nws.json
exits 78 'a file that is broken' central-adapter set nws every=60
like "$(cat err)" 'sources/nws.json: not JSON' '... is named'
rm etc/sources/nws.json

# enable, disable.
exits 78 'a source without its credential' central-adapter enable firms
like "$(cat err)" 'credential is missing' '... cannot be enabled'
exits 78 '... nor one without a setting it needs' env CENTRAL_KEY_FIRMS=k central-adapter enable firms
like "$(cat err)" 'region: needed' '... which is named'
exits 0 'enable' central-adapter enable usgs_quake nws
is "$(central-adapter list --json | jq -r 'select(.enabled) | .name' | tr '\n' ' ')" 'nws usgs_quake ' '... shows in the list'
like "$(cat out)" 'central-source usgs_quake' '... and what cron is to run'
exits 64 'set without a setting' central-adapter set nws
like "$(cat err)" 'which settings' '... asks for one'
exits 0 'disable' central-adapter disable nws
is "$(central-adapter list --json | jq -r 'select(.enabled) | .name')" usgs_quake '... too'

# status: is the feed alive?
exits 0 '... the other as well' central-adapter disable usgs_quake
exits 2 'status with none enabled' central-adapter status
like "$(cat err)" 'no source is enabled' '... is no good news'
central-adapter enable usgs_quake >/dev/null
exits 2 'never polled' central-adapter status
is "$(cat out)" 'UNKNOWN usgs_quake: never polled' '... is unknown'
mkdir -p state
poll_file() { printf '{"last":"%s","last_complete":"%s","not_before":"%s","state":"%s","items":4%s}\n' "$1" "$2" "$1" "$3" "${4-}" >state/usgs_quake.poll; }
mkdir state/usgs_quake.poll
exits 2 'a poll that cannot be read of' central-adapter status
like "$(cat out)" '^UNKNOWN usgs_quake: its last poll is not known: .*/usgs_quake\.poll: ' '... is not taken for none'
is "$(central-adapter list --json | jq -r 'select(.name == "usgs_quake") | .state')" unknown '... in the list, too'
rmdir state/usgs_quake.poll
now=$(date -u +%Y-%m-%dT%H:%M:%SZ) old=$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%SZ)
poll_file "$now" "$now" new
exits 0 'a fresh one' central-adapter status
like "$(cat out)" '^OK usgs_quake: new, 4 items' '... is OK'
poll_file "$now" "$now" failed ',"error":"HTTP status 500\u001b[31m"'
exits 1 'a failing one' central-adapter status usgs_quake
is "$(cat out)" 'FAILING usgs_quake: failed: HTTP status 500\x1b[31m' '... says why, harmlessly'
poll_file "$now" "$old" failed ',"error":"away"'
exits 1 'a stale one' central-adapter status
like "$(cat out)" '^STALE usgs_quake: last complete poll 60m ago: away' '... says since when'
exits 0 'with a limit that allows it' bash -c 'sed -i s/,.error.:.away.//\;s/failed/new/ state/usgs_quake.poll && central-adapter status --max-age 2h'
exits 1 'with one that does not' central-adapter status --max-age 15m
exits 64 'a limit that is none' central-adapter status --max-age soon

# preview: nothing is published, committed or remembered.
exits 0 'preview' central-adapter preview nws --from "$top/examples/feeds/nws.geojson"
is "$(wc -l <out)" 22 '... a line an event'
like "$(cat err)" 'rejected: no sent time' '... rejects are told'
like "$(cat err)" '23 items: 22 events, 0 skipped, 0 outside the region, 1 rejected' '... and counted'
is "$(find state -name 'nws*')" '' '... and nothing is kept'
is "$(central-adapter preview nws --json --from "$top/examples/feeds/nws.geojson" 2>/dev/null | jq -r .data.adapter | sort -u)" nws '... as JSON: the events'
exits 69 'preview of an answer that is none' central-adapter preview nws --from "$top/examples/feeds/firms-error.txt"
exits 74 'a full disk' bash -c 'central-adapter list >/dev/full'

# A source of one's own: one file, and nothing else is changed.
mkdir -p etc/adapters
cp "$top/examples/adapters/tsunami.jq" etc/adapters
exits 0 'a new source' central-adapter show tsunami
exits 0 '... is fetched' central-fetch tsunami --from "$top/examples/adapters/tsunami.cases/bulletins/answer.xml"
is "$(central-normalize <out 2>/dev/null | jq -r 'select(.data.adapter == "tsunami" and .centralcategory) | .centralsubject' | tr '\n' ' ')" \
    'central.disaster.tsunami.information central.disaster.tsunami.warning ' '... and normalized'
exits 0 '... and enabled' central-adapter enable tsunami
done_testing
