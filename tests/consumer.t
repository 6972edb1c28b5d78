#!/bin/bash
# A consumer written for the Python system works unchanged: consumer/consumer.c reads all streams that the sample feeds fill.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

consumer=$(dirname "$(type -P central-fetch)")/../tests/consumer
[[ -x $consumer ]] || skip_all 'no consumer (make tests)'
start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null
export CENTRAL_CONFIG=$tmp/etc
feed=$top/examples/feeds

# --- status, as plain JSON

"$consumer" "$NATS_URL" status >heard 2>listening &
listener=$!
wait_for 10 grep -q listening listening
exits 0 'a poll' central-source --from "$feed/usgs_quake.geojson" usgs_quake
ok 'its status is read' wait "$listener"
like "$(cat heard)" $'^central.meta.adapter.usgs_quake.status\ttrue\t20[0-9T:.+-]*\\+00:00\t-$' '... ok and ts'
"$consumer" "$NATS_URL" status >heard 2>listening &
listener=$!
wait_for 10 grep -q listening listening
printf '{"type": "none"}\n' >broken.json
exits 69 'a poll that fails' central-source -n --from broken.json eonet
ok 'its status is read' wait "$listener"
like "$(cat heard)" $'^central.meta.adapter.eonet.status\tfalse\t20[0-9T:.+-]*\t.*no ' '... with the error'

# --- events

for f in eonet.json gdacs.xml inciweb.xml nws.geojson nwis.json swpc_alerts.json swpc_kindex.json swpc_protons.json \
    wfigs_incidents.geojson wfigs_perimeters.geojson; do
    central-source -n -q --from "$feed/$f" "${f%%.*}" 2>/dev/null || true
done
# Revisions and removals, too.
for f in usgs_quake-later.geojson nws-later.geojson eonet-later.json eonet-later.json gdacs-later.xml gdacs-later.xml; do
    name=${f%%-*}
    central-source -n -q --from "$feed/$f" "$name" 2>/dev/null || true
done
total=0
for stream in WX FIRE QUAKE SPACE DISASTER HYDRO; do
    exits 0 "CENTRAL_$stream is read" "$consumer" "$NATS_URL" "central.${stream,,}.>" dashboard
    cat out >>events
    total=$((total + $(wc -l <out)))
    is "$(wc -l <out)" "$(central-streams list --json "CENTRAL_$stream" | jq .messages)" '... all of it'
    exits 0 "... and goes on where it was" "$consumer" "$NATS_URL" "central.${stream,,}.>" dashboard
    is "$(cat out)" '' '... for it is durable'
done
diag "$total events of $(cut -f 7 events | sort -u | wc -l) adapters"
# wrong FIELD REGEX: those of which the field is not so.
wrong() { awk -F '\t' -v f="$1" -v r="$2" '$f !~ r' events | head -n 3; }
is "$(wrong 1 '^central[.](wx|fire|quake|space|disaster|hydro)([.][a-z0-9_-]+)+$')" '' 'subjects'
is "$(wrong 4 '^20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.][0-9][0-9][0-9][0-9][0-9][0-9])?[+]00:00$')" '' 'times'
is "$(awk -F '\t' '$5 != "central." $6 ".v1"' events)" '' 'type is of the category'
is "$(awk -F '\t' '{ n = length($3 ":" $6 ":"); if (substr($2, 1, n) != $3 ":" $6 ":" || substr($2, n + 1) !~ /^[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]$/) print }' events)" '' \
    'Nats-Msg-Id is of id, category and a hash'
is "$(cut -f 2 events | sort | uniq -d)" '' 'no message twice'
# keys ADAPTER NAME...: what the payloads of an adapter have, removals apart.
keys() {
    local name=$1 key
    shift
    for key in "$@"; do
        is "$(awk -F '\t' -v a="$name" -v k="$key" '$7 == a && $6 !~ /[.]removed$/ && "," $8 "," !~ "," k "," && "," $9 "," !~ "," k ","' events | head -n 1)" \
            '' "$name has $key"
    done
}
keys usgs_quake magnitude place time_ms updated_ms tz url detail alert status tsunami sig net code ids magType type title longitude latitude depth
keys wfigs_incidents IrwinID IncidentName IncidentTypeCategory IncidentTypeCategory_raw DailyAcres PercentContained FireDiscoveryDateTime \
    ModifiedOnDateTime POOState POOState_raw POOCounty latitude longitude raw
keys wfigs_perimeters IrwinID IncidentName DailyAcres GISAcres PercentContained geometry raw
keys inciweb title description description_html url guid raw
keys swpc_alerts product_id issue_datetime message
keys swpc_kindex time_tag Kp a_running station_count
keys swpc_protons time_tag satellite flux energy
keys gdacs guid eventtype eventid country iso3 alertlevel alertscore title description url datemodified iscurrent latitude longitude
keys eonet event_id category_id title description url closed sources magnitudeValue magnitudeUnit latest_geometry_date latitude longitude
keys nwis monitoring_location_id parameter_code time value unit_of_measure statistic_id approval_status qualifier last_modified
keys nws event headline severity sent

# --- heartbeat

central-archive 2>archiver.err &
archiver=$!
beats() { central-subscribe --raw --all central.meta.heartbeat >beat 2>/dev/null; [[ -s beat ]]; }
ok 'a heartbeat' wait_for 60 beats
kill "$archiver"
is "$(head -n 1 beat | jq -c keys)" '["ts","uptime_s"]' '... is plain JSON'

done_testing
