-- From a batch to the archive.
--
-- A connection calls central_archive_begin() once. Then, for each batch, in a transaction (read committed):
--
--   copy incoming from stdin binary;
--   select * from central_archive_merge();
--
-- The version of an event that stands is the greatest by revision, time, digest of the payload; the others are history.
-- So the same messages give the same tables, whatever their order, their batches and their number.
--
-- Nearly every event is new and comes once, so new ones take a short way: the one INSERT that claims their keys in
-- events_heads tells them from the others. Only what that did not claim is compared and put in order.
--
-- Sessions may merge at the same time. Whoever changes an event holds its key in events_heads: claimed (a unique key that
-- others wait for) or locked, both in the order of keys. A removal claims the key of the event it names too, seen or
-- not, so of an event and its removal the second always finds the first.

create or replace function central_key(adapter text, id text) returns bigint
    language sql immutable strict parallel safe
    as $$ select ('x' || left(md5(adapter || ' ' || id), 16))::bit(64)::bigint $$;

comment on function central_key(text, text) is
    'Key of an event in events_heads. The same on every machine and version, as it is stored.';

create or replace function central_digest(payload jsonb) returns uuid
    language sql immutable strict parallel safe
    as $$ select md5(payload::text)::uuid $$;

comment on function central_digest(jsonb) is 'Tells versions of one revision apart.';

create or replace function central_partitioned() returns boolean
    language sql stable parallel safe
    as $$ select relkind = 'p' from pg_class where oid = 'events'::regclass $$;

comment on function central_partitioned() is
    'Whether events has native partitions; else it is a hypertable, whose chunks TimescaleDB makes.';

-- Attaching needs a moment alone with events_default. A reader may hold it for hours, and everybody else queues
-- behind who waits: better give up soon. Longer than deadlock_timeout, though, after which autovacuum makes way.
create or replace function central_ensure_partition(month date) returns boolean
    language plpgsql
    set lock_timeout = '1500ms'
    as $$
declare
    first  date := date_trunc('month', month::timestamp);
    lower  timestamptz;
    upper  timestamptz;
    part   text;
    schema text;
begin
    if first is null or extract(year from first) not between 1900 and 2200 then
        return false;
    end if;
    if not central_partitioned() then
        return true;
    end if;
    part := to_char(first, '"events_"YYYY_MM');
    if exists (select from pg_inherits h join pg_class c on c.oid = h.inhrelid
               where h.inhparent = 'events'::regclass and c.relname = part) then
        return true;
    end if;

    lower := first::timestamp at time zone 'UTC';
    upper := (first + interval '1 month') at time zone 'UTC';
    begin
        perform pg_advisory_xact_lock(hashtextextended('central_ensure_partition', 0));
        if exists (select from pg_inherits h join pg_class c on c.oid = h.inhrelid
                   where h.inhparent = 'events'::regclass and c.relname = part) then
            return true;
        end if;
        schema := (select relnamespace::regnamespace from pg_class where oid = 'events'::regclass);
        -- Somebody detached it, and has plans with it.
        if to_regclass(schema || '.' || part) is not null then
            return false;
        end if;
        lock table events_default in access exclusive mode;
        execute format('create table %s.%I (like events including all)', schema, part);
        if exists (select from events_default e where e.time >= lower and e.time < upper) then
            execute format('with moved as (delete from events_default where time >= %L and time < %L returning *)
                            insert into %s.%I select * from moved', lower, upper, schema, part);
        end if;
        execute format('alter table events attach partition %s.%I for values from (%L) to (%L)',
                       schema, part, lower, upper);
    exception when lock_not_available then
        return null;
    end;
    return true;
end
$$;

comment on function central_ensure_partition(date) is
    'Makes the partition of events for the month that holds the date, and moves rows there that waited in the default one. '
    'False: it is to have none (years before 1900 or after 2200, a table detached by hand). Null: events_default is in use '
    'by others, try again later. Rows of a month without a partition go to the default one.';

create or replace function central_archive_begin() returns void
    language plpgsql
    as $$
begin
    -- Stored as it is staged, so compressed once.
    perform set_config('default_toast_compression', 'lz4', false);
    if to_regclass('pg_temp.incoming') is not null then
        return;
    end if;

    create temporary table incoming (
        position         integer,
        id               text collate "C",
        adapter          text collate "C",
        category         text collate "C",
        time             timestamptz,
        expires          timestamptz,
        severity         smallint,
        geom             geometry(Geometry, 4326),
        regions          text[],
        primary_region   text collate "C",
        payload          jsonb,
        received         timestamptz,
        subject          text collate "C",
        revision         integer default 1,
        removes          text collate "C",
        removes_revision integer,
        key              bigint generated always as (central_key(adapter, id)) stored -- COPY leaves it out
    ) on commit delete rows;

    -- Rows of incoming that are not simply new.
    create temporary table incoming_rest (place tid) on commit delete rows;

    -- The same, without those that stand in events just so.
    create temporary table incoming_known (
        place    tid,
        key      bigint,
        adapter  text collate "C",
        id       text collate "C",
        revision integer,
        head     timestamptz -- where events_heads sends us
    ) on commit delete rows;

    -- Of these, the versions that are not in events_history either.
    create temporary table incoming_unseen (
        place   tid,
        key     bigint,
        adapter text collate "C",
        id      text collate "C",
        removes text collate "C",
        digest  uuid
    ) on commit delete rows;

    -- The events that these are versions of (own), or removals of.
    create temporary table incoming_events (
        key     bigint,
        adapter text collate "C",
        id      text collate "C",
        own     boolean,
        head    timestamptz
    ) on commit delete rows;

    -- Their rows in events.
    create temporary table incoming_standing (like events, key bigint, own boolean) on commit delete rows;

    -- All versions that compete.
    create temporary table incoming_versions (
        like events,
        key      bigint,
        digest   uuid,
        standing boolean, -- a row of events
        known    boolean, -- events has a row of this event
        rank     bigint,  -- 1: is to stand
        copy     bigint   -- 1: first of this revision and payload
    ) on commit delete rows;
end
$$;

comment on function central_archive_begin() is
    'Makes the temporary tables that central_archive_merge works on; once for each connection.';

-- The short way. Hash joins of the batch with itself: a plan cached while the batch was small must not be a nested loop.
create or replace function central_archive_claim() returns bigint
    language plpgsql
    set enable_nestloop = off
    set enable_mergejoin = off
    set jit = off
    as $$
#variable_conflict use_column
declare
    stored bigint;
begin
    with keys as (
        -- A time says: one row, of an event that no row of the batch removes. It may go in as it is.
        select key, case when count(*) = 1 and bool_and(simple) then min(time) end as time
        from (select key, time, removes is null as simple from incoming
              union all
              select central_key(adapter, removes), null, false from incoming where removes is not null) k
        group by key
    ), claimed as (
        insert into events_heads (key, time)
        select key, time from keys order by key
        on conflict (key) do nothing
        returning key, time
    ), fresh as materialized (
        select key from claimed where time is not null
    ), rest as (
        insert into incoming_rest
        select i.ctid from incoming i where not exists (select from fresh f where f.key = i.key)
    )
    insert into events (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received,
                        subject, revision)
    select id, adapter, category, time, expires, severity, geom, coalesce(regions, '{}'), primary_region, payload,
           coalesce(received, now()), subject, coalesce(revision, 1)
    from incoming i join fresh f using (key);
    get diagnostics stored = row_count;
    return stored;
end
$$;

comment on function central_archive_claim() is 'Part of central_archive_merge: stores what is new, lists the rest in incoming_rest.';

create or replace function central_months(times timestamptz[]) returns setof timestamptz
    language sql stable
    as $$ select distinct date_trunc('month', t, 'UTC') from unnest(times) t where t is not null $$;

comment on function central_months(timestamptz[]) is 'Part of central_archive_merge: first instants of the months of these times.';

-- The long way. events is only ever probed by its key, at the time that events_heads tells, and month by month: so a statement
-- opens one partition, where a plan over all of them would touch each one for each row. OFFSET 0 keeps the subqueries
-- that probe from being turned into joins that read whole tables. Tables of the batch are never joined with each other.
-- A statement without variables keeps its first plan as long as the connection lives: it may probe only what has one index,
-- or is executed as text.
create or replace function central_archive_settle(
    out inserted bigint, out revised bigint, out duplicates bigint, out superseded bigint, out removed bigint)
    language plpgsql
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
    set plan_cache_mode = force_custom_plan -- partitions grow
    set work_mem = '32MB'
    set timezone = 'UTC'                    -- months are added to instants
    as $$
#variable_conflict use_column
declare
    total bigint;
    marks bigint;
    first timestamptz;
    next  timestamptz;
begin
    inserted := 0;
    revised := 0;
    superseded := 0;
    removed := 0;
    select count(*) into total from incoming_rest;
    duplicates := total;
    if total = 0 then
        return;
    end if;

    -- A version seen before stays in one table or the other, so it needs no lock to be left alone. Images compare faster
    -- than texts, and equal images are equal texts.
    insert into incoming_known (place, key, adapter, id, revision, head)
    select r.place, i.key, i.adapter, i.id, coalesce(i.revision, 1), h.time
    from incoming_rest r
    cross join lateral (select * from incoming i where i.ctid = r.place offset 0) i
    left join lateral (select h.time from events_heads h where h.key = i.key offset 0) h on true;

    for first in select central_months(array(select head from incoming_known)) loop
        next := first + interval '1 month';
        delete from incoming_known k
        where k.head >= first and k.head < next
          and exists (select from events e
                      where e.time >= first and e.time < next and e.time = k.head
                        and e.adapter = k.adapter and e.id = k.id and e.revision = k.revision
                        and row(e.payload)::record *= (select row(i.payload)::record from incoming i where i.ctid = k.place)
                      offset 0);
    end loop;

    insert into incoming_unseen (place, key, adapter, id, removes, digest)
    select k.place, k.key, k.adapter, k.id, i.removes, central_digest(i.payload)
    from incoming_known k
    cross join lateral (select * from incoming i where i.ctid = k.place offset 0) i
    where not exists (select from events_history s
                      where s.adapter = k.adapter and s.id = k.id and s.revision = k.revision
                        and md5(s.payload::text)::uuid = central_digest(i.payload) offset 0);
    if not found then
        return;
    end if;

    insert into incoming_events (key, adapter, id, own, head)
    select k.key, k.adapter, k.id, k.own, h.time
    from (select key, adapter, id, bool_or(own) as own
          from (select key, adapter, id, true as own from incoming_unseen
                union all
                select central_key(adapter, removes), adapter, removes, false from incoming_unseen
                where removes is not null) u
          group by key, adapter, id
          order by key) k
    left join lateral (select h.time from events_heads h where h.key = k.key offset 0 for no key update) h on true;

    -- From here on nobody else changes these events, and each statement sees what others committed before.
    for first in select central_months(array(select head from incoming_events)) loop
        next := first + interval '1 month';
        insert into incoming_standing
        select e.*, k.key, k.own
        from incoming_events k
        cross join lateral (select * from events e
                            where e.time >= first and e.time < next and e.time = k.head
                              and e.adapter = k.adapter and e.id = k.id offset 0) e
        where k.head >= first and k.head < next;
    end loop;

    -- Where a head is out of date, or another event's, look everywhere.
    if (select count(head) from incoming_events) > (select count(*) from incoming_standing) then
        execute '
            insert into incoming_standing
            select e.*, k.key, k.own
            from (select key, adapter, id, own
                  from (select key, adapter, id, own, false as found from incoming_events where head is not null
                        union all
                        select key, adapter, id, own, true from incoming_standing) u
                  group by key, adapter, id, own having not bool_or(found)) k
            cross join lateral (select * from events e where e.adapter = k.adapter and e.id = k.id offset 0) e';
    end if;

    insert into incoming_versions (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
                                   received, subject, revision, removes, removes_revision, key, digest, standing,
                                   known, rank, copy)
    select id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
           received, subject, revision, removes, removes_revision, key, digest, standing,
           bool_or(standing) over (partition by adapter, id),
           row_number() over (partition by adapter, id
                              order by revision desc, time desc, digest desc, standing desc, position),
           row_number() over (partition by adapter, id, revision, digest order by standing desc, position)
    from (
        select i.id, i.adapter, i.category, i.time, i.expires, i.severity, i.geom, coalesce(i.regions, '{}') as regions,
               i.primary_region, i.payload, coalesce(i.received, now()) as received, i.subject,
               coalesce(i.revision, 1) as revision, i.removes, i.removes_revision, i.key, u.digest,
               false as standing, i.position
        from incoming_unseen u
        cross join lateral (select * from incoming i where i.ctid = u.place offset 0) i
        union all
        select id, adapter, category, time, expires, severity, geom, regions,
               primary_region, payload, received, subject,
               revision, removes, removes_revision, key, central_digest(payload),
               true, 0
        from incoming_standing where own
    ) v;

    insert into events_history (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
                                received, subject, revision, removes, removes_revision)
    select id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
           received, subject, revision, removes, removes_revision
    from incoming_versions where standing and rank > 1 and copy = 1
    on conflict do nothing;

    insert into events_history (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
                                received, subject, revision, removes, removes_revision)
    select id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
           received, subject, revision, removes, removes_revision
    from incoming_versions where not standing and rank > 1 and copy = 1
    on conflict do nothing;
    get diagnostics superseded = row_count;

    for first in select central_months(array(select time from incoming_versions where standing and rank > 1)) loop
        next := first + interval '1 month';
        delete from events e using incoming_versions v
        where v.standing and v.rank > 1 and v.time >= first and v.time < next
          and e.time >= first and e.time < next and e.time = v.time and e.adapter = v.adapter and e.id = v.id;
    end loop;

    insert into events_removals (adapter, id, revision, time)
    select adapter, removes, removes_revision, time from incoming_versions where not standing and removes is not null
    on conflict do nothing;

    update incoming_versions v
    set removed = (select min(r.time) from events_removals r
                   where r.adapter = v.adapter and r.id = v.id and r.revision >= v.revision)
    where v.rank = 1 and not v.standing;

    insert into events (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received,
                        subject, revision, removed, removes, removes_revision)
    select id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received,
           subject, revision, removed, removes, removes_revision
    from incoming_versions where rank = 1 and not standing;

    select count(*) filter (where not known), count(*) filter (where known), count(removed)
    into inserted, revised, removed
    from incoming_versions where rank = 1 and not standing;

    insert into events_heads as h (key, time)
    select distinct on (key) key, time from incoming_versions where rank = 1
    on conflict (key) do update set time = excluded.time where h.time is distinct from excluded.time;

    -- What stands as before may have been removed. A row of the same event, time and revision is removed by the same.
    if exists (select from incoming_versions where not standing and removes is not null) then
        for first in select central_months(array(select time from incoming_standing)) loop
            next := first + interval '1 month';
            update events e set removed = r.removed
            from incoming_standing s
            cross join lateral (select min(r.time) as removed from events_removals r
                                where r.adapter = s.adapter and r.id = s.id and r.revision >= s.revision offset 0) r
            where s.time >= first and s.time < next
              and e.time >= first and e.time < next and e.time = s.time and e.adapter = s.adapter and e.id = s.id
              and e.revision = s.revision and e.removed is distinct from r.removed;
            get diagnostics marks = row_count;
            removed := removed + marks;
        end loop;
    end if;

    duplicates := total - inserted - revised - superseded;
end
$$;

comment on function central_archive_settle() is 'Part of central_archive_merge: what incoming_rest lists.';

create or replace function central_archive_merge(
    out inserted bigint, out revised bigint, out duplicates bigint, out superseded bigint, out removed bigint)
    language plpgsql
    as $$
declare
    fresh    bigint;
    month    date;
    native   boolean := central_partitioned();
    retry    timestamptz := nullif(current_setting('central.partitions_retry', true), '');
begin
    -- Only once a minute when somebody is in the way: the batch waits for it. And not too many at once: each takes ten locks.
    if native and (retry is null or retry <= clock_timestamp()) then
        for month in
            select m.month
            from (select distinct date_trunc('month', i.time at time zone 'UTC')::date as month from incoming i
                  where i.time >= '1900-01-01 00:00+00' and i.time < '2201-01-01 00:00+00') m
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
    -- below know all partitions.
    if native then
        lock table events_default in row exclusive mode;
    end if;
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
        execute '
            insert into events_heads (key, time)
            select i.key, max(e.time) from incoming i
            cross join lateral (select e.time from events e where e.adapter = i.adapter and e.id = i.id offset 0) e
            group by i.key order by i.key
            on conflict (key) do nothing';
        fresh := central_archive_claim();
    end;

    select s.inserted, s.revised, s.duplicates, s.superseded, s.removed
    into inserted, revised, duplicates, superseded, removed
    from central_archive_settle() s;
    inserted := inserted + fresh;
end
$$;

comment on function central_archive_merge() is
    'Merges the rows of incoming into the archive; once a transaction, unless incoming is emptied in between. '
    'Each row is counted once: inserted (of a new event), revised (replaces what stood), superseded (went to history at '
    'once), duplicates (seen before). removed counts events that were marked as removed.';
