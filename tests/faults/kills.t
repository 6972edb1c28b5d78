#!/bin/bash
# Stages and servers are killed (-9) at random moments while a feed changes; in the end the archive must hold what the feed said
# last: every event once, at its last content, removed where it is gone, nothing lost, nothing doubled, nothing falsely removed.
#
#   KILLS=1000 SERVER_KILLS=100 IDS=200 SEED=7 tests/faults/kills.t
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

kills=${KILLS:-25} server_kills=${SERVER_KILLS:-3} ids=${IDS:-60} seed=${SEED:-1}
RANDOM=$seed

mkdir adapters
export CENTRAL_ADAPTERS=$tmp/adapters
cat >adapters/truth.jq <<'J'
def about: {name: "truth", title: "a feed that changes", every: 10, kind: "snapshot"};
def requests: {url: "http://127.0.0.1:1/"};
def items: .records[];
def event: {id, category: "quake.event.minor", subject: ["quake", "truth"], time: .time, severity: 0, data: {v}};
def removed: {id: "\(.last.id):removed:\(.now)", category: "quake.event.removed", subject: ["quake", "truth", "removed"],
              time: .now, severity: 0, data: {reason: "gone"}, removes: {id: .last.id, revision: .last.revision}};
J

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

# One run of the chain; with a moment in ms one of its stages is killed then.
run() {
    local pid victims victim status=0
    setsid central-source truth --from poll.json >/dev/null 2>>source.log &
    pid=$!
    if [[ -n ${1-} ]]; then
        sleep "$(printf '0.%03d' "$1")"
        mapfile -t victims < <(pgrep -g "$pid" '^central-' || true)
        if ((${#victims[@]})); then
            victim=${victims[RANDOM % ${#victims[@]}]}
            if kill -KILL "$victim" 2>/dev/null; then
                killed=$((killed + 1))
            fi
        fi
    fi
    wait "$pid" 2>/dev/null || status=$?
    return "$status"
}

killed=0 nats=0 postgres=0 archivers=0 poll=0
start=$SECONDS
while ((killed < kills || nats < server_kills || postgres < server_kills)); do
    step $((++poll))
    archive
    if ((killed < kills)); then
        # Killed so often as it comes, then run as cron would: until it succeeds.
        while ((RANDOM % 3)) && ((killed < kills)); do run $((RANDOM % 160)) || true; done
    fi
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
        kill -KILL "$archiver" 2>/dev/null || true
        wait "$archiver" 2>/dev/null || true
        archivers=$((archivers + 1))
    fi
    tries=0
    until run; do
        ((++tries < 20)) || break
    done
done
# The fault is gone: three polls more, so that what is missing is removed.
for _ in 1 2 3; do ok 'a poll after the last fault' run; done
# Not one that was started this moment: a TERM between fork and exec is lost, and the wait would never end.
kill -TERM "$archiver" 2>/dev/null || true
wait "$archiver" 2>/dev/null || true
exits 0 'the archiver catches up' central-archive --once --ack-wait 2s

diag "$killed stages, $archivers archivers, $nats nats-servers, $postgres databases killed over $poll polls of $ids ids in $((SECONDS - start)) s"
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
