#!/bin/bash
# central-publish: what its page promises.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

# events PREFIX N: so many events with the ids PREFIX-1 ...
events() {
    local id
    if [[ ! -s one ]]; then
        central-fetch usgs_quake --from "$top/examples/feeds/usgs_quake.geojson" 2>/dev/null |
            central-normalize 2>/dev/null >all
        sed -n 1p all >one
    fi
    id=$(jq -r .id one)
    awk -v n="$2" -v id="$id" -v prefix="$1" '{ for (i = 1; i <= n; i++) { l = $0; gsub(id, prefix "-" i, l); print l } }' one
}
messages() { central-streams list --json "${1-CENTRAL_QUAKE}" | jq .messages; }

exits 69 'no server' env NATS_URL=nats://127.0.0.1:1 central-publish </dev/null
is "$(wc -l <err)" 1 '... one line says so'
like "$(cat err)" '^central-publish: nats://127.0.0.1:1: ' '... tool, subject, cause'
exits 0 'a dry run needs none' env NATS_URL=nats://127.0.0.1:1 central-publish --dry-run < <(events dry 2)
like "$(head -n 1 out)" '^central\.quake\.event\.[a-z]+ dry-1:quake\.event\.[a-z]+:[0-9a-f]{8}$' '... subject and message id'

exits 65 '... and finds what is bad' env NATS_URL=nats://127.0.0.1:1 central-publish --dry-run < <(printf 'junk\n')

# What lets us in, before anything is asked of a server.
echo no-seed-but-as-secret >seed
chmod 640 seed
for variable in NATS_CREDS NATS_NKEY; do
    exits 77 "$variable that others can read" env NATS_NKEY_PUBLIC=U $variable="$tmp/seed" central-publish </dev/null
    like "$(cat err)" 'seed: others can read it' '... is named'
done
exits 77 'NATS_KEY that others can read' env NATS_CERT="$tmp/seed" NATS_KEY="$tmp/seed" central-publish </dev/null
chmod 600 seed
exits 78 'a seed without its public key does not connect as nobody' env NATS_NKEY="$tmp/seed" central-publish </dev/null
unlike "$(cat err)" as-secret '... and does not show'
exits 69 'a password' env NATS_URL=nats://me:secret@127.0.0.1:1 central-publish </dev/null
unlike "$(cat err)" secret '... does not show'

start_nats
events a 3 >three
exits 69 'no stream for the subject' central-publish <three
like "$(cat err)" 'no responders for central\.quake\.event\.[a-z]+: is the stream applied\?' '... says what to do'
is "$(wc -c <out)" 0 '... and nothing comes out'
exits 69 'many lines without a stream' central-publish < <(events a 5000)
is "$(wc -l <err)" 2 '... are told once, and counted'
like "$(tail -n 1 err)" ': 5000 lines in all$' '... every one'
central-streams apply >/dev/null

events b 10000 >many
exits 0 'ten thousand events' central-publish <many
ok '... are echoed byte for byte, in order' cmp many out
is "$(messages)" 10000 '... and in the stream'
exits 0 'the same once more' central-publish <many
ok '... are echoed as well, for they are durable' cmp many out
is "$(messages)" 10000 '... and in the stream once'
is "$(central-subscribe --all CENTRAL_QUAKE | cmp - many && echo same)" same 'the stream holds them in order'
exits 0 'quiet' central-publish -q <three
is "$(wc -c <out)" 0 '... echoes nothing'
is "$(messages)" 10003 '... and publishes'
exits 0 'a window of one' central-publish --window 1 < <(events w 20)
is "$(messages)" 10023 '... goes through too'

# Bad lines.
{
    head -n 1 three
    echo 'not json'
    central-fetch usgs_quake --from "$top/examples/feeds/usgs_quake.geojson" | head -n 1
    head -c 1200000 /dev/zero | tr '\0' x
    echo
    sed 's/"severity":[0-9]/"severity":7/' <(sed -n 2p three)
    printf '%s' "$(sed -n 3p three)"
} >mixed
exits 0 'bad lines in the middle' central-publish <mixed
is "$(jq -r 'select(.type == "central.meta.reject.v1") | [.data.line, .data.adapter] | @csv' out | tr '\n' ' ')" \
    '2,"unknown" 3,"usgs_quake" 4,"unknown" 5,"unknown" ' 'become rejects, told by line'
is "$(jq -c 'select(.type != "central.meta.reject.v1") | .id' out | tr '\n' ' ')" '"a-1" "a-3" ' 'the others go on'
is "$(messages CENTRAL_META)" 4 'the rejects are in CENTRAL_META'
like "$(cat err)" 'central-publish: line 2: not JSON' 'stderr names the line'
like "$(cat err)" 'line 5: data.severity' '... and what is wrong'

# The report counts.
{
    central-fetch usgs_quake --from "$top/examples/feeds/usgs_quake.geojson" | central-normalize
} >poll
exits 0 'a poll' central-publish <poll
is "$(tail -n 1 out | jq -c '.data | [.normalized, .published + .duplicates, .failed]')" '[24,24,0]' 'its report is counted up'
central-publish <poll >out
is "$(tail -n 1 out | jq -c '.data | [.published, .duplicates]')" '[0,24]' 'a second time all are duplicates'

# The message id does not depend on notation.
jq -cS . three >sorted
exits 0 'the same events with their members in another order' central-publish <sorted
before=$(messages)
central-publish <three >/dev/null
is "$(messages)" "$before" '... are the same messages'

# A line that the server will not take.
perl -pe 's/"place":"/$& . "y" x 1048000/e' <(head -n 1 three) >large
exits 0 'larger than the server takes' env CENTRAL_LINE_MAX=4MiB central-publish <large
like "$(cat err)" 'line 1: .*[0-9]+ bytes with [0-9]+ of header, the server takes 1048576' '... both sizes are told'
is "$(jq -r .centralsubject out)" central.meta.reject.usgs_quake '... and a reject is placed under the name of its source'
# The header counts: a line that fits without it must not hold up the others.
room=$((1048576 - 20 - $(head -n 1 three | wc -c)))
events near 2 >two
{
    head -n 1 two
    room=$room perl -pe 's/"place":"/$& . "y" x $ENV{room}/e' <(head -n 1 three)
    tail -n 1 two
} >near
exits 0 'as large as the server takes, without its header' central-publish --give-up 5s <near
is "$(jq -r '.centralsubject + " " + (.data.id // "")' out | sed 's/event\.[a-z]*/event/' | sort | tr '\n' ',')" \
    'central.meta.reject.usgs_quake ,central.quake.event near-1,central.quake.event near-2,' \
    '... becomes a reject, and the others go on'

# The ends of the pipe.
exits 74 'a full disk' bash -c 'central-publish <many >/dev/full'
exits 74 'a closed stdout' bash -c 'central-publish <many >&-'
bash -c 'central-publish <many 2>pipe.err; echo $? >pipe.status' | head -n 1 >/dev/null
is "$(cat pipe.status)$(cat pipe.err)" 74 'a reader that went away: 74, quietly'
exits 64 'an argument' central-publish many
exits 64 'a window of nothing' central-publish --window 0
exits 0 'nothing to do' central-publish </dev/null

# An idle pipe holds nothing back, and SIGTERM loses nothing.
mkfifo in
central-publish <in >slow &
publish=$!
exec 9>in
events s 1 >&9
ok 'an event is echoed while input stays open' wait_for 10 test -s slow
events s 50 | tail -n +2 >&9
ok 'all are' wait_for 10 bash -c '[[ $(wc -l <slow) == 50 ]]'
kill -TERM $publish
status=0
wait $publish || status=$?
exec 9>&-
is "$status" 75 'SIGTERM: leaves, and not as if that were all'
is "$(central-subscribe --all CENTRAL_QUAKE | grep -c '"id":"s-[0-9]*","source"')" 50 '... every echoed line is in the stream'

# SIGTERM while lines are in flight.
events t 60000 >long
central-publish <long >partly &
publish=$!
wait_for 10 test -s partly
kill -TERM $publish
status=0
wait $publish || status=$?
is "$status" 75 'SIGTERM in mid-stream: leaves in order'
ok '... with whole lines from the beginning' cmp -n "$(wc -c <partly)" partly long
is "$(tail -c 1 partly | od -An -c | tr -d ' ')" '\n' '... to the end of the last'
is "$(central-subscribe --all CENTRAL_QUAKE | grep -c '"id":"t-[0-9]*","source"')" "$(wc -l <partly)" \
    '... and exactly these are in the stream'

# The server is there, and silent.
central-publish --give-up 2s <in >silent 2>err.silent &
publish=$!
exec 9>in
head -n 1 three >&9
wait_for 10 test -s silent
server=$(cat hub/nats.pid)
kill -STOP "$server"
events q 10 >&9
status=0
wait $publish || status=$?
kill -CONT "$server"
exec 9>&-
is "$status $(wc -l <silent)" '75 1' 'a server that does not answer: try again later'
is "$(wc -l <err.silent)" 2 '... is told once, and counted'

# The server dies in mid-stream and comes back.
events k 20000 >flood
central-publish <flood >flooded 2>err.flood &
publish=$!
wait_for 10 test -s flooded
hub kill --nats
hub start --nats >/dev/null
status=0
wait $publish || status=$?
is "$status" 0 'a server killed and restarted in mid-stream'
ok '... every line is acknowledged, in order' cmp flood flooded
central-subscribe --all CENTRAL_QUAKE | grep -o '"id":"k-[0-9]*","source"' | sort | uniq -c | awk '{print $1}' | sort | uniq -c >counts
is "$(awk '{print $1, $2}' counts)" '20000 1' '... and in the stream exactly once'

hub kill --nats
exits 69 'a server that does not come back' bash -c 'central-publish --give-up 1s <three'

# A server with accounts: a user who may do little, and little room.
mkdir ports
cat >accounts.conf <<END
listen: "127.0.0.1:-1"
ports_file_dir: "$tmp/ports"
jetstream { store_dir: "$tmp/accounts" }
accounts { A {
  jetstream: { max_file: 8MiB, max_mem: 0 }
  users: [ { user: all, password: "p w" }, { user: few, password: x, permissions: { publish: "other.>" } } ]
} }
END
nats-server -c accounts.conf >accounts.log 2>&1 &
wait_for 20 bash -c 'compgen -G "ports/*.ports"'
port=$(jq -r '.nats[0]' ports/*.ports)
port=${port##*:}
export NATS_URL=nats://127.0.0.1:$port
# A stream that knows for a tenth of a second only what it has seen: whatever is sent twice without need shows.
config='{"name":"CENTRAL_QUAKE","subjects":["central.quake.>"],"storage":"file","duplicate_window":100000000}'
exec 8<>"/dev/tcp/127.0.0.1/$port"
printf '%s\r\n' 'CONNECT {"verbose":false,"user":"all","pass":"p w"}' 'SUB made 1' \
    "PUB \$JS.API.STREAM.CREATE.CENTRAL_QUAKE made ${#config}" "$config" >&8
ok 'a stream with hardly a memory' timeout 20 grep -a -m 1 -o '"did_create":true' <&8
exec 8>&-

exits 77 'nobody' central-publish </dev/null
exits 77 'a wrong password' env NATS_USER=all NATS_PASSWORD=secret central-publish </dev/null
unlike "$(cat err)" secret '... does not show'
exits 77 'what the server does not permit' env NATS_USER=few NATS_PASSWORD=x central-publish --ack-wait 1s <three
like "$(cat err)" 'not permitted to publish on central\.quake\.' '... is told'

unset NATS_URL
mkdir -p "$HOME/.config/nats/context"
printf 'desk\n' >"$HOME/.config/nats/context.txt"
jq -n --arg url "nats://127.0.0.1:$port" '{$url, user: "all", password: "p w"}' >"$HOME/.config/nats/context/desk.json"
chmod 644 "$HOME/.config/nats/context/desk.json"
exits 77 'a context with a password that others can read' central-publish </dev/null
chmod 600 "$HOME/.config/nats/context/desk.json"
exits 0 'the selected context of the nats command' central-publish </dev/null
exits 78 'a context that is not there' env NATS_CONTEXT=none central-publish </dev/null

events r 3000 >slow.in
central-publish --ack-wait 1s <slow.in | {
    sleep 3
    cat
} >slow.out
ok 'a reader slower than an acknowledgement may be gets all' cmp slow.in slow.out
is "$(messages)" 3000 '... and nothing was sent twice'

events f 10000 >fill
exits 75 'an account without room' central-publish --give-up 2s <fill
like "$(cat err)" 'resource limits exceeded for account' '... says so in the words of the server'
ok '... and echoes what found room' cmp -n "$(wc -c <out)" out fill
is "$(grep -c meta.reject out)" 0 '... for no line is refused for good'
done_testing
