#!/bin/bash
# Stages and servers are killed (-9) at random moments, stages also by SIGTERM, and at chosen system calls (preload.c), while a
# feed changes; in the end the archive must hold what the feed said last: every event once, at its last content, removed where it
# is gone, nothing lost, nothing doubled, nothing falsely removed.
#
#   KILLS=1000 SERVER_KILLS=100 TERMS=300 CALL_KILLS=300 IDS=200 SEED=7 tests/faults/kills.t
set -euo pipefail
. "$(dirname "$0")/faults.sh"
. "$(dirname "$0")/../tap.sh"

kills=${KILLS:-20} server_kills=${SERVER_KILLS:-3} ids=${IDS:-60} seed=${SEED:-1}
terms=${TERMS:-8} call_kills=${CALL_KILLS:-15}
RANDOM=$seed

truth_adapter

# The feed: each poll some records get a new content, some vanish, some return. state: a line an id, "id version present".
seq "$ids" | awk '{ print $1, 1, 1 }' >truth
step() {
    awk -v seed="$((seed * 100000 + $1))" 'BEGIN { srand(seed) } {
        if (rand() < 0.15) $2++
        if ($3 == 1 && rand() < 0.04) $3 = 0; else if ($3 == 0 && rand() < 0.3) $3 = 1
        print }' truth >truth.new
    mv truth.new truth
    awk 'BEGIN { printf "{\"records\":[" } $3 == 1 { printf "%s{\"id\":\"t%d\",\"v\":%d,\"time\":1795000000000}", n++ ? "," : "", $1, $2 } END { print "]}" }' \
        truth >poll.json
    # What upstream said last of an id that is gone is what was said of it while it was there.
    awk 'NR == FNR { last[$1] = $2; next } $3 == 1 || !($1 in last) { last[$1] = $2 } END { for (i in last) print i, last[i] }' \
        said truth >said.new
    mv said.new said
}
: >said

start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null
archiver=
archive() {
    [[ -n $archiver ]] && kill -0 "$archiver" 2>/dev/null && return
    central-archive --ack-wait 2s 2>>archive.log &
    archiver=$!
}

end_archiver() {
    end_tool "$1" "$archiver" central-archive
    wait "$archiver" 2>/dev/null || true
}

# run [MS [SIGNAL]]: one run of the chain; after so many ms one of its stages gets the signal.
fault=()
run() {
    local pid victims victim status=0
    # What outlived a killed central-source may hold its lock for a moment.
    mkdir -p "$CENTRAL_STATE"
    flock "$CENTRAL_STATE/truth.run" true
    setsid env "${fault[@]}" central-source truth --from poll.json >/dev/null 2>>source.log &
    pid=$!
    if [[ -n ${1-} ]]; then
        sleep "$(printf '0.%03d' "$1")"
        mapfile -t victims < <(pgrep -g "$pid" '^central-' || true)
        if ((${#victims[@]})); then
            victim=${victims[RANDOM % ${#victims[@]}]}
            if kill -s "${2-KILL}" "$victim" 2>/dev/null; then
                if [[ ${2-KILL} == KILL ]]; then killed=$((killed + 1)); else termed=$((termed + 1)); fi
            fi
        fi
    fi
    wait "$pid" 2>/dev/null || status=$?
    return "$status"
}

# Which calls each stage makes in a run, and how many: where it can be killed. With a sanitizer nothing comes before libc.
preload=$(dirname "$(type -P central-fetch)")/../tests/preload.so
if [[ ! -e $preload ]] || ldd "$(type -P central-fetch)" | grep -q 'lib[at]san'; then
    call_kills=0
fi
preload=$(readlink -f "$preload")
at=0
: >calls
# Stage by stage and class by class, at a random one of its calls; every fourth time SIGTERM instead.
kill_at_call() {
    local stage class of mode=kill
    if [[ ! -s calls ]]; then
        # What this poll says must be seen before the next.
        for ((tries = 0; tries < 20; tries++)); do
            if run; then break; fi
        done
        step $((++poll))
        fault=("LD_PRELOAD=$preload" "FAULT_COUNT=$tmp/counts")
        # Counted in a run that came to its end.
        for ((tries = 0; tries < 20; tries++)); do
            rm -f counts
            if run; then break; fi
        done
        end_archiver KILL
        env "${fault[@]}" central-archive --once --ack-wait 2s 2>>archive.log || true
        fault=()
        grep -E '^central-(fetch|normalize|changes|publish|commit|archive) (write|fsync|rename|connect|open|read|send|recv) [1-9]' counts >calls
    fi
    read -r stage class of < <(sed -n "$((at % $(wc -l <calls) + 1))p" calls)
    at=$((at + 1))
    ((at % 4)) || mode=term
    rm -f hit
    fault=("LD_PRELOAD=$preload" "FAULT_TOOL=$stage" "FAULT_CALL=$class" "FAULT_N=$((RANDOM % of + 1))" "FAULT_MODE=$mode" "FAULT_HIT=$tmp/hit")
    if [[ $stage == central-archive ]]; then
        end_archiver KILL
        env "${fault[@]}" central-archive --once --ack-wait 2s 2>>archive.log || true
    else
        run || true
    fi
    fault=()
    if [[ -s hit ]]; then at_calls=$((at_calls + 1)); fi
}

killed=0 termed=0 at_calls=0 nats=0 postgres=0 archivers=0 poll=0
start=$SECONDS
while ((killed < kills || termed < terms || at < call_kills || nats < server_kills || postgres < server_kills)); do
    step $((++poll))
    archive
    if ((killed < kills)); then
        # Killed so often as it comes, then run as cron would: until it succeeds.
        while ((RANDOM % 3)) && ((killed < kills)); do run $((RANDOM % 160)) || true; done
    fi
    if ((termed < terms)); then
        run $((RANDOM % 160)) TERM || true
    fi
    for _ in 1 2; do
        if ((at < call_kills)); then kill_at_call; fi
    done
    if ((nats < server_kills && RANDOM % 4 == 0)); then
        run >/dev/null &
        running=$!
        sleep "$(printf '0.%03d' $((RANDOM % 150)))"
        hub kill --nats >/dev/null 2>&1
        hub start --nats >/dev/null 2>&1
        nats=$((nats + 1))
        wait "$running" || true
    fi
    if ((postgres < server_kills && RANDOM % 4 == 0)); then
        hub kill --postgres >/dev/null 2>&1
        hub start --postgres --fast >/dev/null 2>&1
        postgres=$((postgres + 1))
    fi
    if ((RANDOM % 6 == 0)); then
        end_archiver "$( ((RANDOM % 2)) && echo KILL || echo TERM)"
        archivers=$((archivers + 1))
    fi
    tries=0
    until run; do
        ((++tries < 20)) || break
    done
done
# The fault is gone: three polls more, so that what is missing is removed.
for _ in 1 2 3; do ok 'a poll after the last fault' run; done
end_archiver TERM
exits 0 'the archiver catches up' central-archive --once --ack-wait 2s

exits 0 'state, bus and archive hold the same' central-audit --grace 0s truth

diag "$killed stages killed, $termed ended by SIGTERM, $at_calls at a system call of $(wc -l <calls) kinds; $archivers archivers, $nats nats-servers, $postgres databases over $poll polls of $ids ids in $((SECONDS - start)) s"
ask() { psql -XAtqc "$1"; }
diag "$(ask 'select (select count(*) from events) + (select count(*) from events_history)') versions of events in the archive"
sort said >want
ask "select substr(id, 2) || ' ' || (payload->'data'->'data'->>'v') from events where adapter = 'truth' and removes is null" | sort >got
is "$(diff want got | head -n 10)" '' 'every event stands in the archive once, with what upstream said last'
awk '$3 == 0 { print "t" $1 }' truth | sort >gone
ask "select id from events where adapter = 'truth' and removes is null and removed is not null" | sort >removed
awk '{ print "t" $1 }' said | sort >ever
is "$(comm -3 <(comm -12 gone ever) removed | head -n 10)" '' 'what is gone is removed, and nothing else'
is "$(ask "select count(*) from events_rejected")" 0 'nothing was rejected'
is "$(central-subscribe --all CENTRAL_QUAKE | jq -r .id | sort | uniq -d | head -n 5)" '' 'no message is in the stream twice'
is "$(ask "select count(*) from (select adapter, removes, removes_revision from events where removes is not null group by 1, 2, 3 having count(*) > 1) x")" 0 \
    'no removal was made twice'
is "$(ask "select count(*) from events e join events_history h using (adapter, id, revision) where e.payload->'data' is distinct from h.payload->'data'")" 0 \
    'no number stands for two contents'
done_testing
