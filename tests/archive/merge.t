#!/bin/bash
# The archive's rule in SQL: the same versions give the same tables, in any order, any batches, any number of times.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
migrate() {
    local file
    for file in "$top"/sql/[0-9]*.sql; do
        PGOPTIONS='-c client_min_messages=warning' sql -1 -f "$file" >/dev/null || return 1
    done
}
empty() { sql -c 'truncate events, events_history, events_heads, events_removals'; }

start_postgres
ok 'the migrations apply' migrate
sql -c 'select central_archive_begin()' >/dev/null
ok 'and can be repeated' migrate
is "$(sql <<'SQL'
select count(*) > 50, string_agg(name, ' ') filter (where comment is null)
from (select c.relname::text as name, obj_description(c.oid, 'pg_class') as comment, c.oid
      from pg_class c where c.relkind in ('r', 'p')
      union all
      select c.relname || '.' || a.attname, col_description(c.oid, a.attnum), c.oid
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped) t
where name ~ '^events' and not exists (select from pg_inherits where inhrelid = t.oid)
SQL
)" 't|' 'every table and column says what it is'

# --- by hand

# merge ROWS...: one batch; each row is id, revision, time, remark, removed id, removed revision ('' for none).
# Prints inserted|revised|duplicates|superseded|removed.
cat >merge.sql <<'SQL'
set timezone = 'UTC';
select central_archive_begin() \g (format=unaligned) begun
begin;
create temporary table line (n serial, l text) on commit drop;
\copy line (l) from pstdin
insert into incoming (position, id, adapter, category, time, payload, revision, removes, removes_revision, received)
select n, f[1], 'a', 'c', f[3]::timestamptz, jsonb_build_object('n', f[4], 'time', f[3]), f[2]::integer,
    nullif(f[5], ''), nullif(f[6], '')::integer, now()
from line, string_to_array(l, ',') f;
select * from central_archive_merge();
commit;
SQL
merge() { printf '%s\n' "$@" | sql -f merge.sql; }
stands() {
    sql -c "set timezone = 'UTC'" -c "select id, revision, to_char(time, 'MM-DD'), payload ->> 'n', to_char(removed, 'MM-DD')
        from events order by id"
}
history() { sql -c "select id, revision, payload ->> 'n' from events_history order by 1, 2, 3"; }

is "$(merge x,1,2026-07-01,one y,1,2026-07-02,one)" '2|0|0|0|0' 'two events'
received=$(sql -c "select received from events where id = 'x'")
is "$(merge x,1,2026-07-01,one x,1,2026-07-01,one)" '0|0|2|0|0' 'again, twice'
is "$(sql -c "select received from events where id = 'x'")" "$received" 'received stays the first'
is "$(merge x,2,2026-07-01,two)" '0|1|0|0|0' 'a revision'
is "$(merge x,3,2026-09-05,three y,2,2026-07-02,two)" '0|2|0|0|0' 'one that moves to another month'
is "$(merge x,2,2026-07-01,two x,1,2026-07-01,one)" '0|0|2|0|0' 'late doubles'
is "$(stands)" $'x|3|09-05|three|\ny|2|07-02|two|' 'the last revisions stand, once'
is "$(history)" $'x|1|one\nx|2|two\ny|1|one' 'the others are history, once'
is "$(merge z,2,2026-07-09,two z,3,2026-07-09,three z,1,2026-07-01,one z,3,2026-07-09,three)" '1|0|1|2|0' \
    'all revisions of a new event in a batch'
is "$(merge z,1,2026-06-01,other)" '0|0|0|1|0' 'another first version, as after a lost state, is history'

is "$(merge y-removed,1,2026-07-20,gone,y,2)" '1|0|0|0|1' 'a removal'
like "$(stands)" 'y\|2\|07-02\|two\|07-20' 'marks its event'
is "$(merge y-removed,1,2026-07-20,gone,y,2)" '0|0|1|0|0' 'once'
is "$(merge y,3,2026-07-02,back)" '0|1|0|0|0' 'the event comes back'
like "$(stands)" $'y\\|3\\|07-02\\|back\\|\n' 'unmarked'
is "$(merge w-removed,1,2026-07-20,gone,w,1)" '1|0|0|0|0' 'a removal before its event'
is "$(merge w,1,2026-07-03,late)" '1|0|0|0|1' 'the event comes'
like "$(stands)" 'w\|1\|07-03\|late\|07-20' 'marked'
is "$(merge v-removed,1,2026-07-20,gone,v,1 v,1,2026-07-03,late)" '2|0|0|0|1' 'both in a batch'
is "$(sql -c 'select count(*) from events_history where removed is not null')" 0 'history is not marked'

before=$(stands)
exits 3 'a wrong row refuses its batch' merge good,1,2026-07-01,n bad,0,2026-07-01,n
like "$(cat err)" 'events_revision_check' 'and says which rule'
exits 3 'an endless time, too' merge good,1,2026-07-01,n bad,1,infinity,n
is "$(stands)" "$before" 'nothing is kept of it'

sql -c 'delete from events_heads'
is "$(merge x,3,2026-09-05,three y,1,2026-07-02,one new,1,2026-07-30,one)" '1|0|2|0|0' 'rows without heads are found'
sql -c "delete from events where id in ('x', 'new')"
is "$(merge new,1,2026-07-30,one)" '1|0|0|0|0' 'heads without rows do no harm'

empty
sql -c "select central_archive_begin()" -c 'begin' -c "
    insert into incoming (position, id, adapter, category, time, geom, regions, primary_region, payload, subject, expires, severity)
    select n, 'id' || n, 'a', 'c', '2026-07-01', st_setsrid(st_makepoint(n, n), 4326), array['US-ID'], 'US-ID',
        jsonb_build_object('n', n), 'central.c', '2026-07-02', 1
    from generate_series(1, 3) n" \
    -c "copy (select position, id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
        received, subject, revision, removes, removes_revision from incoming) to stdout binary" | tail -c +2 >rows
is "$(sql -c 'select central_archive_begin()' -c begin -c '\copy incoming from rows binary' \
    -c 'select * from central_archive_merge()' -c commit | tail -n 1)" '3|0|0|0|0' 'COPY BINARY needs no list of columns'
is "$(sql -c "select count(*) from events where geom && st_makeenvelope(1.5, 1.5, 3, 3, 4326) and 'US-ID' = any (regions)
    and received > now() - interval '1 hour' and subject = 'central.c' and severity = 1 and expires > time")" 2 'all columns arrive'

# --- in any order

# 200 events of two adapters under the same ids, with revisions that move, two versions of one revision, removals
# (early, late, double, of events that never come), returns.
sql <<'SQL' >/dev/null
create schema test;
set search_path = public, test;

create function test.dice(sides integer, variadic seed text[]) returns integer language sql immutable
    as $$ select ('x' || left(md5(array_to_string(seed, '/')), 7))::bit(28)::integer % sides $$;

create table test.input as
with event as (
    select a as adapter, 'id' || n as id, '2026-05-01'::timestamptz + test.dice(150, a, n::text) * interval '1 day' as time,
        1 + test.dice(4, a, n::text, 'revisions') as revisions
    from generate_series(1, 100) n, unnest(array['one', 'two']) a
), version as (
    select adapter, id, r as revision, twin, null::text as removes, null::integer as removes_revision,
        time + case when test.dice(3, adapter, id, r::text, twin::text) = 0
                    then (test.dice(100, adapter, id, r::text, twin::text, 'by') - 50) * interval '1 day'
                    else interval '0' end as time
    from event, generate_series(1, revisions) r, generate_series(0, 1) twin
    where twin = 0 or test.dice(5, adapter, id, r::text) = 0
    union all
    select adapter, id || ':removed:' || k, 1 + test.dice(8, adapter, id, k::text, 'r') / 7, 0,
        id || case when test.dice(10, adapter, id, k::text, 'never') = 0 then 'x' else '' end,
        1 + test.dice(revisions, adapter, id, k::text, 'v'),
        '2026-08-01'::timestamptz + test.dice(40, adapter, id, k::text) * interval '1 day'
    from event, generate_series(1, test.dice(5, adapter, id, 'removals') - 1) k
)
select id, adapter, 'c.' || adapter as category, time, case when revision > 1 then time + interval '1 hour' end as expires,
    (revision % 5)::smallint as severity, st_setsrid(st_makepoint(revision, twin), 4326)::geometry(Geometry, 4326) as geom,
    array[id] as regions, id as primary_region,
    jsonb_build_object('id', id, 'time', time, 'revision', revision,
                       'twin', case twin when 0 then '1.0'::jsonb else '1.00'::jsonb end) as payload,
    'central.' || adapter as subject, revision, removes, removes_revision
from version;

-- The rule, from all versions at once.
create view test.ranked as
select *, row_number() over (partition by adapter, id order by revision desc, time desc, md5(payload::text) collate "C" desc)
from test.input;
create view test.wanted as
select (to_jsonb(r) - 'row_number') || jsonb_build_object('removed',
    (select min(x.time) from test.input x where x.adapter = r.adapter and x.removes = r.id and x.removes_revision >= r.revision))
    as row from test.ranked r where row_number = 1;
create view test.wanted_history as
select (to_jsonb(r) - 'row_number') || '{"removed": null}' as row from test.ranked r where row_number > 1;
create view test.got as select to_jsonb(e) - 'received' as row from events e;
create view test.got_history as select to_jsonb(h) - 'received' - 'superseded' as row from events_history h;
create function test.difference() returns text language sql as $$
    select format('%s and %s rows, %s wrong, %s missing', count(*) filter (where t = 1), count(*) filter (where t = 2),
                  count(*) filter (where wrong), count(*) filter (where missing))
    from (select t, row, false as wrong, false as missing
          from (select 1 as t, row from test.got union all select 2, row from test.got_history) g
          union all
          select 3, row, true, false from ((table test.got except all table test.wanted)
              union all (table test.got_history except all table test.wanted_history)) w
          union all
          select 3, row, false, true from ((table test.wanted except all table test.got)
              union all (table test.wanted_history except all table test.got_history)) m) x $$;

-- Everything once, and some twice, in random order.
create procedure test.shuffle(seed double precision, size integer) language plpgsql as $$
declare
    this integer;
    rows integer;
    c    record;
begin
    perform setseed(seed);
    perform central_archive_begin();
    create temporary table if not exists shuffled as select 0 as position, 0 as batch, i.* from test.input i with no data;
    truncate shuffled;
    insert into shuffled
    select row_number() over (order by random()), 0, i.*
    from test.input i, generate_series(1, 2) copy where copy = 1 or random() < 0.3;
    update shuffled set batch = 0.7 * position / size + 0.3 * random() * position / size;
    commit;
    for this in 0..(select max(s.batch) from shuffled s) loop
        insert into incoming (position, id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
                              subject, revision, removes, removes_revision)
        select position, id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
               subject, revision, removes, removes_revision
        from shuffled s where s.batch = this order by random();
        get diagnostics rows = row_count;
        select * into c from central_archive_merge();
        if c.inserted + c.revised + c.duplicates + c.superseded <> rows then
            raise 'batch of %: %', rows, c;
        end if;
        commit;
    end loop;
end $$;
SQL
want=$(sql -c "select format('%s and %s rows, 0 wrong, 0 missing', (select count(*) from test.wanted), (select count(*) from test.wanted_history))")
diag "$(sql -c "select count(*), 'versions,', count(removes), 'removals,',
    (select count(*) from test.wanted where row ->> 'removed' is not null), 'events removed' from test.input")"

# shuffle SEED SIZE
shuffle() {
    empty
    sql -c "set timezone = 'America/Denver'" -c "call test.shuffle($1, $2)"
    sql -c 'select test.difference()'
}
seed=0
for size in 1000 700 500 400 300 250 200 150 120 100 80 60 40 1000 700 500 400 300 250 200; do
    seed=$((seed + 1))
    is "$(shuffle "0.$seed" $size)" "$want" "order $seed, in batches of about $size"
done
sql -c "call test.shuffle(0.5, 100)"
is "$(sql -c 'select test.difference()')" "$want" 'all of it once more changes nothing'
is "$(sql -c 'select count(*) from events e where not exists
    (select from events_heads h where h.key = central_key(e.adapter, e.id) and h.time = e.time)')" 0 'heads tell where rows are'

# --- two at once

empty
for i in 1 2; do
    sql -c "call test.shuffle(0.9$i, 25)" 2>"err$i" &
done
wait
is "$(cat err1 err2)" '' 'two sessions merge the same events at once'
is "$(sql -c 'select test.difference()')" "$want" 'into the same tables'
is "$(sql -c 'select deadlocks from pg_stat_database where datname = current_database()')" 0 'without a deadlock'

# --- keys that collide

sql -c "create or replace function central_key(adapter text, id text) returns bigint language sql immutable strict parallel safe
    as \$\$ select test.dice(40, id)::bigint \$\$"
is "$(shuffle 0.77 150)" "$want" 'events that share a key are kept apart'

done_testing
