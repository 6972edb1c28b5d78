#!/bin/bash
# Monthly partitions of the archive, made when an event needs one.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
migrate() {
    local file
    for file in "$top"/sql/[0-9]*.sql; do
        PGOPTIONS='-c client_min_messages=warning' sql -1 -f "$file" >/dev/null || return 1
    done
}
# where: how many rows in which partition.
where() { sql -c 'select tableoid::regclass || $$ $$ || count(*) from events group by tableoid order by tableoid::regclass::text'; }
partitions() { sql -c "select count(*) from pg_inherits where inhparent = 'events'::regclass"; }
# batch QUERY: merges rows of (id, time); prints how many were inserted, and the milliseconds it took.
batch_sql() {
    printf '%s\n' "begin;" "insert into incoming (id, adapter, category, time, payload)
        select id, 'a', 'c', time::timestamptz, jsonb_build_object('id', id) from ($1) as t (id, time);" \
        "select inserted, round(extract(epoch from clock_timestamp() - now()) * 1000) from central_archive_merge();" "commit;"
}
batch() { { printf 'select central_archive_begin() \\g begun\n'; batch_sql "$1"; } | sql; }
empty() { sql -c 'truncate events, events_history, events_heads, events_removals'; }

start_postgres
ok 'the migrations apply' migrate
export PGTZ=America/Denver # months are UTC's, whatever the session thinks

# --- making one

is "$(partitions)" 1 'at first there is the default partition'
is "$(sql -c "select central_ensure_partition('2026-07-31')")" t 'a month'
is "$(sql -c "select central_ensure_partition('2026-07-01')")" t 'again'
is "$(sql -c "set timezone = 'UTC'" -c "select relname, pg_get_expr(relpartbound, oid) from pg_class where relname = 'events_2026_07'")" \
    "events_2026_07|FOR VALUES FROM ('2026-07-01 00:00:00+00') TO ('2026-08-01 00:00:00+00')" 'has its name and bounds'
is "$(sql -c "select central_ensure_partition('1899-12-31'), central_ensure_partition('2201-01-01'),
    central_ensure_partition('infinity'), central_ensure_partition(null)")" 'f|f|f|f' 'not for any year'
is "$(partitions)" 2 'one was made'
is "$(sql -c "select count(*) from pg_index where indrelid = 'events_2026_07'::regclass")" \
    "$(sql -c "select count(*) from pg_index where indrelid = 'events'::regclass")" 'with every index, once'
is "$(sql -c "select attcompression from pg_attribute where attrelid = 'events_2026_07'::regclass and attname = 'payload'")" l \
    'and compressed with lz4'

# --- on demand

is "$(batch "values ('a', '2026-07-31 23:59:59.999999+00'), ('b', '2026-08-01 00:00+00'), ('c', '2026-12-31 23:59+00'),
    ('d', '2027-01-01 00:00+00'), ('e', '1900-01-01 00:00+00'), ('f', '2200-12-31 23:59:59+00'),
    ('g', '1899-12-31 23:59:59+00'), ('h', '2201-01-01 00:00+00'), ('i', '0044-03-15 12:00+00 BC')" | cut -d'|' -f1)" 9 \
    'a batch of old and future events'
is "$(where)" 'events_1900_01 1
events_2026_07 1
events_2026_08 1
events_2026_12 1
events_2027_01 1
events_2200_12 1
events_default 3' 'goes to their months'
like "$(sql -c "explain select * from events where time >= '2026-08-03' and time < '2026-08-04' and category = 'c'")" \
    '^.*events_2026_08_(category_)?time_idx on events_2026_08 events' 'a query reads one of them'
unlike "$(sql -c "explain select * from events where time >= '2026-08-03' and time < '2026-08-04'")" \
    'events_(default|2026_07)' 'and no other'

empty
is "$(batch "select n, '2010-01-15'::timestamptz + n * interval '1 month' from generate_series(0, 119) n" | cut -d'|' -f1)" 120 \
    'a batch over 120 months'
is "$(where | grep default)" 'events_default 20' 'does not lock the server up with partitions: some wait'
is "$(batch "select 'x' || n, '2010-01-15'::timestamptz + n * interval '1 month' from generate_series(0, 119) n" | cut -d'|' -f1)" \
    120 'the next one'
is "$(where | grep -c ' 2$') $(where | grep -c default)" '120 0' 'makes the rest, and moves what waited'

# --- somebody in the way

empty
# coproc sets reader and reader_PID, which shellcheck does not know.
coproc reader { sql 2>&1; }
# shellcheck disable=SC2154
printf 'begin; select count(*) from events_default;\n' >&"${reader[1]}"
read -r -t 10 line <&"${reader[0]}"
is "$line" 0 'somebody reads the default partition'
{
    printf 'select central_archive_begin() \\g begun\n'
    batch_sql "values ('a', '2031-03-01 12:00+00')"
    batch_sql "values ('b', '2031-03-02 12:00+00')"
} | sql >out
is "$(cut -d'|' -f1 out)" $'1\n1' 'two batches are archived all the same'
ok 'the first within seconds' test "$(head -n 1 out | cut -d'|' -f2)" -lt 10000
ok 'the second at once' test "$(tail -n 1 out | cut -d'|' -f2)" -lt 1000
is "$(where)" 'events_default 2' 'in the default partition'
printf 'commit;\n\\q\n' >&"${reader[1]}"
# shellcheck disable=SC2154
wait "$reader_PID" || true
is "$(batch "values ('c', '2031-03-03 12:00+00'), ('a', '2031-03-01 12:00+00')" | cut -d'|' -f1)" 1 'later'
is "$(where)" 'events_2031_03 3' 'they move to their own'

sql -c 'alter table events detach partition events_2031_03'
is "$(batch "values ('d', '2031-03-04 12:00+00'), ('e', '2031-04-04 12:00+00')" | cut -d'|' -f1)" 2 'a month detached by hand'
is "$(where)" $'events_2031_04 1\nevents_default 1' 'is left alone'
is "$(sql -c 'select count(*) from events_2031_03')" 3 'with what it has'

# --- two at once

empty
sql -c "create table months as select '2040-01-15 00:00+00'::timestamptz + n * interval '1 month' as time, n from generate_series(0, 59) n"
for i in 1 2; do
    {
        printf 'select central_archive_begin() \\g begun%d\n' "$i"
        for n in {0..59..3}; do
            batch_sql "select 'id' || n || '/' || i, time + i * interval '1 hour' from months, generate_series(1, 20) i
                where n between $n and $n + 4"
        done
    } | sql >"out$i" 2>"err$i" &
done
wait
is "$(cat err1 err2)" '' 'two sessions make the same partitions'
is "$(where | grep -c ' 20$') $(where | wc -l)" '60 60' 'with every row once'
is "$(cat out1 out2 | awk -F'|' '{ sum += $1 } END { print sum }')" 1200 'counted once'
is "$(sql -c 'select deadlocks from pg_stat_database where datname = current_database()')" 0 'without a deadlock'

done_testing
