-- Rows of the Python system, which 0001 found in a table events of another shape and put aside as events_original.
--
-- They go the way of every event: where one id has several times, the latest stands and the others are history. Payloads are taken
-- as they are; a subject, which that system did not keep, stays null. What our tables cannot hold goes to events_rejected. The table is left
-- as it is: drop it when nothing is missed.

create or replace function central_adopt_original(batch integer default 10000) returns text
    language plpgsql
    set timezone = 'UTC'
    as $$
#variable_conflict use_column
declare
    wanted  text[] := array['id', 'adapter', 'category', 'time', 'payload', 'expires', 'severity', 'geom', 'regions',
                            'primary_region', 'received'];
    columns text[];
    items   text;
    done    bigint := 0;
    here    bigint;
    rows    bigint := 0;
    refused bigint := 0;
    counted bigint := 0;
    merged  record;
    grants  record;
    views   text;
begin
    if to_regclass('events_original') is null then
        return null;
    end if;
    columns := array(select attname::text from pg_attribute
                     where attrelid = 'events_original'::regclass and attnum > 0 and not attisdropped);
    if not columns @> wanted[1:5] then
        raise exception 'table events_original (it was events) lacks a column of %', wanted[1:5]
            using hint = 'It is not the table of the Python system: rename it, and migrate again.';
    end if;
    items := (select string_agg(case when name = any (columns) then 'o.' || quote_ident(name) else 'null' end
                                || ' as ' || quote_ident(name), ', ' order by n)
              from unnest(wanted) with ordinality w (name, n));

    perform central_archive_begin();
    -- In the order of arrival, with what cannot be told apart in any: each row once.
    execute format('create temporary table original on commit drop as
                    select row_number() over (order by received, time, id) as place, t.* from (select %s from events_original o) t',
                   items);
    create index on original (place);
    analyze original;
    select count(*) into rows from original;

    insert into events_rejected (received, adapter, reason, payload)
    select coalesce(received, now()), adapter,
           case when id is null or adapter is null or category is null or time is null or payload is null
                    then 'taken over: id, adapter, category, time or payload is null'
                when not isfinite(time) then 'taken over: time is infinite'
                else 'taken over: severity is out of range' end,
           coalesce(payload::text, id, '')
    from original
    where id is null or adapter is null or category is null or time is null or payload is null
       or not isfinite(time) or severity::bigint not between -32768 and 32767;
    get diagnostics refused = row_count;
    delete from original
    where id is null or adapter is null or category is null or time is null or payload is null
       or not isfinite(time) or severity::bigint not between -32768 and 32767;

    while done < rows loop
        here := done + batch;
        delete from incoming;
        insert into incoming (position, id, adapter, category, time, expires, severity, geom, regions, primary_region, payload,
                              received, subject, revision)
        select o.place - done, id, adapter, category, time, expires::timestamptz, severity::smallint,
               geom::geometry(Geometry, 4326), coalesce(regions::text[], '{}'), primary_region, payload::jsonb,
               received::timestamptz, payload::jsonb ->> 'centralsubject', 1
        from original o
        where o.place > done and o.place <= here;
        select * into merged from central_archive_merge();
        counted := counted + merged.inserted + merged.revised + merged.superseded + merged.duplicates;
        done := here;
    end loop;
    delete from incoming;
    if counted + refused <> rows then
        raise exception 'events_original has % rows, of which % were taken over and % refused', rows, counted, refused;
    end if;

    -- Who could ask the table still can.
    for grants in
        select case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as role, a.privilege_type
        from pg_class c, aclexplode(c.relacl) a
        where c.oid = 'events_original'::regclass and a.grantee <> c.relowner and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    loop
        execute format('grant %s on events to %s', grants.privilege_type, grants.role);
    end loop;
    views := (select string_agg(distinct r.ev_class::regclass::text, ', ')
              from pg_depend d join pg_rewrite r on r.oid = d.objid
              where d.refobjid = 'events_original'::regclass and d.classid = 'pg_rewrite'::regclass);
    execute format('comment on table events_original is %L',
                   'The table events of the Python system, as it was taken over. Drop it when nothing is missed.');
    return format('%s rows of events_original taken over, %s refused (events_rejected)%s', counted, refused,
                  '; these views still read events_original: ' || views);
end
$$;

comment on function central_adopt_original(integer) is
    'Brings the rows of events_original into the archive, and tells how many; once, by the migration.';

do $$
declare
    told text := central_adopt_original();
begin
    if told is not null then
        raise warning '%', told;
    end if;
end
$$;
