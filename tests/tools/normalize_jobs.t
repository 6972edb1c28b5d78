#!/bin/bash
# central-normalize --jobs: workers that keep order. Both outputs are those of a run without, to the last byte.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

samples=$top/examples/feeds
mkdir -p etc/sources
echo '{"region": {"north": 49.5, "south": 31, "east": -102, "west": -124.5}}' >etc/sources/usgs_quake.json
{
    for feed in usgs_quake.geojson nws.geojson wfigs_incidents.geojson wfigs_perimeters.geojson firms.csv inciweb.xml \
        swpc_alerts.json swpc_kindex.json swpc_protons.json gdacs.xml eonet.json nwis.json; do
        central-fetch "${feed%.*}" --from "$samples/$feed" 2>/dev/null || true
    done
} >raw
lines=$(wc -l <raw)
# A reject says when it was made.
timeless() { sed -i '/"central.meta.reject.v1"/s/"time":"[^"]*"/"time":""/' "$1"; }

# Bad lines among them, what is canonical already, and a last line without newline.
{
    head -n 40 raw
    echo 'not json'
    echo
    printf '{"a":"\xff"}\n'
    head -c 1200000 /dev/zero | tr '\0' x
    echo
    sed -n '41,120p' raw
    echo '{"specversion":"1.0"}'
    head -n 5 raw | central-normalize 2>/dev/null
    tail -n +121 raw
    for ((i = 0; i < 30; i++)); do cat raw; done
    head -n 1 raw | head -c 300
} >mixed

for input in raw mixed; do
    exits 0 "$input without workers" central-normalize <$input
    timeless out
    mv out "$input.out"
    mv err "$input.err"
    for n in 1 2 3 4; do
        exits 0 "$input, --jobs $n" central-normalize --jobs $n <$input
        timeless out
        ok '... standard output is the same' cmp out "$input.out"
        ok '... standard error is the same' cmp err "$input.err"
    done
done
isnt "$(grep -c reject raw.out)" 0 'there are rejects among them'
is "$(jq -c 'select(.type == "central.meta.poll.v1") | .data | select(.adapter == "usgs_quake") | .normalized + .outside_region + .skipped == .items' <raw.out)" true \
    'the counts of a report are those of all before it'
is "$(jq -r 'select(.data.reason? // "" | startswith("too long")) | .data.original_bytes' mixed.out)" 1200000 'a line too long is among them'

# Small runs: each line comes alone.
exits 0 'lines one by one' bash -c 'head -n 40 raw | while IFS= read -r line; do printf "%s\n" "$line"; done | central-normalize -j 3'
timeless out
ok '... come out the same' cmp out <(head -n "$(head -n 40 raw | central-normalize 2>/dev/null | wc -l)" raw.out)

# An idle pipe has no latency: what was read is out while the input stays open, again and again.
mkfifo in
central-normalize --jobs 2 <in >slow 2>/dev/null &
normalize=$!
exec 9>in
written() { (($(wc -l <slow) == $1)); }
sed -n '1,3p' mixed >&9
head -n 3 mixed | central-normalize >first 2>/dev/null
ok 'lines come out while input is open' wait_for 10 written "$(wc -l <first)"
sed -n '4p' mixed | head -c 100 >&9
sed -n '4p' mixed | tail -c +101 >&9
head -n 4 mixed | central-normalize >first 2>/dev/null
ok '... one more, that came in two halves' wait_for 10 written "$(wc -l <first)"
head -c 100 mixed >&9
kill -TERM $normalize
status=0
wait $normalize || status=$?
exec 9>&-
is "$status" 75 'SIGTERM in mid-line: leaves, and not as if that were all'
ok '... whole lines written, nothing half' cmp slow first

# Workers that die. Which one is the tool's child that has the pipes; what it has in hand is not written.
workers() { pgrep -P "$normalize"; }
two() { (($(workers | wc -l) == 2)); }
for signal in KILL SEGV; do
    # A sanitizer would make a status of the second.
    ASAN_OPTIONS=${ASAN_OPTIONS-}:handle_segv=0 central-normalize --jobs 2 <in >died 2>died.err &
    normalize=$!
    exec 9>in
    head -n 30 raw >&9
    head -n 30 raw | central-normalize >before 2>/dev/null
    ok "both workers are there" wait_for 10 two
    ok '... and lines come out' wait_for 10 cmp -s died before
    # shellcheck disable=SC2046
    kill -$signal $(workers)
    # The report of the poll is behind what will not be there.
    sed -n '31,$p' raw >&9 || true
    exec 9>&-
    status=0
    wait $normalize || status=$?
    is "$status" "$([[ $signal == KILL ]] && echo 75 || echo 70)" "workers killed by SIG$signal end the tool"
    like "$(cat died.err)" "^central-normalize: from line 31 on nothing is written: worker [12] was killed by SIG$signal$" '... which says so, and from where on nothing is written'
    ok '... nothing of what had no answer is written' cmp died before
done
# What stands in the file of before is no answer.
central-normalize --jobs 3 <in >answered 2>/dev/null &
normalize=$!
exec 9>in
head -n 1 raw >&9
ok 'a worker answers' wait_for 10 test -s answered
workers >left
kill -KILL $normalize
wait $normalize 2>/dev/null || true
exec 9>&-
gone() { while read -r pid; do if kill -0 "$pid" 2>/dev/null; then return 1; fi; done <left; }
ok 'workers end with the tool' wait_for 10 gone

# A worker has given up what the tool has.
if [[ -z ${CENTRAL_UNCONFINED-} ]] && grep -qs '^Seccomp:' /proc/self/status && [[ ! $(ldd "$(type -P central-normalize)") == *libasan* ]]; then
    central-normalize --jobs 2 <in >slow 2>/dev/null &
    normalize=$!
    exec 9>in
    head -n 2 raw >&9
    ok 'a worker answers' wait_for 10 test -s slow
    confined=$(grep -c '^Seccomp:[[:space:]]*2' "/proc/$normalize/status" || true)
    for pid in $(workers); do
        is "$(grep -c '^Seccomp:[[:space:]]*2' "/proc/$pid/status" || true)" "$confined" 'a worker is confined as the tool is'
        is "$(find "/proc/$pid/fd" -mindepth 1 -printf '%f\n' | sort -n | paste -sd ' ')" '0 1' '... and has its pipes only'
    done
    exec 9>&-
    wait $normalize
fi

# As without.
{
    head -n 3 raw
    head -n 1 raw | sed 's/"centraladapter":"[a-z_]*"/"centraladapter":"no_such"/'
    tail -n +4 raw
} >unknown
exits 78 'an adapter that does not exist' central-normalize --jobs 2 <unknown
like "$(cat err)" "no adapter 'no_such'" '... says so'
ok '... what was before it is written' cmp out <(head -n 3 raw | central-normalize 2>/dev/null)
exits 74 'a full disk' bash -c 'central-normalize --jobs 2 <mixed >/dev/full'
exits 74 'a closed stdout' bash -c 'central-normalize --jobs 2 <raw >&-'
exits 74 'stdin that is closed' bash -c 'central-normalize --jobs 2 <&-'
bash -c 'central-normalize --jobs 2 2>pipe.err; echo $? >pipe.status' <mixed | head -n 1 >/dev/null
is "$(cat pipe.status)$(grep -c 'standard output' pipe.err)" 740 'a reader that went away ends it with 74, quietly'
exits 0 'an empty input' central-normalize --jobs 4 </dev/null
is "$(cat out err)" '' '... gives nothing'
for n in 0 -1 65 two '' 1.5 2x; do
    exits 64 "--jobs '$n' is refused" central-normalize --jobs="$n" <raw
done
is "$(grep -c . <raw)" "$lines" 'the input is as it was'
done_testing
