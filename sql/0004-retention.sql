-- Forgetting what is old.

-- What came before Central kept subjects is told by its category.
create or replace function central_subject(subject text, category text) returns text
    language sql immutable parallel safe
    as $$
        select coalesce(subject, case when category ^@ 'work_zone' then 'central.traffic.' else 'central.' end || category)
    $$;

comment on function central_subject(text, text) is 'The subject, or where it is lost one in the stream of the category.';

-- Locks as a merge does: first the keys of what it changes, in their order.
create or replace function central_prune(prefix text, before timestamptz, most integer default 10000) returns bigint
    language plpgsql
    set timezone = 'UTC'
    as $$
declare
    adapters text[];
    ids      text[];
    pruned   bigint;
begin
    -- The events and, of removals, what they name: what is known of those goes with them.
    select array_agg(adapter), array_agg(id) into adapters, ids
    from (select adapter, id from events
          where time < before and received < before and central_subject(subject, category) ^@ prefix
          limit most) d;
    if adapters is null then
        delete from events_history
        where ctid = any (array(select ctid from events_history
                                where time < before and received < before and central_subject(subject, category) ^@ prefix
                                limit most));
        get diagnostics pruned = row_count;
        return pruned;
    end if;

    perform from events_heads
    where key in (select central_key(u.adapter, u.id) from unnest(adapters, ids) u(adapter, id)
                  union all
                  select central_key(e.adapter, e.removes)
                  from unnest(adapters, ids) u(adapter, id)
                  join events e on e.adapter = u.adapter and e.id = u.id and e.time < before
                  where e.removes is not null)
    order by key
    for update;

    -- A revision that came meanwhile is young, and stays.
    with gone as (
        delete from events e using unnest(adapters, ids) u(adapter, id)
        where e.adapter = u.adapter and e.id = u.id
          and e.time < before and e.received < before and central_subject(e.subject, e.category) ^@ prefix
        returning e.adapter, e.id, e.removes
    ), named as (
        select adapter, id from gone union select adapter, removes from gone where removes is not null
    )
    select count(*), array_agg(n.adapter), array_agg(n.id) into pruned, adapters, ids from named n;
    pruned := coalesce(array_length(adapters, 1), 0);

    delete from events_removals r using unnest(adapters, ids) u(adapter, id)
    where r.adapter = u.adapter and r.id = u.id and r.time < before
      and not exists (select from events e where e.adapter = r.adapter and e.id = r.id);
    delete from events_heads h using unnest(adapters, ids) u(adapter, id)
    where h.key = central_key(u.adapter, u.id)
      and not exists (select from events e where e.adapter = u.adapter and e.id = u.id)
      and not exists (select from events_removals r where r.adapter = u.adapter and r.id = u.id);
    return pruned;
end
$$;

comment on function central_prune(text, timestamptz, integer) is
    'Deletes events, at most so many, whose subject begins so and whose time and arrival are both before that; when none is '
    'left, versions in events_history. Returns how many rows it looked after; 0: nothing is left to prune.';

create or replace function central_prune_rejected(before timestamptz) returns bigint
    language sql
    as $$ with gone as (delete from events_rejected where received < before returning 1) select count(*) from gone $$;

comment on function central_prune_rejected(timestamptz) is 'Deletes what was rejected before that.';

-- Dropping needs a moment alone, as attaching does: somebody in the way only puts it off.
create or replace function central_drop_empty_partitions(before timestamptz) returns setof text
    language plpgsql
    set timezone = 'UTC'
    set lock_timeout = '1500ms'
    as $$
declare
    part  record;
    found boolean;
begin
    for part in
        select c.relname, n.nspname, to_date(right(c.relname, 7), 'YYYY_MM') as month
        from pg_inherits h join pg_class c on c.oid = h.inhrelid join pg_namespace n on n.oid = c.relnamespace
        where h.inhparent = 'events'::regclass and c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'
        order by c.relname
    loop
        continue when part.month + interval '1 month' > before;
        begin
            execute format('lock table %I.%I in access exclusive mode', part.nspname, part.relname);
            execute format('select exists (select from %I.%I)', part.nspname, part.relname) into found;
            if not found then
                execute format('drop table %I.%I', part.nspname, part.relname);
                return next part.relname;
            end if;
        exception when lock_not_available then
            null;
        end;
    end loop;
end
$$;

comment on function central_drop_empty_partitions(timestamptz) is
    'Drops partitions of months before that which hold no row, and names them.';
