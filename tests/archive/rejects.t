#!/bin/bash
# Messages that cannot be archived, between others that can, in one batch from JetStream: each costs only itself, is in
# events_rejected with where it came from, is ended on the server and never delivered again.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

printf 'CENTRAL_QUAKE central.quake.> 7d 1GiB archive\n' >streams.conf
export CENTRAL_STREAMS=$tmp/streams.conf
start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null
ask() { psql -XAtqc "$1"; }

# Past the checks of central-publish: a line of FILE a message.
raw_publish() {
    local address=${NATS_URL#nats://} line
    exec 8<>"/dev/tcp/${address%:*}/${address#*:}"
    printf 'CONNECT {"verbose":false}\r\n' >&8
    while IFS= read -r line; do
        printf 'PUB central.quake.event.minor %d\r\n%s\r\n' "$(printf %s "$line" | wc -c)" "$line" >&8
    done <"$1"
    printf 'PING\r\n' >&8
    while read -r -t 20 -u 8 line && [[ $line != PONG* ]]; do :; done
    exec 8>&-
}
# What the server tells of messages that were ended.
address=${NATS_URL#nats://}
exec 7<>"/dev/tcp/${address%:*}/${address#*:}"
# shellcheck disable=SC2016 # a subject
printf 'CONNECT {"verbose":false}\r\nSUB $JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.> 1\r\nPING\r\n' >&7
while read -r -t 20 -u 7 line && [[ $line != PONG* ]]; do :; done

"$top/tests/archive/generate" 20 >some
grep -m 1 '"id":"[^@"]*",.*quake' some >one
id=$(jq -r .id one)
# event ID [FILTER]: a good one, and what jq makes of it.
event() { sed "s/\"$id\"/\"$1\"/g" one | jq -c "${2-.}"; }
box='[[10,10],[11,10],[11,11],[10,11],[10,10]]'
{
    event good1
    event time '.time = "2026-13-45T00:00:00+00:00" | .data.time = "2026-13-45T00:00:00Z"'
    event year '.time = "10000-01-01T00:00:00+00:00" | .data.time = "10000-01-01T00:00:00Z"'
    event nul '.data.data.title = "\u0000"'
    event surrogate | sed 's/"title":"[^"]*"/"title":"\\udc00"/'
    event large '.data.geo.regions = [[range(20000) | . * 7919 % 65537 | tostring] | add] | .data.geo.primary_region = .data.geo.regions[0]'
    event number '.data.data.n = 0' | sed 's/"n":0/"n":1e200000/'
    event revision '.id = "revision@9999999999" | .centralrevision = 9999999999'
    event good2
    event ring ".data.geo.geometry = {type: \"Polygon\", coordinates: [[[10, 10], [11, 10]]]}"
    event bow '.data.geo.geometry = {type: "Polygon", coordinates: [[[10,10],[11,11],[11,10],[10,11],[10,10]]]}'
    event open ".data.geo.geometry = {type: \"Polygon\", coordinates: [${box}[0:4]]}"
    event far ".data.geo.geometry = {type: \"Polygon\", coordinates: [[[1000, 10], [11, 10], [11, 11], [1000, 10]]]}"
    event type '.data.geo.geometry = {type: "Circle", coordinates: [10, 10]}'
    event endless '.data.geo.geometry = {type: "LineString", coordinates: [[10, 10], [11, 11]]}' | sed 's/\[11,11\]/[1e999,11]/'
    echo '{"half":'
    event good3
} >lines
raw_publish lines
exits 0 'bad ones among good ones' central-archive --once
cp err said
is "$(ask "select string_agg(id, ' ' order by id) from events")" 'bow endless far good1 good2 good3 open ring type' \
    'the good ones are archived, also those with a broken outline'
ask "select sequence, stream, subject, coalesce(adapter, '-'), coalesce(sqlstate, '-') from events_rejected order by sequence" >rejected
is "$(cut -d '|' -f 1 rejected | tr '\n' ' ')" '2 3 4 5 6 7 8 13 14 15 16 ' 'the others, and those without their outline, are in events_rejected, by their sequence'
is "$(cut -d '|' -f 2,3 rejected | sort -u)" 'CENTRAL_QUAKE|central.quake.event.minor' '... with stream and subject'
for n in 2 4 6 7 16; do
    is "$(ask "select payload from events_rejected where sequence = $n")" "$(sed -n "${n}p" lines)" "... and message $n as it was"
done
diag "$(ask "select sequence, coalesce(sqlstate, '-'), reason from events_rejected order by sequence")"
is "$(ask "select count(*) from events_rejected where reason = ''")" 0 '... with a reason'
is "$(grep -c 'to events_rejected' said)" 8 '... each said in a line'

# --- outlines

diag "$(ask "select id, left(st_astext(geom), 60) from events order by id")"
is "$(grep -c 'archived without it' said)" "$(ask "select count(*) from events where st_geometrytype(geom) = 'ST_Point' and id !~ 'good'")" \
    'who lost its outline is said in a line each'
is "$(ask "select count(*) from events where geom is null or not st_isvalid(geom)")" 0 'what could be repaired was, and the centroid stands for the rest'
# The question of the manual.
question=$(sed -n 's/.*-c "\(select adapter, id .*\)"$/\1/p' "$top/man/central-archive.1")
is "$(ask "$question" | cut -d '|' -f 2 | sort | tr '\n' ' ')" 'endless far type ' 'the question of the manual finds them'

# --- ended on the server

terminated=
while read -r -t 2 -u 7 line; do
    [[ $line != '{'* ]] || terminated+=" $(jq .stream_seq <<<"${line%$'\r'}")"
done
exec 7>&-
is "$(tr ' ' '\n' <<<"$terminated" | sort -n | xargs)" '2 3 4 5 6 7 8 16' 'the server says which messages were ended'
exits 0 'the next archiver, after the ack wait' bash -c 'sleep 1.2; central-archive --once --ack-wait 1s'
is "$(ask 'select (select count(*) from events), (select count(*) from events_rejected)')" '9|11' '... is given none of them'
is "$(cat err)" '' '... and says nothing'
done_testing
