-- From a batch to the archive, the shortest way: new events are copied to where they stay.
--
-- In a transaction (read committed) of a connection that has called central_archive_begin():
--
--   select central_archive_claim(adapters, ids, times, removes);   -- the numbers of the rows that are not simply new
--   copy events from stdin binary;                                 -- all the others
--   copy incoming from stdin binary;                               -- these, if there are any,
--   select * from central_archive_merge();                         -- and what comes of them
--
-- A row that is simply new is the only one of its batch that has its event's name, nobody had claimed the name before, and no row of
-- the batch removes it. All names are claimed at once and in order, so that sessions wait for each other and never in a ring.

create or replace function central_archive_partitions(times timestamptz[]) returns void
    language plpgsql
    as $$
declare
    month  date;
    retry  timestamptz := nullif(current_setting('central.partitions_retry', true), '');
begin
    if not central_partitioned() then
        return;
    end if;
    -- Only once a minute when somebody is in the way: the batch waits for it. And not too many at once: each takes ten locks.
    if retry is null or retry <= clock_timestamp() then
        for month in
            select m.month
            from (select distinct date_trunc('month', t at time zone 'UTC')::date as month from unnest(times) t
                  where t >= '1900-01-01 00:00+00' and t < '2201-01-01 00:00+00') m
            where not exists (select from pg_inherits h join pg_class c on c.oid = h.inhrelid
                              where h.inhparent = 'events'::regclass
                                and c.relname = to_char(m.month, '"events_"YYYY_MM'))
            order by m.month desc
            limit 100
        loop
            if central_ensure_partition(month) is null then
                perform set_config('central.partitions_retry', (clock_timestamp() + interval '1 minute')::text, false);
                exit;
            end if;
        end loop;
    end if;
    -- Before the first claim, so that who holds claims never waits for one who makes a partition; and the statements
    -- that follow know all partitions.
    lock table events_default in row exclusive mode;
end
$$;

comment on function central_archive_partitions(timestamptz[]) is
    'Part of central_archive_claim and central_archive_merge: makes the partitions that rows of these times need.';

create or replace function central_archive_claim(adapters text[], ids text[], times timestamptz[], removes text[])
    returns setof bigint
    language plpgsql
    set enable_nestloop = off
    set enable_mergejoin = off
    set jit = off
    as $$
#variable_conflict use_column
begin
    perform central_archive_partitions(times);
    return query
    with batch as materialized (
        select n, central_key(adapter, id) as key, time, central_key(adapter, removes) as removed
        from unnest(adapters, ids, times, removes) with ordinality b (adapter, id, time, removes, n)
    ), keys as (
        -- A time says: one row, of an event that no row of the batch removes. It may go in as it is.
        select key, case when count(*) = 1 and bool_and(simple) then min(time) end as time
        from (select key, time, removed is null as simple from batch
              union all
              select removed, null, false from batch where removed is not null) k
        group by key
    ), claimed as (
        insert into events_heads (key, time)
        select key, time from keys order by key
        on conflict (key) do nothing
        returning key, time
    ), fresh as materialized (
        select key from claimed where time is not null
    )
    select b.n from batch b where not exists (select from fresh f where f.key = b.key);
end
$$;

comment on function central_archive_claim(text[], text[], timestamptz[], text[]) is
    'Claims the names of a batch''s events; tells the numbers, from 1, of the rows that are not simply new. Those that are may be '
    'copied to events in this transaction, the others go through central_archive_merge.';

create or replace function central_archive_learn(adapters text[], ids text[]) returns void
    language plpgsql
    as $$
begin
    execute '
        insert into events_heads (key, time)
        select central_key(i.adapter, i.id), max(e.time) from unnest($1, $2) i (adapter, id)
        cross join lateral (select e.time from events e where e.adapter = i.adapter and e.id = i.id offset 0) e
        group by 1 order by 1
        on conflict (key) do nothing' using adapters, ids;
end
$$;

comment on function central_archive_learn(text[], text[]) is
    'Names these events in events_heads, where events has them: somebody put them there by hand.';

create or replace function central_archive_merge(
    out inserted bigint, out revised bigint, out duplicates bigint, out superseded bigint, out removed bigint)
    language plpgsql
    as $$
declare
    fresh bigint;
begin
    perform central_archive_partitions(array(select i.time from incoming i));
    delete from incoming_rest;
    delete from incoming_known;
    delete from incoming_unseen;
    delete from incoming_events;
    delete from incoming_standing;
    delete from incoming_versions;

    begin
        fresh := central_archive_claim();
    exception when unique_violation then
        -- events has rows without a head: somebody put them there.
        perform central_archive_learn(array_agg(i.adapter), array_agg(i.id)) from incoming i;
        fresh := central_archive_claim();
    end;

    select s.inserted, s.revised, s.duplicates, s.superseded, s.removed
    into inserted, revised, duplicates, superseded, removed
    from central_archive_settle() s;
    inserted := inserted + fresh;
end
$$;
