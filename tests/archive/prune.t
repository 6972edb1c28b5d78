#!/bin/bash
# central-archive --prune, and the roles of sql/roles.sql.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

ask() { psql -XAtqc "$1"; }
# event ID TIME [REVISION [REMOVES]]
event() {
    jq -nc --arg id "$1" --arg time "$2" --argjson n "${3:-1}" --arg removes "${4:-}" '
        {specversion: "1.0", id: (if $n > 1 then "\($id)@\($n)" else $id end), source: "central", type: "central.fire.x.v1",
         time: ($time + "+00:00"), datacontenttype: "application/json", centralschemaversion: "1.0", centralcategory: "fire.x",
         centralsubject: "central.fire.x", data: ({id: $id, adapter: "fires", category: "fire.x", time: ($time + "Z"), expires: null,
         severity: null, geo: {centroid: null, bbox: null, geometry: null, regions: [], primary_region: null}, data: {n: $n}}
         + if $removes == "" then {} else {removes: $removes, removes_revision: 9} end)}
        + if $n > 1 then {centralrevision: $n} else {} end'
}
start_postgres
central-archive --migrate >/dev/null
now=$(date -u +%Y-%m-%dT%H:%M:%S)
{
    for n in 1 2 3; do event "old$n" 2024-01-1${n}T00:00:00; done
    event old1 2024-01-11T00:00:00 2
    event "old3:removed" 2024-02-01T00:00:00 1 old3
    event late 2024-01-20T00:00:00
    event young "$now"
    event young "$now" 2
} | central-archive - >/dev/null 2>&1
# All but late came long ago.
ask "update events set received = time where id <> 'late'; update events_history set received = time;
    insert into events_rejected (received, subject, reason) values ('2024-01-01', 'central.fire.x', 'old'), (now(), 'central.fire.x', 'young')"

cat >streams.conf <<'C'
CENTRAL_FIRE  central.fire.>  7d  1GiB  archive
CENTRAL_WX    central.wx.>    7d  1GiB  archive,keep=30d
C
exits 0 'a stream without keep' central-archive --prune --file streams.conf
is "$(ask 'select count(*) from events')" 6 '... loses nothing'
like "$(cat err)" 'CENTRAL_WX: 0 pruned, older than 20' '... the other is told of'
sed -i 's/archive$/archive,keep=30d/' streams.conf
exits 0 'with keep' central-archive --prune --file streams.conf
is "$(ask "select string_agg(id, ' ' order by id) from events")" 'late young' '... what is old and came long ago goes'
is "$(ask "select string_agg(id || revision, ' ') from events_history")" 'young1' '... in the history too'
is "$(ask "select (select count(*) from events_removals) || ' ' || (select count(*) from events_heads)")" '0 2' '... with what was known of it'
is "$(ask 'select reason from events_rejected')" young '... and old rejects'
native() { [[ $(ask "select central_partitioned()") == t ]]; }
if native; then
    is "$(ask "select relname from pg_class where relname = 'events_2024_02'")" '' '... and the partitions that this emptied'
    is "$(ask "select relname from pg_class where relname = 'events_2024_01'")" events_2024_01 '... but no other'
fi
exits 0 'again' central-archive --prune --file streams.conf
event old1 2024-01-11T00:00:00 3 | central-archive - >/dev/null 2>&1
is "$(ask "select revision from events where id = 'old1'")" 3 'what was pruned may come again'
exits 64 '--prune with --once' central-archive --prune --once

# Roles.
exits 0 'roles.sql' psql -Xq -v ON_ERROR_STOP=1 -f "$top/sql/roles.sql"
exits 0 '... again' psql -Xq -v ON_ERROR_STOP=1 -f "$top/sql/roles.sql"
ask 'create role archiver login; grant central_archiver to archiver; create role reader login; grant central_reader to reader'
as() { env PGUSER="$1" "${@:2}"; }
event another 2023-05-05T00:00:00 >another.nd
exits 0 'the archiver archives' as archiver central-archive - <another.nd
if native; then
    is "$(ask "select tableoid::regclass from events where id = 'another'")" events_2023_05 '... into a partition made for it'
fi
{ event another 2023-07-05T00:00:00 2; event "another:removed" "$now" 1 another; echo '{"no": "event"}'; } >more.nd
exits 0 '... revisions that move, removals and rejects' as archiver central-archive - <more.nd
is "$(ask "select removed is not null from events where id = 'another'") $(ask "select count(*) from events_rejected")" 't 2' '... all of them'
exits 77 '... and does not prune' as archiver central-archive --prune --file streams.conf
for sql in 'drop table events' 'truncate events' 'alter table events add x int' 'delete from events_rejected' 'create table mine (x int)'; do
    not_ok "the archiver cannot: $sql" as archiver psql -XAtqc "$sql"
done
exits 0 'the reader asks' as reader central-query --id another
is "$(jq -r .data.id out)" another '... and is answered'
exits 0 '... for history' as reader central-query --id another --history
exits 0 '... and counts' as reader central-query --count --by adapter
for sql in "delete from events" "update events set removed = now()" "insert into events_rejected (reason) values ('x')" \
    "select central_prune('', now())" "select central_ensure_partition('2020-01-01')"; do
    not_ok "the reader cannot: $sql" as reader psql -XAtqc "$sql"
done
exits 77 '... nor archive' as reader central-archive - <another.nd
done_testing
