#!/bin/bash
# The units: what systemd says of them, what enabling a source writes, and what each user of the bus may do.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

# --- systemd's own opinion

mkdir units
for f in "$top"/units/*.service "$top"/units/*.timer "$top"/units/*.target; do
    sed "s|@BINDIR@|$(dirname "$(type -P central-source)")|" "$f" >"units/${f##*/}"
done
cp units/central-source@.service units/central-source@nws.service
cp units/central-source@.timer units/central-source@nws.timer
if type -P systemd-analyze >/dev/null; then
    is "$(cd units && systemd-analyze verify --man=no ./*.service ./*.timer ./*.target 2>&1)" '' 'systemd finds nothing to say of the units'
    for f in units/*.service; do
        level=$(systemd-analyze security --offline=true "./$f" 2>&1 | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
        ok "${f##*/} is exposed $level, at most 1.5" awk -v l="$level" 'BEGIN { exit !(l != "" && l <= 1.5) }'
    done
else
    skip 'the units' 'no systemd-analyze'
fi
for f in "$top"/units/*.service; do
    is "$(grep -c '^\(User=central\|ProtectSystem=strict\|CapabilityBoundingSet=\|NoNewPrivileges=yes\|MemoryMax=.*\|TasksMax=.*\)$' "$f")" 6 \
        "${f##*/} gives up what it does not need"
done

# --- enabling a source

mkdir -p bin drop etc/credentials
cat >bin/systemctl <<'S'
#!/bin/sh
echo "$*" >>"$CALLS"
exit "${FAIL:-0}"
S
chmod +x bin/systemctl
export PATH=$tmp/bin:$PATH CALLS=$tmp/calls CENTRAL_UNITS=$tmp/drop
exits 0 'a dry run' central-adapter enable --dry-run usgs_quake
is "$(cat out) $(ls drop)" 'usgs_quake: would be enabled, with a timer of systemd ' '... says what it would do'
exits 0 'enabling' central-adapter enable usgs_quake
is "$(cat out)" 'usgs_quake: enabled, every 60 s (central-source@usgs_quake.timer)' '... says so'
# The empty value takes every time of the timer away.
is "$(grep -v '^#' drop/central-source@usgs_quake.timer.d/central.conf)" \
    $'[Timer]\nOnUnitInactiveSec=\nOnActiveSec=5s\nOnUnitInactiveSec=60s' '... writes when first, and how often'
is "$(cat calls)" $'daemon-reload\nenable --now central-source@usgs_quake.timer' '... and starts the timer'
exits 0 'a setting of it' central-adapter set usgs_quake every=300
is "$(tail -n 1 drop/central-source@usgs_quake.timer.d/central.conf)" OnUnitInactiveSec=300s '... is followed'
exits 78 'a source without its credential' central-adapter enable firms
not_ok '... gets no timer' test -e drop/central-source@firms.timer.d
(umask 077 && printf 'key\n' >etc/credentials/firms)
central-adapter set firms 'region={"north":49,"south":31,"east":-102,"west":-124}'
exits 0 'with it' central-adapter enable firms
is "$(tail -n 1 drop/central-source@firms.service.d/central.conf)" 'LoadCredential=firms:/etc/central/credentials/firms' '... systemd hands it over'
: >calls
exits 0 'disabling' central-adapter disable usgs_quake firms
is "$(find drop -type f) $(grep -c disable calls)" ' 2' '... takes all back'
exits 0 'disabling again' central-adapter disable usgs_quake
FAIL=5 exits 69 'a systemctl that fails' env FAIL=5 central-adapter enable usgs_quake
like "$(cat err)" 'systemctl daemon-reload: ended with 5' '... is told'
unset CENTRAL_UNITS
exits 0 'without systemd' central-adapter enable usgs_quake
like "$(cat out)" 'For cron' '... the line for cron'

# --- who may do what on the bus

mkdir nats
cp "$top/units/nats-server.conf" nats/
printf 'CENTRAL_%s\n' 'PUBLISHER: "p1"' 'ARCHIVER: "a1"' 'READER: "r1"' 'OPERATOR: "o1"' >nats/nats-passwords.conf
sed -i "s|/var/lib/nats|$tmp/nats/data|; s|127.0.0.1:4222|127.0.0.1:-1|; s|16GiB|1TB|" nats/nats-server.conf
server=$(PATH=$PATH:/usr/sbin type -P nats-server)
ok 'the server takes its configuration' "$server" -t -c nats/nats-server.conf
"$server" -c nats/nats-server.conf --ports_file_dir "$tmp/nats" >nats/log 2>&1 &
port() { sed -n 's/.*nats:\/\/[^":]*:\([0-9][0-9]*\).*/\1/p' "$tmp"/nats/*.ports; }
listens() { [[ -s $(echo "$tmp"/nats/*.ports) ]] && (exec 3<>"/dev/tcp/127.0.0.1/$(port)"); }
wait_for 20 listens
NATS_URL=nats://127.0.0.1:$(port)
export NATS_URL
as() { env NATS_USER="$1" NATS_PASSWORD="${1:0:1}1" "${@:2}"; }
start_postgres
central-archive --migrate >/dev/null

exits 77 'a stranger' env NATS_USER=reader NATS_PASSWORD=x central-streams list
exits 0 'the operator makes the streams' as operator central-streams apply
exits 0 'the publisher polls' as publisher central-source --from "$top/examples/feeds/usgs_quake.geojson" usgs_quake
exits 0 '... and polls again, after a look at the bus' as publisher central-source -n --from "$top/examples/feeds/usgs_quake-later.geojson" usgs_quake
exits 0 '... and learns what a lost state knew' as publisher central-audit --learn usgs_quake
if ((EUID == 0)); then
    mkdir owned
    chown nobody owned
    exits 0 'root polls by hand' env CENTRAL_STATE="$tmp/owned" NATS_USER=publisher NATS_PASSWORD=p1 \
        central-source --now --from "$top/examples/feeds/usgs_quake-later.geojson" usgs_quake
    is "$(find owned -type f | wc -l) $(find owned ! -user nobody)" '2 ' '... and its files are those of whose folder it is, who goes on'
else
    skip 'root polls by hand' 'not root'
fi
exits 0 'the archiver archives' as archiver central-archive --once
is "$(central-query --count)" '{"count":28}' '... all of it'
exits 0 'the reader reads' as reader central-subscribe --all CENTRAL_QUAKE
is "$(wc -l <out)" 32 '... all of it'
exits 0 '... looks at the streams' as reader central-streams list
exits 0 '... and at who consumes them' as reader central-streams consumers CENTRAL_QUAKE
like "$(cat out)" archive-central_quake '... the archiver'
exits 0 '... and at the desk' as reader central-top --json -n 1

head -n 1 "$top"/tests/adapters/usgs_quake/*/expected 2>/dev/null | grep -m 1 '^{' >event || central-query --limit 1 >event
# forbidden DESC SUBJECT COMMAND...: ends with 77, in one line that names the subject.
forbidden() {
    exits 77 "$1" "${@:3}"
    like "$(grep -v '^{' err)" "not permitted .*$2" '... in words that name the subject'
}
forbidden 'the reader does not publish' central.quake as reader central-publish --give-up 3s <event
forbidden '... nor delete a stream' 'STREAM\.DELETE\.CENTRAL_QUAKE' as reader central-streams rm --yes CENTRAL_QUAKE
forbidden '... nor empty one' 'STREAM\.PURGE\.CENTRAL_QUAKE' as reader central-streams purge --yes CENTRAL_QUAKE
printf 'CENTRAL_X central.x.> 1d 64MiB\n' >x.conf
forbidden '... nor make one' 'STREAM\.CREATE\.CENTRAL_X' as reader central-streams apply --file x.conf
printf 'CENTRAL_QUAKE central.quake.> 2d 64MiB\n' >changed.conf
forbidden '... nor change one' 'STREAM\.UPDATE\.CENTRAL_QUAKE' as reader central-streams apply --file changed.conf CENTRAL_QUAKE
forbidden '... nor take from the archiver' 'archive-central_quake' as reader central-subscribe --durable archive-central_quake CENTRAL_QUAKE
jq -c '.id = "another" | .data.id = .id' event | as publisher central-publish >/dev/null
forbidden '... nor archive' 'CONSUMER\..*\.CENTRAL_' as reader timeout 60 central-archive --once
forbidden '... for ever' 'CONSUMER\..*\.CENTRAL_' as reader timeout 60 central-archive
forbidden 'the archiver does not publish events' central.quake as archiver central-publish --give-up 3s <event
forbidden '... nor list streams' 'STREAM\.NAMES' as archiver central-streams list
forbidden 'the publisher does not delete a stream' 'STREAM\.DELETE\.CENTRAL_QUAKE' as publisher central-streams rm --yes CENTRAL_QUAKE
forbidden '... nor make one' 'STREAM\.CREATE\.CENTRAL_X' as publisher central-streams apply --file x.conf
rm -r state
forbidden 'a source whose user may do nothing of it polls nothing' 'MSG\.GET' as archiver central-source --from "$top/examples/feeds/usgs_quake.geojson" usgs_quake
is "$(as operator central-streams list --json CENTRAL_QUAKE | jq -r .name | head -n 1)" CENTRAL_QUAKE 'all is still there'

done_testing
