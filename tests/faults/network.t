#!/bin/bash
# Between the tools and their servers stands a proxy that cuts a connection after so many bytes, swallows what the server says
# (acknowledgements) or lets nothing through any more; and the servers are stopped and continued (SIGSTOP, SIGCONT) in the middle of
# work. Every tool ends in bounded time or, waiting for a server, at SIGTERM; and in the end every event is in the archive and on the
# bus once, as it was said last, every removal is true, and what is new passes.
#
#   CUTS=5 SILENT=2 tests/faults/network.t
#
# CUTS: so many places of each kind of fault and connection, spread over all its bytes; of these SILENT ones where a server that
# says no more makes whoever is told to end wait, up to half a minute each.
set -euo pipefail
. "$(dirname "$0")/faults.sh"
. "$(dirname "$0")/../tap.sh"

cuts=${CUTS:-1} silent=${SILENT:-0}

truth_adapter
printf 'CENTRAL_QUAKE central.quake.> 7d 64MiB archive\nCENTRAL_META central.meta.> 1d 64MiB\n' >streams.conf
start_nats
start_postgres
central-streams -f streams.conf apply >/dev/null
central-archive --migrate >/dev/null
direct=$NATS_URL
proxy_to bus "${NATS_URL#nats://}"
proxy_to db "$PGHOST/.s.PGSQL.5432"
export NATS_URL
NATS_URL=nats://127.0.0.1:$(cat bus/port)
through=("PGHOST=127.0.0.1" "PGPORT=$(cat db/port)" "PGSSLMODE=disable" "PGGSSENCMODE=disable")

# Each round has a new content for all, one id more, and one less: what round N brought is gone from round N+4 on.
round=0
say() {
    round=$((round + 1))
    jq -nc --argjson r "$round" '{records: ([range(1; 31) | {id: "t\(.)", v: $r}] + [range([$r - 3, 1] | max; $r + 1) | {id: "new\(.)", v: 0}])}' >poll.json
}
poll() {
    timeout -s KILL 60 bash -c 'set -o pipefail; central-fetch truth --from poll.json | central-normalize | central-changes |
        central-publish --ack-wait 1s --give-up 3s | central-commit --quiet >/dev/null' 2>>err
}
# What waits for a server for ever, as it should, ends when it is asked to: 124.
archive() { env "${through[@]}" timeout -k 60 "${patience:-60}" central-archive --once --ack-wait 1s -f streams.conf 2>>err; }
ask() { psql -XAtqc "$1"; }
listed() {
    case $1 in 0 | 65 | 69 | 70 | 74 | 75 | 77 | 78 | 124) return 0 ;; *) return 1 ;; esac
}
# The fault is gone: the same poll, once more for what is missing twice, then all must be there.
truth() {
    local status
    rm -f bus/fault db/fault
    for _ in 1 2; do
        status=0
        poll || status=$?
        ((status == 0)) || bad="$bad; the poll after it: $status"
    done
    status=0
    archive || status=$?
    ((status == 0)) || bad="$bad; the archiver after it: $status"
    ask "select id || ' ' || (payload->'data'->'data'->>'v') || case when removed is null then '' else ' removed' end from events where removes is null" | sort >got
    { seq 30 | sed "s/.*/t& $round/"; seq "$round" | awk -v r="$round" '{ print "new" $1 " 0" ($1 < r - 3 ? " removed" : "") }'; } | sort >want
    [[ -z $(diff want got) ]] || bad="$bad; $(diff want got | head -n 5 | tr '\n' ' ')"
    [[ $(ask "select count(*) from events_rejected") == 0 ]] || bad="$bad; rejected"
    [[ -z $(NATS_URL=$direct central-subscribe --all CENTRAL_QUAKE | jq -r .id | sort | uniq -d) ]] || bad="$bad; twice on the bus"
    [[ $(ask "select count(*) from (select removes, removes_revision from events where removes is not null group by 1, 2 having count(*) > 1) x") == 0 ]] ||
        bad="$bad; a removal twice"
}
# The bytes of the longest connection since, both ways or, muted, the server's.
bytes_of() { sort -n "$1/log" 2>/dev/null | tail -n 1 | cut -d ' ' -f "${2-1}"; }

say
rm -f bus/log db/log
ok 'a poll through the proxy' poll
bus_bytes=$(bytes_of bus) bus_said=$(bytes_of bus 2)
rm -f bus/log
ok '... is archived' archive
archive_bytes=$(bytes_of bus) archive_said=$(bytes_of bus 2)
wait_for 5 test -s db/log
db_bytes=$(bytes_of db) db_said=$(bytes_of db 2)
diag "a poll makes $bus_bytes bytes, archiving it $archive_bytes with the bus and $db_bytes with the database"
bad=
truth
is "$bad" '' '... and all is there'

faults=0
for fault in cut mute stall; do
    of_poll=$bus_bytes of_archive=$archive_bytes of_db=$db_bytes
    if [[ $fault == mute ]]; then
        of_poll=$bus_said of_archive=$archive_said of_db=$db_said
    fi
    for ((i = 0; i < cuts; i++)); do
        say
        bad=''
        at=$((of_poll * (2 * i + 1) / (2 * cuts)))
        echo "$fault $at" >bus/fault
        status=0
        poll || status=$?
        listed "$status" || bad="; the poll ended with $status"
        truth
        is "$bad" '' "publishing: $fault after $at bytes"
        faults=$((faults + 1))

        # Whom the bus does not answer any more asks it at the end, too; a statement under way has 20 s to end.
        [[ $fault != stall ]] || ((i < silent)) || continue
        say
        bad=''
        ok 'a poll' poll
        at=$((of_archive * (2 * i + 1) / (2 * cuts)))
        echo "$fault $at" >bus/fault
        status=0
        patience=$([[ $fault == cut ]] && echo 60 || echo 2) archive || status=$?
        listed "$status" || bad="; the archiver ended with $status"
        truth
        is "$bad" '' "archiving: $fault after $at bytes of the bus (status $status)"
        faults=$((faults + 1))
        [[ $fault == cut ]] || ((i < silent)) || continue

        say
        bad=''
        ok 'a poll' poll
        at=$((of_db * (2 * i + 1) / (2 * cuts)))
        echo "$fault $at" >db/fault
        status=0
        patience=$([[ $fault == cut ]] && echo 60 || echo 2) archive || status=$?
        listed "$status" || bad="; the archiver ended with $status"
        truth
        is "$bad" '' "archiving: $fault after $at bytes of the database (status $status)"
        faults=$((faults + 1))
    done
done

for server in nats postgres; do
    say
    bad=''
    if [[ $server == nats ]]; then
        signal_server STOP nats
        status=0
        poll || status=$?
        listed "$status" && ((status)) || bad="; the poll ended with $status"
    else
        poll || bad="; the poll: $?"
        signal_server STOP postgres
    fi
    status=0
    patience=2 archive || status=$?
    listed "$status" && ((status)) || bad="$bad; the archiver ended with $status"
    signal_server CONT "$server"
    truth
    is "$bad" '' "$server stands still: who waits for it ends, and all is there when it goes on"

    # In the middle of work, and on before anybody gives up: nobody need notice.
    say
    bad=''
    poll &
    poller=$!
    archive &
    archiver=$!
    signal_server STOP "$server"
    kill -0 "$poller" 2>/dev/null || true
    signal_server CONT "$server"
    wait "$poller" || bad="; the poll: $?"
    wait "$archiver" || bad="$bad; the archiver: $?"
    truth
    is "$bad" '' "$server stops and goes on in the middle of work"
    faults=$((faults + 2))
done
diag "$faults faults, $round rounds, $(ask 'select (select count(*) from events) + (select count(*) from events_history)') versions in the archive"
done_testing
