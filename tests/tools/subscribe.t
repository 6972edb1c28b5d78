#!/bin/bash
# central-subscribe: what its page promises.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

exits 69 'no server' env NATS_URL=nats://127.0.0.1:1 central-subscribe --all
is "$(wc -l <err)" 1 '... one line says so'
exits 64 'two beginnings' central-subscribe --all --last
exits 64 'a time that is none' central-subscribe --since yesteryear
exits 64 'a durable with a dot' central-subscribe --durable a.b CENTRAL_WX

start_nats
central-streams apply >/dev/null
exits 64 'neither stream nor subject' central-subscribe --all nothing.here
exits 0 'empty streams end at once' central-subscribe --all
is "$(cat out)" '' '... with nothing'

for source in usgs_quake nws; do
    central-fetch $source --from "$top/examples/feeds/$source.geojson" 2>/dev/null | central-normalize 2>/dev/null
done >sent
central-publish <sent >published
quakes=$(grep -c '"centralsubject":"central.quake' published)
alerts=$(grep -c '"centralsubject":"central.wx' published)

exits 0 'all of all streams' central-subscribe --all
is "$(sort out | md5sum)" "$(sort published | md5sum)" '... is what was published, byte for byte'
exits 0 'all of a stream' central-subscribe --all CENTRAL_QUAKE
is "$(wc -l <out)" "$quakes" '... and of no other'
exits 0 'a subject with wildcards' central-subscribe --all 'central.wx.alert.us.*.county.>'
is "$(jq -r .centralsubject out | sort)" "$(jq -r '.centralsubject | select(test("^central.wx.alert.us.[^.]*.county."))' published | sort)" '... matches as NATS does'
exits 0 'two of them' central-subscribe --all CENTRAL_QUAKE 'central.wx.>'
is "$(wc -l <out)" $((quakes + alerts)) '... give both'
exits 0 'subjects that overlap' central-subscribe --all 'central.quake.>' 'central.*.event.*' central.quake.event.minor
is "$(sort out | md5sum)" "$(grep '"centralsubject":"central.quake' published | sort | md5sum)" '... give each event once'
exits 0 'two subjects of one stream' central-subscribe --all central.quake.event.minor central.quake.event.light
is "$(jq -r .centralsubject out | sort)" "$(jq -r '.centralsubject | select(test("^central.quake.event.(minor|light)$"))' published | sort)" '... are told apart'
exits 0 'a subject wider than a stream' central-subscribe --all 'central.>'
is "$(wc -l <out)" "$(wc -l <published)" '... takes them all'
exits 64 'a subject that is none' central-subscribe --all 'central.quake..>'
exits 0 'the last of each subject' central-subscribe --last 'central.quake.>'
is "$(wc -l <out)" "$(grep '"centralsubject":"central.quake' published | jq -r .centralsubject | sort -u | wc -l)" '... one each'
exits 0 'since an hour' central-subscribe --since 1h CENTRAL_QUAKE
is "$(wc -l <out)" "$quakes" '... all of this test'
exits 0 'since now' central-subscribe --since now CENTRAL_QUAKE
is "$(wc -l <out)" 0 '... nothing'
exits 0 'a number of events' central-subscribe --all -n 3 CENTRAL_QUAKE
is "$(wc -l <out)" 3 '... and no more'

# A durable goes on where it was.
exits 0 'a durable' central-subscribe --all --durable desk -n 5 CENTRAL_QUAKE
first=$(jq -r .id out)
exits 0 'the same again' central-subscribe --all --durable desk CENTRAL_QUAKE
is "$(printf '%s\n' "$first" "$(jq -r .id out)" | sort)" "$(grep '"centralsubject":"central.quake' published | jq -r .id | sort)" \
    '... goes on behind what was read, and loses nothing'
exits 0 'and again' central-subscribe --all --durable desk CENTRAL_QUAKE
is "$(wc -l <out)" 0 '... has nothing more'
exits 74 'what could not be written' bash -c 'central-subscribe --all --durable full CENTRAL_QUAKE >/dev/full'
exits 0 '... comes again' central-subscribe --all --durable full CENTRAL_QUAKE
# At least once: what was on its way to the first when it ended may come twice.
is "$(jq -r .id out | sort -u | wc -l)" "$quakes" '... all of it'

# Killed at any moment, it goes on behind what is out: nothing is lost, and it does not wait for the server to miss it.
seq 3000 | sed 's/^/many-/' | jq -Rc --slurpfile one <(grep '"centralsubject":"central.quake' published | head -n 1) \
    '. as $id | $one[0] | .id = $id | .data.id = $id | .centralsubject = "central.hydro.many"' | central-publish >many
is "$(wc -l <many)" 3000 'many events'
mkfifo slow
central-subscribe --all --durable killed CENTRAL_HYDRO >slow &
subscriber=$!
exec 7<slow
head -c 20000 <&7 >part.1
kill -KILL $subscriber
cat <&7 >>part.1
exec 7<&-
{ wait $subscriber; } 2>/dev/null || true
SECONDS=0
exits 0 'after kill -9' central-subscribe --all --durable killed CENTRAL_HYDRO
cp out part.2
ok '... at once' test $SECONDS -lt 20
# The last line of what was killed may be half a one.
is "$({ cat part.1; echo; cat part.2; } | jq -rR 'fromjson? | .id' | sort -u | wc -l)" 3000 '... every event comes'
exits 0 'then' central-subscribe --all --durable killed CENTRAL_HYDRO
is "$(wc -l <out)" 0 '... nothing is left'

# More bytes than are asked for at once.
seq 40 | sed 's/^/large-/' | jq -Rc --slurpfile one <(head -n 1 many) \
    '. as $id | $one[0] | .id = $id | .data.id = $id | .centralsubject = "central.traffic.large" | .data.data.pad = "x" * 600000' |
    central-publish >large
exits 0 'large events' central-subscribe --all --durable large CENTRAL_TRAFFIC
ok '... come whole' cmp out large
exits 0 'large events, unacknowledged' central-subscribe --all CENTRAL_TRAFFIC
ok '... too' cmp out large

# Two readers share a durable; each event goes to one of them.
central-subscribe --all --durable shared CENTRAL_HYDRO >part.1 &
central-subscribe --all --durable shared CENTRAL_HYDRO >part.2
wait $!
is "$(cat part.1 part.2 | sort -u | wc -l)" 3000 'two readers of a durable get all'

# SIGTERM while the reader is slow: whole lines, and what was not written comes again.
central-subscribe --all --durable termed CENTRAL_HYDRO >slow &
subscriber=$!
exec 7<slow
head -c 20000 <&7 >part.1
kill -TERM $subscriber
cat <&7 >>part.1
exec 7<&-
status=0
wait $subscriber || status=$?
is "$status" 0 'SIGTERM with a slow reader: leaves with 0'
is "$(jq -r .id part.1 | wc -l)" "$(wc -l <part.1)" '... with whole lines'
central-subscribe --all --durable termed CENTRAL_HYDRO >part.2
is "$(cat part.1 part.2 | wc -l)" 3000 '... and the next reader gets exactly the rest'

# The server dies in the middle.
central-subscribe --all CENTRAL_HYDRO >slow 2>slow.err &
subscriber=$!
exec 7<slow
head -c 20000 <&7 >part.1
hub kill --nats >/dev/null
hub start --nats >/dev/null
cat <&7 >>part.1
exec 7<&-
status=0
wait $subscriber || status=$?
is "$status" 0 'a server that was killed in the middle'
is "$(jq -r .id part.1 | md5sum)" "$(seq 3000 | sed 's/^/many-/' | md5sum)" '... costs nothing, and doubles nothing'

# What is no event becomes a reject line; a pretty-printed event becomes one line.
address=${NATS_URL#nats://}
say() {
    exec 8<>"/dev/tcp/${address%:*}/${address#*:}"
    printf 'CONNECT {"verbose":false}\r\nPUB %s %d\r\n%s\r\nPING\r\n' "$1" "$(printf %s "$2" | wc -c)" "$2" >&8
    while IFS= read -r -t 10 line <&8; do
        [[ $line != PONG* ]] || break
    done
    exec 8>&-
}
say central.space.odd 'this is no event'
say central.space.pretty "$(grep '"central.quake' published | head -n 1 | jq .)"
wait_for 10 bash -c '[[ $(central-streams list --json CENTRAL_SPACE | jq .messages) == 2 ]]'
exits 0 'foreign messages' central-subscribe --all CENTRAL_SPACE
is "$(jq -r .type out | cut -d. -f1-3 | tr '\n' ' ')" 'central.meta.reject central.quake.event ' 'one is a reject, one an event, both a line'
is "$(head -n 1 out | jq -r .data.original_text)" 'this is no event' 'the reject holds the original'
like "$(cat err)" 'CENTRAL_SPACE: message 1 on central.space.odd: not JSON' 'stderr says which'

say central.meta.heartbeat '{"ts": "2026-11-23T21:00:00Z", "uptime_s": 30}'
wait_for 10 bash -c '[[ $(central-streams list --json CENTRAL_META | jq .messages) -ge 1 ]]'
exits 0 'a heartbeat' central-subscribe --all 'central.meta.heartbeat'
is "$(cat out)" '' '... is no event, and no reject'
exits 0 'with --raw' central-subscribe --all --raw 'central.meta.heartbeat'
is "$(cat out)" '{"ts": "2026-11-23T21:00:00Z", "uptime_s": 30}' '... it is written'

# Following.
central-subscribe 'central.quake.>' >followed 2>followed.err &
follow=$!
wait_for 10 bash -c '[[ $(central-streams show CENTRAL_QUAKE | jq .state.consumer_count) -ge 3 ]]'
sed 's/"nn00900601"/"new-1"/g; s/"us7000zz0c"/"new-2"/g' published | grep '"new-[12]"' | central-publish >/dev/null
ok 'what comes is written at once' wait_for 10 bash -c '[[ $(wc -l <followed) == 2 ]]'
hub restart --nats >/dev/null
sed 's/"nn00900601"/"new-3"/g' published | grep '"new-3"' | central-publish >/dev/null
ok 'it goes on after the server came back' wait_for 20 grep -q new-3 followed
# The stream is deleted and made again: what it then holds is new.
api() { say "\$JS.API.$1" ''; }
api STREAM.DELETE.CENTRAL_QUAKE
wait_for 10 bash -c '[[ $(central-streams list --json CENTRAL_QUAKE | jq .exists) == false ]]'
central-streams apply CENTRAL_QUAKE >/dev/null
sed 's/"nn00900601"/"new-4"/g' published | grep '"new-4"' | central-publish >/dev/null
ok 'and after the stream was made again' wait_for 20 grep -q new-4 followed
kill -TERM $follow
status=0
wait $follow || status=$?
is "$status" 0 'SIGTERM: leaves with 0'
is "$(wc -l <followed)" 4 '... with whole lines, each once'

# A reader that goes away while nothing comes.
mkfifo quiet
central-subscribe 'central.space.>' >quiet 2>quiet.err &
follow=$!
exec 7<quiet
exec 7<&-
status=0
wait $follow || status=$?
is "$status" 74 'a reader that went away is noticed in silence'
is "$(cat quiet.err)" '' '... quietly'

exits 69 'a stream that is not applied' bash -c 'echo "CENTRAL_NEW central.new.> 1d 64MiB" >new.conf; central-subscribe --all -S new.conf'
like "$(cat err)" 'no stream CENTRAL_NEW.*central-streams apply' '... and what to do'
exits 74 'a closed stdout' bash -c 'central-subscribe --all >&-'
bash -c 'central-subscribe --all CENTRAL_QUAKE 2>pipe.err; echo $? >pipe.status' | head -n 1 >/dev/null
is "$(cat pipe.err)" '' 'a reader that went away ends it quietly'
done_testing
