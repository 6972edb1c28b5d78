#!/bin/bash
# Two archivers on one durable: they share the work, double nothing, and one takes over what the other had when it was killed.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

printf 'CENTRAL_QUAKE central.quake.> 7d 1GiB archive\n' >streams.conf
export CENTRAL_STREAMS=$tmp/streams.conf
start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null
ask() { psql -XAtqc "$1"; }

"$top/tests/archive/generate" 20 >some
grep -m 1 '"id":"[^@"]*",.*quake' some >one
id=$(jq -r .id one)
quakes() { awk -v id="$id" -v prefix="$1" -v n="$2" '{ for (i = 1; i <= n; i++) { l = $0; gsub("\"" id "\"", "\"" prefix i "\"", l); print l } }' one; }
config() { js_api CONSUMER.INFO.CENTRAL_QUAKE.archive-central_quake | jq -r "$1"; }
hold() {
    rm -f lock locked
    mkfifo lock
    psql -XAtq <lock >locked 2>&1 &
    locker=$!
    exec 5>lock
    echo "begin; lock table events_heads in exclusive mode; select 'held';" >&5
    wait_for 20 grep -q held locked
}
release() {
    echo 'rollback;' >&5
    exec 5>&-
    wait "$locker" || true
}
blocked() { [[ $(ask "select count(*) from pg_stat_activity where application_name = 'central-archive' and wait_event_type = 'Lock'") == "$1" ]]; }
idle() { [[ $(ask 'select count(*) from events') == "$1" && $(config .num_ack_pending) == 0 ]]; }

central-archive --ack-wait 2s 2>a.err &
a=$!
central-archive --ack-wait 2s 2>b.err &
b=$!
reading() { [[ $(config .num_waiting) == "$1" ]]; }
ok 'two archivers wait at one consumer' wait_for 60 reading 2
is "$(config '.config | [.ack_wait / 1000000000, .max_ack_pending, .max_deliver] | @csv')" '2,20000,-1' \
    'ack wait, messages on their way and deliveries are what the manual says'
hold
quakes share 12000 | central-publish >/dev/null
ok 'both have a batch' wait_for 20 blocked 2
ok '... and no more than they may hold' test "$(config .num_ack_pending)" -le $((2 * 5768))
release
ok 'together they archive everything' wait_for 60 idle 12000

hold
quakes kill 12000 | central-publish >/dev/null
ok 'both have a batch again' wait_for 20 blocked 2
{
    kill -KILL "$a"
    wait "$a"
} 2>/dev/null || true
release
ok 'one is killed: the other takes over what it had' wait_for 60 idle 24000

# Longer than the ack wait: each is given what the other one holds, too.
central-archive --ack-wait 2s 2>a.err &
a=$!
ok 'two again' wait_for 60 reading 2
hold
quakes slow 9000 | central-publish >/dev/null
ok 'both are held up' wait_for 20 blocked 2
sleep 3
release
ok '... for longer than the ack wait: everything is archived' wait_for 60 idle 33000

is "$(ask 'select count(*), count(distinct id), (select count(*) from events_history), (select count(*) from events_rejected) from events')" \
    '33000|33000|0|0' 'each event is there once'
is "$(ask 'select deadlocks from pg_stat_database where datname = current_database()')" 0 'no deadlock'
for pid in "$a" "$b"; do
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    is "$status" 0 'SIGTERM ends one'
done
is "$(cat a.err b.err)" '' 'nothing was said'
done_testing
