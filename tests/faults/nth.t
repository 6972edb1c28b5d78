#!/bin/bash
# The n-th write, fsync, rename, connect, malloc, ... of every tool fails (preload.c): the tool ends in bounded time, with a
# status that its page lists and a line that names it; 0 only when everything it is for was done; what it echoed as durable is;
# and the same run without the fault reaches what the run that never failed did, nothing lost, nothing doubled.
#
#   POINTS=3 tests/faults/nth.t       so many n of each class and tool, spread over all that there are (0: every n);
#                                     MALLOC_POINTS of malloc, which libjq calls ten thousand times
#   ONLY='archive commit' CLASSES='write malloc' tests/faults/nth.t
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

points=${POINTS:-3} malloc_points=${MALLOC_POINTS:-${POINTS:-3}}
only=${ONLY:-fetch poll normalize changes publish commit reconcile learn subscribe durable archive once query apply set}
preload=$(dirname "$(type -P central-fetch)")/../tests/preload.so
[[ -e $preload ]] || skip_all 'no build/tests/preload.so (make tests)'
preload=$(readlink -f "$preload")
# The allocator, and libc in front, belong to the sanitizer there.
if ldd "$(type -P central-fetch)" | grep -q 'lib[at]san'; then
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
if [[ $only == *poll* ]]; then
    "$top/tests/liar" "$tmp/liar" &
    wait_for 10 test -s liar/port
    sed -i "s/PORT/$(cat liar/port)/" adapters/quakes.jq
fi
feed() { jq -nc '{features: [$ARGS.positional[] | split(":") | {id: .[0], properties: {mag: (.[1] | tonumber), time: 1795000000000}}]}' --args "$@"; }
chain() { central-fetch quakes --from "$1" 2>/dev/null | central-normalize 2>/dev/null; }

case " $only " in *' publish '* | *' reconcile '* | *' learn '* | *' subscribe '* | *' durable '* | *' once '* | *' apply '*) start_nats ;; esac
case " $only " in *' archive '* | *' once '* | *' query '*) start_postgres ;; esac
if [[ -n ${NATS_URL-} ]]; then
    printf 'CENTRAL_QUAKE central.quake.> 7d 64MiB archive\nCENTRAL_META central.meta.> 1d 64MiB\n' >streams.conf
    printf 'CENTRAL_WX central.wx.> 7d 64MiB archive\n' >wx.conf
    central-streams -f streams.conf apply >/dev/null
fi
[[ -z ${PGHOST-} ]] || central-archive --migrate >/dev/null

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
plain() { sed -E 's/"(duration_ms|ts|time|id|last_seen|seen|next_poll)":("[0-9T:.+Z-]*"|[0-9]+)/"\1":0/g; s/:removed:[0-9T:.Z-]*/:removed:/g; s/poll:quakes:[0-9T:.+-]*/poll:quakes:/g; s/-'"$attempt"'\b//g' "${1--}"; }
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
)

# For each case: NAME_fresh makes what it starts from, NAME_run runs it (with "$@" in front), NAME_outcome prints what came of
# it, NAME_durable what of its output must be in the outcome.
fetch_run() { "$@" central-fetch quakes --from third; }
fetch_outcome() { plain out; }
fetch_durable() { :; }

poll_fresh() { rm -rf state; }
poll_run() { "$@" central-fetch quakes --now --tries 1; }
poll_outcome() { plain out; }

normalize_run() { "$@" central-normalize <golden/raw; }
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
    [[ ! -e golden/asked ]] || return 0
    attempt=asked lines | central-archive - >/dev/null 2>&1
    : >golden/asked
}
query_run() { "$@" central-query --all --id b-asked; }
query_outcome() { plain out; }

apply_fresh() { central-streams rm CENTRAL_WX >/dev/null 2>&1 || purge_wx; }
purge_wx() { js_api STREAM.DELETE.CENTRAL_WX >/dev/null; }
apply_run() { "$@" central-streams -f wx.conf apply; }
apply_outcome() { central-streams -f wx.conf diff && echo as it should be; }

set_fresh() { rm -rf etc; mkdir -p etc/sources; echo '{"area": "old"}' >etc/sources/quakes.json; }
set_run() { "$@" central-adapter set quakes area=new; }
set_outcome() { jq -c . etc/sources/quakes.json; ls etc/sources; }

# --- how it is judged ------------------------------------------------------------

has() { declare -F "$1" >/dev/null; }
bad() { printf '%s %s: %s\n' "$1" "$2" "$3" >>bad; tail -n 3 err | cut -c 1-300 | sed 's/^/    /' >>bad; }

# try NAME CLASS N: one attempt with that fault, one without.
runs=0 hits=0
declare -A statuses by
try() {
    local name=$1 class=$2 n=$3 status=0 first tool=${tools[$1]}
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
    0 | 65 | 69 | 70 | 74 | 75 | 77 | 78)
        if ((status)) && ! grep -q "^$tool: " err; then bad "$class" "$n" "status $status and no line that says why"; fi
        ;;
    134 | 139)
        # Libraries that do not look at what malloc returns, or abort: no caller can help it. All else holds for them, too.
        if [[ $class != malloc || ! $(cat hit) =~ ^lib(jq|nats|geos|geos_c|stdc\+\+|crypto|ssl)\.so ]]; then
            bad "$class" "$n" "dies with status $status, in a call of $(cat hit)"
        fi
        by[$(cat hit)]=$((${by[$(cat hit)]-0} + 1))
        ;;
    *) bad "$class" "$n" "ends with status $status" ;;
    esac
    "${name}_outcome" 2>/dev/null | plain >outcome || true
    if ((status == 0)) && ! cmp -s outcome "golden/$name"; then
        bad "$class" "$n" "status 0 and another outcome: $(diff outcome "golden/$name" | head -n 4 | cut -c 1-200 | tr '\n' ' ')"
    fi
    if has "${name}_durable"; then
        "${name}_durable" | plain >echoed
        grep -vxFf outcome echoed >false || true
        if [[ -s false ]]; then bad "$class" "$n" "status $status, echoed and not durable: $(head -n 3 false | tr '\n' ' ')"; fi
    fi
    if has "${name}_keep"; then "${name}_keep" >kept; fi
    ((status)) || return 0
    first=$status
    status=0
    "${name}_run" timeout -s KILL 90 >out 2>err || status=$?
    "${name}_outcome" 2>/dev/null | plain >outcome || true
    if ((status)) || ! cmp -s outcome "golden/$name"; then
        bad "$class" "$n" "was $first; run again: status $status, $(diff outcome "golden/$name" | head -n 4 | cut -c 1-200 | tr '\n' ' ')"
    fi
    if has "${name}_keep"; then
        "${name}_keep" | grep -vxFf - kept >false || true
        if [[ -s false ]]; then bad "$class" "$n" "written, and not again: $(head -n 3 false | tr '\n' ' ')"; fi
    fi
}

# The n of a class: all, or so many spread evenly, the first and the last among them.
spread() {
    awk -v of="$2" -v points="$([[ $1 == malloc ]] && echo "$malloc_points" || echo "$points")" 'BEGIN {
        if (points == 0 || of <= points) for (i = 1; i <= of; i++) print i
        else for (i = 0; i < points; i++) print 1 + int(i * (of - 1) / (points - 1)) }'
}

for name in $only; do
    tool=${tools[$name]}
    attempt=n$((${attempt#n} + 1))
    if has "${name}_fresh"; then "${name}_fresh"; fi
    rm -f calls
    exits 0 "$name: without a fault" "${name}_run" env LD_PRELOAD="$preload" FAULT_TOOL="$tool" FAULT_COUNT="$tmp/calls" timeout -s KILL 90
    "${name}_outcome" 2>/dev/null | plain >"golden/$name"
    isnt "$(cat "golden/$name")" '' '... comes to something'
    while read -r _ class of <&9; do
        ((of)) || continue
        [[ -z ${CLASSES-} || " $CLASSES " == *" $class "* ]] || continue
        : >bad
        before=$SECONDS
        mapfile -t numbers < <(spread "$class" "$of")
        for n in "${numbers[@]}"; do try "$name" "$class" "$n"; done
        if ((SECONDS - before > 3)); then diag "$name $class took $((SECONDS - before)) s"; fi
        is "$(cat bad)" '' "$name: each of ${#numbers[@]} of $of $class calls fails"
    done 9<calls
done
for status in "${!statuses[@]}"; do printf '%s with status %s\n' "${statuses[$status]}" "$status"; done | sort -k 4n | paste -sd, >tally
diag "$runs runs, $hits with a fault: $(sed 's/,/, /g' tally)"
for object in "${!by[@]}"; do diag "died of a malloc that failed in $object: ${by[$object]}"; done
done_testing
