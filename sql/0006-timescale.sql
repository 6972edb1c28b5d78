-- Where events is a hypertable of TimescaleDB: chunks that rarely change are compressed.
--
-- Not dropped by age: that goes by time alone, while Central keeps by the later of time and arrival, and by stream
-- (central_prune). Chunks that can be written while compressed came with 2.11.

do $do$
declare
    version integer[] := (select string_to_array(substring(extversion from '^[0-9.]+'), '.')::integer[]
                          from pg_extension where extname = 'timescaledb');
begin
    if version is null or version < array[2, 11] or central_partitioned() then
        return;
    end if;
    execute $$alter table events set (timescaledb.compress, timescaledb.compress_segmentby = 'adapter',
                                      timescaledb.compress_orderby = 'time desc, id')$$;
    execute $$select add_compression_policy('events', interval '90 days', if_not_exists => true)$$;
exception when others then
    raise warning 'TimescaleDB does not compress events: %', sqlerrm;
end
$do$;
