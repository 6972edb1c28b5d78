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
    create temporary table incoming_known (place tid) on commit delete rows;

    -- Of these, versions that the archive has not got.
    create temporary table incoming_unseen (
        place   tid,
        key     bigint,
        adapter text collate "C",
        id      text collate "C",
        removes text collate "C",
        digest  uuid
    ) on commit delete rows;

    -- These again, with the rows of events that they compete with.
    create temporary table incoming_versions (
        like events,
        key      bigint,
        digest   uuid,
        standing boolean, -- a row of events
        known    boolean, -- events has a row of this event
        rank     bigint,  -- 1: the version that is to stand
        copy     bigint   -- 1: first of the same revision and payload
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
        insert into incoming_known
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

comment on function central_archive_claim() is 'Part of central_archive_merge: stores what is new, lists the rest in incoming_known.';

-- The long way. events is only ever probed by its key, at the time that events_heads tells: OFFSET 0 keeps these subqueries
-- apart, so that the plan prunes partitions row by row, and never reads whole tables.
create or replace function central_archive_settle(
    out inserted bigint, out revised bigint, out duplicates bigint, out superseded bigint, out removed bigint)
    language plpgsql
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
    as $$
#variable_conflict use_column
declare
    total bigint;
begin
    inserted := 0;
    revised := 0;
    superseded := 0;
    removed := 0;
    select count(*) into total from incoming_known;
    duplicates := total;
    if total = 0 then
        return;
    end if;

    -- A version seen before stays in one table or the other: no lock is needed to leave it. Images compare without writing
    -- texts; equal images are equal texts.
    insert into incoming_unseen
    select k.place, i.key, i.adapter, i.id, i.removes, central_digest(i.payload)
    from incoming_known k
    cross join lateral (select * from incoming i where i.ctid = k.place offset 0) i
    where not exists (select from events_heads h join events e on e.time = h.time
                      where h.key = i.key and e.adapter = i.adapter and e.id = i.id
                        and e.revision = coalesce(i.revision, 1) and row(e.payload)::record *= row(i.payload)::record offset 0)
      and not exists (select from events_history s
                      where s.adapter = i.adapter and s.id = i.id and s.revision = coalesce(i.revision, 1)
                        and md5(s.payload::text)::uuid = central_digest(i.payload) offset 0);
    if not found then
        return;
    end if;

    perform from events_heads h
    where h.key = any (array(select key from incoming_unseen
                             union
                             select central_key(adapter, removes) from incoming_unseen where removes is not null))
    order by h.key
    for no key update;

    -- From here on nobody else changes these events; each statement sees what others committed before.
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
        select e.id, e.adapter, e.category, e.time, e.expires, e.severity, e.geom, e.regions,
               e.primary_region, e.payload, e.received, e.subject,
               e.revision, e.removes, e.removes_revision, u.key, central_digest(e.payload),
               true, 0
        from (select distinct adapter, id, key from incoming_unseen) u
        cross join lateral (
            select e.* from events_heads h join events e on e.time = h.time
            where h.key = u.key and e.adapter = u.adapter and e.id = u.id
            union all
            -- The hint is out of date, or another event's: look everywhere.
            select e.* from events e
            where e.adapter = u.adapter and e.id = u.id
              and exists (select from events_heads h where h.key = u.key and h.time is not null)
              and not exists (select from events_heads h join events e on e.time = h.time
                              where h.key = u.key and e.adapter = u.adapter and e.id = u.id)
            offset 0) e
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

    delete from events e using incoming_versions v
    where v.standing and v.rank > 1 and e.adapter = v.adapter and e.id = v.id and e.time = v.time;

    select count(*) filter (where not known), count(*) filter (where known) into inserted, revised
    from incoming_versions where rank = 1 and not standing;

    insert into events (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received,
                        subject, revision, removes, removes_revision)
    select id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received,
           subject, revision, removes, removes_revision
    from incoming_versions where rank = 1 and not standing;

    insert into events_heads as h (key, time)
    select distinct on (key) key, time from incoming_versions where rank = 1
    on conflict (key) do update set time = excluded.time where h.time is distinct from excluded.time;

    insert into events_removals (adapter, id, revision, time)
    select adapter, removes, removes_revision, time from incoming_versions where not standing and removes is not null
    on conflict do nothing;

    update events e set removed = r.removed
    from (select a.adapter, a.id, a.key from (
              select adapter, id, key from incoming_versions where rank = 1 and not standing
              union
              select adapter, removes, central_key(adapter, removes) from incoming_versions
              where not standing and removes is not null) a
          offset 0) a
    cross join lateral (
        select e.time, e.revision from events_heads h join events e on e.time = h.time
        where h.key = a.key and e.adapter = a.adapter and e.id = a.id
        union all
        select e.time, e.revision from events e
        where e.adapter = a.adapter and e.id = a.id
          and exists (select from events_heads h where h.key = a.key and h.time is not null)
          and not exists (select from events_heads h join events e on e.time = h.time
                          where h.key = a.key and e.adapter = a.adapter and e.id = a.id)
        offset 0) s
    cross join lateral (
        select min(r.time) as removed from events_removals r
        where r.adapter = a.adapter and r.id = a.id and r.revision >= s.revision
        offset 0) r
    where e.adapter = a.adapter and e.id = a.id and e.time = s.time and e.removed is distinct from r.removed;
    get diagnostics removed = row_count;

    duplicates := total - inserted - revised - superseded;
end
$$;

comment on function central_archive_settle() is 'Part of central_archive_merge: what incoming_known lists.';

create or replace function central_archive_merge(
    out inserted bigint, out revised bigint, out duplicates bigint, out superseded bigint, out removed bigint)
    language plpgsql
    as $$
declare
    fresh    bigint;
    month    date;
    retry    timestamptz := nullif(current_setting('central.partitions_retry', true), '');
begin
    -- Only once a minute when somebody is in the way: the batch waits for it.
    if retry is null or retry <= clock_timestamp() then
        for month in
            select distinct date_trunc('month', i.time at time zone 'UTC')::date from incoming i
            where i.time >= '1900-01-01 00:00+00' and i.time < '2201-01-01 00:00+00'
        loop
            if central_ensure_partition(month) is null then
                perform set_config('central.partitions_retry', (clock_timestamp() + interval '1 minute')::text, false);
                exit;
            end if;
        end loop;
    end if;
    -- Before the first claim, so that who holds claims never waits for one who makes a partition; and the statements
    -- below know all partitions.
    lock table events_default in row exclusive mode;
    delete from incoming_known;
    delete from incoming_unseen;
    delete from incoming_versions;

    begin
        fresh := central_archive_claim();
    exception when unique_violation then
        -- events has rows without a head: somebody put them there.
        insert into events_heads (key, time)
        select i.key, max(e.time) from incoming i join events e on e.adapter = i.adapter and e.id = i.id
        group by i.key order by i.key
        on conflict (key) do nothing;
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
