#!/bin/bash
# central-streams: what its page promises, against a real server.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

api() { js_api "$@" >/dev/null; }

exits 69 'no server' env NATS_URL=nats://127.0.0.1:1 central-streams list
is "$(wc -l <err)" 1 '... one line says so'
exits 64 'no command' central-streams
exits 64 'an unknown command' central-streams destroy
exits 64 'show without a name' central-streams show

# streams.conf: every mistake has its place.
wrong() {
    printf '%s\n' "$2" >wrong.conf
    exits 78 "$1" env NATS_URL=nats://127.0.0.1:1 central-streams -f wrong.conf list
    like "$(cat err)" "wrong\.conf:$3: $4" "... at $3"
}
wrong 'too few words' 'A central.a.> 7d' 1:17 'a stream needs'
wrong 'too many words' 'A central.a.> 7d 1GiB top more' 1:27 'one word too many'
wrong 'a name with a dot' 'A.B central.a.> 7d 1GiB' 1:2 "a stream's name"
wrong 'a name twice' $'A central.a.> 7d 1GiB\nA central.b.> 7d 1GiB' 2:1 'the name A stands in line 1'
wrong 'a filter twice' $'A central.a.> 7d 1GiB\n\nB central.a.> 7d 1GiB' 3:3 'central.a.> belongs to A'
wrong 'a filter twice in one line' 'A central.a.>,central.a.> 7d 1GiB' 1:15 '.*belongs to A'
wrong 'a filter too wide' 'A central.> 7d 1GiB' 1:3 '.*not of the form'
wrong 'a filter too narrow' 'A central.a.b.> 7d 1GiB' 1:3 '.*not of the form'
wrong 'a filter of somebody else' 'A other.a.> 7d 1GiB' 1:3 '.*not of the form'
wrong 'no duration' 'A central.a.> week 1GiB' 1:15 '.*no duration'
wrong 'too short an age' 'A central.a.> 59m 1GiB' 1:15 'max-age: from 1h to 5y'
wrong 'too long an age' 'A central.a.> 6y 1GiB' 1:15 'max-age: from 1h to 5y'
wrong 'no size' 'A central.a.> 7d lots' 1:18 '.*no size'
wrong 'too small' 'A central.a.> 7d 63MiB' 1:18 'max-bytes: at least 64MiB'
wrong 'a comma too many' 'A central.a.>, 7d 1GiB' 1:15 "'' is not of the form"
wrong 'a comma behind the options' 'A central.a.> 7d 1GiB archive,' 1:31 "unknown option ''"
wrong 'an option without its value' 'A central.a.> 7d 1GiB replicas' 1:23 "unknown option 'replicas'"
wrong 'a name of a wrong letter' 'AÄ central.a.> 7d 1GiB' 1:2 "a stream's name"
wrong 'a filter in upper case' 'A central.A.> 7d 1GiB' 1:3 '.*not of the form'
wrong 'a time that is kept too short' 'A central.a.> 7d 1GiB keep=1h' 1:28 'keep: from 1d'
wrong 'an unknown option' 'A central.a.> 7d 1GiB archive,bottom' 1:31 "unknown option 'bottom'"
wrong 'replicas out of range' 'A central.a.> 7d 1GiB replicas=6' 1:32 'replicas: from 1 to 5'
wrong 'a window beyond the age' 'A central.a.> 1h 1GiB duplicates=2h' 1:34 'duplicates: from'
wrong 'an unknown compression' 'A central.a.> 7d 1GiB compression=gzip' 1:35 'compression: s2 or none'
wrong 'a placement without a place' 'A central.a.> 7d 1GiB placement=' 1:33 'placement: '
wrong 'nothing in it' '# nothing' '?.*' 'no stream in it'
printf 'A central.a.> 7d 1GiB\nB\0 central.b.> 7d 1GiB\n' >nul.conf
exits 78 'a NUL byte hides no stream' env NATS_URL=nats://127.0.0.1:1 central-streams -f nul.conf list
like "$(cat err)" 'nul\.conf:2:2: a control character' '... at 2:2'
printf 'A central.a.> 7d 1GiB # the first\r\n\r\n# B\r\nB central.b.> 7d 1GiB top,archive' >crlf.conf
exits 69 'CR LF, comments, no last newline: nothing wrong' env NATS_URL=nats://127.0.0.1:1 central-streams -f crlf.conf list
exits 78 'a file that is not there' central-streams -f no-such.conf list

start_nats
exits 1 'diff with an empty server' central-streams diff
is "$(grep -c ': missing' out)" 8 '... all are missing'
exits 0 'a dry run' central-streams apply --dry-run
is "$(grep -c 'would be created' out)" 8 '... says what would be'
is "$(central-streams list --json | jq -s 'map(select(.exists)) | length')" 0 '... and changes nothing'
exits 0 'apply' central-streams apply
is "$(grep -c ': created' out)" 8 '... creates all'
exits 0 'diff then finds nothing' central-streams diff
is "$(cat out)" '' '... at all'
exits 0 'apply again' central-streams apply
is "$(grep -c ': unchanged' out)" 8 '... changes nothing'
is "$(central-streams show CENTRAL_META | jq -c '.config | [.subjects, .retention, .storage, .discard, .max_age, .max_bytes, .max_msgs, .duplicate_window, .num_replicas]')" \
    '[["central.meta.>"],"limits","file","old",86400000000000,1073741824,-1,120000000000,1]' 'as the contract wants them'

# A field that streams.conf does not speak of stays.
config=$(central-streams show CENTRAL_WX | jq -c '.config + {description: "ours", max_msg_size: 500000, max_age: 7200000000000}')
api STREAM.UPDATE.CENTRAL_WX "$config"
exits 1 'drift' central-streams diff
is "$(cat out)" $'CENTRAL_WX: differs\n    max_age: 2h -> 7d' '... is shown field by field'
exits 0 'apply mends it' central-streams apply CENTRAL_WX
is "$(central-streams show CENTRAL_WX | jq -c '.config | [.max_age, .description, .max_msg_size]')" '[604800000000000,"ours",500000]' \
    '... and keeps what is not ours'

exits 0 '... and with it' central-streams diff

# What loses messages in silence is drift as well.
api STREAM.UPDATE.CENTRAL_WX "$(central-streams show CENTRAL_WX | jq -c '.config + {max_msgs: 1000, discard: "new"}')"
exits 1 'a limit of messages, and new ones refused' central-streams diff
is "$(cat out)" $'CENTRAL_WX: differs\n    discard: "new" -> "old"\n    max_msgs: 1000 -> no limit' '... differ'
exits 1 'as JSON' central-streams diff --json
is "$(jq -c '[.name, .action, .drift]' out)" '["CENTRAL_WX","differs",["discard: \"new\" -> \"old\"","max_msgs: 1000 -> no limit"]]' '... too'
exits 0 'a dry run' central-streams apply --dry-run CENTRAL_WX
exits 1 '... mends nothing' central-streams diff CENTRAL_WX
exits 0 'apply' central-streams apply
exits 0 '... does' central-streams diff

# A stream that cannot be changed into what is wanted, and one after it that can.
printf 'MEMORY central.memory.> 1h 64MiB\nAFTER central.after.> 1h 64MiB\n' >memory.conf
api STREAM.CREATE.MEMORY '{"name":"MEMORY","subjects":["central.memory.>"],"storage":"memory","max_age":3600000000000,"max_bytes":67108864}'
exits 78 'what the server refuses' central-streams -f memory.conf apply
is "$(wc -l <err)" 1 '... is said in one line'
like "$(cat out)" 'AFTER: created' '... and the others are applied'
api STREAM.DELETE.MEMORY ''
api STREAM.DELETE.AFTER ''

# Limits that delete are no surprise.
central-fetch usgs_quake --from "$top/examples/feeds/usgs_quake.geojson" 2>/dev/null | central-normalize 2>/dev/null |
    central-publish >/dev/null
bytes=$(central-streams show CENTRAL_QUAKE | jq .state.bytes)
ok 'the sample has some bytes' test "$bytes" -gt 10000
sed 's/^CENTRAL_QUAKE .*/CENTRAL_QUAKE central.quake.> 2h 1GiB/' "$top/examples/streams.conf" >shorter.conf
exits 0 'a shorter age' central-streams -f shorter.conf apply --dry-run CENTRAL_QUAKE
is "$(cat err)" '' '... says nothing while nothing is that old'

api STREAM.CREATE.FOREIGN '{"name":"FOREIGN","subjects":["foreign.>"],"storage":"file"}'
exits 0 'a stream that is not in the file' central-streams list
like "$(grep FOREIGN out)" 'not in streams.conf' '... is listed as such'
central-streams apply >/dev/null
is "$(central-streams show FOREIGN | jq -r .config.name)" FOREIGN '... and left alone'
is "$(central-streams list --json FOREIGN | jq -c '[.name, .in_streams_conf]')" '["FOREIGN",false]' '... in JSON as well'
exits 1 'list of one that is nowhere' central-streams list CENTRAL_QAUKE
is "$(wc -l <err)" 1 '... says so'
exits 1 'show of one that is not there' central-streams show NOWHERE
exits 78 'apply of one that is not in the file' central-streams apply FOREIGN
ok 'list --json is JSON' bash -c 'central-streams list --json | jq -e . >/dev/null'

# Consumers: who reads, and how far.
exits 0 'no consumer' central-streams consumers CENTRAL_QUAKE
is "$(wc -l <out)" 1 '... is a table of nothing'
quakes=$(central-streams show CENTRAL_QUAKE | jq .state.messages)
api CONSUMER.DURABLE.CREATE.CENTRAL_QUAKE.desk '{"stream_name":"CENTRAL_QUAKE","config":{"durable_name":"desk","ack_policy":"explicit","deliver_policy":"all","filter_subject":"central.quake.>"}}'
api CONSUMER.MSG.NEXT.CENTRAL_QUAKE.desk '{"batch":2,"no_wait":true}'
exits 0 'a durable consumer' central-streams consumers
is "$(awk '$2 == "desk" { print $1, $3, $4, $5, $6, $7, $8 }' out)" \
    "CENTRAL_QUAKE durable central.quake.> $((quakes - 2)) 2 0 2" '... is there, with two messages in its hand'
like "$(cat out)" 'pull, nobody waits' '... that nobody waits for'
is "$(central-streams consumers --json CENTRAL_QUAKE | jq -c '[.stream, .name, .durable, .filter, .ack_pending, .acked_seq, .waiting]')" \
    '["CENTRAL_QUAKE","desk",true,["central.quake.>"],2,0,0]' '... in JSON as well'
for i in {1..260}; do
    printf 'PUB $JS.API.CONSUMER.DURABLE.CREATE.CENTRAL_META.c%d x %d\r\n%s\r\n' "$i" 75 \
        "$(printf '%-75s' "{\"stream_name\":\"CENTRAL_META\",\"config\":{\"durable_name\":\"c$i\"}}")"
done >many
address=${NATS_URL#nats://}
exec 8<>"/dev/tcp/${address%:*}/${address#*:}"
{ printf 'CONNECT {"verbose":false}\r\n' && cat many && printf 'PING\r\n'; } >&8
while IFS= read -r -t 10 line <&8; do
    [[ $line != PONG* ]] || break
done
exec 8>&-
ok 'more consumers than fit a page' wait_for 10 bash -c \
    '(($(central-streams consumers --json CENTRAL_META | jq -r .name | sort -u | wc -l) == 260))'

# What a monitor asks. The desk has two messages in its hand, which are young.
exits 0 'check' central-streams check
unlike "$(cat out)" '(WARNING|CRITICAL)' '... finds nothing wrong'
like "$(grep '^OK server:' out)" "nats-server $(nats-server --version | sed 's/.*v//')" '... tells the version'
like "$(grep '^OK server:' out)" 'synced to disk|sync_interval' '... and what an acknowledgement is worth'
like "$(grep '^OK CENTRAL_QUAKE:' out)" "$quakes messages, .*one replica" '... of each stream its worth'
like "$(grep '^OK CENTRAL_QUAKE/desk:' out)" "$((quakes - 2)) to read, 2 not acknowledged, the oldest of [0-9]+s ago" \
    '... and how far its consumers are'
api STREAM.UPDATE.CENTRAL_WX "$(central-streams show CENTRAL_WX | jq -c '.config + {max_age: 7200000000000}')"
exits 1 'check with drift' central-streams check CENTRAL_WX
is "$(head -n 1 out)" 'WARNING CENTRAL_WX: differs from streams.conf: max_age: 2h -> 7d' '... warns of it first'
central-streams apply >/dev/null
api STREAM.UPDATE.CENTRAL_QUAKE "$(central-streams show CENTRAL_QUAKE | jq -c ".config + {max_bytes: $((bytes + 100))}")"
exits 2 'a stream that is full' central-streams check CENTRAL_QUAKE
like "$(head -n 1 out)" 'CRITICAL CENTRAL_QUAKE: .*(9[5-9]|100) % of max-bytes' '... is critical'
like "$(cat out)" 'CRITICAL CENTRAL_QUAKE/desk: .*% of the way to being deleted unread' '... and who has not read it as well'
central-streams apply >/dev/null
api STREAM.DELETE.CENTRAL_SPACE ''
exits 2 'a stream that is missing' central-streams check --json
is "$(jq -c 'select(.subject == "CENTRAL_SPACE") | .level' out)" '"CRITICAL"' '... is critical'
central-streams apply >/dev/null

# What a stream ought to hold, from what came.
exits 0 'tune' central-streams tune
like "$(grep ^CENTRAL_QUAKE: out)" '^CENTRAL_QUAKE: [0-9.]+[KM]iB in [0-9]+s: too little to tell; stays 1GiB$' '... makes no rate of a burst'
is "$(wc -l <out)" 8 '... a line for each stream'
api STREAM.CREATE.TUNED '{"name":"TUNED","subjects":["central.tuned.>"],"storage":"file","max_age":3600000000000}'
printf 'TUNED central.tuned.> 1h   1GiB top\nOTHER central.other.> 1h 1GiB\n' >tuned.conf
for _ in 1 2; do
    exec 8<>"/dev/tcp/${address%:*}/${address#*:}"
    printf 'CONNECT {"verbose":false}\r\nPUB central.tuned.a 5\r\nhello\r\nPING\r\n' >&8
    while IFS= read -r -t 10 line <&8; do
        [[ $line != PONG* ]] || break
    done
    exec 8>&-
    sleep 1.2
done
exits 0 'tune with a short span' central-streams -f tuned.conf tune --span 1s
like "$(grep ^TUNED: out)" '^TUNED: [0-9]+B in 1s \* 1h \* 1\.5 = [0-9.]+[KM]?i?B: max-bytes 1GiB -> 64MiB \(the least\)$' '... shows its arithmetic'
like "$(cat err)" 'OTHER: not on' '... and what is not there'
is "$(central-streams -f tuned.conf tune --span 1s --json 2>/dev/null | jq -c '[.name, .margin, .max_bytes, .tuned]')" \
    '["TUNED",1.5,1073741824,67108864]' '... in JSON as well'
exits 0 'a dry run' central-streams -f tuned.conf tune --span 1s --apply --dry-run
is "$(central-streams show TUNED | jq .config.max_bytes) $(head -n 1 tuned.conf)" '-1 TUNED central.tuned.> 1h   1GiB top' '... changes nothing'
exits 0 'tune --apply' central-streams -f tuned.conf tune --span 1s --apply
is "$(central-streams show TUNED | jq .config.max_bytes) $(head -n 1 tuned.conf)" '67108864 TUNED central.tuned.> 1h   64MiB top' '... changes file and stream'
exits 1 '... and no other' central-streams show OTHER
exits 64 'no span is no rate' central-streams tune --span 0
exits 64 'apply is for tune' central-streams --apply list
central-streams rm --yes TUNED >/dev/null

# What only newer servers know, and what one server has no use for.
printf 'NEWER central.newer.> 1h 64MiB compression=none\n' >newer.conf
exits 0 'no compression' central-streams -f newer.conf apply
exits 0 '... is what a server has that does not know it' central-streams -f newer.conf diff
printf 'NEWER central.newer.> 1h 128MiB compression=s2\n' >newer.conf
if [[ $(nats-server --version) == *v2.[0-9].* ]]; then
    exits 78 'compression of a server before 2.10' central-streams -f newer.conf apply
    like "$(cat err)" 'NEWER: the server ignores compression, which needs nats-server 2.10' '... is not had, and that is said'
    is "$(wc -l <err)" 1 '... once'
    is "$(central-streams show NEWER | jq .config.max_bytes)" 134217728 '... all else is applied'
    exits 1 '... and stays a difference' central-streams -f newer.conf diff
else
    exits 0 'compression' central-streams -f newer.conf apply
    exits 0 '... is had' central-streams -f newer.conf diff
fi
printf 'NEWER central.newer.> 1h 128MiB placement=east:ssd\n' >newer.conf
exits 1 'placement' central-streams -f newer.conf diff
is "$(cat out)" $'NEWER: differs\n    placement: nothing -> {"cluster":"east","tags":["ssd"]}' '... is compared'
exits 0 '... taken' central-streams -f newer.conf apply
exits 0 '... and kept' central-streams -f newer.conf diff
central-streams rm --yes NEWER >/dev/null

# What deletes wants to be told twice.
exits 64 'purge without --yes' central-streams purge CENTRAL_QUAKE
is "$(wc -l <err)" 1 '... says so in one line'
exits 64 'rm without --yes' central-streams rm CENTRAL_QUAKE
exits 64 'rm of nothing' central-streams rm --yes
exits 64 'an empty filter is not all' central-streams purge --yes --subject= CENTRAL_QUAKE
exits 64 'keep is for purge' central-streams rm --yes --keep 3 CENTRAL_QUAKE
exits 1 'a name that is wrong' central-streams purge --yes CENTRAL_QUAKE NOWHERE
is "$(central-streams show CENTRAL_QUAKE | jq .state.messages)" "$quakes" '... costs nothing'
exits 0 'a dry run' central-streams purge --dry-run --subject central.quake.event.minor --keep 1 CENTRAL_QUAKE
would=$(sed -n 's/^CENTRAL_QUAKE: would be purged: \([0-9]*\) message.*/\1/p' out)
ok "... tells how many ($would)" test "$would" -gt 0
exits 0 'purge of a subject' central-streams purge --yes --subject central.quake.event.minor --keep 1 CENTRAL_QUAKE
is "$(cat out)" "CENTRAL_QUAKE: purged: $would message$( ((would == 1)) || printf s)" '... deletes as many'
is "$(central-streams show CENTRAL_QUAKE | jq .state.messages)" "$((quakes - would))" '... and no others'
exits 0 'purge' central-streams purge --yes --json CENTRAL_QUAKE
is "$(jq -c '[.name, .action, .messages]' out)" "[\"CENTRAL_QUAKE\",\"purged\",$((quakes - would))]" '... deletes the rest'
exits 0 'a dry run of rm' central-streams rm --dry-run CENTRAL_META
like "$(cat out)" '^CENTRAL_META: would be removed: 1 message, [0-9.]+[KiB]+, 260 consumers$' '... tells what would go'
like "$(cat err)" 'still in .*streams.conf' '... and that it would come again'
exits 0 'rm' central-streams rm --yes CENTRAL_META
exits 1 '... removes' central-streams show CENTRAL_META
central-streams apply >/dev/null

# The file is edited as a person would.
cat >mine.conf <<'END'
# ours
CENTRAL_QUAKE  central.quake.>  7d   1GiB  archive,top  # shaking

	CENTRAL_WX	central.wx.>	7d	1GiB	duplicates=2h
END
cp mine.conf before.conf
chmod 640 mine.conf
ln -s mine.conf link.conf
exits 0 'retention, a dry run' central-streams -f mine.conf retention --dry-run CENTRAL_QUAKE 30d
is "$(head -n 1 out)" 'mine.conf: CENTRAL_QUAKE  central.quake.>  30d  1GiB  archive,top  # shaking' '... shows the line'
like "$(cat out)" 'would be updated' '... and what it does'
ok '... and changes nothing' cmp mine.conf before.conf
exits 0 'retention' central-streams -f link.conf retention CENTRAL_QUAKE 30d
is "$(diff before.conf mine.conf)" "$(printf '%s\n' 2c2 '< CENTRAL_QUAKE  central.quake.>  7d   1GiB  archive,top  # shaking' --- \
    '> CENTRAL_QUAKE  central.quake.>  30d  1GiB  archive,top  # shaking')" '... changes one word of the file'
is "$(stat -c %a mine.conf) $(stat -c %F link.conf)" '640 symbolic link' '... and neither its mode nor a link'
is "$(central-streams show CENTRAL_QUAKE | jq .config.max_age)" 2592000000000000 '... and the stream'
exits 78 'what the file would be wrong with' central-streams -f mine.conf retention CENTRAL_WX 1h
like "$(cat err)" 'mine.conf:4:[0-9]+: duplicates: from 1s to 1h' '... is said with its place'
exits 64 'no duration' central-streams -f mine.conf retention CENTRAL_WX week
exits 64 'too short a one' central-streams -f mine.conf retention CENTRAL_WX 59m
exits 64 'none at all' central-streams -f mine.conf retention CENTRAL_WX
exits 78 'a stream that is not in the file' central-streams -f mine.conf retention CENTRAL_META 2d
exits 0 'a file with tabs' central-streams -f mine.conf retention CENTRAL_WX 2w
is "$(tail -n 1 mine.conf)" $'\tCENTRAL_WX\tcentral.wx.>\t14d\t1GiB\tduplicates=2h' '... keeps them'
exits 0 'where the installed file counts' central-streams retention CENTRAL_META 2d
is "$(diff "$top/examples/streams.conf" etc/streams.conf | grep -c '^>')" 1 '... a changed copy becomes ours'
exits 0 '... and counts' central-streams diff CENTRAL_META
rm etc/streams.conf
central-streams apply >/dev/null
exits 1 'consumers of a stream that is not there' central-streams consumers NOWHERE
exits 74 'a full disk' bash -c 'central-streams list >/dev/full'
hub kill --nats >/dev/null
exits 69 'a server that went away' central-streams list
hub start --nats >/dev/null
exits 0 'streams are there after its death' central-streams diff

# A server without JetStream.
server=$(PATH=$PATH:/usr/sbin type -P nats-server)
"$server" -a 127.0.0.1 -p -1 --ports_file_dir "$tmp" >plain.log 2>&1 &
wait_for 10 bash -c 'compgen -G "$tmp/nats-server_*.ports"' || true
plain=$(jq -r '.nats[0]' "$tmp"/nats-server_*.ports)
exits 69 'a server without JetStream' env NATS_URL="$plain" central-streams list
like "$(cat err)" 'nobody answers .*: is JetStream enabled?' '... is told'
exits 69 '... to who publishes, too' env NATS_URL="$plain" central-publish <<'L'
{"specversion":"1.0","id":"q","source":"central","type":"central.quake.x.v1","time":"2026-11-24T00:00:00+00:00","datacontenttype":"application/json","centralschemaversion":"1.0","centralcategory":"quake.x","centralsubject":"central.quake.x","data":{"id":"q","adapter":"a","category":"quake.x","time":"2026-11-24T00:00:00Z","expires":null,"severity":null,"geo":{"centroid":null,"bbox":null,"geometry":null,"regions":[],"primary_region":null},"data":{}}}
L
is "$(cat out)" '' '... nothing passes as durable'

done_testing
