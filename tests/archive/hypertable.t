#!/bin/bash
# Where the database has TimescaleDB, events is a hypertable, and the archive's rules are the same. Debian 12 has no
# TimescaleDB: unless the server offers the real one, a stand-in leaves events a plain table, which shows that nothing needs partitions.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

export CENTRAL_TEST_TIMESCALE=1
start_postgres
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

exits 0 'the migrations apply' central-archive --migrate
is "$(cat err)" '' 'without a warning'
is "$(sql -c 'select central_partitioned()')" f 'events has no native partitions'
if [[ $(sql -c "select extversion from pg_extension where extname = 'timescaledb'") == stand-in ]]; then
    is "$(sql -c 'select made from hypertable')" 'events time 1 mon without default indexes' 'but is made a hypertable'
else
    is "$(sql -c 'select count(*) from timescaledb_information.hypertables')" 1 'but is a hypertable'
fi
is "$(sql -c "select central_ensure_partition('2026-07-01')")" t 'partitions are no concern'
for role in 1 2; do
    ok "roles.sql, time $role" sql -f "$top/sql/roles.sql"
done
hub stop
for t in merge rejects prune shuffle; do
    ok "$t.t passes" env N=400 KILLS=1 "$top/tests/archive/$t.t"
done

done_testing
