-- Roles for the archive; by its owner, after central-archive --migrate, and again after an upgrade:
--
--   psql -v ON_ERROR_STOP=1 -f roles.sql
--
-- central_archiver archives: it adds and changes rows, and deletes those that a moved time leaves behind; no table. Partitions
-- are made for it by the owner's function. central_reader asks. Neither can log in: grant them to who does,
--
--   create role archiver login; grant central_archiver to archiver;
--
-- The owner migrates and prunes.

do $$
declare
    role text;
begin
    foreach role in array array['central_archiver', 'central_reader'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I nologin', role);
        end if;
    end loop;
    execute format('grant connect, temporary on database %I to central_archiver', current_database());
    execute format('grant connect on database %I to central_reader', current_database());
end
$$;

revoke all on events, events_history, events_rejected, events_heads, events_removals from public;
grant select, insert, update, delete on events, events_history, events_heads, events_removals to central_archiver;
do $$
begin
    -- A merge locks the default partition by its own name.
    if central_partitioned() then
        grant insert on events_default to central_archiver;
    end if;
end
$$;
grant select, insert on events_rejected to central_archiver;
grant select on central_migrations to central_archiver, central_reader;
grant select on events, events_history, events_rejected, events_removals, events_adapters, events_versions,
    events_disordered to central_reader;

-- Of the owner, so that it may attach; with a path of its own, so that nobody puts tables under it.
do $$
declare
    home text := (select relnamespace::regnamespace::text from pg_class where oid = 'events'::regclass);
begin
    execute format('grant usage on schema %s to central_archiver, central_reader', home);
    execute format('alter function central_ensure_partition(date) security definer set search_path = %s, pg_temp', home);
end
$$;
revoke execute on function central_ensure_partition(date), central_prune(text, timestamptz, integer),
    central_prune_rejected(timestamptz), central_drop_empty_partitions(timestamptz) from public;
grant execute on function central_ensure_partition(date) to central_archiver;
