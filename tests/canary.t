#!/bin/bash
# Secrets stay where they are put: a canary as every credential there is, in runs that succeed and runs that fail, is found in
# no argument, message, event, state, figure or table.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

canary=c4n4ry5ecret
mkdir -p adapters etc/credentials etc/sources seen
export CENTRAL_CONFIG=$tmp/etc CENTRAL_ADAPTERS=$tmp/adapters

# A feed that wants the key in its path and in a header, echoes what it was asked, and can send elsewhere.
perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die;
    open my $p, ">", "port.new" or die; print $p $s->sockport; close $p; rename "port.new", "port";
    while (my $c = $s->accept) {
        my $request = ""; my $key = "";
        while (my $l = <$c>) { $request = $l if $request eq ""; $key .= $l if $l =~ /^X-Key/i; last if $l =~ /^\r?\n$/ }
        open my $keys, ">>", "keys" or die; print $keys $key; close $keys;
        my ($path) = $request =~ / (\S+)/; my $body = "you asked $path with $key"; my $head = "";
        my $status = "200 OK";
        $status = "403 Forbidden: $path" if $path =~ /denied/;
        ($status, $head) = ("302 Found", "Location: http://localhost:1$path\r\n") if $path =~ /moved/;
        $body = "{\"items\": [{\"id\": \"a\"}, {\"id\": 5}]}" if $path =~ /good/;
        print $c "HTTP/1.1 $status\r\n${head}Content-Length: ", length $body, "\r\nConnection: close\r\n\r\n$body";
    }' &
wait_for 10 test -s port
printf '%s\n' "$canary" >etc/credentials/spy
chmod 600 etc/credentials/spy
for kind in good denied moved odd; do
    cat >"adapters/spy_$kind.jq" <<J
def about: {name: "spy_$kind", title: "t", every: 10, kind: "snapshot", timeout: 5, keep: "14d", credential: "spy", settings: {}};
def requests: {url: "http://127.0.0.1:$(cat port)/$kind/\(.key)/x?key=\(.key)", headers: ["X-Key: \(.key)"], format: "json"};
def items: .items[];
def event: {id, category: "quake.event.minor", subject: ["quake", "event", "minor"], time: "2026-11-20T00:00:00Z", severity: 0, data: {}};
def removed: {id: .last.id, category: "quake.event.removed", subject: ["quake", "event", "removed"], time: .now, severity: 0, data: {},
              removes: {id: .last.id, revision: .last.revision}};
J
done

# The servers, with passwords.
mkdir nats
server=$(PATH=$PATH:/usr/sbin type -P nats-server)
printf '%s\n' 'listen: "127.0.0.1:-1"' "jetstream { store_dir: \"$tmp/nats/data\" }" \
    "authorization { user: u, password: \"$canary\" }" >nats/conf
"$server" -c nats/conf --ports_file_dir "$tmp/nats" >nats/log 2>&1 &
port() { sed -n 's/.*nats:\/\/[^":]*:\([0-9][0-9]*\).*/\1/p' "$tmp"/nats/*.ports; }
listens() { [[ -n $(port) ]] && (exec 3<>"/dev/tcp/127.0.0.1/$(port)"); }
wait_for 20 listens
address=127.0.0.1:$(port)
start_postgres
socket=$PGHOST
unset PGHOST PGUSER PGDATABASE PGPORT
export NATS_URL=nats://u:$canary@$address DATABASE_URL="postgresql://central:$canary@/central?host=${socket//\//%2F}"

# What /proc shows of all that runs here; environments are private to their user.
watch() {
    exec perl -e 'while (1) {
        for my $f (glob "/proc/[0-9]*/cmdline") {
            open my $in, "<", $f or next;
            local $/;
            my @words = split /\0/, <$in> // "";
            $seen{"@words"}++ if @words && "@words[0, 1]" =~ m{(^|/)central-};
        }
        open my $out, ">", "seen/processes.new" or die;
        print $out map { "$_\n" } keys %seen;
        close $out;
        rename "seen/processes.new", "seen/processes";
        select undef, undef, undef, 0.01;
    }'
}
watch &
watcher=$!
number=0
# spy DESC COMMAND...: what it says is kept; how it ends is no matter here.
spy() {
    local status=0
    number=$((number + 1))
    timeout 60 env "${@:2}" >"seen/$number.out" 2>"seen/$number.err" </dev/null || status=$?
    ok "$1 (status $status)" test "$status" -lt 124
}
for log in '' json debug; do
    export CENTRAL_LOG=$log
    spy "streams ($log)" central-streams apply
    spy 'migrate' central-archive --migrate
    for kind in good denied moved odd; do
        spy "a feed that is $kind" central-source --now "spy_$kind" --metrics "seen/$kind.prom"
    done
    spy 'preview' central-adapter preview spy_denied
    spy 'show' central-adapter show spy_good --json
    spy 'status' central-adapter status spy_good spy_denied
    spy 'archive' central-archive --once --metrics seen/archive.prom
    spy 'query' central-query --all
    spy 'subscribe' central-subscribe --all 'central.>'
    spy 'top' central-top --json
    spy 'audit' central-audit --json
    spy 'a wrong password' NATS_URL="nats://u:x$canary@$address" central-streams list
    spy 'a wrong password to archive with' NATS_URL="nats://u:x$canary@$address" central-archive --once
    spy 'a wrong user of the database' DATABASE_URL="postgresql://nobody:$canary@/central?host=${socket//\//%2F}" central-query --all
    spy 'no database' DATABASE_URL="postgresql://u:$canary@127.0.0.1:1/x" central-query --count
    spy 'no server' NATS_URL="nats://u:$canary@127.0.0.1:1" central-streams list
    spy 'a URL that is none' NATS_URL="nats://u:$canary@[" central-streams list
    spy 'a database URL that is none' DATABASE_URL="postgresql://u:$canary@[/x" central-query --count
    spy 'a token' NATS_URL="nats://$address" NATS_TOKEN="$canary" central-streams list
    spy 'an argument with a password' central-query --count --db "postgresql://central:$canary@/central?host=${socket//\//%2F}"
done
kill "$watcher"
wait "$watcher" 2>/dev/null || true
rm -f etc/credentials/spy
spy 'the key from the environment' CENTRAL_KEY_spy="$canary" central-source --now spy_denied

# An argument can be seen until the program overwrites it: --db is documented so.
sed -i "/--db postgresql/d" seen/processes
ok 'the feed was given the key in its header, too' grep -q "^X-Key: $canary" keys
ok "something was seen" grep -q central-fetch seen/processes
ok "... and said" grep -rq spy_denied seen
central-subscribe --raw --all '>' >seen/bus 2>/dev/null || true
psql -XAtq "$DATABASE_URL" -c 'select e::text from events e' -c 'select e::text from events_history e' -c 'select e::text from events_rejected e' >seen/tables
is "$(grep -rl "$canary" seen)" '' 'no canary in arguments, messages, events, figures, tables or on the bus'
is "$(grep -rl "$canary" "$CENTRAL_STATE")" '' '... nor in the state'
is "$(grep -rl "$canary" etc)" '' '... nor in a setting'

# --- files that others can read

printf '%s\n' "$canary" >etc/credentials/spy
chmod 644 etc/credentials/spy
exits 77 'a credential that others can read' central-fetch spy_good --now
like "$(cat err)" 'etc/credentials/spy: .*others can read' '... is not used'
done_testing
