#!/bin/bash
# Every recorded answer goes through its adapter: how many records came in and went out, were skipped, rejected.
set -euo pipefail
. "$(dirname "$0")/tap.sh"
need_feeds usgs_quake nws

mkdir -p etc/sources
jq -c '.["latest-continuous"]' "$FEEDS/nwis/ogc-fixtures.json" >nwis.json
echo '{"parameters": ["00060"]}' >etc/sources/nwis.json
echo '{"satellites": ["VIIRS_SNPP_NRT"]}' >etc/sources/firms.json
echo '[{"state":"colorado","feedname":"cdot","url":{"url":"https://wzdx.example.org/co"},"format":"geojson","active":true,"needapikey":false,"version":"4.2"}]' >registry.json

# through NAME STATE ITEMS EVENTS SKIPPED REJECTED FILE...
through() {
    local name=$1 want=$2 file
    local from=()
    shift 2
    want=$(printf '%s ' "$want" "$1" "$2" "$3" "$4")
    shift 4
    for file in "$@"; do
        case $file in
        *) [[ -e $file ]] || file=$FEEDS/$file ;;
        esac
        from+=(--from "$file")
    done
    central-fetch "$name" "${from[@]}" 2>/dev/null >raw || true
    central-normalize <raw 2>/dev/null >events
    is "$(tail -n 1 events | jq -r '.data | [.state, .items, .normalized, .skipped, .rejected] | map(tostring) | join(" ")') " \
        "$want" "$name: ${*##*/}"
    # What went in came out somewhere: nothing is dropped in silence.
    is "$(jq -c 'select(.type == "central.raw.v1")' raw | wc -l)" "$(tail -n 1 events | jq '.data | .normalized + .skipped + .rejected + .outside_region')" \
        '... every record is accounted for'
}

through usgs_quake new 4 4 0 0 usgs_quake/2026-all_hour.geojson
through usgs_quake new 191 191 0 0 usgs_quake/2026-all_day.geojson
through usgs_quake new 52 52 0 0 usgs_quake/2026-2.5_day.geojson
through usgs_quake new 146 146 0 0 usgs_quake/2014-all_day.geojson
through usgs_quake new 1513 1513 0 0 usgs_quake/2014-all_week.geojson
through nws new 529 529 0 0 nws/active-northwest.geojson
through nws empty 0 0 0 0 nws/empty.geojson
through firms new 29863 29863 0 0 firms/2020-viirs_snpp-brazil.csv
through firms new 77 77 0 0 firms/2022-06-29-viirs_snpp.csv
through wfigs_incidents new 14 14 0 0 wfigs_incidents/2026-07-30-florida.geojson
through wfigs_incidents failed 0 0 0 0 wfigs_incidents/error-with-status-200.json
through wfigs_perimeters new 9 9 0 0 wfigs_perimeters/2024-02-22.geojson
through wfigs_perimeters new 8 8 0 0 wfigs_perimeters/2024-02-23.geojson
through wfigs_perimeters new 10 10 0 0 wfigs_perimeters/2024-02-24.geojson
through wfigs_perimeters new 12 12 0 0 wfigs_perimeters/2024-02-25.geojson
through wfigs_perimeters new 13 13 0 0 wfigs_perimeters/2024-02-26.geojson
through inciweb new 69 69 0 0 inciweb/2019-rss.xml
through swpc_alerts new 180 180 0 0 swpc_alerts/2025-04-11.json
through swpc_alerts new 200 200 0 0 swpc_alerts/2025-04-17.json
through swpc_kindex new 58 58 0 0 swpc_kindex/2026-08-01-objects.json
through swpc_kindex new 62 62 0 0 swpc_kindex/2026-02-02-arrays.json
through swpc_protons new 568 568 0 0 swpc_protons/2026-08-20-6-hour.json
through gdacs new 16 14 2 0 gdacs/2019-12-30-rss.xml
through gdacs new 21 13 8 0 gdacs/2019-12-30-rss-24h.xml
through eonet new 26 26 0 0 eonet/2026-07-20.json
through nwis new 2 2 0 0 nwis.json
through wzdx new 279 279 0 0 registry.json wzdx/colorado-4.2.json
through wzdx new 87 87 0 0 registry.json wzdx/colorado-2023-05-22.json
for poll in "$FEEDS"/nws/series/*.json; do
    items=$(jq '.features | length' "$poll")
    through nws new "$items" "$items" 0 0 "$poll"
done

# Numbers keep their value and strings their bytes: the payload of an alert is its properties, byte for byte.
central-fetch nws --from "$FEEDS/nws/active-northwest.geojson" | central-normalize | grep -v '"central.meta' >events
is "$(jq -cS .data.data events | sort | md5sum)" "$(jq -cS '.features[].properties' "$FEEDS/nws/active-northwest.geojson" | sort | md5sum)" \
    'nws: data is the properties as sent'
central-fetch wfigs_perimeters --from "$FEEDS/wfigs_perimeters/2024-02-26.geojson" | central-normalize | grep -v '"central.meta' >events
is "$(jq -cS '[.data.data.raw, .data.data.geometry]' events | sort | md5sum)" \
    "$(jq -cS '.features[] | [.properties, .geometry]' "$FEEDS/wfigs_perimeters/2024-02-26.geojson" | sort | md5sum)" \
    'wfigs_perimeters: raw and geometry as sent'
central-fetch usgs_quake --from "$FEEDS/usgs_quake/2014-all_week.geojson" | central-normalize | grep -v '"central.meta' >events
is "$(jq -cS '.data.data | del(.longitude, .latitude, .depth) | with_entries(.key |= ({magnitude: "mag", time_ms: "time", updated_ms: "updated"}[.] // .))' events | sort | md5sum)" \
    "$(jq -cS '.features[].properties' "$FEEDS/usgs_quake/2014-all_week.geojson" | sort | md5sum)" 'usgs_quake: nothing of the properties is lost'
done_testing
