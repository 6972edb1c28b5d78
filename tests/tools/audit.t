#!/bin/bash
# central-audit, central-commit --reconcile, and what central-source does with them: what the broker, the archive or the state has
# lost is found, told and brought back, and only that.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

mkdir adapters
export CENTRAL_ADAPTERS=$tmp/adapters
cat >adapters/fires.jq <<'J'
def about: {name: "fires", title: "fires", every: 10, kind: "snapshot", keep: "14d"};
def requests: {url: "http://127.0.0.1:1/"};
def items: .records[];
def event: {id, category: "fire.x", subject: ["fire", "x"], time: 1795000000000, severity: 1, data: {v, large: ("x" * 100)}};
def removed: {id: "\(.last.id):removed:\(.now)", category: "fire.x.removed", subject: ["fire", "x", "removed"], time: .now, severity: 0,
              data: {reason: "gone", was: .last.data.v}, removes: {id: .last.id, revision: .last.revision}};
J
feed() { printf '%s\n' "$@" | jq -Rsc '{records: (split("\n") | map(select(. != "") | split(":") | {id: .[0], v: .[1]}))}' >answer; }
poll() { central-source fires --from answer 2>said; }
# A pipe that ends between publishing and recording.
unrecorded() { central-fetch "$1" --from answer 2>/dev/null | central-normalize 2>/dev/null | central-changes 2>/dev/null | central-publish --quiet 2>/dev/null; }
archive() { central-archive --once 2>/dev/null; }
audit() { central-audit --grace 0s "$@" fires; }
stream() { central-subscribe --all "${1:-central.fire.>}" | jq -r '[.id, .data.data.v // "removal"] | join("=") | sub(":removed:[^=]*"; "")' | tr '\n' ' '; }
archived() { psql -XAtqc "select string_agg(id || coalesce('@' || nullif(revision, 1), '') || case when removed is null then '' else ' removed' end, ' ' order by id)
                          from events where adapter = 'fires' and removes is null"; }
state() { sqlite3 state/fires.db "$1"; }

start_nats
start_postgres
central-streams apply >/dev/null
central-archive --migrate >/dev/null

exits 78 'without any state' central-audit
feed a:1 b:1 c:1 d:1
poll
feed a:2 b:1 c:1 d:1
poll
is "$(state 'select id, stream, sequence from sent order by id' | tr '\n' ' ')" 'a|CENTRAL_FIRE|5 b|CENTRAL_FIRE|2 c|CENTRAL_FIRE|3 d|CENTRAL_FIRE|4 ' 'the state knows where everything is'
exits 1 'what was not archived' audit
is "$(grep -c 'not in the archive; CENTRAL_FIRE has it at' out)" 5 '... is told, each revision'
exits 0 '... is on the bus' audit --no-archive
exits 0 '... and is too young to be judged' central-audit fires
archive
exits 0 'all three are equal' audit
like "$(cat err)" 'fires: 4 in the state, 5 on the bus, 5 in the archive: equal' '... and it says so'
is "$(cat out)" '' '... in no line'

# The broker forgets its newest messages.
lose() { for sequence in "$@"; do js_api "STREAM.MSG.DELETE.CENTRAL_FIRE" "{\"seq\":$sequence}" >/dev/null; done; }
lose 4 5
exits 1 'a stream without its newest messages' audit
is "$(cut -d: -f2- out)" ' a@2: not in CENTRAL_FIRE, where it was 5; the archive has it
 d: not in CENTRAL_FIRE, where it was 4; the archive has it' '... each is told with its place'
is "$(central-audit -g 0s -j fires | jq -c '[.id, .revision, .gap, .bus, .archive, .sequence]' | tr '\n' ' ')" \
    '["a",2,"sent",false,true,5] ["d",1,"sent",false,true,4] ' '... as JSON too'
exits 0 'central-commit --reconcile' central-commit --reconcile fires
like "$(cat err)" 'fires: the broker has lost 2 events that it had acknowledged' '... says what is lost'
# Else the server takes them for duplicates: it remembers ids for two minutes.
hub restart --nats >/dev/null
poll
is "$(stream)" 'a=1 b=1 c=1 a@2=2 d=1 ' '... and the next poll sends that again, under its numbers, and only that'
archive
exits 0 '... and all are equal' audit

# A stream deleted and made anew; what the source no longer tells comes from the archive.
js_api STREAM.DELETE.CENTRAL_FIRE >/dev/null
central-streams apply >/dev/null
feed a:3 b:1
poll
like "$(cat said)" 'has lost 4 events' 'a stream deleted and made anew is found by the next poll'
is "$(stream)" 'a@3=3 b=1 ' '... which sends what it sees'
archive
exits 1 'what it does not see' audit
is "$(cut -d: -f2- out)" ' c: in no stream any more; the archive has it
 d: in no stream any more; the archive has it' '... is told'
exits 0 '... and brought back' audit --repair
is "$(grep -c ': published again$' out)" 2 '... from the archive'
is "$(stream)" 'a@3=3 b=1 c=1 d=1 ' '... which is on the bus again'
archive
exits 0 '... and all are equal' audit
is "$(archived)" 'a@3 b c d' '... nothing is doubled'
is "$(state 'select id from sent where hash = ""')" '' '... and the state knows it'

# The broker comes back from a backup, and others have published since: the numbers of its messages are taken again.
hub stop --nats
cp -r "$tap_hub/nats" backup
hub start --nats >/dev/null
feed a:3 b:2 c:2
poll
poll
is "$(stream)" 'a@3=3 b=1 c=1 d=1 b@2=2 c@2=2 d=removal ' 'two revisions and a removal'
archive
hub kill --nats
rm -r "${tap_hub:?}/nats"
cp -rp backup "$tap_hub/nats"
hub start --nats >/dev/null
jq -nc '{specversion: "1.0", id: "other", source: "central", type: "central.fire.y.v1", time: "2026-11-24T00:00:00+00:00",
    datacontenttype: "application/json", centralschemaversion: "1.0", centralcategory: "fire.y", centralsubject: "central.fire.y",
    data: {id: "other", adapter: "others", category: "fire.y", time: "2026-11-24T00:00:00Z", expires: null, severity: null,
    geo: {centroid: null, bbox: null, geometry: null, regions: [], primary_region: null}, data: {v: "other"}}}' >other
for n in 1 2 3 4; do jq -c ".id = \"other$n\" | .data.id = .id" other; done | central-publish --quiet
poll
like "$(cat said)" 'has lost 3 events' 'a broker from a backup, its numbers given to others: found'
is "$(stream 'central.fire.x.>' | sed 's/.*d=1 //')$(stream central.fire.x | sed 's/.*d=1 //')" 'd=removal b@2=2 c@2=2 ' '... and sent again, the removal too'
archive
exits 0 '... and all are equal' audit
is "$(archived)" 'a@3 b@2 c@2 d removed' '... nothing is doubled'
is "$(psql -XAtqc "select count(*) from events where removes = 'd'")" 1 '... nor is the removal'

# The archive loses rows; an archiver that lost its place.
psql -Xqc "delete from events where id in ('a', 'c'); delete from events_history where id = 'b'; truncate events_heads;
    insert into events_heads select central_key(adapter, id), max(time) from events group by 1"
exits 1 'rows lost in the archive' audit
is "$(grep -c 'not in the archive; CENTRAL_FIRE has it' out)" 3 '... are told, in the history too'
exits 0 '... and archived again' audit --repair
is "$(grep -c ': archived$' out)" 3 '... from the stream'
exits 0 '... and all are equal' audit
is "$(archived)" 'a@3 b@2 c@2 d removed' '... as before'

# The state is lost: the next revisions must be higher than those that the archive has.
rm -r state
feed a:4 b:2 c:2
poll
like "$(cat said)" 'learned the revisions of 4 events' 'a source without a state learns'
is "$(sed -n 's/.*fires: new: //p' said | cut -d, -f1-4)" '0 new, 1 revised, 2 unchanged, 0 removed' '... and goes on where it was'
archive
is "$(archived)" 'a@4 b@2 c@2 d removed' '... what is new counts'
exits 0 '... and all are equal' audit
# Half learned: what was begun is done again.
rm -r state
central-audit --learn --no-archive fires 2>/dev/null
sqlite3 state/fires.db 'delete from sent'
: >state/fires.learning
poll
like "$(cat said)" 'learned the revisions of 4 events' 'learning that was interrupted is done again'
ok '... once' test ! -e state/fires.learning
# Without the archive, what the stream holds.
rm -r state
env -u PGHOST -u PGDATABASE -u DATABASE_URL central-source fires --from answer 2>said
is "$(state "select group_concat(id || revision, ' ') from sent")" 'a4 b2 c2 d1' 'the stream alone teaches what it holds'
rm -r state
exits 69 'an archive that is away' env PGHOST="$tmp/nowhere" central-source fires --from answer
ok '... is waited for: nothing is polled' test ! -s state/fires.poll
poll
feed b:2 c:2
poll
poll
archive
is "$(archived)" 'a@4 removed b@2 c@2 d removed' 'what was learned can be removed'

# What nobody has.
state "insert into sent (id, hash, revision, first_seen, last_seen, stream, sequence, acknowledged)
    values ('z', 'f00', 3, 1, 1, 'CENTRAL_FIRE', 2, 1)"
exits 1 'what was sent and is nowhere' audit
is "$(cat out)" 'fires: z@3: not in CENTRAL_FIRE, where it was 2, nor in the archive' '... is told'
exits 1 '... cannot be brought back' audit --repair
like "$(cat out)" 'z@3: .*: the next poll that sees it sends it again' '... but is not claimed any more'
feed b:2 c:2 z:9
poll
is "$(stream central.fire.x | grep -o 'z.*')" 'z@4=9 ' '... and goes out when it is seen'
archive

# A removal is lost, and what it removed comes back with the next poll, as it was: it was gone nonetheless, and who heard so must hear
# that it stands.
removal() { state "select sequence from sent where id = 'z'"; }
feed b:2 c:2
poll
poll
lose "$(removal)"
hub restart --nats >/dev/null
feed b:2 c:2 z:9
poll
like "$(cat said)" 'has lost 1 event' 'a removal is lost before what it removed comes back'
is "$(stream | grep -o 'z@4.*')" 'z@4=9 z=removal z@5=9 ' '... it goes out again, and then what came back, though it is the same'
archive
exits 0 '... and all are equal' audit
is "$(archived)" 'a@4 removed b@2 c@2 d removed z@5' '... it stands'
# The same, and what was on its way when a stage was killed goes out as it was.
feed b:2 c:2
poll
poll
archive
lose "$(removal)"
hub restart --nats >/dev/null
central-commit --reconcile --quiet fires 2>/dev/null
feed b:2 c:2 z:9
unrecorded fires
poll
is "$(stream | grep -o 'z@5.*')" 'z@5=9 z=removal z@6=9 ' '... also when that was not recorded the first time'
archive
exits 0 '... all are equal' audit
is "$(archived)" 'a@4 removed b@2 c@2 d removed z@6' '... and it stands'

# Published and not recorded, and the source no longer tells what it told then.
feed b:2 c:2 z:9 y:1
unrecorded fires
feed b:2 c:2 z:9
poll
like "$(cat said)" 'learned of 1 events that were published and not recorded' 'what was published and not recorded is learned'
poll
is "$(stream | grep -o 'y=.*')" 'y=1 y=removal ' '... and removed when it is gone'
is "$(state "select count(*) from issued where id = 'y'")" 0 '... once'
poll
unlike "$(cat said)" learned '... and not learned again'
# A number under which nothing was published costs one look.
state "insert into issued values ('never', 'f00', 1)"
before=$(state "select sequence from newest")
central-publish --quiet <<<"$(jq -c 'del(.centralrevision) | .id = "o" | .data |= (.id = "o" | .adapter = "others")' <<<"$(central-subscribe --all central.fire.x | head -n 1)")"
exits 0 'a number that was never published' central-commit --reconcile fires
unlike "$(cat err)" learned '... is not learned'
is "$(state 'select sequence from newest')" "$((before + 1))" '... and where it was looked for is not looked again'
exits 0 '... though the newest there is of another source' central-commit --reconcile fires
is "$(cat err)" '' '... which is not lost'
js_api STREAM.MSG.DELETE.CENTRAL_FIRE "{\"seq\":$((before + 1))}" >/dev/null
state "delete from issued where id = 'never'"
# The very first poll: nobody knows where it went.
archive
rm -rf state
sed 's/fires/early/g' adapters/fires.jq >adapters/early.jq
feed x:1
unrecorded early
feed w:1
for n in 1 2; do central-source early --from answer 2>>first; done
like "$(cat first)" 'early: learned of 1 events' 'what a first poll published and did not record is found'
is "$(central-subscribe --all 'central.fire.>' | jq -r 'select(.data.adapter == "early") | .data.removes // .data.id' | tr '\n' ' ')" 'x w x ' '... and removed when it is gone'
rm -rf state
central-audit --learn fires 2>/dev/null
feed b:2 c:2 z:9
poll
archive
exits 0 'and all are equal' audit

# Two contents under one number.
psql -Xqc "update events set payload = jsonb_set(payload, '{data,data,v}', '\"forged\"') where id = 'b'"
exits 1 'one revision with two contents' audit
like "$(cat out)" '^fires: b@2: one revision with two contents$' '... is told'
exits 1 '... and left alone' audit --repair

psql -Xqd postgres -c 'create database bare'
exits 78 'a database without an archive' env PGDATABASE=bare central-audit fires
like "$(cat err)" 'no table events: central-archive --migrate' '... is told, and is not taken for one that lost all'
exits 69 'no server' env NATS_URL=nats://127.0.0.1:1 central-audit fires
exits 69 'no database' env PGHOST="$tmp/nowhere" central-audit fires
exits 64 'no name' central-audit 'a b'
exits 78 'a source that there is not' central-audit nosuch
unlike "$(cat err)" equal '... is not sound'
exits 78 '... nor to be reconciled' central-commit --reconcile nosuch
exits 74 'a full disk' bash -c 'central-audit -g 0s fires >/dev/full'
exits 74 'a closed output' bash -c 'central-audit -g 0s fires >&-'
is "$(central-audit -g 0s --json fires 2>/dev/null | head -n 1 | jq -r .gap)" content 'a reader that leaves'
# What it cannot keep of the archive is not taken for nothing: no file grows beyond 33 KiB.
full_disk() { (
    trap '' XFSZ
    ulimit -f 33
    exec central-audit -g 0s fires
); }
psql -Xqc "insert into events select (jsonb_populate_record(one, jsonb_build_object('id', 'g' || n, 'payload',
    jsonb_set(jsonb_set(payload, '{id}', to_jsonb('g' || n || '@2')), '{data,id}', to_jsonb('g' || n))))).*
    from events one, generate_series(1, 30000) n where id = 'b'"
exits 74 'a full disk where it compares' full_disk
like "$(cat err)" '^central-audit: temporary file: ' '... is told'
is "$(cat out)" '' '... and nothing is taken for equal'
exec 7>>state/fires.run
flock 7
exits 75 'a repair while the source is polled' central-audit --repair fires
exits 75 '... or a reconcile' central-commit --reconcile fires
exec 7>&-
done_testing
