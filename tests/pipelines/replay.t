#!/bin/bash
# Recorded polls replayed in order as a feed would have served them, through the whole chain into the archive; what should come
# of it is computed here, from the recordings alone.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"
need_feeds nws/series wfigs_perimeters usgs_quake
start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null

ask() { psql -XAtqc "$1"; }
poll() { central-source "$1" --from "$2" 2>>"summary.$1" || true; }
# sum COLUMN NAME: of the summary lines.
sum() { grep -o "[0-9]* $1" "summary.$2" | awk '{ n += $1 } END { print n + 0 }'; }

# The reference: walks the polls and says what should have been sent. KIND snapshot also counts misses and removals.
reference() {
    jq -n --arg kind "$1" --arg id "$2" '
        def content: if $kind == "snapshot" then . else . end;
        reduce inputs as $poll ({new: 0, revised: 0, removed: 0, standing: {}};
          ($poll.features | map({key: (if $id == "id" then .id else .properties[$id] end), value: .}) | from_entries) as $now
          | reduce ($now | to_entries[]) as $e (.;
              .standing[$e.key] as $was
              | if $was == null then .new += 1 | .standing[$e.key] = {record: $e.value, misses: 0, gone: false, revision: 1}
                elif $was.gone or $was.record != $e.value then
                  .revised += 1 | .standing[$e.key] = {record: $e.value, misses: 0, gone: false, revision: ($was.revision + 1)}
                else .standing[$e.key].misses = 0 end)
          | if $kind == "snapshot" then
              reduce (.standing | to_entries[] | select((.value.gone | not) and ($now[.key] | not)).key) as $k (.;
                .standing[$k].misses += 1
                | if .standing[$k].misses >= 2 then .standing[$k].gone = true | .removed += 1 else . end)
            else . end)
        | {new, revised, removed, ids: (.standing | length), revisions: (.standing | map_values(.revision))}' "${@:3}" >reference
}

# nws: twenty polls a quarter of an hour apart, ids that vanish and return; then the first once more, so that all of it returns.
series=("$FEEDS"/nws/series/*.json "$FEEDS/nws/series/2026-08-14T180533.json")
for file in "${series[@]}"; do poll nws "$file"; done
reference window id "${series[@]}"
is "$(sum new nws) $(sum revised nws) $(sum removed nws)" "$(jq -r '"\(.new) \(.revised) \(.removed)"' reference)" \
    'nws/series: new, revised and removed as the reference says'
central-archive --once 2>/dev/null
is "$(ask "select count(*), count(distinct id), sum(revision) from events where adapter = 'nws'")" \
    "$(jq -r '"\(.ids)|\(.ids)|\(.revisions | add)"' reference)" '... each alert stands once in the archive, at its last revision'
is "$(ask "select md5(string_agg(id || revision, ',' order by id collate \"C\")) from events where adapter = 'nws'")" \
    "$(jq -j '.revisions | to_entries | sort_by(.key) | map("\(.key)\(.value)") | join(",")' reference | md5sum | cut -d' ' -f1)" '... of each id'

# wfigs_perimeters day by day, the last day twice more, then the first again: what was removed comes back.
days=("$FEEDS"/wfigs_perimeters/*.geojson)
days+=("${days[4]}" "${days[4]}" "${days[0]}" "${days[0]}")
for file in "${days[@]}"; do poll wfigs_perimeters "$file"; done
jq -c '.features |= map(.properties.key = (.properties.attr_IrwinID // .properties.poly_IRWINID))' "${days[@]}" >keyed
# The record without the key is what the adapter sees; the reference compares records with it, which changes nothing.
reference snapshot key keyed
is "$(sum new wfigs_perimeters) $(sum revised wfigs_perimeters) $(sum removed wfigs_perimeters)" \
    "$(jq -r '"\(.new) \(.revised) \(.removed)"' reference)" 'wfigs_perimeters: new, revised and removed as the reference says'
ok '... and there were removals' test "$(jq .removed reference)" -gt 0
central-archive --once 2>/dev/null
is "$(ask "select count(*), sum(revision) from events where adapter = 'wfigs_perimeters' and removes is null")" \
    "$(jq -r '"\(.ids)|\(.revisions | add)"' reference)" '... each fire stands once, at its last revision'
is "$(ask "select count(*) from events where adapter = 'wfigs_perimeters' and removes is not null")" "$(jq .removed reference)" \
    '... every removal is an event of its own'
is "$(ask "select count(*) from events e where removes is not null and not exists (select 1 from events t where t.adapter = e.adapter and t.id = e.removes)")" 0 \
    '... of a fire that there was'

# The earthquakes of a day, then of the week around it a day later: 142 shared, 50 of them revised.
poll usgs_quake "$FEEDS/usgs_quake/2014-all_day.geojson"
poll usgs_quake "$FEEDS/usgs_quake/2014-all_week.geojson"
reference window id "$FEEDS/usgs_quake/2014-all_day.geojson" "$FEEDS/usgs_quake/2014-all_week.geojson"
is "$(sum new usgs_quake) $(sum revised usgs_quake)" "$(jq -r '"\(.new) \(.revised)"' reference)" 'usgs_quake: as the reference says'
is "$(sum revised usgs_quake)" 50 '... fifty revised'
central-archive --once 2>/dev/null
is "$(ask "select count(*), count(*) filter (where revision = 2) from events where adapter = 'usgs_quake'")" '1517|50' '... in the archive too'
is "$(ask "select count(*) from events_history where adapter = 'usgs_quake'")" 50 '... and what they replaced is in the history'

# What stands in the archive is what upstream said last.
is "$(ask "select payload->'data'->'data' from events where adapter = 'usgs_quake'" | jq -cS 'del(.longitude, .latitude, .depth) | with_entries(.key |= ({magnitude: "mag", time_ms: "time", updated_ms: "updated"}[.] // .))' | sort | md5sum)" \
    "$(jq -s '(.[0].features + .[1].features) | map({key: .id, value: .properties}) | from_entries | .[]' "$FEEDS/usgs_quake/2014-all_day.geojson" "$FEEDS/usgs_quake/2014-all_week.geojson" | jq -cS . | sort | md5sum)" \
    'the payloads are the last that upstream sent'
done_testing
