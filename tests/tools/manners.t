#!/bin/bash
# central-fetch against a server that lies (tests/liar): each answer ends in the right state, in bounded time, with one line.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

mkdir liar adapters
"$top/tests/liar" "$tmp/liar" &
wait_for 10 test -s liar/port
base=http://127.0.0.1:$(cat liar/port)
export CENTRAL_ADAPTERS=$tmp/adapters

# adapter NAME URL [ABOUT [REQUEST]]: a source that asks there.
adapter() {
    sed -e "s|^  name: .*|  name: \"$1\",|" -e "s|^  timeout: .*|  timeout: 1, max_bytes: 10000000, ${3-}|" \
        -e "/^def requests:/,/^\$/c\\def requests: {url: \"$2\", format: \"json\" ${4-}};\n" "$top/lib/adapters/usgs_quake.jq" >"adapters/$1.jq"
}
# poll STATUS STATE ITEMS DESC [NAME]: one poll of the answer of that name.
poll() {
    local name=${5-$4}
    [[ -e adapters/$name.jq ]] || adapter "$name" "$base/$name"
    exits "$1" "$4" central-fetch "$name" --now --tries "${tries-1}"
    is "$(tail -n 1 out | jq -c '[.ok, .data.state, .data.complete, .data.items]')" \
        "[$([[ $1 == 0 ]] && echo true || echo false),\"$2\",$([[ $1 == 0 ]] && echo true || echo false),$3]" "... is $2"
    is "$(wc -l <err)" "$([[ $1 == 0 ]] && echo "${retried-0}" || echo 1)" '... with one line for a failure, none else'
}

poll 0 new 2 good
is "$(tail -n 1 out | jq -c '.data.answers[0] | [.etag, .last_modified, .status]')" '["\"one\"","Sun, 22 Nov 2026 08:00:00 GMT",200]' \
    'the report keeps what the next request is to say'
like "$(cut -f 5,6 liar/requests)" $'^Central/[0-9.]+\t.*gzip' 'who asks is told, and that it may be packed'
mkdir -p etc/sources
echo '{"contact_email": "desk@example.org"}' >etc/sources/hop.json
poll 0 new 2 hop
like "$(tail -n 1 liar/requests | cut -f 5)" '^Central/[0-9.]+ \(desk@example.org\)$' 'a contact goes into the User-Agent'
poll 0 new 2 gzip
poll 0 empty 0 empty

for name in error500 slow silent cut cutchunk brokengzip loop tofile html nothing latin deep truncated errorobject garbage nowhere; do
    poll 69 failed 0 $name
done
poll 77 failed 0 forbidden
adapter bomb "$base/bomb"
sed -i 's/timeout: 1,/timeout: 20,/' adapters/bomb.jq
poll 69 failed 0 bomb
like "$(cat err)" 'larger than 10000000 bytes' 'a bomb is cut off at the limit'
poll 69 failed 0 always304
like "$(cat err)" '304 to a request without condition' 'an answer nobody asked for is none'
adapter refused http://127.0.0.1:1/
poll 69 failed 0 refused

# Busy: tried again when told to soon, put off when later.
tries=2 retried=1 poll 0 new 1 soon503
like "$(cat err)" 'busy, trying again' 'a busy server is asked again'
poll 69 failed 0 seconds429
exits 75 'after Retry-After in seconds' central-fetch seconds429
like "$(cat err)" 'next in (49|50)m' '... the next poll waits for it'
poll 69 failed 0 date503
exits 75 'after Retry-After as a date' central-fetch date503
like "$(cat err)" 'next in (119m|2h)' '... as well'

# What was consumed is told to the server; an answer that did not change is not read again.
cursor() {
    sqlite3 "state/$1.db" "create table cursor (url text primary key, etag text, last_modified text, hash text);
        create table source (last_success integer, count integer); insert into source values (strftime('%s') - ${5-60}, 2);
        insert into cursor values ('$2', $3, null, $4)"
}
cursor conditional "$base/conditional" "'\"one\"'" null
poll 0 unchanged 0 conditional
is "$(tail -n 1 liar/requests | cut -f 1,3)" $'conditional\t"one"' 'If-None-Match was sent'
hash=$(central-fetch good --now | tail -n 1 | jq -r '.data.answers[0].hash')
cursor newetag "$base/newetag" "'\"old\"'" "'$hash'"
poll 0 unchanged 0 newetag

# While nothing changes, nobody needs the adapter's program: a mistake in it shows when there is an answer to read.
for name in conditional newetag good; do sed -i '$a def event: no_such_function;' "adapters/$name.jq"; done
poll 0 unchanged 0 conditional
poll 0 unchanged 0 newetag
poll 78 failed 0 good
like "$(cat err)" 'good.jq: jq: error: no_such_function/0 is not defined' '... says why'
# Requests that are a program are compiled before anything is asked.
sed -i 's/^def requests: {/def requests: {} + {/' adapters/conditional.jq
exits 78 'requests that are no data' central-fetch conditional --now
is "$(wc -c <out) $(wc -l <err)" '0 1' '... of an adapter that does not compile'
adapter good "$base/good"
sed -i '$a def requests: {url: "'"$base/empty"'"};' adapters/good.jq
poll 78 failed 0 good
like "$(cat err)" 'good.jq: requests is defined twice' 'what stands at the head is what counts'
adapter good "$base/good"

# Pages, several requests.
adapter page "$base/page?where=1" '' ', paging: "arcgis"'
poll 0 new 5 page
is "$(jq -r 'select(.data.id) | .data.id' out | tr '\n' ' ')" 'p0 p1 p2 p3 last ' 'pages follow one another'
adapter failing "$base/page?fail" '' ', paging: "arcgis"'
poll 69 partial 2 failing
adapter links "$base/links" '' ', paging: "links"'
poll 0 new 3 links
adapter elsewhere "$base/elsewhere" '' ', paging: "links", headers: ["User-Agent: KEY"]'
poll 0 new 3 elsewhere
like "$(tail -n 2 liar/requests | cut -f 1,5 | tr '\t\n' '  ')" '^elsewhere KEY good Central/' 'a page elsewhere is asked for without the headers, which may hold a key'
adapter links "$base/links" '' ', paging: "links", headers: ["User-Agent: KEY"]'
central-fetch links --now >/dev/null
is "$(tail -n 3 liar/requests | cut -f 5 | tr '\n' ' ')" 'KEY KEY KEY ' '... one on the same server with them'
cat >adapters/several.jq <<J
def about: {name: "several", title: "t", every: 60, kind: "snapshot", timeout: 2};
def requests: {url: "$base/good"}, {url: "$base/error500"}, {url: "$base/gzip"};
def items: .features[];
def event: empty;
J
poll 69 partial 4 several

# An 8 MiB polygon is a line too long for the next stage: a reject, and the record beside it goes on.
adapter polygon "$base/polygon"
sed -i 's/timeout: 1,/timeout: 30,/' adapters/polygon.jq
poll 0 new 2 polygon
central-normalize <out >events 2>/dev/null
is "$(jq -r '[.type, .data.id // .data.reason] | @tsv' events | sed 's/bytes.*//' | cut -c 1-60 | sort | head -n 3 | wc -l)" 3 'one event, one reject, one report'
is "$(jq -r 'select(.type == "central.meta.reject.v1") | .data.original_bytes > 5000000' events)" true 'the reject tells its length'
poll 0 new 3 twice
is "$(central-normalize <out | jq -r 'select(.data.data) | .id' | tr '\n' ' ')" 'same same other ' 'an id twice in one answer comes twice'

# A source that is wrong is a poll that failed, or none at all: never one that found nothing.
# own NAME REQUESTS ITEMS [MORE]
own() {
    cat >"adapters/$1.jq" <<J
def about: {name: "$1", title: "t", every: 60, kind: "snapshot", timeout: 20};
def requests: $2;
def items: $3;
def event: if .id == "a" then halt else {id, category: "quake.event.minor", subject: ["quake", "event", "minor"],
           time: .properties.time, severity: 0, data: {}} end;
${4-}
J
}
good="{url: \"$base/good\"}"
fails() {
    exits "$1" "$2" central-fetch "$3" --now --tries 1
    is "$(jq -c '[.ok, .data.state, .data.complete, .data.items]' out)" '[false,"failed",false,0]' '... is a failed poll'
    like "$(cat err)" "$4" '... says why'
}
own halts "$good" halt
fails 69 'items that halt' halts 'the adapter called halt'
own halfway "$good" '(.features[0], halt)'
fails 69 '... behind a record' halfway 'the adapter called halt'
own made "$good" '(.features[0] | {id}), error("no more")'
fails 69 '... or fail behind one that they made' made 'no more'
own yaml "{url: \"$base/good\", format: \"yaml\"}" '.features[]'
fails 78 'a format that there is not' yaml "'yaml' is none of json, csv, xml"
own follows "{url: \"$base/good\", follow: true}" '.features[]' 'def follow: error("moved away");'
fails 69 'an index that leads nowhere' follows 'moved away'
none() {
    exits 78 "$1" central-fetch "$2" --now --tries 1
    is "$(cat out)" '' '... is no poll, and has no report'
    like "$(cat err)" "^central-fetch: .*$2\.j.*: $3" '... but a line'
}
own asknot empty '.features[]'
none 'no requests' asknot 'requests: none'
own urlless '{}' '.features[]'
none 'a request without a URL' urlless 'requests: one without url'
own nobody 'error("no key")' '.features[]'
none 'requests that fail' nobody 'requests: no key'
own listed "$good" '.features[]'
sed -i 's/^def about: .*/def about: [];/' adapters/listed.jq
none 'an about that is none' listed 'about: not an object'
own settled "$good" '.features[]'
echo '[1]' >etc/sources/settled.json
none 'settings that are none' settled 'not a JSON object'
rm etc/sources/settled.json
exits 0 'an event that halts' central-fetch settled --now
central-normalize <out >events 2>/dev/null
is "$(jq -r 'select(.centralcategory) | .id' events) $(jq -r 'select(.type == "central.meta.reject.v1") | .data.reason' events)" \
    'b the adapter called halt' '... is a reject, and the next one an event'

# Pages that never end are cut off, and the poll is not complete.
echo '{"features": []}' >page.json
own endless "(range(2001) | {url: \"file://$tmp/page.json\"})" '.features[]'
exits 69 'pages without end' central-fetch endless --now --tries 1
is "$(tail -n 1 out | jq -c '[.ok, .data.state, .data.complete]')" '[false,"partial",false]' '... are a poll that is partial'
like "$(cat err)" 'more than 2000 pages' '... and told'

# A wider window after an outage.
mkdir real && cp "$top/lib/adapters/usgs_quake.jq" real && sed -i "s|https://earthquake.usgs.gov|$base|" real/usgs_quake.jq
for gap in 60:all_hour 7200:all_day 200000:all_week 900000:all_month; do
    rm -f state/usgs_quake.db
    cursor usgs_quake x null null "${gap%:*}"
    CENTRAL_ADAPTERS=$tmp/real central-fetch usgs_quake --now --tries 1 >/dev/null 2>&1 || true
    like "$(tail -n 1 liar/requests | cut -f 1)" "/${gap#*:}.geojson$" "after ${gap%:*} s: ${gap#*:}"
done

cp "$top"/lib/adapters/{firms,swpc_protons}.jq real
sed -i "s|https://[a-z.]*/|$base/|" real/firms.jq real/swpc_protons.jq
echo '{"region": {"north": 40, "south": 30, "east": -110, "west": -120}, "satellites": ["VIIRS_SNPP_NRT"]}' >etc/sources/firms.json
for gap in 60:1 90000:2 9000000:5; do
    rm -f state/firms.db
    cursor firms x null null "${gap%:*}"
    CENTRAL_KEY_FIRMS=k CENTRAL_ADAPTERS=$tmp/real central-fetch firms --now --tries 1 >/dev/null 2>&1 || true
    is "$(tail -n 1 liar/requests | cut -f 1)" "api/area/csv/k/VIIRS_SNPP_NRT/-120,30,-110,40/${gap#*:}" "firms after ${gap%:*} s: ${gap#*:} days"
done
for gap in 60:1 100000:3 400000:7; do
    rm -f state/swpc_protons.db
    cursor swpc_protons x null null "${gap%:*}"
    CENTRAL_ADAPTERS=$tmp/real central-fetch swpc_protons --now --tries 1 >/dev/null 2>&1 || true
    like "$(tail -n 1 liar/requests | cut -f 1)" "integral-protons-${gap#*:}-day.json" "swpc_protons after ${gap%:*} s: ${gap#*:} days"
done

# Never sooner than the cadence, never two at once, also across restarts.
central-fetch good --now >/dev/null
exits 75 'too soon' central-fetch good
like "$(cat err)" '^central-fetch: good: polled [0-9]+s ago, next in [0-9]+s' '... says when'
adapter hanging "$base/silent"
sed -i 's/timeout: 1,/timeout: 60,/' adapters/hanging.jq
count=$(grep -c silent liar/requests)
central-fetch hanging --tries 1 >/dev/null 2>&1 &
hanging=$!
wait_for 10 bash -c "[[ \$(grep -c silent liar/requests) -gt $count ]]"
exits 75 'two polls of one source at once' central-fetch hanging --now
like "$(cat err)" 'hanging: another poll is running' '... says so'
exits 0 'another source meanwhile' central-fetch good --now
kill -KILL $hanging
wait $hanging || true
adapter hanging "$base/good"
exits 0 'a poll that was killed holds no lock' central-fetch hanging --now

# A signal ends a transfer; the report still says what happened.
adapter stopped "$base/silent" 'x: 1,'
sed -i 's/timeout: 1,/timeout: 20,/' adapters/stopped.jq
count=$(grep -c silent liar/requests)
central-fetch stopped --tries 1 >stopped.out 2>/dev/null &
stopped=$!
wait_for 10 bash -c "[[ \$(grep -c silent liar/requests) -gt $count ]]"
kill -TERM $stopped
status=0
wait $stopped || status=$?
is "$(jq -c '[.ok, .data.state]' stopped.out)" '[false,"failed"]' 'SIGTERM: the report says failed'
isnt "$status" 0 '... and so does the status'

# Credentials: never where others can read them, never in what is written.
cat >adapters/secret.jq <<J
def about: {name: "secret", title: "t", every: 60, kind: "window", timeout: 2, credential: "secret"};
def requests: {url: "$base/good?key=\(.key)"}, {url: "$base/error500/\(.key)/x"};
def items: .features[];
def event: empty;
J
exits 78 'no credential' central-fetch secret --now
like "$(cat err)" "no credential 'secret'" '... says which'
mkdir -p etc/credentials
echo CANARY-1234 >etc/credentials/secret
chmod 644 etc/credentials/secret
exits 77 'a credential that others can read' central-fetch secret --now
like "$(cat err)" 'others can read it' '... says so'
chmod 600 etc/credentials/secret
exits 69 'a credential of its own' central-fetch secret --now --tries 1
is "$(tail -n 2 liar/requests | cut -f 2 | head -n 1)" 'key=CANARY-1234' '... is used'
is "$(cat out err state/secret.poll | grep -c CANARY)" 0 '... and is nowhere in what was written'
like "$(head -n 1 out | jq -r .source)" 'key=\*\*\*$' '... source shows where it was'
sed -i "s|$base/error500|http://127.0.0.1:1|" adapters/secret.jq
exits 69 'a key in the path, and nobody there' central-fetch secret --now --tries 2
is "$(cat out err state/secret.poll | grep -c CANARY)" 0 '... is in no message either'
like "$(cat err)" '127\.0\.0\.1:1/\*\*\*/x: ' '... which shows where it was'
rm etc/credentials/secret
exits 69 'one from the environment' env CENTRAL_KEY_SECRET=CANARY-5678 central-fetch secret --now --tries 1
is "$(tail -n 1 liar/requests | cut -f 2)" 'key=CANARY-5678' '... is used'
mkdir credentials
echo CANARY-9 >credentials/secret
chmod 750 credentials
chmod 440 credentials/secret
exits 69 'one from systemd' env CREDENTIALS_DIRECTORY="$tmp/credentials" central-fetch secret --now --tries 1
is "$(tail -n 1 liar/requests | cut -f 2)" 'key=CANARY-9' '... is used'
chmod 444 credentials/secret
exits 77 'one that all can read' env CREDENTIALS_DIRECTORY="$tmp/credentials" central-fetch secret --now --tries 1
chmod 440 credentials/secret
chmod 755 credentials
exits 77 '... or whose folder is open to all' env CREDENTIALS_DIRECTORY="$tmp/credentials" central-fetch secret --now --tries 1
done_testing
