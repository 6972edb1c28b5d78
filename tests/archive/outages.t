#!/bin/bash
# What befalls an archiver between two real servers: database away, read-only, slow, deadlocked, hanging up; consumer deleted, stream
# made anew, messages purged. After each every event stands in the archive once, nothing waits for an acknowledgement, the archiver
# goes on, and a line on stderr said what was the matter.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

printf 'CENTRAL_QUAKE central.quake.> 7d 1GiB archive\n' >streams.conf
export CENTRAL_STREAMS=$tmp/streams.conf
start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null

ask() { psql -XAtqc "$1"; }
consumer() { js_api CONSUMER.INFO.CENTRAL_QUAKE.archive-central_quake | jq -r "$1"; }

# quakes PREFIX COUNT: canonical events, ids PREFIX1 ...
"$top/tests/archive/generate" 20 >some
grep -m 1 '"id":"[^@"]*",.*quake' some >one
id=$(jq -r .id one)
quakes() { awk -v id="$id" -v prefix="$1" -v n="$2" '{ for (i = 1; i <= n; i++) { l = $0; gsub("\"" id "\"", "\"" prefix i "\"", l); print l } }' one; }
expected=0
publish() {
    quakes "$1" "$2" | central-publish >/dev/null
    expected=$((expected + $2))
}

# serve [NAME=VALUE...]: an archiver, whose words go to service.err.
archiver=
serve() {
    : >service.err
    env "$@" central-archive --ack-wait 2s 2>service.err &
    archiver=$!
}
serve_ends() {
    local status=0
    kill -TERM "$archiver"
    wait "$archiver" || status=$?
    is "$status" 0 "$1: the archiver ends with 0"
}
# archived WHAT: the oracle.
has_all() { [[ $(ask 'select count(*) from events') == "$expected" && $(consumer '[.num_pending, .num_ack_pending] | @csv') == 0,0 ]]; }
archived() {
    ok "$1: everything is archived and acknowledged" wait_for 60 has_all
    is "$(ask 'select count(*), count(distinct id), (select count(*) from events_history), (select count(*) from events_rejected) from events')" \
        "$expected|$expected|0|0" "$1: each event once"
    ok "$1: the archiver lives" kill -0 "$archiver"
}
told() { ok "$2: said on stderr" wait_for 20 grep -q "$1" service.err; }
blocked() { [[ $(ask "select count(*) from pg_stat_activity where application_name = 'central-archive' and wait_event_type = 'Lock'") == "${1-1}" ]]; }
# hold SQL: another session, in a transaction; release [rollback|commit].
hold() {
    rm -f lock locked
    mkfifo lock
    psql -XAtq <lock >locked 2>&1 &
    locker=$!
    exec 5>lock
    printf "begin; %s; select 'held';\n" "$1" >&5
    wait_for 60 grep -q held locked
}
release() {
    printf '%s;\n' "${1-rollback}" >&5
    exec 5>&-
    wait "$locker" || true
}
all_blocked='lock table events_heads in exclusive mode'

# --- the database is away

hub kill --postgres >/dev/null
quakes away 1000 | central-publish >/dev/null
expected=1000
exits 69 'a database that is away at the start' central-archive
is "$(wc -l <err)" 1 '... is one line'
like "$(consumer .error.description)" 'consumer not found' '... and nothing was taken from the stream'
hub start --postgres --fast >/dev/null
serve
archived 'it is back'

# Longer than the ack wait, and more than may be held.
hub kill --postgres >/dev/null
publish gone 20000
told 'trying again' 'the database goes'
sleep 3
is "$(consumer .ack_floor.stream_seq)" 1000 'nothing is acknowledged meanwhile'
ok '... and no more is taken than two batches and what was asked for' test "$(consumer .num_ack_pending)" -le 4768
kib=$(awk '/^VmHWM:/ { print $2 }' "/proc/$archiver/status")
diag "20,000 events wait, the archiver's memory was at most $kib KiB"
ok '... the archiver does not grow' test "$kib" -lt 65536
hub start --postgres --fast >/dev/null
archived 'away in mid-stream'
told 'back after' 'away in mid-stream'
is "$(wc -l <service.err)" 2 '... in two lines'

# --- it hangs up

: >service.err
hold "$all_blocked"
publish cut 3000
ok 'an archiver in the middle of a batch' wait_for 20 blocked
is "$(ask "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'central-archive'")" 1 '... is cut off'
told 'trying again' 'cut off'
release
archived 'cut off'

# --- read-only

: >service.err
ask 'alter database central set default_transaction_read_only = on'
ask "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'central-archive'" >/dev/null
publish readonly 300
told 'read-only transaction: trying again, [0-9]* lines wait' 'read-only'
is "$(consumer .num_ack_pending)" 300 'read-only: nothing is acknowledged'
PGOPTIONS='-c default_transaction_read_only=off' ask 'alter database central reset default_transaction_read_only'
# Who is connected keeps the setting that it began with.
ask "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'central-archive'" >/dev/null
archived 'read-only'

# --- too slow

: >service.err
hold "$all_blocked"
publish slow 20000
ok 'a database that stands still' wait_for 20 blocked
sleep 4
ok '... holds up what is taken' test "$(consumer .num_ack_pending)" -le 5768
kib=$(awk '/^VmHWM:/ { print $2 }' "/proc/$archiver/status")
ok '... and the memory' test "$kib" -lt 131072
release
archived 'slow, for twice the ack wait'
is "$(cat service.err)" '' 'slow: no reason for a word'
serve_ends 'slow'

# --- deadlock, time-out of a lock, serialisation failure: the archiver is the victim

serve PGOPTIONS='-c deadlock_timeout=3s'
hold "set local deadlock_timeout = '1h'; $all_blocked"
publish dead 2000
ok 'an archiver waits for somebody' wait_for 20 blocked
printf 'lock table events_default in access exclusive mode;\n' >&5
told 'deadlock detected.*trying again' 'who waits for it'
release
archived 'deadlock'
told 'back after' 'deadlock'
serve_ends 'deadlock'

serve PGOPTIONS='-c lock_timeout=300ms'
hold "$all_blocked"
publish timeout 2000
told 'lock timeout.*trying again' 'a lock that takes too long'
release
archived 'lock time-out'
serve_ends 'lock time-out'

serve PGOPTIONS='-c default_transaction_isolation=repeatable\ read'
hold "insert into events_heads (key) values (central_key('usgs_quake', 'serial7'))"
publish serial 2000
ok 'an archiver waits for a key' wait_for 20 blocked
release commit
told 'could not serialize.*trying again' 'a serialisation failure'
archived 'serialisation failure'
serve_ends 'serialisation failure'

# --- the consumer

serve
publish durable 500
archived 'before the consumer goes'
hold "$all_blocked"
publish deleted 3000
ok 'an archiver in the middle of a batch' wait_for 20 blocked
js_api CONSUMER.DELETE.CENTRAL_QUAKE.archive-central_quake >/dev/null
publish after 500
release
archived 'consumer deleted'
told 'consumer archive-central_quake was deleted' 'consumer deleted'
serve_ends 'consumer deleted'
js_api CONSUMER.DELETE.CENTRAL_QUAKE.archive-central_quake >/dev/null
serve
archived 'consumer deleted while no archiver was there: all is read again'

# --- the stream

js_api STREAM.DELETE.CENTRAL_QUAKE >/dev/null
central-streams apply >/dev/null
publish anew 700
archived 'stream made anew'
told 'stream CENTRAL_QUAKE was made anew' 'stream made anew'

: >service.err
hold "$all_blocked"
# All of it comes at once, into one batch: what the archiver does not have when the stream goes, goes with it.
kill -STOP "$archiver"
publish taken 400
kill -CONT "$archiver"
ok 'an archiver in the middle of a batch' wait_for 20 blocked
js_api STREAM.DELETE.CENTRAL_QUAKE >/dev/null
central-streams apply >/dev/null
publish another 900
release
archived 'stream made anew with a batch under way'
told 'stream CENTRAL_QUAKE was made anew' '... too'

# --- gaps

: >service.err
hold "$all_blocked"
before=$(consumer .delivered.stream_seq)
publish purged 9000
ok 'an archiver in the middle of a batch' wait_for 20 blocked
taken=$(($(consumer .delivered.stream_seq) - before))
ok '... took some' test "$taken" -gt 0 -a "$taken" -lt 9000
js_api STREAM.PURGE.CENTRAL_QUAKE >/dev/null
expected=$((expected - 9000 + taken))
publish behind 100
release
archived 'messages purged'
told "CENTRAL_QUAKE: $((9000 - taken)) messages before .* are gone" 'how many were purged'
serve_ends 'messages purged'

js_api STREAM.INFO.CENTRAL_QUAKE | jq -c '.config | .max_msgs = 100' >config
quakes lost 400 | central-publish >/dev/null
publish kept 100
js_api STREAM.UPDATE.CENTRAL_QUAKE "$(cat config)" >/dev/null
serve
archived 'a stream too small for an archiver that was away'
told 'CENTRAL_QUAKE: 400 messages before .* are gone' 'how many it lost'
serve_ends 'a stream too small'
# --- a connection that stands still when its merge holds the events' names

quakes still 2000 >stood
hold "$all_blocked"
# In a session of its own: a stopped process would have its whole group hung up.
setsid central-archive - <stood >still.out 2>still.err 5>&- &
stuck=$!
ok 'an archiver merges' wait_for 20 blocked
kill -STOP "$stuck"
release
merged() { [[ $(ask "select count(*) from pg_stat_activity where application_name = 'central-archive' and state = 'idle in transaction'") == 1 ]]; }
ok '... and its server waits for its next word' wait_for 20 merged
exits 0 'another does not wait for it for ever' timeout 90 central-archive - <stood
is "$(ask "select count(*), count(distinct id) from events where id like 'still%'")" '2000|2000' '... and archives the same'
kill -CONT "$stuck"
status=0
wait "$stuck" || status=$?
is "$status" 0 'the first goes on'
like "$(cat still.err)" 'trying again' '... having said that it was cut off'
ok '... and echoes all' cmp stood still.out
is "$(ask "select count(*), (select count(*) from events_history) from events where id like 'still%'")" '2000|0' '... each is there once'
done_testing
