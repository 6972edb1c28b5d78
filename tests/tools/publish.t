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

start_nats
events a 3 >three
exits 69 'no stream for the subject' central-publish <three
like "$(cat err)" 'no responders for central\.quake\.event\.[a-z]+: is the stream applied\?' '... says what to do'
is "$(wc -c <out)" 0 '... and nothing comes out'
central-streams apply >/dev/null

events b 10000 >many
exits 0 'ten thousand events' central-publish <many
ok '... are echoed byte for byte, in order' cmp many out
is "$(messages)" 10000 '... and in the stream'
exits 0 'the same once more' central-publish <many
ok '... are echoed as well, for they are durable' cmp many out
is "$(messages)" 10000 '... and in the stream once'
is "$(central-subscribe --all CENTRAL_QUAKE | cmp - many && echo same)" same 'the stream holds them in order'
exits 0 'a window of one' central-publish --window 1 < <(events w 20)
is "$(messages)" 10020 '... goes through too'

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
exits 65 'larger than the server takes' env CENTRAL_LINE_MAX=4MiB central-publish <large
like "$(cat err)" 'bytes with [0-9]+ of header, the server takes 1048576' '... both sizes are told'
is "$(jq -r .type out)" central.meta.reject.v1 '... and a reject is placed'

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
is "$status" 0 'SIGTERM: leaves with 0'
is "$(central-subscribe --all CENTRAL_QUAKE | grep -c '"id":"s-[0-9]*","source"')" 50 '... every echoed line is in the stream'

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
done_testing
