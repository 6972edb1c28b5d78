#!/bin/bash
# The harness itself: its functions, its surroundings, its servers.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

# As somebody without settings of their own would start it.
run_test() {
    {
        printf '#!/bin/bash\nset -euo pipefail\n. %q/tests/tap.sh\n' "$top"
        cat
    } >inner.t
    bash inner.t
}

# --- surroundings

is "$PWD" "$tmp" 'a test starts in its folder'
is "$(find . -mindepth 1)" '' 'which is empty'
is "${CENTRAL_STATE#"$tmp"}${CENTRAL_CONFIG#"$tmp"}" /state/etc 'settings and state are inside'
PGHOST=elsewhere NATS_URL=x CENTRAL_KEY_firms=x http_proxy=x exits 0 'the user'\''s settings do not leak' \
    run_test <<<'env; done_testing'
unlike "$(grep -v _TEST_ out)" '(PGHOST|NATS_URL|CENTRAL_KEY|http_proxy)=' 'none of them'

# --- results

exits 0 'a good test' run_test <<'T'
ok 'true is true' true
not_ok 'false is not' false
is a a 'a is a'
isnt a b 'a is not b'
like abc ^a.c$ 'abc is like a.c'
exits 3 'a status' bash -c 'echo one; echo two >&2; exit 3'
is "$(cat out) $(cat err)" 'one two' 'both outputs'
printf 'x\n' | ok 'in a pipeline' grep -q x
skip 'a skipped one' 'no reason'
done_testing
T
is "$(cat out)" "ok 1 - true is true
ok 2 - false is not
ok 3 - a is a
ok 4 - a is not b
ok 5 - abc is like a.c
ok 6 - a status
ok 7 - both outputs
ok 8 - in a pipeline
ok 9 - a skipped one # SKIP no reason
1..9" 'numbers its results'

exits 1 'a failing test goes on to its end' run_test <<'T'
ok 'no' bash -c 'echo because; false'
is a b 'a is b'
exits 0 'status' false
done_testing
T
is "$(grep -c '^not ok' out)" 3 'with three failures'
like "$(cat err)" 'failed: no' 'that are named'
like "$(cat err)" 'inner.t line 4' 'with their line'
like "$(cat err)" 'because' 'and the output'

exits 7 'a test that dies says where' run_test <<<'bash -c "exit 7"; done_testing'
like "$(cat err)" 'died with status 7 at inner.t line 4' 'with file and line'
exits 1 'one that dies inside of a check, too' run_test <<'T'
inside() { : "$unset"; }
ok 'inner' inside
done_testing
T
like "$(cat err)" 'died' 'is heard'
exits 1 'a test that stops early is no success' run_test <<<'ok x true; exit 0'
exits 0 'a test that cannot run here skips itself' run_test <<<'skip_all "no such thing"'
is "$(cat out)" '1..0 # SKIP no such thing' 'and says why'
exits 0 'so does one without recorded feeds' env CENTRAL_FEEDS="$tmp/none" bash inner.t
ok 'waiting ends when it is true' wait_for 5 true
not_ok 'or when time is up' wait_for 0 false

# --- servers

greeting() {
    local address=${NATS_URL#nats://}
    read -r -t 5 line <"/dev/tcp/${address%:*}/${address#*:}" || return 1
    printf '%s\n' "$line"
}

start_nats
like "$(greeting)" '^INFO .*"jetstream":true' 'nats-server answers, with JetStream'
start_postgres
like "$(psql -XAtc 'select postgis_version()')" '^3\.' 'PostgreSQL answers, with PostGIS'
is "$(psql -XAtc 'show listen_addresses')" '' 'on a socket only'
is "$(psql -XAtc 'create table t as select 1 as a; select count(*) from t' | tail -n 1)" 1 'and takes a row'
exits 0 'status' hub status
like "$(cat out)" 'nats: runs, pid [0-9]+'$'\n''postgres: runs' 'names both'

url=$NATS_URL
hub kill
exits 69 'killed servers are seen to be down' hub status
not_ok 'and are' greeting
exits 0 'they start again' hub start --fast
like "$(cat out)" "$url"$'\n' 'on the same port'
like "$(greeting)" '^INFO' 'nats-server answers'
is "$(psql -XAtc 'select count(*) from t')" 1 'the committed row is there'
exits 0 'restart' hub restart --nats
like "$(greeting)" '^INFO' 'nats-server answers'
exits 0 'stop' hub stop
exits 0 'stop again' hub stop
exits 69 'both are down' hub status
exits 64 'a wrong option' hub start --mysql
exits 78 'a folder without servers' "$top/examples/hub" env "$tmp/nothing"

# A server must not outlive a test that dies.
exits 1 'a test with a server dies' run_test <<'T'
start_nats
cat "$tap_hub/nats.pid"
exit 1
T
not_ok 'its server is gone' grep -aqs nats-server "/proc/$(cat out)/cmdline"

done_testing
