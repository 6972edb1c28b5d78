#!/bin/bash
# The disk is full: under the state of a source, the store of nats-server, the data of PostgreSQL, with more and less room left.
# Whoever meets it says so and ends with a status of its page; once there is room again the same poll goes through, and the archive
# holds every event once, as it was said last.
#
#   ROOMS='0 8 20 40 80 160 320 640' tests/faults/disk.t        the room left, in KiB
#
# Needs a mount namespace: root's, or one of the user's own.
set -euo pipefail
. "$(dirname "$0")/faults.sh"
if ! own_mounts "$@"; then
    printf '1..0 # SKIP nobody here may mount a small disk\n'
    exit 0
fi
. "$(dirname "$0")/../tap.sh"
disk_finish() {
    local status=$?
    set +e
    hub stop >/dev/null 2>&1
    cd /
    unmount "$tap_hub/nats" "$tap_hub/postgres" "$CENTRAL_STATE"
    (exit "$status")
    tap_finish
}
trap disk_finish EXIT

read -ra rooms <<<"${ROOMS:-0 40}"

truth_adapter
# Each poll says something new of every id, and does not press well.
version=0
say() {
    version=$((version + 1))
    for ((i = 0; i < 60; i++)); do
        printf 't%d %d %s\n' "$i" "$version" "$(head -c 3000 /dev/urandom | base64 -w 0)"
    done | jq -Rnc '{records: [inputs | split(" ") | {id: .[0], v: (.[1] | tonumber), text: .[2]}]}' >poll.json
}
one_of() { [[ " $2 " == *" $1 "* ]]; }
ask() { psql -XAtqc "$1"; }
poll() { timeout -s KILL 120 central-source truth --from poll.json >/dev/null; }
# The same without half a minute of patience in front of a bus that refuses.
impatient_poll() {
    timeout -s KILL 60 bash -c 'set -o pipefail; central-fetch truth --from poll.json | central-normalize | central-changes |
        central-publish --ack-wait 1s --give-up 2s | central-commit >/dev/null'
}
archive() { timeout -s KILL 120 central-archive --once --ack-wait 1s -f streams.conf; }
ended_or_waits() { grep -q 'trying again' err || ! kill -0 "$archiver" 2>/dev/null; }
# What the archive must be: all of the last poll, once, and what was before in the history, once.
truth() {
    is "$(ask "select count(*), count(distinct id), min(payload->'data'->'data'->>'v'), max(payload->'data'->'data'->>'v') from events")" \
        "60|60|$version|$version" "$1: every event once, as it was said last"
    is "$(jq -r '.records[] | .id + " " + .text' poll.json | sort | sha256sum)" \
        "$(ask "select id || ' ' || (payload->'data'->'data'->>'text') from events" | sort | sha256sum)" '... with the same content'
    is "$(ask "select (select count(*) from events_rejected) || ' ' || count(*) from events where removed is not null")" '0 0' \
        '... none rejected, none removed'
}
printf 'CENTRAL_QUAKE central.quake.> 7d 64MiB archive\nCENTRAL_META central.meta.> 1d 64MiB\n' >streams.conf

# The test's own folder may be out of reach of the servers' user in a namespace: hub says so.
disk "$CENTRAL_STATE" 8192
disk "$tap_hub/nats" 98304
disk "$tap_hub/postgres" 262144
start_nats
start_postgres
central-streams -f streams.conf apply >/dev/null
central-archive --migrate >/dev/null
say
ok 'a poll before' poll
ok '... is archived' archive

failed=0 tried=0
for room in "${rooms[@]}"; do
    say
    tried=$((tried + 1))
    fill "$CENTRAL_STATE" "$room"
    status=0
    poll 2>err || status=$?
    empty "$CENTRAL_STATE"
    if ((status)); then
        failed=$((failed + 1))
        ok "$room KiB for the state: status $status is one of its page" one_of "$status" '74 69 75 77'
        like "$(cat err)" '(full|No space|I/O error)' '... and it says so'
        exits 0 '... with room again the poll goes through' poll
    else
        ok "$room KiB for the state are enough" true
    fi
    ok '... and is archived' archive
    truth "... $room KiB"
done
isnt "$failed" 0 "the state's disk was full in $failed of $tried polls"

failed=0
for room in "${rooms[@]}"; do
    say
    fill "$tap_hub/nats" "$room"
    status=0
    impatient_poll 2>err || status=$?
    empty "$tap_hub/nats"
    if ((status)); then
        failed=$((failed + 1))
        ok "$room KiB for the bus: status $status is one of its page" one_of "$status" '69 74 75'
        like "$(cat err)" '^central-publish: ' '... and the stage says what it met'
        # A server that ran out of room turns JetStream off until it is started again, and takes minutes to stop.
        hub kill --nats
        hub start --nats >/dev/null
        exits 0 '... with room again the poll goes through' poll
    else
        ok "$room KiB for the bus are enough" true
    fi
    ok '... and is archived' archive
    truth "... $room KiB"
done
diag "the bus's disk was full in $failed of $tried polls"

failed=0
for room in "${rooms[@]}"; do
    say
    ok 'a poll while the database has no room' poll
    fill "$tap_hub/postgres" "$room"
    status=0
    archive 2>err &
    archiver=$!
    # It ends, or waits for the database.
    wait_for 60 ended_or_waits
    if [[ -s err ]]; then failed=$((failed + 1)); fi
    empty "$tap_hub/postgres"
    # A server that could not write its log has stopped.
    hub start --postgres --fast >/dev/null
    wait "$archiver" || status=$?
    if ((status)); then
        ok "$room KiB for the database: status $status is one of its page" one_of "$status" '69 74 75 78'
        exits 0 '... with room again the archive takes it' archive
    else
        ok "$room KiB for the database: it waits until there is room again" true
    fi
    like "$(cat err)" '^(central-archive: |$)' '... and says what it met'
    truth "... $room KiB"
done
diag "the database's disk was full in $failed of $tried"
done_testing
