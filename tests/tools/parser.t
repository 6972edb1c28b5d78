#!/bin/bash
# What reads an answer (parser.h): a process that has two pipes and nothing else, and that fails alone.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

samples=$top/examples/feeds
mkdir adapters etc etc/credentials
export CENTRAL_ADAPTERS=$tmp/adapters:$top/lib/adapters
# What watches itself gives up nothing (confine.h).
confined=1
! grep -qaE 'libasan|__gcov_' "$(type -P central-fetch)" || confined=0

# adapter NAME ITEMS [FORMAT [REST OF ABOUT]]
adapter() {
    cat >"adapters/$1.jq" <<J
def about: {name: "$1", title: "t", every: 60, kind: "window" ${4-}};
def requests: {url: "http://127.0.0.1:1/", format: "${3-json}"};
def items: $2;
def event: empty;
J
}
# failed DESC REASON COMMAND...: a failed poll of no records, the reason in the report and on one line.
failed() {
    exits 69 "$1" "${@:3}"
    is "$(jq -c '[.ok, .data.state, .data.complete, .data.items]' out)" '[false,"failed",false,0]' '... has failed, and nothing is told of it'
    like "$(jq -r .error out)" "$2" '... for that reason'
    is "$(wc -l <err)" 1 '... with one line on stderr'
}
# The processes that it started: who starts the others, and who reads.
children() { awk '{ printf "%s ", $1 }' "/proc/$1/task/$1/children"; }
worker_of() {
    local starter
    starter=$(children "$1")
    [[ -n $starter ]] && worker=$(children "${starter% }") && worker=${worker% } && [[ -n $worker ]]
}
gone() { [[ ! -e /proc/$1 ]] || grep -q '^State:.[ZX]' "/proc/$1/status"; }

# --- what it has -----------------------------------------------------------------

adapter endless '(def f: f; f)' json ', credential: "endless"'
echo '{"features": []}' >answer
echo CANARY-of-a-file >etc/credentials/endless
chmod 600 etc/credentials/endless
sed "s|http://127.0.0.1:1/|file://$tmp/answer|" adapters/endless.jq >asked && mv asked adapters/endless.jq
CENTRAL_KEY_OTHER=CANARY-of-the-environment central-fetch endless --now >out 2>err &
fetch=$!
ok 'an answer is read by a process of its own' wait_for 20 worker_of $fetch
worker_of $fetch
# It has given up its rights when it computes.
computes() { (($(awk '{ sub(/.*\) /, ""); print $12 }' "/proc/$worker/stat") > 5)); }
wait_for 20 computes || true
starter=$(children $fetch)
starter=${starter% }
if ((confined)); then
    is "$(for fd in "/proc/$worker/fd"/*; do readlink "$fd"; done | sed 's/:.*//' | paste -sd ' ')" 'pipe pipe' 'which has two pipes and nothing else'
    is "$(for fd in "/proc/$starter/fd"/*; do readlink "$fd"; done | sed 's/:.*//')" socket 'who started it has one socket, to its parent'
    is "$(awk '/^(NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$worker/status" | paste -sd ' ')" '1 2' 'it is confined'
    is "$(awk '/^Max data/ { print $4 }' "/proc/$worker/limits")" $((512 << 20)) 'its memory is limited'
    is "$(awk '/^Max cpu/ { print $4 }' "/proc/$worker/limits")" 60 '... and its time'
    # knows PID WORD: whether that stands anywhere in its memory.
    knows() {
        perl -e 'my ($pid, $word) = @ARGV;
            open(my $maps, "<", "/proc/$pid/maps") or exit 2;
            open(my $mem, "<:raw", "/proc/$pid/mem") or exit 2;
            while (<$maps>) {
                next unless /^([0-9a-f]+)-([0-9a-f]+) r/ && !/\[v(var|syscall)/;
                my ($at, $end) = (hex $1, hex $2);
                sysseek($mem, $at, 0) or next;
                my $left = $end - $at; my $text = "";
                while ($left > 0) { my $n = sysread($mem, $text, $left, length $text); last unless $n; $left -= $n }
                exit 0 if index($text, $word) >= 0;
            }
            exit 1' "$1" "$2"
    }
    if knows $fetch CANARY-of-a-file; then
        ok 'the poll knows its credential' true
        for who in $worker $starter; do
            exits 1 'who reads answers does not' knows "$who" CANARY-of-a-file
            exits 1 '... nor what the environment was' knows "$who" CANARY-of-the-environment
        done
    else
        skip 'who reads answers does not know the credential' 'its memory cannot be read here'
    fi
fi

# --- how it ends -----------------------------------------------------------------

kill -KILL "$worker"
status=0
wait $fetch || status=$?
is "$status" 69 'when it is killed the source has failed'
is "$(jq -c '[.ok, .data.state, .data.items]' out)" '[false,"failed",0]' '... and is not empty'
like "$(cat err)" "^central-fetch: endless: file://.*/answer: what reads it was killed by SIGKILL\$" '... for that reason'
ok '... and nothing of it is left' gone "$starter"

rm -f state/endless.poll
central-fetch endless --now >out 2>err &
fetch=$!
wait_for 20 worker_of $fetch || true
worker_of $fetch
starter=$(children $fetch)
kill -TERM $fetch
status=0
wait $fetch || status=$?
isnt "$status" 0 'SIGTERM while an answer is read'
is "$(jq -c '[.ok, .data.state]' out)" '[false,"failed"]' '... the report says failed'
like "$(cat err)" 'stopped by a signal' '... and why'
ok '... the one who read is gone' wait_for 10 gone "$worker"

central-fetch endless --now >out 2>err &
fetch=$!
wait_for 20 worker_of $fetch || true
worker_of $fetch
starter=$(children $fetch)
starter=${starter% }
kill -KILL "$starter"
status=0
wait $fetch || status=$?
is "$status" 75 'when who starts them is killed no answer is read any more'
like "$(cat err)" 'what starts those that read answers was killed by SIGKILL' '... says so'
ok '... and who read is gone with it' wait_for 10 gone "$worker"

central-fetch endless --now >out 2>err &
fetch=$!
wait_for 20 worker_of $fetch || true
worker_of $fetch
starter=$(children $fetch)
starter=${starter% }
kill -KILL $fetch
{ wait $fetch || true; } 2>/dev/null
ok 'a poll that is killed takes both with it' wait_for 10 gone "$worker"
ok '... both' wait_for 10 gone "$starter"

# SIGTERM before anything is asked: while the adapter is read, from a pipe.
mv adapters/endless.jq kept
mkfifo adapters/endless.jq
rm -f state/endless.poll
opened() { [[ $(readlink "/proc/$fetch/fd/"* 2>/dev/null) == *endless.jq* ]]; }
stopped() {
    central-fetch endless "$@" >out 2>err 8>&- &
    fetch=$!
    exec 8<>adapters/endless.jq
    ok 'an adapter is being read' wait_for 20 opened
    kill -TERM $fetch
    cat kept >&8
    exec 8>&-
    status=0
    wait $fetch || status=$?
}
stopped --now
is "$status" 75 'SIGTERM before anything was asked is no success'
is "$(cat out)" '' '... there is nothing to report'
like "$(cat err)" 'endless: stopped before anything was asked' '... and the tool says so'
stopped --from answer
is "$status" 75 '... nor is it later'
is "$(jq -c '[.ok, .data.state, .error]' out)" '[false,"failed","stopped before all was asked"]' '... the report says so'
like "$(cat err)" 'endless: stopped before all was asked' '... and the tool'
rm adapters/endless.jq
mv kept adapters/endless.jq

# --- limits ----------------------------------------------------------------------

adapter loop '(def f: f; f)'
failed 'an answer that is never understood' 'reading it takes more than 1 s of computing \(SIGXCPU\)' \
    prlimit --cpu=1:60 central-fetch loop --from answer
adapter one .
{
    printf '['
    head -c 2500000 /dev/zero | sed 's/\x00/[],/g'
    printf '[]]'
} >lists
if ((confined)); then
    failed 'seven megabytes of empty lists' 'reading it takes more than 512 MiB of memory \(RLIMIT_DATA\)' central-fetch one --from lists
    failed 'an inherited limit' 'reading it takes more than 64 MiB of memory' prlimit --data=67108864 central-fetch one --from lists
fi

# One that fails costs only itself, and nothing is left open.
cat >adapters/several.jq <<'J'
def about: {name: "several", title: "t", every: 60, kind: "window"};
def requests: range(60) | {url: "http://127.0.0.1:1/\(.)", tag: .};
def items: if .endless then (def f: f; f) else .features[] end;
def event: empty;
J
echo '{"features": [1], "endless": false}' >one
echo '{"features": [1], "endless": true}' >two
from=(--from two)
for _ in {1..59}; do from+=(--from one); done
exits 69 'sixty answers, the first never understood, and few descriptors' prlimit --cpu=1:60 --nofile=24 central-fetch several "${from[@]}"
is "$(tail -n 1 out | jq -c '[.data.state, .data.items]')" '["partial",59]' '... the others are'

# --- what strangers send -----------------------------------------------------------

adapter xml '.item[]' xml
adapter csv '.rows[]' csv
printf '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><a><item>&b;</item></a>' >laughs
failed 'a document that declares entities' 'not XML: declares entities at line 1' central-fetch xml --from laughs
printf '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><item>&x;</item></a>' >external
exits 0 'one that wants a file' central-fetch xml --from external
is "$(head -n 1 out | jq -c .data)" '""' '... gets none'
{
    printf '<a><item>'
    for _ in {1..300}; do printf '<b>'; done
} >deep
failed 'three hundred elements in each other' 'not XML: nested too deep at line 1' central-fetch xml --from deep
{
    printf '<a><item '
    head -c 5000000 /dev/zero | tr '\0' 'x'
} >attribute
failed 'an attribute without end' 'not XML: .* at line 1' central-fetch xml --from attribute
{
    printf '<a><item x="'
    head -c 5000000 /dev/zero | tr '\0' 'x'
    printf '"/></a>'
} >long
exits 0 'an attribute of five megabytes' central-fetch xml --from long
is "$(head -n 1 out | jq '.data["@attr"].x | length')" 5000000 '... is one'
{
    printf 'a,b\n1,"'
    head -c 100000 /dev/zero | sed 's/\x00/x,y\n/g'
} >quote
failed 'a quote that is never closed' 'not CSV' central-fetch csv --from quote
adapter wrong '.' yaml
exits 78 'a format that nobody knows' central-fetch wrong --from answer
like "$(cat err)" "format 'yaml' is none of json, csv, xml" '... says so'

# Other encodings are tables in files, which it cannot open any more.
printf '<?xml version="1.0" encoding="windows-1251"?><a><item>\xcf\xee\xe6\xe0\xf0</item></a>' >cyrillic
exits 0 'a document in an encoding of its own' central-fetch xml --from cyrillic
is "$(head -n 1 out | jq -r .data)" 'Пожар' '... is read'
mkdir liar
"$top/tests/liar" "$tmp/liar" &
wait_for 10 test -s liar/port
sed "s|http://127.0.0.1:1/|http://127.0.0.1:$(cat liar/port)/koi8|" adapters/csv.jq >adapters/koi8.jq
sed -i 's/"csv", title/"koi8", title/' adapters/koi8.jq
exits 0 'a table in the encoding that its header names' central-fetch koi8 --now
is "$(head -n 1 out | jq -r .data.name)" 'Пожар' '... is read'
sed "s|/koi8|/nocharset|; s/\"koi8\"/\"nocharset\"/" adapters/koi8.jq >adapters/nocharset.jq
failed 'an encoding that nobody knows' "unknown charset 'no-such'" central-fetch nocharset --now

# The adapter's program is the same there: local time, and nothing of the environment but that.
adapter where '{hours: (0 | localtime | .[3]), env: (env | keys)}'
TZ=JST-9 central-fetch where --from answer >out
is "$(head -n 1 out | jq -c .data.hours)" 9 'local time is that of TZ'
if ((confined)); then is "$(head -n 1 out | jq -c .data.env)" '["TZ"]' '... and the environment is empty'; fi

# central-adapter reads in the same way.
exits 69 'a preview of what is never understood' prlimit --cpu=1:60 central-adapter preview loop --from answer
like "$(cat err)" 'reading it takes more than 1 s of computing' '... says so'
exits 0 'a preview' central-adapter preview usgs_quake --from "$samples/usgs_quake.geojson"
isnt "$(cat out)" '' '... shows something'

# --- records that about names ------------------------------------------------------

# named NAME RECORDS
named() {
    cat >"adapters/$1.jq" <<J
def about: {name: "$1", title: "t", every: 60, kind: "window", records: $2};
def requests: {url: "http://127.0.0.1:1/"};
def items: error("asked");
def event: empty;
J
}
named member '"list"'
named answer '"."'
named wrong 1
echo '{"list": [{"a":1.0},[], {"a":  "\u00e9"}], "error": null}' >answer
exits 0 'records that about names' central-fetch member --from answer
is "$(jq -r 'select(.ok) | [.data.items, .data.state] | @csv' out)" '3,"new"' '... are found without asking items'
is "$(grep -v '"ok"' out | sed 's/.*"data"://' | paste -sd ' ')" '{"a":1.0}} []} {"a":"\u00e9"}}' '... digit for digit'
echo '[{"a":1}]' >answer
exits 0 'an answer that is the array' central-fetch answer --from answer
is "$(jq -r 'select(.ok) | .data.items' out)" 1 '... has its elements'
failed 'one that should be an object' 'no array of list in the answer' central-fetch member --from answer
echo '{"list": {"a": 1}}' >answer
failed 'a member that is no array' 'no array of list in the answer' central-fetch member --from answer
failed 'an answer that is no array' 'not an array' central-fetch answer --from answer
echo '{"list": [1], "error": {"code": 400, "message": "too busy"}}' >answer
failed 'a service that says error' 'the service says: too busy' central-fetch member --from answer
echo '{"list": [1], "error": true}' >answer
failed '... without a word' 'the service says: error' central-fetch member --from answer
exits 78 'records that is no text' central-fetch wrong --from answer
like "$(cat err)" 'about: records is no text' '... is told'
done_testing
