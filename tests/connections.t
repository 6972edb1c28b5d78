#!/bin/bash
# Every way to come to a nats-server and to PostgreSQL: the right credential works, and another one is told in one line.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

command -v openssl >/dev/null || skip_all 'no openssl'
server=$(PATH=$PATH:/usr/sbin type -P nats-server)
number=0 pid=
# serve LINE...: a nats-server with these lines of configuration; NATS_URL is set.
serve() {
    if [[ -n $pid ]]; then
        kill "$pid"
        wait "$pid" || true
    fi
    number=$((number + 1))
    mkdir "nats$number"
    printf '%s\n' 'listen: "127.0.0.1:-1"' "jetstream { store_dir: \"$tmp/nats$number/data\" }" "$@" >"nats$number/conf"
    "$server" -c "nats$number/conf" --ports_file_dir "$tmp/nats$number" >"nats$number/log" 2>&1 &
    pid=$!
    wait_for 20 listens || diag "$(tail -n 5 "nats$number/log")"
    NATS_URL=nats://127.0.0.1:$(port)
    export NATS_URL
}
port() { sed -n 's/.*\(nats\|tls\):\/\/[^":]*:\([0-9][0-9]*\).*/\2/p' "$tmp/nats$number"/*.ports; }
listens() { [[ -n $(port) ]] && (exec 3<>"/dev/tcp/127.0.0.1/$(port)"); }
# one STATUS REGEX DESC VARIABLE=VALUE...: central-streams list ends so, with one line of standard error that says why.
one() {
    exits "$1" "$3" timeout 60 env "${@:4}" central-streams list
    if (($1)); then
        is "$(wc -l <err)" 1 '... in one line'
        like "$(cat err)" "$2" '... that says why'
    fi
}
private() { (umask 077 && cat >"$1"); }

# --- who

serve 'authorization { user: u, password: secret-1 }'
one 0 '' 'user and password' NATS_USER=u NATS_PASSWORD=secret-1
one 77 'Authentication' 'another password' NATS_USER=u NATS_PASSWORD=secret-2
unlike "$(cat err)" 'secret' '... without the password'
one 77 'Authentication' 'none at all' X=1
one 0 '' 'in the URL' NATS_URL="nats://u:secret-1@${NATS_URL#*//}"
one 77 'Authentication' 'a wrong one there' NATS_URL="nats://u:secret-2@${NATS_URL#*//}"
unlike "$(cat err)" 'secret' '... is not shown'
mkdir -p "$HOME/.config/nats/context"
printf '{"url": "%s", "user": "u", "password": "secret-1"}\n' "$NATS_URL" | private "$HOME/.config/nats/context/desk.json"
one 0 '' 'a context of the nats command' NATS_URL='' NATS_CONTEXT=desk
printf 'desk' >"$HOME/.config/nats/context.txt"
one 0 '' '... the selected one' NATS_URL=''
chmod 644 "$HOME/.config/nats/context/desk.json"
one 77 'desk.json: .*read' '... not when others can read it' NATS_URL='' NATS_CONTEXT=desk
one 78 'other.json: No such file' '... nor one that is not there' NATS_URL='' NATS_CONTEXT=other
printf '{"url": "nats://u:secret-1@%s"}\n' "${NATS_URL#*//}" >"$HOME/.config/nats/context/url.json"
chmod 644 "$HOME/.config/nats/context/url.json"
one 77 'url.json: .*read' '... nor with the password in its URL' NATS_URL='' NATS_CONTEXT=url
printf '{"url": "%s", "creds": "~/user.creds"}\n' "$NATS_URL" | private "$HOME/.config/nats/context/creds.json"
printf 'x' >"$HOME/user.creds"
chmod 644 "$HOME/user.creds"
one 77 'user.creds: .*read' '... nor its credentials' NATS_URL='' NATS_CONTEXT=creds
rm "$HOME/user.creds"
rm -r "$HOME/.config/nats"
serve 'authorization { token: secret-1 }'
one 0 '' 'a token' NATS_TOKEN=secret-1
one 77 'Authentication' 'another token' NATS_TOKEN=secret-2

# --- what one may not do, and nobody answers

serve 'authorization { users: [ { user: all, password: p }, { user: mute, password: p, permissions: {
    publish: ["$JS.API.>"], subscribe: "_INBOX.>" } }, { user: deaf, password: p, permissions: { publish: ">", subscribe: "central.>" } } ] }'
as() { env NATS_USER="$1" NATS_PASSWORD=p "${@:2}"; }
as all central-streams apply >/dev/null
central-fetch usgs_quake --from "$top/examples/feeds/usgs_quake.geojson" | central-normalize 2>/dev/null | as all central-publish >/dev/null
exits 77 'a reader who may take and not acknowledge' as mute timeout 60 central-subscribe --all --durable desk CENTRAL_QUAKE
like "$(tail -n 1 err)" 'not permitted .*\$JS\.ACK\.' '... is told'
exits 77 'who may ask and not hear the answer' as deaf timeout 60 central-streams list
like "$(cat err)" 'not permitted to subscribe to the answer of .JS\.API\.' '... is told'

public=$("$top/tests/nkey.pl" user "$tmp/user.nk")
other=$("$top/tests/nkey.pl" user "$tmp/other.nk")
serve "authorization { users: [ { nkey: $public } ] }"
one 0 '' 'an nkey' NATS_NKEY="$tmp/user.nk" NATS_NKEY_PUBLIC="$public"
one 77 'Authentication' 'another nkey' NATS_NKEY="$tmp/other.nk" NATS_NKEY_PUBLIC="$other"
one 78 'NATS_NKEY_PUBLIC' 'an nkey without its public half' NATS_NKEY="$tmp/user.nk"
chmod 640 user.nk
one 77 'user.nk: .*read' 'a seed that the group can read' NATS_NKEY="$tmp/user.nk" NATS_NKEY_PUBLIC="$public"
chmod 644 user.nk
one 77 'user.nk: .*read' 'one that everybody can read' NATS_NKEY="$tmp/user.nk" NATS_NKEY_PUBLIC="$public"

mkdir jwt
"$top/tests/nkey.pl" operator "$tmp/jwt"
serve "include $(printf '%q' ../jwt/operator.conf)"
one 0 '' 'credentials' NATS_CREDS="$tmp/jwt/user.creds"
one 77 'Authentication' 'none' X=1
cp -p jwt/user.creds "$HOME/user.creds"
one 0 '' 'credentials below ~' NATS_CREDS="$HOME/user.creds"
chmod 644 "$HOME/user.creds"
one 77 'user.creds: .*read' 'credentials that everybody can read' NATS_CREDS="$HOME/user.creds"
one 78 'none.creds' 'credentials that are not there' NATS_CREDS="$tmp/none.creds"

# --- TLS

mkdir tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls/ca.key -out tls/ca.pem -days 2 -subj /CN=ca 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls/ca2.key -out tls/ca2.pem -days 2 -subj /CN=ca2 2>/dev/null
# certificate NAME SUBJECT_ALT_NAME [DAYS]
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "tls/$1.key" -out "tls/$1.csr" -subj "/CN=$1" 2>/dev/null
    openssl x509 -req -in "tls/$1.csr" -CA tls/ca.pem -CAkey tls/ca.key -CAcreateserial -days "${3-2}" -out "tls/$1.pem" \
        -extfile <(printf 'subjectAltName=%s\n' "$2") 2>/dev/null
}
certificate server IP:127.0.0.1,DNS:localhost
certificate elsewhere DNS:elsewhere.example
certificate client DNS:client
chmod 600 tls/*.key
serve "tls { cert_file: \"$tmp/tls/server.pem\", key_file: \"$tmp/tls/server.key\" }"
one 0 '' 'TLS with a CA' NATS_CA="$tmp/tls/ca.pem"
one 0 '' 'a tls URL' NATS_CA="$tmp/tls/ca.pem" NATS_URL="tls://${NATS_URL#*//}"
one 78 'certificate|SSL' 'another CA' NATS_CA="$tmp/tls/ca2.pem"
one 78 'certificate|SSL|secure' 'no CA' X=1
serve "tls { cert_file: \"$tmp/tls/elsewhere.pem\", key_file: \"$tmp/tls/elsewhere.key\" }"
one 78 'certificate|SSL|host' "another host's certificate" NATS_CA="$tmp/tls/ca.pem"
serve "tls { cert_file: \"$tmp/tls/server.pem\", key_file: \"$tmp/tls/server.key\", ca_file: \"$tmp/tls/ca.pem\", verify: true }"
one 0 '' 'a client certificate' NATS_CA="$tmp/tls/ca.pem" NATS_CERT="$tmp/tls/client.pem" NATS_KEY="$tmp/tls/client.key"
exits 69 'none' timeout 60 env NATS_CA="$tmp/tls/ca.pem" central-streams list
chmod 644 tls/client.key
one 77 'client.key: .*read' 'one whose key everybody can read' NATS_CA="$tmp/tls/ca.pem" NATS_CERT="$tmp/tls/client.pem" NATS_KEY="$tmp/tls/client.key"
(umask 077 && cat tls/client.pem tls/client.key >tls/both.pem)
one 0 '' 'a certificate with its key in one file' NATS_CA="$tmp/tls/ca.pem" NATS_CERT="$tmp/tls/both.pem"
chmod 640 tls/both.pem
one 77 'both.pem: .*read' 'one that the group can read' NATS_CA="$tmp/tls/ca.pem" NATS_CERT="$tmp/tls/both.pem"
kill "$pid"
wait "$pid" || true

# --- PostgreSQL

start_postgres
central-archive --migrate >/dev/null
data=$tap_hub/postgres/data
cp tls/server.pem "$data/server.crt"
cp tls/server.key "$data/server.key"
chown --reference="$data/PG_VERSION" "$data"/server.*
chmod 600 "$data/server.key"
cat >>"$data/postgresql.auto.conf" <<'C'
ssl = on
C
pgport=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
psql -Xqc "create role analyst login password 'secret-3'; grant select on all tables in schema public to analyst" >/dev/null
sed -i '1i hostssl all all 127.0.0.1/32 scram-sha-256' "$data/pg_hba.conf"
hub stop --postgres
bin=/usr/lib/postgresql/15/bin
as=()
[[ $EUID != 0 ]] || as=(setpriv --reuid=postgres --regid="$(id -g postgres)" --init-groups --)
(cd / && exec "${as[@]}" "$bin/postgres" -D "$data" -k "$PGHOST" -c listen_addresses=127.0.0.1 -c port="$pgport" -c fsync=off) >pg.log 2>&1 &
database=$!
wait_for 30 bash -c "exec 3<>/dev/tcp/127.0.0.1/$pgport"
# ask STATUS REGEX DESC VARIABLE=VALUE...
ask() {
    exits "$1" "$3" timeout 60 env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE "${@:4}" central-query --count
    if (($1)); then
        is "$(wc -l <err)" 1 '... in one line'
        like "$(cat err)" "$2" '... that says why'
        unlike "$(cat err)" secret- '... without a password'
    fi
}
socket=$PGHOST
url="host=127.0.0.1 port=$pgport user=analyst dbname=central"
printf '127.0.0.1:%s:central:analyst:secret-3\n' "$pgport" | private pass
printf '127.0.0.1:%s:central:analyst:secret-4\n' "$pgport" | private wrong
ask 0 '' 'a socket' PGHOST="$socket" PGPORT="$pgport" PGUSER=central PGDATABASE=central
ask 0 '' 'TLS, with a CA and a pass file' DATABASE_URL="$url sslmode=verify-full sslrootcert=$tmp/tls/ca.pem" PGPASSFILE="$tmp/pass"
ask 69 'certificate' 'another CA' DATABASE_URL="$url sslmode=verify-full sslrootcert=$tmp/tls/ca2.pem" PGPASSFILE="$tmp/pass"
ask 77 'password' 'another password' DATABASE_URL="$url" PGPASSFILE="$tmp/wrong"
ask 77 'password' 'another password in the URL' DATABASE_URL="postgresql://analyst:secret-4@127.0.0.1:$pgport/central"
printf '[desk]\nhost=127.0.0.1\nport=%s\nuser=analyst\ndbname=central\nsslmode=require\n' "$pgport" >service
ask 0 '' 'a service' PGSERVICEFILE="$tmp/service" PGSERVICE=desk PGPASSFILE="$tmp/pass"
ask 78 '"other" not found' 'one that is not there' PGSERVICEFILE="$tmp/service" PGSERVICE=other
ask 78 'service file' '... nor the file' PGSERVICEFILE="$tmp/no-service" PGSERVICE=desk
ask 77 'password' 'no password' DATABASE_URL="$url" PGPASSFILE="$tmp/none"
ask 77 'pg_hba.conf' 'nobody lets one in without TLS' DATABASE_URL="$url sslmode=disable" PGPASSFILE="$tmp/pass"
ask 77 'pg_hba.conf' 'a user whom nobody lets in' DATABASE_URL="$url sslmode=disable user=stranger" PGPASSFILE="$tmp/pass"
ask 77 'role "stranger"|password' 'one who is not there' DATABASE_URL="$url user=stranger password=secret-5"
ask 78 'database "other" does not exist' 'a database that is not there' DATABASE_URL="$url dbname=other password=secret-3"
ask 78 'sslmode' 'a setting that is none' DATABASE_URL="$url" PGSSLMODE=some
ask 78 'port' 'a port that is none' PGHOST=127.0.0.1 PGPORT=some
ask 69 'translate' 'a host that is not there' PGHOST=no.such.host.invalid
printf '[desk]\nhost=127.0.0.1\nport=%s\nuser=analyst\ndbname=central\npassword=secret-3\n' "$pgport" | private full
ask 0 '' 'a service with its password' PGSERVICEFILE="$tmp/full" PGSERVICE=desk
ask 0 '' '... named in the URL' PGSERVICEFILE="$tmp/full" DATABASE_URL='service=desk'
chmod 640 full
ask 77 'full: .*read' '... that the group can read' PGSERVICEFILE="$tmp/full" PGSERVICE=desk
ask 77 'full: .*read' '... named in the URL' PGSERVICEFILE="$tmp/full" DATABASE_URL='service=desk'
cp -p full "$HOME/.pg_service.conf"
ask 77 'pg_service.conf: .*read' "... the user's own" PGSERVICE=desk
rm "$HOME/.pg_service.conf"
mkdir common
cp -p full common/pg_service.conf
ask 77 'pg_service.conf: .*read' '... one for all' PGSYSCONFDIR="$tmp/common" PGSERVICE=desk
# The test before this one gave the key to all.
ask 77 'client.key: .*read' 'a key of a certificate that all can read' \
    DATABASE_URL="$url sslcert=$tmp/tls/client.pem sslkey=$tmp/tls/client.key" PGPASSFILE="$tmp/pass"
chmod 600 tls/client.key
ask 0 '' '... and one that nobody else can' DATABASE_URL="$url sslcert=$tmp/tls/client.pem sslkey=$tmp/tls/client.key" PGPASSFILE="$tmp/pass"
chmod 644 pass
exits 77 'a pass file that all can read' env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE DATABASE_URL="$url" PGPASSFILE="$tmp/pass" central-query --count
like "$(cat err)" 'pass" has group or world access' '... libpq says so'
ask 69 'refused' 'a server that is not there' DATABASE_URL="host=127.0.0.1 port=1 user=analyst dbname=central"
kill -INT "$database"
wait "$database" || true

done_testing
