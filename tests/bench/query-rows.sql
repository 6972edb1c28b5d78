-- So many events (psql variable rows) over the year before now, shaped like those of six adapters: half of them
-- hotspots, alerts with polygons and prose, and a tenth revised. Straight into the tables, which takes a tenth of the
-- time that archiving them would.

select central_ensure_partition((now() - n * interval '1 month')::date) from generate_series(-1, 13) n \g /dev/null

-- The same numbers every time: a hash of the row's and of what it is for.
create function pg_temp.roll(i bigint, what int, sides int) returns int
    language sql immutable
    as $$ select (abs(hashint8extended(i, what)::numeric) % sides)::int $$;

create function pg_temp.kind(i bigint) returns int
    language sql immutable
    as $$ select case when r < 50 then 0 when r < 70 then 1 when r < 85 then 2 when r < 93 then 3 when r < 99 then 4 else 5 end
          from (select pg_temp.roll(i, 0, 100) as r) d $$;

-- Hotspots come many to one overpass: thousands of a time.
create temp table drawn as
select i, kind,
       (array['firms', 'nws', 'usgs_quake', 'swpc_kindex', 'wfigs_incidents', 'gdacs'])[kind + 1] as adapter,
       case kind
           when 0 then 'fire.hotspot.viirs_snpp.' || (array['low', 'nominal', 'high'])[1 + pg_temp.roll(i, 1, 3)]
           when 1 then 'wx.alert.' || (array['flood_warning', 'tornado_warning', 'heat_advisory', 'winter_storm_watch',
                                             'red_flag_warning', 'special_weather_statement'])[1 + pg_temp.roll(i, 1, 6)]
           when 2 then 'quake.event.' || (array['minor', 'minor', 'minor', 'minor', 'light', 'light', 'moderate', 'strong'])
                                         [1 + pg_temp.roll(i, 1, 8)]
           when 3 then 'space.kindex'
           when 4 then 'fire.incident.wildfire'
           else 'disaster.fl' end as category,
       (array['firms:', 'urn:oid:2.49.0.1.840.0.', 'us', 'kp:', '{IRWIN-', 'FL'])[kind + 1]
           || md5(i::text) as id,
       now() - interval '365 days' * (1 - i::float8 / :rows)
           - case kind when 0 then interval '0' else interval '1 second' * pg_temp.roll(i, 2, 3600) end as at,
       pg_temp.roll(i, 3, 5) as severity,
       -125 + pg_temp.roll(i, 4, 580000) / 10000.0 as lon,
       25 + pg_temp.roll(i, 5, 240000) / 10000.0 as lat
from (select i, pg_temp.kind(i) as kind from generate_series(1, :rows::bigint) i) k;

update drawn set at = date_trunc('hour', at) where kind = 0;

create function pg_temp.iso(t timestamptz) returns text
    language sql stable
    as $$ select to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

create function pg_temp.envelope(d drawn, revision int) returns jsonb
    language sql stable
    as $$
    select jsonb_build_object(
        'specversion', '1.0', 'id', d.id || case revision when 1 then '' else '@' || revision end, 'source', 'central',
        'type', 'central.' || d.category || '.v1', 'time', pg_temp.iso(d.at), 'datacontenttype', 'application/json',
        'centralschemaversion', '1.0', 'centralcategory', d.category, 'centralseverity', d.severity,
        'centralsubject', 'central.' || d.category)
        || case revision when 1 then '{}' else jsonb_build_object('centralrevision', revision) end
        || jsonb_build_object('data', jsonb_build_object(
            'id', d.id, 'adapter', d.adapter, 'category', d.category, 'time', pg_temp.iso(d.at), 'severity', d.severity,
            'expires', case d.kind when 1 then pg_temp.iso(d.at + interval '12 hours') end,
            'geo', jsonb_build_object('centroid', jsonb_build_array(d.lon, d.lat), 'bbox', null, 'geometry', null,
                                      'regions', '["US-ID"]'::jsonb, 'primary_region', 'US-ID'),
            'data', case d.kind
                when 1 then jsonb_build_object(
                    'headline', initcap(replace(d.category, '_', ' ')) || ' issued for county ' || pg_temp.roll(d.i, 6, 3000),
                    'areaDesc', 'County ' || pg_temp.roll(d.i, 6, 3000) || '; County ' || pg_temp.roll(d.i, 7, 3000),
                    'description', (select string_agg('* WHAT...' || md5(d.i::text || n) || ' is expected where rivers and '
                                                      || 'streams ' || pg_temp.roll(d.i, 20 + n, 1000) || ' rise.', E'\n')
                                    from generate_series(1, 12) n))
                else jsonb_build_object('title', 'Something near place ' || pg_temp.roll(d.i, 6, 3000), 'magnitude', d.severity,
                                        'raw', jsonb_build_object('one', md5(d.i::text), 'two', d.lon, 'three', d.lat)) end))
    $$;

create function pg_temp.place(d drawn) returns geometry
    language sql immutable
    as $$ select case d.kind when 1 then st_buffer(st_setsrid(st_makepoint(d.lon, d.lat), 4326), 0.3, 4)
                 else st_setsrid(st_makepoint(d.lon, d.lat), 4326) end $$;

-- Arrival follows the time by minutes. A tenth is at its second version.
insert into events (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received, subject,
                    revision)
select id, adapter, category, at, case kind when 1 then at + interval '12 hours' end, severity, pg_temp.place(d), '{US-ID}',
       'US-ID', pg_temp.envelope(d, 1 + (i % 10 = 0)::int), at + interval '5 minutes' + i * interval '1 microsecond',
       'central.' || category, 1 + (i % 10 = 0)::int
from drawn d order by i;

insert into events_history (id, adapter, category, time, expires, severity, geom, regions, primary_region, payload, received,
                            subject, revision, superseded)
select id, adapter, category, at, case kind when 1 then at + interval '12 hours' end, severity, pg_temp.place(d), '{US-ID}',
       'US-ID', pg_temp.envelope(d, 1), at + interval '2 minutes' + i * interval '1 microsecond', 'central.' || category, 1,
       at + interval '5 minutes' + i * interval '1 microsecond'
from drawn d where i % 10 = 0 order by i;

set client_min_messages = warning;
drop table drawn cascade;
