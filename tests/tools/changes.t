#!/bin/bash
# central-changes, central-commit, central-source: what their pages promise.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

# How often an unchanged feed is polled; make check-faults says a thousand times.
POLLS=${POLLS:-25}

mkdir adapters
export CENTRAL_ADAPTERS=$tmp/adapters
cat >adapters/fires.jq <<'J'
def about: {name: "fires", title: "fires", every: 10, kind: "snapshot", keep: "14d"};
def requests: {url: "http://127.0.0.1:1/"};
def items: if .error then error("no") else .records[] end;
def event: if .bad then error("bad record") else {id, category: "fire.x", subject: ["fire", "x"], time: 1795000000000, severity: 1,
           data: {v, place: "here"}} end;
def removed: {id: "\(.last.id):removed:\(.now)", category: "fire.x.removed", subject: ["fire", "x", "removed"], time: .now, severity: 0,
              data: {reason: "gone", was: .last.data.v, seen: .last.seen}, removes: {id: .last.id, revision: .last.revision}};
J
# feed ID:V ... : an answer with these records.
feed() {
    printf '%s\n' "$@" | jq -Rsc '{records: (split("\n") | map(select(. != "") | split(":") | {id: .[0], v: .[1]}))}' >answer
}
# poll: the whole chain but the bus; what passed is in sent, what was said in said.
poll() { central-fetch fires --from answer 2>/dev/null | central-normalize 2>/dev/null | central-changes 2>said | central-commit 2>>said >sent || true; }
passed() { jq -r 'select(.data.adapter == "fires" and .centralcategory) | [.id, .data.data.v // .data.data.reason] | join("=") | sub(":removed:.*="; " removed ")' sent | sort | tr '\n' ' '; }
count() { tail -n 1 sent | jq -c ".data.$1"; }

feed a:1 b:1 c:1
poll
is "$(passed)" 'a=1 b=1 c=1 ' 'what is new passes as it is'
poll
is "$(passed)" '' 'unchanged, nothing passes'
is "$(wc -l <sent) $(count unchanged)" '1 3' '... but the report, which counts it'
feed a:2 b:1 c:1
poll
is "$(passed)" 'a@2=2 ' 'what changed passes as its next revision'
is "$(jq -c 'select(.centralrevision) | [.centralrevision, .data.id]' sent)" '[2,"a"]' '... and says so'
feed b:1 c:1
poll
is "$(passed)" '' 'missed once: nothing'
poll
is "$(passed)" 'a removed gone ' 'missed twice: a removal'
is "$(jq -c 'select(.data.removes) | [.data.removes, .data.removes_revision, .data.data.was]' sent)" '["a",2,"2"]' '... of the revision that stood'
poll
is "$(passed)" '' 'once'
feed a:2 b:1 c:1
poll
is "$(passed)" 'a@3=2 ' 'what comes back is the next revision, with the same content too'

# More are gone at once than are noted in one transaction, while central-commit records those before them.
many() { jq -nc --argjson n "$1" '{records: [range($n) | {id: "m\(.)", v: "1"}]}' >answer; }
rm -rf state
many 9000
poll
many 4600
poll
poll
is "$(count removed) $(cat said)" "4400 $(tail -n 1 said)" 'thousands of removals in one poll, and nothing stands in its way'
poll
is "$(passed | wc -w)" 0 '... once'
rm -rf state
feed a:2 b:1 c:1
poll

# Killed before the end of a poll, when the lines before it were recorded already: it is unchanged from then on, and removed all the same.
feed a:2 b:1 c:1 d:1
central-fetch fires --from answer 2>/dev/null | central-normalize 2>/dev/null | grep -v '"central.meta.poll.v1"' | central-changes 2>said | central-commit 2>>said >sent
is "$(passed)" 'd=1 ' 'half a poll'
poll
is "$(passed)" '' '... the whole, unchanged'
feed a:2 b:1 c:1
poll
poll
is "$(passed)" 'd removed gone ' '... and what it brought is removed when it is gone'

# Evidence: only complete polls that read an answer, two in a row.
feed b:1
poll
echo '{"error": 1}' >answer
poll
is "$(tail -n 1 sent | jq -r .data.state)$(passed)" failed 'a failed poll'
feed a:2 b:1
poll
is "$(passed)" 'c removed gone ' 'is no evidence for the one that was back, nor takes any from the one that was not'
echo '{"records": []}' >answer
poll
is "$(passed)" '' 'an empty answer counts as one'
poll
is "$(passed)" 'a removed gone b removed gone ' '... and two of them remove all'

# A sharply shrunken answer is held.
mapfile -t many < <(seq 40 | sed 's/.*/m&:1/')
feed "${many[@]}"
poll
feed "${many[@]:0:15}"
poll
is "$(count held)" 25 'an answer under half of the last is held'
like "$(cat said)" '15 items after 40: held' '... and told'
poll
is "$(passed)" '' '... one more is the first miss'
poll
is "$(passed | grep -o removed | wc -l)" 25 '... and the next removes'

# Two records of one answer under one id.
feed x:1 x:1 y:1 y:2 "${many[@]:0:15}"
poll
is "$(passed)" 'x=1 y=1 ' 'of twins the first counts'
is "$(count twice) $(count twins_rejected)" '1 1' '... the same one is dropped, another one is a reject'
is "$(jq -r 'select(.type == "central.meta.reject.v1") | .data.reason' sent)" 'its id stands in the same answer with another content; the first one counts' '... with its reason'
poll
is "$(jq -r 'select(.type == "central.meta.reject.v1")' sent)$(passed)" '' '... once'
jq -c '.records += [{id: "z", bad: true}]' answer >bad && mv bad answer
poll
is "$(jq -r 'select(.type == "central.meta.reject.v1") | .data.reason' sent)" 'bad record' 'a reject passes'
poll
is "$(jq -r 'select(.type == "central.meta.reject.v1") | .data.reason' sent)" '' '... once, though the record was fetched again'

# What passed and was not committed passes again under its number; another content gets the next.
feed "${many[@]:0:15}" x:1 y:1 n:1
uncommitted() { central-fetch fires --from answer 2>/dev/null | central-normalize | central-changes 2>/dev/null >sent; }
uncommitted
is "$(passed)" 'n=1 ' 'not committed'
uncommitted
is "$(passed)" 'n=1 ' '... it passes again under its number'
feed "${many[@]:0:15}" x:1 y:1 n:2
uncommitted
is "$(passed)" 'n@2=2 ' '... another content under the next'
feed "${many[@]:0:15}" x:1 y:1 n:1
uncommitted
is "$(passed)" 'n@3=1 ' '... and the first content again under one more'
poll
is "$(passed)" 'n@3=1 ' '... which is what is committed'
poll
is "$(passed)" '' '... and then stands'

# A removal that was written and not committed is the same when it is written again; what returns meanwhile comes back.
feed "${many[@]:0:15}" x:1 y:1
poll
removal() { jq -r 'select(.data.removes) | [.id, .data.removes_revision] | join(" ")' sent; }
uncommitted
first=$(removal)
like "$first" '^n:removed:.* 3$' 'a removal, not committed'
uncommitted
is "$(removal)" "$first" '... is written again as the same one'
feed "${many[@]:0:15}" x:1 y:1 n:1
poll
is "$(passed)" 'n@4=1 ' '... and what returns then is a revision, for the removal may be out'

# An unchanged feed grows nothing.
size() { stat -c '%n %s' state/*; }
before=$(size)
for ((i = 0; i < POLLS; i++)); do
    poll
    passed >>ids
done
is "$(size)" "$before" "polled $POLLS times unchanged, no file grows"
is "$(tr -d " \n" <ids)" '' '... and nothing but the report passes'
is "$(sqlite3 state/fires.db 'pragma user_version')" 2 'the layout has a version'
sqlite3 state/fires.db 'pragma user_version = 99'
exits 78 'a layout from the future' central-changes <sent
like "$(cat err)" 'its layout is version 99, this program knows 2' '... is refused'

# A file as the first version made it.
sent_rows() { sqlite3 state/fires.db 'select id, hash, revision, removed from sent order by id'; }
sqlite3 state/fires.db 'pragma user_version = 2'
rows=$(sent_rows)
sqlite3 state/fires.db 'alter table sent drop column stream; alter table sent drop column sequence;
    alter table sent drop column acknowledged; drop table newest; pragma user_version = 1'
poll
is "$(passed)" '' 'a state of an older layout is taken over'
is "$(sqlite3 state/fires.db 'pragma user_version')" 2 '... and brought up to date'
is "$(sent_rows)" "$rows" '... with all that it knows'

# A removal that its source tells: written and not recorded it is written again as it was.
cat >adapters/ends.jq <<'J'
def about: {name: "ends", title: "ends", every: 10, kind: "snapshot", keep: "14d"};
def requests: {url: "http://127.0.0.1:1/"};
def items: .records[];
def event: if .v == "over" then
    {id: "\(.id):removed:\(fetched)", category: "fire.x.removed", subject: ["fire", "x", "removed"], time: fetched, severity: 0,
     data: {reason: "over"}, removes: {id}}
  else {id, category: "fire.x", subject: ["fire", "x"], time: 1795000000000, severity: 1, data: {v}} end;
J
ends() { central-fetch ends --from answer --now 2>/dev/null | central-normalize 2>/dev/null | central-changes 2>/dev/null; }
feed a:1 b:1
ends | central-commit --quiet >/dev/null
feed a:over b:1 c:over
ends >first
is "$(jq -r 'select(.data.removes) | [.data.removes, .data.removes_revision] | join(" ")' first)" 'a 1' 'a removal that the source tells, of what was sent'
# The time in its id is of the millisecond, or the second.
wait_for 5 bash -c '[[ $(date +%s) != "$0" ]]' "$(date +%s)"
ends >again
is "$(jq -c 'select(.data.removes)' again)" "$(jq -c 'select(.data.removes)' first)" '... not recorded, it is written again as it was'
feed a:1 b:1
ends >sent
is "$(jq -r 'select(.centralcategory) | .id' sent)" 'a@2' '... and what is back meanwhile is a revision'
central-commit --quiet <sent >/dev/null
feed a:over b:1
ends | central-commit --quiet >sent
is "$(jq -r 'select(.data.removes) | .data.removes_revision' sent)" 2 '... whose removal is another'
ends | central-commit --quiet >sent
is "$(jq -r 'select(.centralcategory) | .id' sent)" '' '... once'

# A removal that the adapter cannot make is not passed over in silence.
cp "$CENTRAL_ADAPTERS/fires.jq" whole.jq
sed -i 's/^def removed: .*/def removed: error("none") | {/' "$CENTRAL_ADAPTERS/fires.jq"
feed "${many[@]:1:14}" x:1 y:1 n:1
poll
central-fetch fires --from answer 2>/dev/null | central-normalize 2>/dev/null >normalized
exits 65 'a removal that cannot be made' central-changes <normalized
like "$(cat err)" 'fires: m1: its removal: .*none' '... says why'
cp whole.jq "$CENTRAL_ADAPTERS/fires.jq"
feed "${many[@]:0:15}" x:1 y:1 n:1
poll

# The cursor moves only behind what is durable.
consumed() { sqlite3 state/fires.db 'select last_success from source'; }
sqlite3 state/fires.db 'update source set last_success = 5'
jq -c '.data.failed = 1' <(tail -n 1 sent) | central-commit --quiet >/dev/null
is "$(consumed)" 5 'a poll with a line that failed is not consumed'
jq -c '.data.complete = false' <(tail -n 1 sent) | central-commit --quiet >/dev/null
is "$(consumed)" 5 '... nor one that was not complete'
central-commit --quiet <sent >/dev/null
isnt "$(consumed)" 5 '... a whole one is'

exits 64 'a raw event' central-changes < <(central-fetch fires --from answer)
exits 65 'central-commit: a line that is no event' central-commit <<<'no event'
exits 74 'a full disk' bash -c 'central-commit --quiet <sent >/dev/full'
exits 74 'central-changes: a full disk' bash -c 'rm -r state; central-fetch fires --from answer | central-normalize | (central-changes >/dev/full)'

# central-source: the worst stage's status, one run at a time.
exits 64 'central-source without a name' central-source
exits 64 'an unknown option' central-source --no-such fires
exits 69 'the server is away' env NATS_URL=nats://127.0.0.1:1 central-source fires --from answer
start_nats
central-streams apply >/dev/null
exits 0 'the whole chain' central-source fires --from answer
like "$(cat err)" '^central-commit: fires: new: 18 new, 0 revised, 0 unchanged, 0 removed, 0 rejected, [0-9]+ ms$' '... with one line'
exec 7>>state/fires.run
flock 7
exits 75 'while another runs' central-source fires --from answer
like "$(cat err)" 'fires: another run is under way' '... says so'
exits 75 'central-commit --reconcile, too' central-commit --reconcile fires
exits 75 '... also with a lock that was handed over' central-commit --reconcile --lock=8 fires 8>>state/fires.run
exec 7>&-
exec 7>>state/fires.run
exits 0 'a lock that is handed over' central-commit --reconcile --lock=7 fires
exits 1 '... stays locked' flock -n state/fires.run true
exec 7>&-
exits 0 '... until it is closed' flock -n state/fires.run true
exits 74 'a lock that is none' central-commit --reconcile --lock=77 fires
exits 64 'a lock without a name' central-commit --reconcile --lock=7
exits 64 'a lock without --reconcile' central-commit --lock=7
echo '{"error": 1}' >answer
exits 69 'a feed that fails' central-source fires --from answer
is "$(central-subscribe --all 'central.meta.adapter.fires.status' | tail -n 1 | jq -c '[.ok, .data.state]')" '[false,"failed"]' '... is published as such'

# A state that is damaged: nothing is new, changed or gone on its word.
rm -rf state
feed a:1 b:1 c:1
poll
sqlite3 state/fires.db 'pragma wal_checkpoint(truncate)' >/dev/null
head -c 4096 state/fires.db >damaged
head -c "$(($(stat -c %s state/fires.db) - 4096))" /dev/zero | tr '\0' 'x' >>damaged
central-fetch fires --from answer | central-normalize >canonical
central-fetch fires --from answer >raw
central-changes <canonical >changed
cp damaged state/fires.db
exits 74 'a damaged state' central-changes <canonical
is "$(cat out)" '' '... of it nothing passes, no report either'
like "$(cat err)" '^central-changes: .*state/fires.db: .*malformed' '... and it says so'
exits 74 '... nor can anything be committed to it' central-commit <changed
is "$(cat out)" '' '... and nothing is echoed as durable'
ok '... and it is left as it was' cmp damaged state/fires.db

# A stage that SIGTERM ends did not do its poll, and says so: in central-source the others know nothing of it.
rm -rf state
feed a:1
central-fetch fires --from answer | central-normalize >canonical
for tool in changes commit; do
    rm -f in
    mkfifo in
    "central-$tool" <in >out 2>err &
    exec 6>in
    head -n 1 canonical >&6
    ok "central-$tool has read a line" wait_for 10 test -s out
    kill -TERM "$!"
    status=0
    wait "$!" || status=$?
    exec 6>&-
    is "$status" 75 '... and SIGTERM ends it before its input does'
done

# A line that is nobody's.
echo nonsense >nonsense
exits 0 'a line that is none passes as a reject' central-changes <nonsense
cp out rejected
is "$(jq -c '[.data.adapter, .type]' rejected)" '["unknown","central.meta.reject.v1"]' '... of nobody'
exits 0 '... and is committed' central-commit <rejected
ok '... as it was' cmp rejected out
exits 0 '... and passes again' central-changes <rejected
ok '... as it was, too' cmp rejected out
ok '... and no source of that name begins' test ! -e state/unknown.db

exits 64 'a raw event is nothing that was changed' central-changes <raw
like "$(cat err)" 'a raw event: central-normalize comes before' '... it says what is missing'
exits 64 '... nor was it published' central-commit <raw
like "$(cat err)" 'only what was published can be committed' '... it says so, too'

# The disk is full just when the input pauses: a failure as at any other time, also when nothing more is to be written then.
rm -rf state
feed a:1
poll
mapfile -t many < <(for ((i = 0; i < 200; i++)); do printf 'x%0120d:1\n' "$i"; done)
feed "${many[@]}"
central-fetch fires --from answer | central-normalize | grep -v '"central.meta.poll.v1"' >canonical
central-changes <canonical >changed
rm -rf state
feed a:1
poll
# paused TOOL FILE: no file grows beyond 33 KiB, which holds the state's index, but not what is to be noted.
ended() { ! kill -0 "$1" 2>/dev/null; }
paused() {
    local status=0
    rm -f in passing
    mkfifo in passing
    cat <passing >passed_on &
    (
        trap '' XFSZ
        ulimit -f 33
        exec "$1" <in >passing 2>err
    ) &
    exec 6>in
    cat "$2" >&6
    wait_for 30 ended "$!"
    exec 6>&-
    wait "$!" || status=$?
    wait
    return "$status"
}
for tool in changes commit; do
    file=canonical noted=issued
    if [[ $tool == commit ]]; then file=changed noted=sent; fi
    exits 74 "central-$tool cannot note what it read before a pause" paused "central-$tool" "$file"
    like "$(cat err)" "^central-$tool: .*state/fires.db: " '... and says so'
    passed=$(wc -l <passed_on)
    ok "... and has passed on $passed of $(wc -l <"$file")" test "$passed" -lt "$(wc -l <"$file")"
    is "$(sqlite3 state/fires.db "select count(*) from $noted where id like 'x%'")" "$passed" '... which are noted'
done

# The file of what a poll has seen is full: what was read and not noted is not passed on.
full() { (
    trap '' XFSZ
    ulimit -S -f 2500
    central-changes <large | (ulimit -f unlimited && cat)
); }
rm -rf state
jq -c --slurp 'range(1900) as $i | .[0] | .data.id = "y" * 600 + "\($i)" | .id = .data.id' canonical >large
exits 74 'central-changes cannot keep what it has seen' full
like "$(cat err)" '^central-changes: .*state/fires.db: ' '... and says so'
passed=$(wc -l <out)
ok "... and has passed on $passed of 1900" test "$passed" -lt 1900
is "$(sqlite3 state/fires.db 'select count(*) from issued')" "$passed" '... which are noted'

# What waits to be noted is bounded by its bytes, too: 300 lines of half a megabyte. A sanitizer needs more room than there is.
if [[ ! $(ldd "$(type -P central-changes)") == *libasan* ]]; then
    rm -rf state
    jq -c --slurp '.[0] | .data.data.place = "x" * 500000' canonical >line
    for ((i = 0; i < 300; i++)); do sed "s/\"id\":\"[^\"]*\"/\"id\":\"z$i\"/g" line; done >large
    small() { (
        ulimit -v 150000
        central-changes <large | wc -l
    ); }
    is "$(small)" 300 'many large lines at once, in little memory'
    rm large
fi
done_testing
