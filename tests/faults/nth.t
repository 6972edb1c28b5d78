#!/bin/bash
# The n-th write, fsync, rename, connect, malloc, ... of every tool fails (preload.c): the tool ends in bounded time, with a
# status that its page lists and a line that names it; 0 only when everything it is for was done; what it echoed as durable is;
# and the same run without the fault reaches what the run that never failed did, nothing lost, nothing doubled.
#
#   POINTS=3 tests/faults/nth.t       so many n of each class and tool, spread over all that there are (0: every n, and every case);
#                                     MALLOC_POINTS of malloc, which libjq calls ten thousand times
#   ONLY='archive commit' CLASSES='write malloc' tests/faults/nth.t
#   CLASSES=none tests/faults/nth.t   no fault at all
#
# A case is NAME or NAME=WHAT, of which NAME_run makes something ($what). Without POINTS, what others cover too has one n a class.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

points=${POINTS:-3} malloc_points=${MALLOC_POINTS:-${POINTS:-3}}
most='fetch poll normalize normalize=2 changes publish commit reconcile learn subscribe durable archive once query apply set'
once='audit repair top=json top=batch streams=list streams=show streams=diff streams=check streams=consumers streams=tune retention
    sources=list sources=show sources=status sources=check sources=preview enable
    query=table query=csv query=geojson query=geojson-seq query=count migrate prune'
# Each stage of the pipe alone has these faults in the short form, too; of the adapters, one.
long=
if [[ ${POINTS-} == 0 ]]; then
    for stage in fetch normalize changes publish commit audit; do long+=" source=$stage"; done
    for file in "$top"/lib/adapters/*.jq; do
        file=$(basename "$file" .jq)
        if [[ $file != central ]]; then long+=" feed=$file event=$file"; fi
    done
fi
read -ra only <<<"${ONLY:-$most ${once//$'\n'/ } $long}"
# needs NAME...: is one of these among the cases?
needs() {
    local name case
    for case in "${only[@]}"; do
        for name in "$@"; do if [[ ${case%%=*} == "$name" ]]; then return 0; fi; done
    done
    return 1
}
preload=$(dirname "$(type -P central-fetch)")/../tests/preload.so
[[ -e $preload ]] || skip_all 'no build/tests/preload.so (make tests)'
preload=$(readlink -f "$preload")
# The allocator, and libc in front, belong to the sanitizer there.
if [[ $(ldd "$(type -P central-fetch)" 2>/dev/null) == *lib[at]san* ]]; then
    skip_all 'a sanitizer comes before any other library'
fi

# --- what is run ---------------------------------------------------------------

mkdir liar adapters golden
export CENTRAL_ADAPTERS=$tmp/adapters
cat >adapters/quakes.jq <<'J'
def about: {name: "quakes", title: "t", every: 10, kind: "snapshot", timeout: 5, keep: "14d",
            settings: {area: {type: "text", default: "", help: "x"}}};
def requests: {url: "http://127.0.0.1:PORT/good", format: "json"};
def items: .features[];
def event: {id, category: "quake.event.minor", subject: ["quake", "event", "minor"], time: .properties.time, severity: 0,
            data: {mag: .properties.mag}};
def removed: {id: "\(.last.id):removed:\(.now)", category: "quake.event.removed", subject: ["quake", "event", "removed"],
              time: .now, severity: 0, data: {reason: "gone"}, removes: {id: .last.id, revision: .last.revision}};
J
if needs poll; then
    "$top/tests/liar" "$tmp/liar" &
    wait_for 10 test -s liar/port
    sed -i "s/PORT/$(cat liar/port)/" adapters/quakes.jq
fi
feed() { jq -nc '{features: [$ARGS.positional[] | split(":") | {id: .[0], properties: {mag: (.[1] | tonumber), time: 1795000000000}}]}' --args "$@"; }
chain() { central-fetch quakes --from "$1" 2>/dev/null | central-normalize 2>/dev/null; }

if needs publish reconcile learn subscribe durable once apply audit repair top streams retention source; then start_nats; fi
if needs archive once query audit repair top prune migrate; then start_postgres; fi
if [[ -n ${NATS_URL-} ]]; then
    printf 'CENTRAL_QUAKE central.quake.> 7d 64MiB archive,top\nCENTRAL_META central.meta.> 1d 64MiB\n' >streams.conf
    printf 'CENTRAL_WX central.wx.> 7d 64MiB archive\n' >wx.conf
    central-streams -f streams.conf apply >/dev/null
fi
if [[ -n ${PGHOST-} ]]; then
    if needs migrate; then psql -Xqd postgres -c 'create database bare template central'; fi
    central-archive --migrate >/dev/null
fi

# A state in which a is known, b changed, c was missed once, d is new.
feed a:1 b:1 c:1 e:1 >first
feed a:1 b:1 e:1 >second
feed a:1 b:2 d:1 e:1 >third
for f in first second; do chain "$f" | central-changes 2>/dev/null | central-commit --quiet >/dev/null; done
mv state golden/state
chain third >golden/canonical
central-fetch quakes --from third >golden/raw
cp -r golden/state state
central-changes <golden/canonical >golden/changed 2>/dev/null

# Events that no attempt had before: their ids end in its number.
attempt=n0
lines() { sed "s/\"\([bcd]\)\(@2\)*\"/\"\1-$attempt\2\"/g; s/\"c:removed:/\"c-$attempt:removed:/g" golden/changed; }
ask() { psql -XAtqc "$1"; }
# What differs from run to run in the same outcome.
plain() { sed -E 's/"(duration_ms|ts|time|id|last_seen|seen|next_poll)":("[0-9T:.+Z-]*"|[0-9]+)/"\1":0/g; s/:removed:[0-9T:.Z-]*/:removed:/g; s/poll:[a-z_]*:[0-9T:.+-]*/poll:/g; s/-'"$attempt"'\b//g' "${1--}"; }
ids() { jq -r 'select(.centralcategory) | .id' 2>/dev/null | sort; }

declare -A tools=(
    [fetch]=central-fetch
    [poll]=central-fetch
    [normalize]=central-normalize
    [changes]=central-changes
    [publish]=central-publish
    [commit]=central-commit
    [reconcile]=central-commit
    [learn]=central-audit
    [subscribe]=central-subscribe
    [durable]=central-subscribe
    [archive]=central-archive
    [once]=central-archive
    [query]=central-query
    [apply]=central-streams
    [set]=central-adapter
    [enable]=central-adapter
    [sources]=central-adapter
    [audit]=central-audit
    [repair]=central-audit
    [top]=central-top
    [streams]=central-streams
    [retention]=central-streams
    [migrate]=central-archive
    [prune]=central-archive
    [feed]=central-fetch
    [event]=central-normalize
)
# The status of a run that does what it is for, where that is not 0.
declare -A wants=([audit]=1 [streams=diff]=1 [sources=status]=1)
# ... and what else it may end with: a case that could not be run is one that fails, what the server could not be asked is a warning.
declare -A differs=([sources=check]=1 [sources=status]=2 [streams=check]=1)
# Libraries that do not look at what malloc returns, or abort: no caller can help it. libgcov is part of a program.
careless='lib(jq|nats|geos|geos_c|stdc\+\+|crypto|ssl)\.so'
if grep -q __gcov_ "$(type -P central-fetch)"; then careless+='|central-'; fi

# For each case: NAME_fresh makes what it starts from, NAME_run runs it (with "$@" in front), NAME_outcome prints what came of
# it, NAME_durable what of its output must be in the outcome.
fetch_run() { "$@" central-fetch quakes --from third; }
fetch_outcome() { plain out; }
fetch_durable() { :; }

poll_fresh() { rm -rf state; }
poll_run() { "$@" central-fetch quakes --now --tries 1; }
poll_outcome() { plain out; }

normalize_run() { "$@" central-normalize ${what:+--jobs "$what"} <golden/raw; }
normalize_outcome() { plain out; }

state_fresh() { rm -rf state && cp -r golden/state state; }
changes_fresh() { state_fresh; }
changes_run() { "$@" central-changes <golden/canonical; }
changes_outcome() { plain out | sort; }
# What was written before is written again as the same, removals too: their ids hold a time.
changes_keep() { ids <out; }

publish_run() { lines | "$@" central-publish; }
publish_outcome() { central-subscribe --all CENTRAL_QUAKE 2>/dev/null | ids | grep -e "-$attempt\b"; }
publish_durable() { ids <out; }

commit_fresh() { state_fresh; central-changes <golden/canonical >golden/again 2>/dev/null; }
commit_run() { "$@" central-commit --quiet <golden/again; }
commit_outcome() { sqlite3 state/quakes.db 'select id || iif(revision > 1, "@" || revision, "") || iif(removed, " removed", "") from sent; select count, last_success > 0 from source; select count(*) from cursor'; }
commit_durable() { jq -r 'select(.data.removes) | .data.removes + " removed"' out; jq -r 'select(.centralcategory and .data.removes == null) | .id' out; }

# What its stream does not hold.
reconcile_fresh() {
    state_fresh
    sqlite3 state/quakes.db "update sent set stream = 'CENTRAL_QUAKE', sequence = 999999999;
        insert into newest values ('CENTRAL_QUAKE', 999999999, 'a')"
}
reconcile_run() { "$@" central-commit --reconcile quakes; }
reconcile_outcome() { sqlite3 state/quakes.db 'select id, hash, revision, sequence from sent; select * from newest'; }

learn_fresh() {
    rm -rf state
    # It reads all that the stream holds.
    js_api STREAM.PURGE.CENTRAL_QUAKE >/dev/null
    lines | central-publish --quiet
}
learn_run() { "$@" central-audit --learn --no-archive --quiet quakes; }
learn_outcome() { sqlite3 state/quakes.db "select id, revision, removed, hash <> '' from sent where id like '%-$attempt'"; }

subscribe_fresh() {
    [[ ! -e golden/told ]] || return 0
    attempt=told lines | central-publish >/dev/null 2>&1
    : >golden/told
}
subscribe_run() { "$@" central-subscribe --all CENTRAL_META; }
subscribe_outcome() { plain out; }

durable_fresh() { subscribe_fresh; : >all; }
durable_run() { "$@" central-subscribe --all --durable "d$attempt" CENTRAL_META; }
# Each message once or, when it was written and not acknowledged, again: never less.
durable_outcome() { cat out >>all; plain all | sort -u; }

archive_run() { lines | "$@" central-archive -; }
archive_outcome() { ask "select payload->>'id' from events where id like '%-$attempt' or id like '%-$attempt:removed:%' union all select payload->>'id' from events_history where id like '%-$attempt' union all select reason from events_rejected order by 1"; }
archive_durable() { ids <out; }

once_fresh() { lines | central-publish --quiet 2>/dev/null; }
once_run() { "$@" central-archive --once --ack-wait 1s -f streams.conf; }
once_outcome() { archive_outcome; }

query_fresh() {
    # Other cases empty the tables.
    [[ $(ask "select count(*) from events where id = 'b-asked'") == 0 ]] || return 0
    attempt=asked lines | central-archive - >/dev/null 2>&1
}
query_run() {
    case $what in
    '') "$@" central-query --all --id b-asked ;;
    count) "$@" central-query --count --by category ;;
    *) "$@" central-query --id b-asked --format "$what" ;;
    esac
}
query_outcome() { plain out; }

apply_fresh() { central-streams rm CENTRAL_WX >/dev/null 2>&1 || purge_wx; }
purge_wx() { js_api STREAM.DELETE.CENTRAL_WX >/dev/null; }
apply_run() { "$@" central-streams -f wx.conf apply; }
apply_outcome() { central-streams -f wx.conf diff && echo as it should be; }

set_fresh() { rm -rf etc; mkdir -p etc/sources; echo '{"area": "old"}' >etc/sources/quakes.json; }
set_run() { "$@" central-adapter set quakes area=new; }
set_outcome() { jq -c . etc/sources/quakes.json; ls etc/sources; }

# What bus and archive do not hold any more, of four that were sent.
audit_fresh() {
    [[ -e golden/audited ]] || attempt=audited lose
    : >golden/audited
}
lose() {
    rm -rf state
    js_api STREAM.PURGE.CENTRAL_QUAKE >/dev/null
    ask 'truncate events, events_history, events_heads, events_removals'
    lines >sent
    central-publish --quiet --receipt <sent | central-commit --quiet >/dev/null
    central-archive - <sent >/dev/null 2>&1
    # The server forgets ids with the stream, else it would take what is published again for a duplicate.
    js_api STREAM.DELETE.CENTRAL_QUAKE >/dev/null
    central-streams -f streams.conf apply >/dev/null
    grep '"d-' sent | central-publish --quiet 2>/dev/null
    ask "delete from events where id like 'd-%'"
}
audit_run() { "$@" central-audit --grace 0s quakes; }
audit_outcome() { sort out; }

repair_fresh() { lose; }
repair_run() { "$@" central-audit --grace 0s --repair quakes; }
repair_outcome() {
    central-subscribe --all central.quake.\> 2>/dev/null | ids | sed 's/^/bus /'
    ask "select 'archive ' || (payload->>'id') from events where adapter = 'quakes' and removes is null order by 1"
}
repair_durable() { sed -n 's/^quakes: \([^ ]*\): .*: published again$/bus \1/p; s/^quakes: \([^ ]*\): .*: archived$/archive \1/p' out; }

top_run() {
    case $what in
    json) "$@" central-top -S streams.conf --json ;;
    batch) "$@" central-top -S streams.conf -b ;;
    esac
}
top_outcome() {
    case $what in
    json) jq -c 'if .name == "nats" then .up elif .kind == "stream" then [.name, .exists, .messages] else empty end' out ;;
    batch) sed -n '1s/  archive .*//p; s/^\(CENTRAL_[A-Z]* *[^ ]*\) .*/\1/p' out ;;
    esac
}

# Drift in one stream, none in the other.
streams_fresh() {
    [[ ! -e golden/drifted ]] || return 0
    js_api STREAM.PURGE.CENTRAL_QUAKE >/dev/null
    attempt=drifted lines | central-publish --quiet
    sed 's/ 1d / 2d /' streams.conf >drift.conf
    : >golden/drifted
}
streams_run() {
    case $what in
    show) "$@" central-streams -f drift.conf show CENTRAL_QUAKE ;;
    consumers) "$@" central-streams -f drift.conf consumers CENTRAL_QUAKE ;;
    tune) "$@" central-streams -f streams.conf --span 1s tune CENTRAL_QUAKE ;;
    check) "$@" central-streams -f streams.conf check CENTRAL_META ;;
    *) "$@" central-streams -f drift.conf "$what" ;;
    esac
}
# Those who watched before are no matter.
streams_outcome() { grep -v ephemeral out | tr -s ' ' | sed -E 's/[0-9]+[smhd]\b( ago)?|[0-9]{4}-[0-9]{2}-[0-9T:.Z-]*/AGE/g; s/[0-9.]+ ?[KMG]?(i?B)?\/(day|s)/RATE/g'; }

retention_fresh() {
    cp streams.conf kept.conf
    central-streams -f streams.conf apply >/dev/null
}
retention_run() { "$@" central-streams -f kept.conf retention CENTRAL_META 3d; }
retention_outcome() { cat kept.conf; central-streams -f kept.conf diff CENTRAL_META && echo as it should be; }

sources_fresh() {
    [[ ! -e golden/polled ]] || return 0
    mkdir -p etc/sources state mine
    echo '{"enabled": true}' >etc/sources/quakes.json
    echo '{"last":"2026-11-22T08:00:00Z","last_complete":"2026-11-22T08:00:00Z","not_before":"2026-11-22T08:00:10Z","state":"new","items":4}' >state/quakes.poll
    cp -r "$top/examples/adapters/." mine
    : >golden/polled
}
sources_run() {
    case $what in
    list) "$@" central-adapter list --json ;;
    show) "$@" central-adapter show quakes ;;
    status) "$@" central-adapter status quakes ;;
    check) "$@" central-adapter check mine/tsunami.jq ;;
    preview) "$@" central-adapter preview quakes --from third ;;
    esac
}
# Of a source that is told as broken the rest is not known.
sources_outcome() {
    if [[ $what != list ]]; then
        sed 's/poll [0-9]*[smhd] ago/poll AGE ago/' out
        return
    fi
    {
        jq -c 'select(.state | IN("broken", "unknown") | not)' out
        jq -r 'select((.state | IN("broken", "unknown")) and .error) | .name' out | while read -r source; do
            grep "\"name\":\"$source\"" "golden/$case"
        done
    } | sort
}

enable_fresh() { rm -rf etc; mkdir -p etc/sources; echo '{"area": "old"}' >etc/sources/quakes.json; }
enable_run() { "$@" central-adapter enable quakes; }
enable_outcome() { jq -c . etc/sources/quakes.json; ls etc/sources; }

migrate_fresh() { psql -Xqd postgres -c 'drop database if exists fresh with (force)' -c 'create database fresh template bare' 2>/dev/null; }
migrate_run() { "$@" env PGDATABASE=fresh central-archive --migrate; }
migrate_outcome() {
    PGDATABASE=fresh ask "select relname from pg_class where relnamespace = 'public'::regnamespace
        union all select proname from pg_proc where proname like 'central%' order by 1"
}

prune_fresh() {
    [[ -e kept.sql ]] || {
        attempt=old lines | central-archive - >/dev/null 2>&1
        printf 'CENTRAL_QUAKE central.quake.> 7d 64MiB archive,keep=30d\n' >prune.conf
        : >kept.sql
    }
    ask "insert into events_rejected (received, subject, reason) values ('2024-01-01', 'central.quake.x', 'old')"
    for n in 1 2 3; do printf 'q%d\n' "$n"; done | jq -Rc --slurpfile e <(attempt=old lines | grep '"d-old"') \
        '. as $id | $e[0] | .id = $id | .data.id = $id | .time = "2024-01-15T00:00:00+00:00" | .data.time = "2024-01-15T00:00:00Z"' |
        central-archive - >/dev/null 2>&1
    ask "update events set received = time where time < '2025-01-01'"
}
prune_run() { "$@" central-archive --prune --file prune.conf; }
prune_outcome() { ask "select id from events where id like 'q%' or id like '%-old' union all select reason from events_rejected order by 1"; }

# The whole pipe, of which one stage has the fault.
source_fresh() {
    state_fresh
    rm -f state/*.poll
    # The server forgets ids with the stream.
    js_api STREAM.DELETE.CENTRAL_QUAKE >/dev/null
    central-streams -f streams.conf apply >/dev/null
}
source_run() { "$@" central-source quakes --from third; }
source_outcome() {
    central-subscribe --all central.quake.\> 2>/dev/null | ids | sort -u
    sqlite3 state/quakes.db 'select id, revision, removed from sent order by id'
}

# Each adapter, over what its golden cases have.
answers() {
    local dirs=("$top/tests/adapters/$what"/*/)
    if [[ -e $top/tests/adapters/$what/sample ]]; then dirs=("$top/tests/adapters/$what/sample/"); fi
    mkdir -p etc/sources
    if [[ -e ${dirs[0]}settings.json ]]; then cp "${dirs[0]}settings.json" "etc/sources/$what.json"; fi
    for answer in "${dirs[0]}"answer*; do printf -- '--from\n%s\n' "$answer"; done
}
feed_fresh() { mapfile -t from < <(answers); }
feed_run() { "$@" env CENTRAL_KEY_FIRMS=k central-fetch "$what" "${from[@]}"; }
feed_outcome() { plain out; }
event_fresh() {
    feed_fresh
    [[ -e golden/$what.raw ]] || CENTRAL_KEY_FIRMS=k central-fetch "$what" "${from[@]}" >"golden/$what.raw" 2>/dev/null || true
}
event_run() { "$@" central-normalize <"golden/$what.raw"; }
event_outcome() { plain out; }

# --- how it is judged ------------------------------------------------------------

has() { declare -F "$1" >/dev/null; }
bad() { printf '%s %s: %s\n' "$1" "$2" "$3" >>bad; tail -n 3 err | cut -c 1-300 | sed 's/^/    /' >>bad; }

# Seconds that a run may take; under valgrind it needs them.
limit=90

# try CASE CLASS N: one attempt with that fault, one without.
runs=0 hits=0
declare -A statuses by
try() {
    local case=$1 name=${1%%=*} class=$2 n=$3 status=0 first want=${wants[$1]-${wants[${1%%=*}]-0}}
    attempt=n$((${attempt#n} + 1))
    if has "${name}_fresh"; then "${name}_fresh"; fi
    rm -f hit
    set +e
    "${name}_run" env LD_PRELOAD="$preload" FAULT_TOOL="$tool" FAULT_CALL="$class" FAULT_N="$n" FAULT_HIT="$tmp/hit" \
        FAULT_MODE="${mode:-fail}" timeout -s KILL 90 >out 2>err
    status=$?
    set -e
    runs=$((runs + 1))
    if [[ -s hit ]]; then hits=$((hits + 1)); fi
    statuses[$status]=$((${statuses[$status]-0} + 1))
    case $status in
    0 | "$want" | "${differs[$case]-0}" | 65 | 69 | 70 | 74 | 75 | 77 | 78)
        if ((status != want)) && ! grep -qE "^$tool: |case .*: |^UNKNOWN .*: " err out; then bad "$class" "$n" "status $status and no line that says why"; fi
        ;;
    134 | 139)
        if [[ $class != malloc || ! $(cat hit) =~ ^($careless) ]]; then
            bad "$class" "$n" "dies with status $status, in a call of $(cat hit)"
        fi
        by[$(cat hit)]=$((${by[$(cat hit)]-0} + 1))
        ;;
    *) bad "$class" "$n" "ends with status $status" ;;
    esac
    "${name}_outcome" 2>/dev/null | plain >outcome || true
    if ((status == want || status == 0)) && ! cmp -s outcome "golden/$case"; then
        bad "$class" "$n" "status $status and another outcome: $(diff outcome "golden/$case" | head -n 4 | cut -c 1-200 | tr '\n' ' ')"
    fi
    if has "${name}_durable"; then
        "${name}_durable" | plain >echoed
        grep -vxFf outcome echoed >false || true
        if [[ -s false ]]; then bad "$class" "$n" "status $status, echoed and not durable: $(head -n 3 false | tr '\n' ' ')"; fi
    fi
    if has "${name}_keep"; then "${name}_keep" >kept; fi
    ((status != want)) || return 0
    first=$status
    status=0
    "${name}_run" timeout -s KILL 90 >out 2>err || status=$?
    "${name}_outcome" 2>/dev/null | plain >outcome || true
    if ((status != want)) || ! cmp -s outcome "golden/$case"; then
        bad "$class" "$n" "was $first; run again: status $status, $(diff outcome "golden/$case" | head -n 4 | cut -c 1-200 | tr '\n' ' ')"
    fi
    if has "${name}_keep"; then
        "${name}_keep" | grep -vxFf - kept >false || true
        if [[ -s false ]]; then bad "$class" "$n" "written, and not again: $(head -n 3 false | tr '\n' ' ')"; fi
    fi
}

# The n of a class: all, or so many spread evenly, the first and the last among them; one from the middle.
spread() {
    local n=$points
    if [[ $2 == malloc ]]; then n=$malloc_points; fi
    if [[ -z ${POINTS-} && " $most " != *" $1 "* ]]; then n=1; fi
    awk -v of="$3" -v points="$n" 'BEGIN {
        if (points == 0 || of <= points) for (i = 1; i <= of; i++) print i
        else if (points == 1) print int((of + 1) / 2)
        else for (i = 0; i < points; i++) print 1 + int(i * (of - 1) / (points - 1)) }'
}

for case in "${only[@]}"; do
    name=${case%%=*} what=
    if [[ $case == *=* ]]; then what=${case#*=}; fi
    tool=${tools[$name]-central-$what}
    attempt=n$((${attempt#n} + 1))
    if has "${name}_fresh"; then "${name}_fresh"; fi
    rm -f calls
    count=(env LD_PRELOAD="$preload" FAULT_TOOL="$tool" FAULT_COUNT="$tmp/calls")
    if [[ ${CLASSES-} == none ]]; then count=() limit=900; : >calls; fi
    exits "${wants[$case]-${wants[$name]-0}}" "$case: without a fault" "${name}_run" "${count[@]}" timeout -s KILL "$limit"
    "${name}_outcome" 2>/dev/null | plain >"golden/$case"
    isnt "$(cat "golden/$case")" '' '... comes to something'
    while read -r _ class of <&9; do
        ((of)) || continue
        [[ -z ${CLASSES-} || " $CLASSES " == *" $class "* ]] || continue
        : >bad
        before=$SECONDS
        mapfile -t numbers < <(spread "$case" "$class" "$of")
        for n in "${numbers[@]}"; do try "$case" "$class" "$n"; done
        if ((SECONDS - before > 3)); then diag "$case $class took $((SECONDS - before)) s"; fi
        is "$(cat bad)" '' "$case: each of ${#numbers[@]} of $of $class calls fails"
    done 9<calls
done
for status in "${!statuses[@]}"; do printf '%s with status %s\n' "${statuses[$status]}" "$status"; done | sort -k 4n | paste -sd, >tally
diag "$runs runs, $hits with a fault: $(sed 's/,/, /g' tally)"
for object in "${!by[@]}"; do diag "died of a malloc that failed in $object: ${by[$object]}"; done
done_testing
