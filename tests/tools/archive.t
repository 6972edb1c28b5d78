#!/bin/bash
# central-archive: what its page promises.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

start_postgres

ask() { psql -XAtqc "$1"; }
rows() { ask 'select count(*) from events'; }
has_rows() { [[ $(rows) == "$1" ]]; }

# quakes PREFIX COUNT: canonical events, a minute apart, ids PREFIX0 ...
quakes() {
    jq -nc --arg prefix "$1" --argjson count "$2" 'range($count) | ($prefix + tostring) as $id |
        (1767225600 + . * 60 | todate) as $time | (. * 37 % 360 - 180) as $lon | (. * 17 % 180 - 90) as $lat | {
        specversion: "1.0", id: $id, source: "central", type: "central.quake.event.minor.v1", time: ($time | sub("Z"; "+00:00")),
        datacontenttype: "application/json", centralschemaversion: "1.0", centralcategory: "quake.event.minor",
        centralseverity: 0, centralsubject: "central.quake.event.minor",
        data: {id: $id, adapter: "usgs_quake", category: "quake.event.minor", time: $time, expires: null, severity: 0,
            geo: {centroid: [$lon, $lat], bbox: [$lon, $lat, $lon, $lat], geometry: {type: "Point", coordinates: [$lon, $lat]},
                regions: [], primary_region: null},
            data: {magnitude: 1.5, place: "10 km N of Somewhere, Øland", title: "M 1.5 - 10 km N of Somewhere"}}}'
}

# --- the schema

exits 78 'without its schema the archive says so' central-archive - </dev/null
like "$(cat err)" 'is not applied: central-archive --migrate' '... and what to do'
exits 0 '--migrate' central-archive --migrate
is "$(cat out)" "$(basename -s .sql -a "$top"/sql/[0-9]*.sql)" 'names each migration it applied'
exits 0 '--migrate again' central-archive --migrate
is "$(cat out)" '' '... has nothing to do'
is "$(ask 'select count(*) from central_migrations')" "$(find "$top/sql" -name '[0-9]*.sql' | wc -l)" 'each is noted'
ask "insert into central_migrations (number, name) values (9999, '9999-future')"
exits 78 'a schema newer than the program' central-archive - </dev/null
like "$(cat err)" '9999-future is newer' '... is not touched'
ask 'delete from central_migrations where number = 9999'


# A migration that fails leaves what was before it, and names its place; programs find sql/ in the tree they stand in.
mkdir -p tree/build/bin tree/lib/adapters
touch tree/lib/adapters/central.jq
cp "$(type -P central-archive)" tree/build/bin
migrate() { tree/build/bin/central-archive --migrate; }
exits 78 'no folder of migrations' migrate
like "$(cat err)" '/sql: No such file' '... is named'
mkdir tree/sql
exits 78 '... or nothing in it' migrate
like "$(cat err)" 'no migrations' '... is told'
cp "$top"/sql/[0-9]*.sql tree/sql
printf 'create table fine (x int);\n\ncreate tabel wrong (x int);\n' >tree/sql/9990-wrong.sql
exits 78 'a migration that the server refuses' migrate
like "$(cat err)" 'sql/9990-wrong.sql:3: .*syntax error' '... is told with its line'
is "$(ask "select to_regclass('fine') is null and not exists (select 1 from central_migrations where number = 9990)")" t '... and nothing of it stays'
printf 'create table fine (x int);\ncommit;\n' >tree/sql/9990-wrong.sql
exits 78 'one that ends its transaction' migrate
like "$(cat err)" 'ends its transaction itself' '... is told'
ask 'drop table if exists fine'
touch tree/sql/9990-twice.sql
exits 78 'two of one number' migrate
like "$(cat err)" '9990-twice.sql and 9990-wrong.sql have one number' '... are named'

# --- standard input

quakes a 10000 >a.ndjson
exits 0 '10,000 events from standard input' central-archive - <a.ndjson
ok 'each line is echoed as it is' cmp a.ndjson out
is "$(rows)" 10000 '... and is a row'
exits 0 'the same again' central-archive - <a.ndjson
ok '... is echoed' cmp a.ndjson out
is "$(rows) $(ask 'select count(*) from events_history')" '10000 0' '... and changes nothing'
# Somebody filled events by hand, and named nothing in events_heads.
ask 'delete from events_heads'
{ cat a.ndjson; quakes later 10; } >more.ndjson
exits 0 'rows that events_heads lacks, and new ones' central-archive - <more.ndjson
is "$(rows) $(ask 'select count(*) from events_history')|$(ask 'select count(*) from events_rejected')|$(ask 'select count(*) from events_heads')" \
    '10010 0|0|10010' '... are found, and named'
ask "delete from events where id like 'later%'"
is "$(ask "select id, adapter, category, time at time zone 'UTC', expires, severity, st_asewkt(geom), regions, primary_region, subject,
    revision from events where id = 'a5'")" \
    'a5|usgs_quake|quake.event.minor|2026-01-01 00:05:00||0|SRID=4326;POINT(5 -5)|{}||central.quake.event.minor|1' 'the columns of a row'
is "$(ask "select payload from events where id = 'a5'" | jq -cS .)" "$(sed -n 6p a.ndjson | jq -cS .)" 'payload is the whole line'
exits 0 'empty input' central-archive - </dev/null
is "$(cat out err)" '' '... is fine'

# --- bad lines

mkdir bad
cd bad
quakes b 9 >events
{
    sed -n 1p events
    echo 'not json'
    sed -n 2p events
    sed -n 3p events | jq -c '.data.data.place = "\u0000"'
    sed -n 4p events | sed 's/Somewhere/\\ud800/'
    sed -n 5p events | sed 's/"magnitude":1.5/"magnitude":1e999999/'
    printf '{"a":"\xff\x01"}\n'
    jq -nc '{specversion: "1.0", id: "r", source: "file:x", type: "central.raw.v1", time: "2026-01-01T00:00:00+00:00",
        datacontenttype: "application/json", centraladapter: "nws", data: {}}'
    sed -n 6p events | jq -c '.data.geo.geometry = {type: "Polygon", coordinates: [[[1, 2], ["x", 3]]]}'
    sed -n 7p events | jq -c '.data.geo |= (.centroid = null | .bbox = null | .geometry = {type: "Blob"})'
    jq -nc '{specversion: "1.0", id: "poll", source: "central", type: "central.meta.poll.v1", time: "2026-01-01T00:00:00+00:00",
        datacontenttype: "application/json", centralsubject: "central.meta.adapter.nws.status", data: {adapter: "nws"}}'
    sed -n 8p events | sed 's/"b7"/"b7\\u20ac\\ud83d\\ude00"/g'
    printf '%s' "$(sed -n 9p events)"
} >mixed
exits 0 'bad lines' central-archive - <mixed
is "$(jq -r .id "$tmp/out" | tr '\n' ' ')" 'b0 b1 b5 b6 poll b7€😀 b8 ' 'all others are echoed in order, reports too'
is "$(ask "select string_agg(id, ' ' order by id) from events where id like 'b%'")" 'b0 b1 b5 b6 b7€😀 b8' '... and archived, reports not'
is "$(ask "select sequence, coalesce(adapter, '-'), coalesce(sqlstate, '-'), coalesce(stream, '-') from events_rejected order by 1")" \
    $'2|-|-|-\n4|usgs_quake|-|-\n5|usgs_quake|-|-\n6|usgs_quake|22003|-\n7|-|-|-\n8|nws|-|-\n9|usgs_quake|-|-\n10|usgs_quake|-|-' 'the bad ones are in events_rejected'
is "$(ask 'select reason from events_rejected where sequence = 8')" 'a raw event: central-normalize comes before' '... with the reason'
is "$(ask 'select payload from events_rejected where sequence = 7')" $'{"a":"\\xff\x01"}' '... and the line, made valid'
is "$(ask 'select payload from events_rejected where sequence = 6' | cmp - <(sed -n 6p mixed) && echo same)" same '... else as it was'
is "$(grep -c . "$tmp/err")" 8 'a line on stderr each'
like "$(cat "$tmp/err")" $'\n''central-archive: line 6: .*numeric.* \(to events_rejected\)' '... with line and cause'
is "$(ask "select id, st_astext(geom) from events where id in ('b5', 'b6') order by 1")" $'b5|POINT(5 -5)\nb6|' \
    'a broken geometry: the centroid, else none'
like "$(cat "$tmp/err")" 'line 9: geometry: .* \(archived without it\)' '... and a line says so'
head -c 100 events >half
exits 0 'a line cut short' central-archive - <half
like "$(cat "$tmp/err")" 'line 1: the input ended inside a line' '... says so'
{
    head -n 1 events
    head -c 1100000 /dev/zero | tr '\0' x
} >long
exits 65 'a line too long, of which only the beginning can be kept' central-archive - <long
is "$(ask 'select length(payload) from events_rejected where payload ~ $$^x+$$')" 4096 '... is in events_rejected'
cd ..

# --- edges

mkfifo in out.fifo
central-archive - <in >out.fifo &
archiver=$!
exec 3>in 4<out.fifo
quakes idle 1 >&3
read -r -t 20 -u 4 line || line=
is "$(jq -r .id <<<"$line")" idle0 'an idle pipe holds nothing back'
is "$(ask "select count(*) from events where id = 'idle0'")" 1 '... and it is in the database by then'
kill -TERM "$archiver"
status=0
wait "$archiver" || status=$?
is "$status" 75 'SIGTERM ends it before the end of its input'
exec 3>&- 4<&-

head -n 3 a.ndjson >three
exits 74 'a full disk' bash -c 'central-archive - <three >/dev/full'
exits 74 'a closed stdout' bash -c 'central-archive - <three >&-'
exits 74 'stdin that is a folder' bash -c 'central-archive - <.'
exits 74 '--migrate into a full disk' bash -c "psql -qc 'delete from central_migrations where number = 1' && central-archive --migrate >/dev/full"
exits 64 'an unknown option' central-archive --no-such-option
exits 64 'an argument that is not -' central-archive file
exits 64 '--migrate does not go with -' central-archive --migrate -
exits 64 '--once does not go with -' central-archive --once -
exits 69 'no server' env PGHOST="$tmp/nowhere" central-archive - <three
like "$(cat err)" "central-archive: database [^ ]* at $tmp/nowhere: " '... said in one line'
is "$(wc -l <err)" 1 '... and one only'
is "$(cat out)" '' '... and nothing echoed'
exits 78 'no such database' central-archive --db nosuch - <three
exits 77 'a server that does not let us in' env PGUSER=nobody_known central-archive - <three
for url in 'postgresql://me:sec/ret@127.0.0.1:1/x' 'postgresql://me:sec@ret@127.0.0.1:1/x' 'postgresql//me:secret@127.0.0.1/x' \
    'password=sec ret host=127.0.0.1' 'postgresql://me:secret@127.0.0.1:1/x'; do
    status=0
    central-archive --db "$url" - <three >out 2>err || status=$?
    like "$status" '^(69|78)$' "--db: $url fails"
    unlike "$(cat err)" 'sec|ret@' '... and its password is not told'
    DATABASE_URL=$url central-archive - <three >out 2>err || true
    unlike "$(cat err)" 'sec|ret@' '... neither from the environment'
done

# --- the database's faults are nobody's row

# Once a new session has it, the others were told.
read_only_is() { [[ $(ask 'show default_transaction_read_only') == "$1" ]]; }
read_only() {
    PGOPTIONS='-c default_transaction_read_only=off' psql -XAtqc "alter system set default_transaction_read_only = $1" \
        -c 'select pg_reload_conf()' >/dev/null
    wait_for 20 read_only_is "$1"
}
rm in
mkfifo in
central-archive - <in >out 2>err &
archiver=$!
exec 3>in
head -n 1 three >&3
ok 'an archiver at work' wait_for 20 test -s out
read_only on
sed -n 2,3p three >&3
ok 'a database that became read-only is waited for' wait_for 20 grep -q 'read-only.*trying again, [12] lines wait' err
read_only off
exec 3>&-
status=0
wait "$archiver" || status=$?
is "$status" 0 '... until it can be written'
ok '... and the lines are echoed' cmp three out
like "$(cat err)" 'back after' '... and one line says so'
is "$(wc -l <err)" 2 '... with no other line'
is "$(ask "select count(*) from events_rejected where sqlstate = '25006'")" 0 '... and no row has it to answer for'

# --- JetStream

start_nats
printf '%s\n' 'CENTRAL_QUAKE central.quake.> 7d 1GiB archive' 'CENTRAL_WX central.wx.> 7d 1GiB archive' \
    'CENTRAL_META central.meta.> 1d 1GiB' >streams.conf
export CENTRAL_STREAMS=$tmp/streams.conf
exits 78 'streams that are not there' central-archive --once
like "$(cat err)" 'none of the streams .* central-streams apply' '... say what to do'
central-streams apply >/dev/null
exits 78 'a stream that is not in streams.conf' central-archive --once --streams CENTRAL_NONE
exits 0 'empty streams' central-archive --once

ask 'truncate events, events_heads, events_history, events_rejected'
quakes c 10000 >c.ndjson
central-publish <c.ndjson >/dev/null
central-publish <c.ndjson >/dev/null
exits 0 '10,000 events, published twice, from JetStream' central-archive --once
is "$(rows)" 10000 '... are 10,000 rows'
is "$(cat out err)" '' '... and nothing is said'
exits 0 'again' central-archive --once
is "$(rows)" 10000 '... there is nothing to do'
central-archive - <c.ndjson >/dev/null
is "$(rows) $(ask 'select count(*) from events_history')" '10000 0' 'the same from standard input changes nothing'

# Messages by hand, past the checks of central-publish.
raw_publish() {
    local port=${NATS_URL##*:}
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'CONNECT {"verbose":false}\r\n' >&3
    printf 'PUB %s %d\r\n%s\r\n' "$1" "$(printf %s "$2" | wc -c)" "$2" >&3
    printf 'PING\r\n' >&3
    while read -r -t 20 -u 3 line && [[ $line != PONG* ]]; do :; done
    exec 3>&-
}
raw_publish central.quake.event.bad 'not an event'
quakes d 1 | sed 's/Somewhere/\\u0000/' >nul
raw_publish central.quake.event.minor "$(cat nul)"
quakes e 1 | central-publish >/dev/null
exits 0 'messages that are no events' central-archive --once
is "$(ask 'select stream, subject, sequence, reason is not null from events_rejected order by sequence')" \
    $'CENTRAL_QUAKE|central.quake.event.bad|10001|t\nCENTRAL_QUAKE|central.quake.event.minor|10002|t' 'are in events_rejected'
is "$(rows)" 10001 '... and the one behind them in events'
exits 0 'again' central-archive --once
is "$(ask 'select count(*) from events_rejected')" 2 '... they are not delivered again'

# --- killed in mid-batch

quakes k 6000 | central-publish >/dev/null
mkfifo lock
psql -XAtq <lock >locked &
locker=$!
exec 5>lock
echo 'begin; lock table events_heads in exclusive mode; select 1;' >&5
ok 'somebody holds a lock' wait_for 20 grep -q 1 locked
central-archive --once --ack-wait 2s &
archiver=$!
blocked() { [[ $(ask "select count(*) from pg_stat_activity where application_name = 'central-archive' and wait_event_type = 'Lock'") == 1 ]]; }
ok 'the archiver waits in its first batch' wait_for 20 blocked
{
    kill -KILL "$archiver"
    wait "$archiver"
} 2>/dev/null || true
echo 'rollback;' >&5
exec 5>&-
wait "$locker"
is "$(rows)" 10001 'killed in mid-batch it left nothing half'
exits 0 'the next one' central-archive --once --ack-wait 2s
is "$(rows) $(ask 'select count(distinct id) from events')" '16001 16001' '... loses nothing and doubles nothing'

# --- PostgreSQL dies while it works

central-archive 2>service.err &
archiver=$!
quakes m 3000 | central-publish >/dev/null
ok 'the service archives what is published' wait_for 20 has_rows 19001
hub kill --postgres >/dev/null
quakes n 3000 | central-publish >/dev/null
ok 'the database dies' wait_for 20 grep -q 'trying again' service.err
hub start --postgres --fast >/dev/null
ok '... and is back: everything is archived' wait_for 60 has_rows 22001
ok '... with one line' wait_for 10 grep -q 'back after' service.err
is "$(grep -c . service.err)" 2 '... and one when it went'
ok 'a heartbeat was published' wait_for 10 bash -c \
    "central-subscribe --raw --all 'central.meta.heartbeat' 2>&1 | grep -q ."
kill -TERM "$archiver"
status=0
wait "$archiver" || status=$?
is "$status" 0 'SIGTERM ends the service with 0'
exits 0 'nothing is left over' central-archive --once
is "$(rows)" 22001 '... and nothing was doubled'

# A durable of another kind under our name, and nothing to archive.
printf 'CENTRAL_QUAKE central.quake.> 7d 64MiB top\n' >none.conf
exits 78 'no stream to archive' central-archive --once --file none.conf
like "$(cat err)" 'none.conf: no stream has the option archive' '... is told'
js_api CONSUMER.DELETE.CENTRAL_QUAKE.archive-central_quake >/dev/null
js_api CONSUMER.DURABLE.CREATE.CENTRAL_QUAKE.archive-central_quake '{"stream_name": "CENTRAL_QUAKE", "config":
    {"durable_name": "archive-central_quake", "deliver_subject": "elsewhere", "ack_policy": "none"}}' >/dev/null
exits 78 'a consumer of another kind' central-archive --once --streams CENTRAL_QUAKE
like "$(cat err)" 'consumer archive-central_quake of CENTRAL_QUAKE is of another kind' '... is told, not used'
js_api CONSUMER.DELETE.CENTRAL_QUAKE.archive-central_quake >/dev/null

hub kill --nats >/dev/null
exits 69 'no nats-server' central-archive --once
done_testing
