#!/bin/bash
# Figures for Prometheus, and what systemd is told.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null
value() { sed -n "s/^$1 //p" "$2"; }

# --- a source

feed=$top/examples/feeds
exits 0 'a poll' central-source --metrics q.prom --from "$feed/usgs_quake.geojson" usgs_quake
is "$(value 'central_events_total{source="usgs_quake",change="new"}' q.prom)" 24 '... is counted'
exits 0 'another process' central-source -n -m q.prom --from "$feed/usgs_quake-later.geojson" usgs_quake
is "$(value 'central_polls_total{source="usgs_quake",state="new"}' q.prom)" 2 '... goes on counting'
is "$(value 'central_events_total{source="usgs_quake",change="revised"}' q.prom)" 4 '... revisions too'
success=$(value 'central_poll_success_timestamp_seconds{source="usgs_quake"}' q.prom)
printf '{"type": "FeatureCollection"}\n' >broken.geojson
exits 69 'a poll that fails' central-source -n -m q.prom --from broken.geojson usgs_quake
is "$(value 'central_polls_total{source="usgs_quake",state="failed"}' q.prom)" 1 '... is counted'
is "$(value 'central_poll_success_timestamp_seconds{source="usgs_quake"}' q.prom)" "$success" '... and is no success'
printf 'junk\ncentral_polls_total{source="usgs_quake",state="new"} -1x\n\0\n' >q.prom
exits 0 'a file that was overwritten' central-source -n -m q.prom --from "$feed/usgs_quake.geojson" usgs_quake
is "$(value 'central_polls_total{source="usgs_quake",state="new"}' q.prom)" 1 '... begins anew'
exits 0 'a file that cannot be written' central-source -n -m nowhere/q.prom --from "$feed/usgs_quake.geojson" usgs_quake
like "$(cat err)" 'central-commit: .*nowhere/q.prom' '... is told, and no poll fails for it'
is "$(grep -cv '^#\|^central_[a-z_]*\({[a-z]*="[a-z_]*"\(,[a-z]*="[a-z_]*"\)*}\)\? [0-9.e+-]*$' q.prom)" 0 'every line is in the format'

# --- the archiver

exits 0 'the archiver' central-archive --once --metrics a.prom
is "$(value 'central_archive_events_total{result="inserted"}' a.prom)" "$(central-query --count | jq .count)" '... counts what it archived'
is "$(value 'central_archive_lag_messages{stream="CENTRAL_QUAKE"}' a.prom)" 0 '... and what waits'
is "$(value central_archive_database_up a.prom)" 1 '... and whether the database takes it'
while read -r name; do
    ok "$name has its place in the manual" grep -q "$name" "$top/man/central-metrics.7"
done < <(sed -n "s/^# TYPE \([a-z_]*\) .*/\1/p" a.prom q.prom)

# --- systemd

# A socket as systemd makes it; what comes is written to told, one line each.
perl -MIO::Socket::UNIX -e '
    $| = 1;
    my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "notify") or die;
    open my $out, ">", "told" or die;
    $out->autoflush(1);
    while (defined $s->recv(my $text, 4096)) { print $out "$text\n" }' &
listener=$!
wait_for 10 test -S notify
NOTIFY_SOCKET=$tmp/notify WATCHDOG_USEC=200000 central-archive --metrics a.prom 2>archiver.err &
archiver=$!
ok 'the archiver is ready' wait_for 20 grep -q '^READY=1$' told
ok '... and feeds the watchdog while it gets on' wait_for 20 bash -c '(($(grep -c ^WATCHDOG=1 told) > 3))'
hub stop --postgres
central-source -n --from "$feed/usgs_quake-later.geojson" usgs_quake 2>/dev/null
ok '... says that the database is away' wait_for 30 grep -q '^STATUS=The database is away' told
ok '... in the figures too' wait_for 40 grep -q '^central_archive_database_up 0' a.prom
count=$(grep -c ^WATCHDOG=1 told)
ok '... and is alive meanwhile' wait_for 20 bash -c "((\$(grep -c ^WATCHDOG=1 told) > $count))"
hub start --postgres >/dev/null
ok '... until it is back' wait_for 60 bash -c '[[ $(grep ^STATUS told | tail -n 1) == STATUS=Archiving ]]'
kill "$archiver"
wait "$archiver" && status=0 || status=$?
is "$status" 0 'it ends'
ok '... and says so' wait_for 10 grep -q '^STOPPING=1$' told
kill "$listener"
exits 0 'no socket there' env NOTIFY_SOCKET="$tmp/none" central-archive --once
exits 0 'a name that is none' env NOTIFY_SOCKET=x central-archive --once

done_testing
