#!/bin/bash
# The table of the Python system is taken over without losing a row, and its messages are archived.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
start_postgres
start_nats

# A dump in that shape: events keyed (id, time), without subject and revision, and tables of settings beside it.
sql <<'SQL'
create role dashboard;
create table config_source (name text primary key, enabled boolean not null, settings jsonb);
insert into config_source values ('nws', true, '{"region": {"north": 49.5}}');
create table events (
    id text not null, adapter text not null, category text not null, time timestamptz not null, expires timestamptz,
    severity integer, geom geometry(Geometry, 4326), regions text[], primary_region text, payload jsonb not null,
    received timestamptz not null default now(), primary key (id, time));
create index events_category_time_idx on events (category, time);
create index events_geom_idx on events using gist (geom);
grant select on events to dashboard;
create view quakes as select id, time from events where adapter = 'usgs_quake';
create function envelope(id text, adapter text, category text, at timestamptz, severity integer, data jsonb) returns jsonb
    language sql set timezone = 'UTC' as $$
    select jsonb_build_object('specversion', '1.0', 'id', id, 'source', 'central.echo6.co', 'type', 'central.' || category || '.v1',
        'time', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS') || '+00:00', 'datacontenttype', 'application/json',
        'centralschemaversion', '1.0', 'centralcategory', category, 'centralseverity', severity,
        'data', jsonb_build_object('id', id, 'adapter', adapter, 'category', category,
            'time', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'expires', null, 'severity', severity,
            'geo', jsonb_build_object('centroid', null, 'bbox', null, 'geometry', null, 'regions', '[]'::jsonb,
                'primary_region', null), 'data', data))
$$;
insert into events (id, adapter, category, time, severity, geom, regions, payload, received)
select id, 'usgs_quake', 'quake.event.minor', t, n % 6, st_setsrid(st_makepoint(-112, 40 + n / 1000.0), 4326), '{}',
    envelope(id, 'usgs_quake', 'quake.event.minor', t, n % 6, jsonb_build_object('magnitude', n / 10.0)), t + interval '1 minute'
from generate_series(1, 1000) n, lateral (select 'us' || n as id, timestamptz '2026-05-01 00:00Z' + n * interval '1 hour' as t) v;
insert into events (id, adapter, category, time, severity, payload)
select 'usnow', 'usgs_quake', 'quake.event.minor', t, 0, envelope('usnow', 'usgs_quake', 'quake.event.minor', t, 0, '{}')
from date_trunc('second', now() - interval '1 day') t;
-- One that moved: two rows of one id. One without regions. One that happened long ago, and one that never ends.
insert into events (id, adapter, category, time, severity, regions, payload)
select 'EONET_1', 'eonet', 'disaster.eonet.volcanoes', t, 0, null, envelope('EONET_1', 'eonet', 'disaster.eonet.volcanoes', t, 0, '{}')
from unnest(array['2026-05-01 00:00Z', '2026-06-02 00:00Z', '1883-08-27 00:00Z']::timestamptz[]) t;
insert into events (id, adapter, category, time, payload) values ('odd', 'nws', 'wx.alert.x', 'infinity', '{"odd": true}');
insert into events (id, adapter, category, time, payload)
    values ('fire:removed:1', 'wfigs_incidents', 'fire.incident.removed', '2026-06-01 00:00Z',
            envelope('fire:removed:1', 'wfigs_incidents', 'fire.incident.removed', '2026-06-01 00:00Z', 0, '{"irwin_id": "fire"}'));
create table before as select * from events;
SQL
before=$(sql -c 'select count(*) from events')

# --- taking over

exits 0 'the migrations take it over' central-archive --migrate
like "$(cat err)" "$((before - 1)) rows of events_original taken over, 1 refused .events_rejected.; these views still read events_original: quakes" \
    'and say how much'
is "$(sql -c "select count(*) from before b where not exists (
    select from events_versions v where v.adapter = b.adapter and v.id = b.id and v.time = b.time and v.category = b.category
        and v.severity is not distinct from b.severity and v.payload = b.payload and v.received = b.received
        and v.regions = coalesce(b.regions, '{}') and v.geom is not distinct from b.geom)
    and not exists (select from events_rejected r where r.payload::jsonb = b.payload)")" 0 'every row is there, as it was'
is "$(sql -c "select count(*) from events_original o join before b using (id, time)")" "$before" 'the old table is left as it was'
is "$(sql -c 'select count(*) from events_versions') $(sql -c "select reason from events_rejected")" \
    "$((before - 1)) taken over: time is infinite" 'one a row, and one refused'
is "$(sql -c "set timezone = 'UTC'" -c "select time from events where id = 'EONET_1'")" '2026-06-02 00:00:00+00' 'of one that moved the last place stands'
is "$(sql -c "select count(*) from config_source")" 1 'tables of settings are let alone'
is "$(sql -c 'set role dashboard' -c 'select count(*) > 900 from events')" t 'who could ask still can'
is "$(sql -c "select tableoid::regclass from events where id = 'us1'")" events_2026_05 'rows are in their months'
exits 0 'the migrations again' central-archive --migrate
is "$(cat out err)" '' 'have nothing to do'
is "$(central-query --adapter usgs_quake --count)" '{"count":1001}' 'central-query finds them'
cat >streams.conf <<'EOF'
CENTRAL_QUAKE central.quake.> 7d 64MiB archive,top,keep=1d
CENTRAL_DISASTER central.disaster.> 7d 64MiB archive,top
CENTRAL_META central.meta.> 1d 64MiB top
EOF
export CENTRAL_STREAMS=$tmp/streams.conf

# --- their messages

central-streams apply >/dev/null
message() {
    sql -c "select envelope('$1', 'usgs_quake', 'quake.event.great', '2026-11-20 00:00Z', $2, '{}')"
}
put() {
    local address=${NATS_URL#nats://} subject=$1 text=$2
    exec 8<>"/dev/tcp/${address%:*}/${address#*:}"
    printf 'CONNECT {"verbose":false}\r\nPUB %s %d\r\n%s\r\nPING\r\n' "$subject" "${#text}" "$text" >&8
    while IFS= read -r -t 10 line <&8 && [[ $line != PONG* ]]; do :; done
    exec 8>&-
}
put central.quake.event.great "$(message usbig 5)"
put 'central.quake.Event.odd' "$(message usodd 3)"
exits 0 'messages that it left in the streams are archived' central-archive --once
is "$(cat err)" '' 'without a word'
is "$(sql -c "select id, subject, severity, payload ->> 'centralsubject', payload -> 'data' ->> 'severity' from events where id in ('usbig', 'usodd') order by 1")" \
    'usbig|central.quake.event.great|4|central.quake.event.great|4
usodd|central.quake.event.odd|3|central.quake.event.odd|3' 'with the subject they came on, and a severity that exists'

# --- a source goes on where the Python system left it

export DATABASE_URL="host=$PGHOST user=$PGUSER dbname=$PGDATABASE"
exits 0 'a new state learns from them' central-audit --learn usgs_quake
ok 'what an archive from before tells' test -s "$CENTRAL_STATE/usgs_quake.db"
is "$(sqlite3 "$CENTRAL_STATE/usgs_quake.db" "select count(*) from sent where revision = 1")" 3 'what is young enough to come again is known as sent'

# --- retention

exits 0 'they are pruned by category' central-archive --prune
is "$(sql -c "select adapter, count(*) from events_versions group by 1 order by 1")" 'eonet|3
usgs_quake|3
wfigs_incidents|1' 'for a subject is not known'

done_testing
