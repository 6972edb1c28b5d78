-- The archive's tables.
--
-- events holds of every event the version that stands, events_history the versions it replaced, events_rejected what
-- could not be archived. events_heads and events_removals are the archiver's memory; 0002 tells how it uses them.
--
-- Names and keys collate "C": they are not words, and an index then serves a search by prefix in any locale.

create extension if not exists postgis;

-- A table of the Python system steps aside, with all that bears a name; 0005 brings its rows back.
do $$
declare
    old   regclass;
    index regclass;
begin
    if to_regclass('events') is null
       or exists (select from pg_attribute where attrelid = to_regclass('events') and attname = 'removes_revision') then
        return;
    end if;
    for old in
        select c.oid from pg_class c
        where c.oid = to_regclass('events')
           or (c.oid in (select inhrelid from pg_inherits where inhparent = to_regclass('events'))
               and c.relnamespace = (select relnamespace from pg_class where oid = to_regclass('events')))
    loop
        for index in select indexrelid from pg_index where indrelid = old loop
            execute format('alter index %s rename to %I', index,
                           left((select relname from pg_class where oid = index), 54) || '_original');
        end loop;
        execute format('alter table %s rename to %I', old,
                       left((select relname from pg_class where oid = old), 54) || '_original');
    end loop;
end
$$;

-- TimescaleDB, where the database has it, cuts the table into chunks; else it has native partitions.
do $$
declare
    timescale boolean := exists (select from pg_extension where extname = 'timescaledb');
begin
    if to_regclass('events') is not null then
        return;
    end if;
    execute $table$
        create table events (
        id             text collate "C" not null,
        adapter        text collate "C" not null,
        category       text collate "C" not null,
        time           timestamptz not null,
        expires        timestamptz,
        severity       smallint,
        geom           geometry(Geometry, 4326) compression lz4,
        regions        text[] not null default '{}',
        primary_region text collate "C",
        payload        jsonb compression lz4 not null,
        received       timestamptz not null default now(),
        subject        text collate "C",
        revision       integer not null default 1,
        removed        timestamptz,
        removes        text collate "C",
        removes_revision integer,
        constraint events_pkey primary key (adapter, id, time),
        constraint events_time_check check (isfinite(time)),
        constraint events_revision_check check (revision >= 1),
        constraint events_removes_check check ((removes is null) = (removes_revision is null))
        )$table$ || case when timescale then '' else ' partition by range (time)' end;
    if timescale then
        -- Indexes are made below, and for all by time 0003 has one.
        execute $call$
            select create_hypertable('events', 'time', chunk_time_interval => interval '1 month',
                                     create_default_indexes => false)$call$;
    else
        -- Months without a partition, and times that no month is made for.
        create table events_default partition of events default;
    end if;
end
$$;

create index if not exists events_category_time_idx on events (category, time);
create index if not exists events_geom_idx on events using gist (geom);
create index if not exists events_regions_idx on events using gin (regions);
create index if not exists events_adapter_received_idx on events (adapter, received);
create index if not exists events_adapter_removes_idx on events (adapter, removes) where removes is not null;

comment on table events is 'One row an event: the version of it that stands. Cut by month of the event time (UTC).';
comment on column events.id is 'Id of the event, the same over all its revisions; unique with adapter.';
comment on column events.adapter is 'Name of the source''s adapter, such as nws.';
comment on column events.category is 'What happened, dotted from the general to the particular, such as quake.event.minor.';
comment on column events.time is 'When it happened, as the source says. A revision may move it.';
comment on column events.expires is 'When it is over, as the source says; null: not said.';
comment on column events.severity is '0 (least) to 4 (greatest); null: not said.';
comment on column events.geom is 'Where: the full geometry where the source gives one, else a point, longitude first; null: not said.';
comment on column events.regions is 'Codes of the regions it touches, such as US-ID-Z050; sorted.';
comment on column events.primary_region is 'First of regions; null when there are none.';
comment on column events.payload is 'The whole CloudEvent as it was published.';
comment on column events.received is 'When this version was archived first.';
comment on column events.subject is 'NATS subject it was published on.';
comment on column events.revision is '1 for the first publication, counting up with each change.';
comment on column events.removed is
    'When the source dropped it: time of the earliest removal that names this or a later revision; null: not removed.';
comment on column events.removes is 'Id of the event whose removal this one reports; null: no removal.';
comment on column events.removes_revision is 'Last revision that this removal removes; a higher one has come back.';

create table if not exists events_history (
    like events including defaults including constraints including comments including storage including compression,
    superseded timestamptz not null default now()
);

-- An index entry cannot hold a payload; its digest can.
create unique index if not exists events_history_version_idx
    on events_history (adapter, id, revision, (md5(payload::text)::uuid));

comment on table events_history is 'Versions of events that do not stand, each once: replaced, or late when they came.';
comment on column events_history.removed is 'Always null: removals are told of what stands. The removal itself is a row of events.';
comment on column events_history.superseded is 'When it was put here.';

create table if not exists events_heads (
    key  bigint not null,
    time timestamptz,
    constraint events_heads_pkey primary key (key)
);

comment on table events_heads is
    'Where an event stands in events, by a hash of its name: a table in partitions has no key over all of them. '
    'A hint that may be out of date or shared by two events, but must not lack an event: '
    'after filling events by hand, insert into events_heads select central_key(adapter, id), max(time) from events '
    'group by 1 on conflict do nothing. A key may go when neither events nor events_removals has its event.';
comment on column events_heads.key is 'central_key(adapter, id).';
comment on column events_heads.time is 'The time of its row; null: it was named by a removal, but never came.';

create table if not exists events_removals (
    adapter  text collate "C" not null,
    id       text collate "C" not null,
    revision integer not null,
    time     timestamptz not null,
    constraint events_removals_pkey primary key (adapter, id, revision, time)
);

comment on table events_removals is
    'What every removal ever archived says, by the event it names, so that an event that comes after its removal is found removed.';
comment on column events_removals.adapter is 'Adapter of both.';
comment on column events_removals.id is 'Id of the removed event.';
comment on column events_removals.revision is 'Last revision that is removed.';
comment on column events_removals.time is 'Time of the removal.';

create table if not exists events_rejected (
    id       bigint generated always as identity,
    received timestamptz not null default now(),
    adapter  text,
    subject  text,
    stream   text,
    sequence bigint,
    reason   text not null,
    sqlstate text,
    payload  text compression lz4,
    constraint events_rejected_pkey primary key (id)
);

create index if not exists events_rejected_received_idx on events_rejected (received);

comment on table events_rejected is 'Messages that could not be archived, as they came.';
comment on column events_rejected.id is 'Counts up.';
comment on column events_rejected.received is 'When it was refused.';
comment on column events_rejected.adapter is 'Adapter, when it could be read.';
comment on column events_rejected.subject is 'NATS subject, when there was one.';
comment on column events_rejected.stream is 'JetStream stream; null: standard input.';
comment on column events_rejected.sequence is 'Sequence in the stream, or line of the input.';
comment on column events_rejected.reason is 'What is wrong with it.';
comment on column events_rejected.sqlstate is 'PostgreSQL''s code, when PostgreSQL refused it.';
comment on column events_rejected.payload is 'The message; bytes that PostgreSQL cannot hold are escaped.';
