-- What central-query asks with.
--
-- Newest first over all categories, and what came since then over all adapters, have no index in 0001. Both indexes grow
-- at their end, which is cheap; ties are sorted when they are read.

create index if not exists events_time_idx on events (time);
create index if not exists events_received_idx on events (received);
create index if not exists events_history_time_idx on events_history (time);
create index if not exists events_history_received_idx on events_history (received);

-- What is in force: of alerts a handful, of what never expires everything.
create index if not exists events_adapter_expires_idx on events (adapter, (coalesce(expires, 'infinity'::timestamptz)));

-- The few that a replay looks through for their order, read from the index alone.
create index if not exists events_changed_idx on events (adapter, id) include (revision, received, removes, removes_revision)
    where revision > 1 or removed is not null or removes is not null;

create index if not exists events_history_removes_idx on events_history (adapter, removes) where removes is not null;

-- The key begins with the adapter, and there are a few of them only: so an id alone is found by asking for each. min() reads one
-- entry of the index, which makes this list a matter of its length.
create or replace view events_adapters as
    with recursive a (adapter) as (
        select least((select min(adapter) from events), (select min(adapter) from events_history))
        union all
        select least((select min(e.adapter) from events e where e.adapter > a.adapter),
                     (select min(h.adapter) from events_history h where h.adapter > a.adapter))
        from a where a.adapter is not null
    )
    select adapter from a where adapter is not null;

comment on view events_adapters is 'Names of the adapters that have events.';

create or replace view events_versions as
    select id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received, subject, revision,
           removed, removes, removes_revision, null::timestamptz as superseded
    from events
    union all
    select id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received, subject, revision,
           removed, removes, removes_revision, superseded
    from events_history;

comment on view events_versions is 'All versions of all events: those that stand (superseded is null) and those they replaced.';

-- Nearly always the versions of an event and its removals arrive in their order. A message that was delivered twice, two
-- archivers at work or a file out of order make exceptions, which a replay has to know.
create or replace view events_disordered as
    select distinct adapter, id
    from (
        select adapter, id, received,
               lag(received) over (partition by adapter, id order by last, removal, revision, received) as before
        from (
            select adapter, coalesce(removes, id) as id, coalesce(removes_revision, revision) as last,
                   removes is not null as removal, revision, received
            from events
            where revision > 1 or removed is not null or removes is not null
            union all
            select adapter, coalesce(removes, id), coalesce(removes_revision, revision), removes is not null, revision, received
            from events_history
        ) v
    ) s
    where before > received;

comment on view events_disordered is 'Events of which a version or a removal was archived before an earlier one.';
