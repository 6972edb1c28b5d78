#!/bin/bash
# central-top: driven in tmux against real servers with recorded data. Pictures that do not depend on the clock are
# compared with those in tests/tools/top/; REGEN=1 writes them anew: read the diff before committing it.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"
goldens=$top/tests/tools/top

command -v tmux >/dev/null || skip_all 'no tmux (examples/install-packages test)'

# --- a terminal -------------------------------------------------------------------------------------------------------

terminals=0
mux() { tmux -u -S "$tmp/tmux.$terminals" -f /dev/null "$@"; }
# The terminal's server is nobody's child, and would hold our standard output open.
trap 'status=$?; mux kill-server 2>/dev/null || true; set +eE; (exit "$status"); tap_finish' EXIT
# terminal COLS ROWS: a shell in a fresh terminal of this size.
terminal() {
    mux kill-server 2>/dev/null || true
    terminals=$((terminals + 1))
    mux new-session -d -x "$1" -y "$2" "exec env PS1='shell> ' bash --norc --noprofile"
    mux set -g status off
    wait_for 5 shows 'shell>'
}
shot() { mux capture-pane -p; }
shows() { shot | grep -qE -- "$1"; }
# line N: from 1, negative from the end.
line() { if (($1 < 0)); then shot | tail -n $((-$1)) | head -n 1; else shot | sed -n "$1p"; fi; }
press() { mux send-keys "$@"; }
run() { mux send-keys "$1" Enter; }
# screen TEXT DESC: comes within some seconds.
screen() {
    if wait_for 15 shows "$1"; then
        ok "$2" true
    else
        ok "$2" false
        diag "$(shot | head -n 30)"
    fi
}
# golden NAME DESC: what lies between the panels' names and the bar.
golden() {
    shot | sed '1,2d;$d' >picture
    if [[ ${REGEN-} ]]; then
        cp picture "$goldens/$1"
    fi
    ok "$2" diff -u "$goldens/$1" picture
}
# whole COLS ROWS DESC: every row has its place, none is longer than the screen is wide.
whole() {
    local rows widest
    rows=$(shot | wc -l)
    widest=$(shot | wc -L)
    ok "$3: $1x$2, widest $widest" test "$rows" = "$2" -a "$widest" -le "$1"
    like "$(line 1)" '^central-top  NATS ' "$3: the first line"
    like "$(line 2)" '^ 1 Overview  2 Events  3 Map  4 Sources  5 Streams' "$3: the second line"
}

# --- without servers --------------------------------------------------------------------------------------------------

exits 64 'no terminal' central-top </dev/null
like "$(cat err)" 'no terminal: -b' '... says what to do'
exits 64 'a filter of a wrong word' central-top -b -F 'severty=3'
like "$(cat err)" "filter.*'severty='" '... which is named'
exits 64 'a region that is none' central-top -b -r 1,2,3
exits 64 'a delay that is none' central-top -b -d 0
exits 64 'a panel that is none' central-top -b -t somewhere
exits 78 'a streams.conf that is not there' central-top -b -S no-such.conf
export NATS_URL=nats://127.0.0.1:1 PGHOST=$tmp/nowhere
exits 69 'no server' central-top -b
like "$(cat out)" 'NATS AWAY' '... the text says so'
is "$(wc -l <err)" 1 '... and one line of standard error'
exits 69 'no server, as JSON' central-top -j
is "$(jq -c 'select(.kind == "link") | [.name, .up]' out | paste -sd ' ')" '["nats",false] ["archive",false]' '... says so'
terminal 80 24
run 'central-top; echo status $?'
screen 'NATS AWAY' 'a screen without servers'
like "$(line 2)" 'no server answers' '... says why'
press 3
screen 'degrees wide' '... answers keys'
press q
screen 'status 0' '... and leaves'

# --- with them --------------------------------------------------------------------------------------------------------

start_nats
start_postgres
terminal 80 24
run central-top
screen '^CENTRAL_WX +not there' 'streams that are not applied yet'
central-streams apply >/dev/null
screen '^CENTRAL_WX +0 ' '... are there when they are'
press q
central-archive --migrate >/dev/null
feeds=$top/examples/feeds
for source in usgs_quake:usgs_quake.geojson nws:nws.geojson gdacs:gdacs.xml wfigs_perimeters:wfigs_perimeters.geojson; do
    central-source --quiet "${source%%:*}" --from "$feeds/${source#*:}" 2>/dev/null
done
central-archive --once
count=$(central-query --all | wc -l)

exits 0 'as text' central-top -b
is "$(grep -c '^CENTRAL_' out)" 8 '... with the streams'
like "$(grep '^CENTRAL_QUAKE' out)" '^CENTRAL_QUAKE +24 ' '... and their messages'
like "$(grep '^nws' out)" '^nws +new .* 23 +22 +1$' '... and the sources, as the last report has them'
is "$(cat err)" '' '... and nothing to complain of'
exits 0 'all panels' bash -c 'for p in overview events map sources streams; do central-top -b -t $p >$p || exit; done'
ok '... in so many columns at most' test "$(cat overview events map sources streams | wc -L)" -le 80
exits 0 'wider' env COLUMNS=200 central-top -b -t events
ok '... is wider' test "$(wc -L <out)" -gt 100 -a "$(wc -L <out)" -le 200
exits 0 'twice' central-top -b -n 2 -d 0.2
is "$(grep -c '^STREAM' out)" 2 '... is two pictures'
exits 0 'without UTF-8' env LC_ALL=C central-top -b -t map
is "$(LC_ALL=C grep -c '[^ -~]' out)" 0 '... all is ASCII'
exits 0 'as JSON' central-top -j
ok '... every line is' jq -e . out
is "$(jq -c 'select(.kind == "source" and .name == "gdacs") | [.state, .items, .published, .rejected, .enabled]' out)" \
    '["new",10,7,1,false]' '... a source'
is "$(jq -c 'select(.kind == "stream" and .name == "CENTRAL_QUAKE") | [.exists, .messages, .lag, (.consumers | map(select(.durable)) | length)]' out)" \
    '[true,24,0,1]' '... a stream'
is "$(jq -r 'select(.kind == "event") | .event.data.id' out | sort | head -n 3)" \
    "$(central-query --all | jq -r .data.id | sort | head -n 3)" '... events'
exits 0 'a filter' central-top -j -F 'adapter=usgs_quake severity=4'
is "$(jq -c 'select(.kind == "event") | .event.data | [.adapter, .severity]' out | sort -u)" '["usgs_quake",4]' '... holds'
exits 74 'a full disk' bash -c 'central-top -b >/dev/full'
exits 74 'a reader that went away' bash -c 'set -o pipefail; central-top -b -n 9 -d 0.1 | head -n 1 >/dev/null'

# --- screens in three sizes -------------------------------------------------------------------------------------------

for size in '80 24' '120 40' '200 60'; do
    read -r cols rows <<<"$size"
    terminal "$cols" "$rows"
    run 'central-top -C; echo status $?'
    screen 'archive up' "$cols: it starts"
    screen 'nws +(new|late)' '... with a source'
    whole "$cols" "$rows" "$cols: overview"
    press 2 '>'
    screen 'by time' "$cols: events"
    whole "$cols" "$rows" "$cols: events"
    if ((cols < 160)); then
        golden "events.$cols" "$cols: events are as they should be"
    else
        like "$(shot)" 'JSON, whole' '... with the selected one beside them'
    fi
    press 3
    screen 'degrees wide' "$cols: map"
    whole "$cols" "$rows" "$cols: map"
    golden "map.$cols" "$cols: the map is as it should be"
    press 4
    screen '^firms ' "$cols: sources"
    whole "$cols" "$rows" "$cols: sources"
    press 5
    screen 'READERS OF CENTRAL_WX' "$cols: streams"
    whole "$cols" "$rows" "$cols: streams"
    press '?'
    screen 'Keys' "$cols: help"
    whole "$cols" "$rows" "$cols: help"
    press q q
    screen 'status 0' "$cols: it leaves"
done

# --- keys -------------------------------------------------------------------------------------------------------------

terminal 100 30
before=$(stty -a -F "$(mux display -p '#{pane_tty}')")
run 'central-top -d 0.3; echo status $?'
screen 'archive up' 'a screen'
is "$(mux display -p '#{alternate_on}')" 1 '... of its own'
# Button 1 at column 15 of the second line, down and up.
mux send-keys -l $'\e[M \x30\x22\e[M#\x30\x22'
screen 'live: ' 'a click opens a panel'
press 1
screen '^STREAM ' '... and 1 the first'
press Tab
screen 'live: ' 'Tab goes on'
press BTab
screen '^STREAM ' '... and back'
press 2 F4
screen '^Filter:' 'a filter'
press 'severity=9' Enter
screen "Filter: severity=9 +severity: '9'" '... that is none is told, and can be mended'
press C-u 'severity=4 adapter=usgs_quake' Enter
screen 'filter: severity=4 adapter=usgs_quake' '... that is one holds'
screen 'live: 4 events' '... four pass'
press p
screen 'past: 4 events, by arrival; from archive, 4 rows' 'the past, from the archive'
press p
screen 'live: 4' '... and back'
press Escape
screen "live: $count events" 'Esc drops the filter'
press / Kodiak Enter
wait_for 5 shows 'Kodiak'
press Enter
screen '^headline +M 7.8 - 31 km ENE of Kodiak Station, Alaska' 'search, and read what was found'
screen '^magnitude +7.8' '... in words'
press / '"specversion"' Enter
screen '  "specversion": "1.0",' '... and JSON, searched'
press g ']'
screen '^M 0.9 - 19 km NNE of Mina' '... the next one without going back'
press '['
screen '^M 7.8 - 31 km ENE' '... and the previous'
press Escape y
screen '^central.quake.event.great' 'the subject, to be copied'
press Escape G
press Space
screen 'live \(held\)' 'held'
press Space '<' I
screen 'by headline reversed' 'another order'
press 3 ']' c
screen ' ([0-9]|[0-9][0-9]) degrees wide' 'the map goes near an event'
press 0
screen '360 degrees wide' '... and away'
press + + + h
screen '(9[0-9]|1[0-9][0-9]) degrees wide' 'nearer'
press R
screen 'region of interest: --region=' 'what is seen becomes the region of interest'
press 4
screen '^firms ' 'sources'
press G g j e
screen 'Enable firms\? \(y/n\)' 'a question'
press n
ok '... no changes nothing' test ! -e "$CENTRAL_CONFIG/sources/firms.json"
press k e y
screen 'central-adapter enable eonet: done' '... yes does it'
is "$(jq -c .enabled "$CENTRAL_CONFIG/sources/eonet.json")" true '... with central-adapter'
press Escape
screen '^eonet +never +enabled' '... and it is seen'
press 5 c y
screen 'central-streams diff CENTRAL_WX: done' 'streams.conf compared'
press q
screen 'status 0' 'q leaves'
is "$(mux display -p '#{alternate_on}')" 0 '... its screen'
is "$(stty -a -F "$(mux display -p '#{pane_tty}')")" "$before" '... and the terminal as it was'
for signal in TERM HUP INT QUIT; do
    run "clear; central-top; echo $signal \$?"
    screen 'archive up' "SIG$signal: a screen"
    pkill -"$signal" -P "$(mux display -p '#{pane_pid}')" -x central-top
    screen "^$signal 0" '... ends'
    is "$(mux display -p '#{alternate_on}')$(stty -a -F "$(mux display -p '#{pane_tty}')")" "0$before" '... in good order'
done
run 'clear; central-top'
screen 'archive up' 'a bug: a screen'
pkill -SEGV -P "$(mux display -p '#{pane_pid}')" -x central-top
screen 'Segmentation fault' '... ends'
is "$(mux display -p '#{alternate_on}')$(stty -a -F "$(mux display -p '#{pane_tty}')")" "0$before" '... in good order'
run 'clear; central-top'
screen 'archive up' 'Ctrl-Z: a screen'
press C-z
screen 'Stopped' '... stops'
is "$(mux display -p '#{alternate_on}')" 0 '... and gives the terminal back'
run fg
screen 'archive up' '... goes on'
press q

# --- failures and colours ---------------------------------------------------------------------------------------------

central-source --quiet --now gdacs --from "$tmp/nowhere.xml" 2>/dev/null || true
terminal 100 30
run 'central-top'
screen '^gdacs +failed .* No such file or directory' 'a poll that failed is told, first and with its reason'
is "$(shot | grep -A1 '^SOURCE' | tail -n 1 | cut -c 1-5)" gdacs '... above the others'
coloured() { mux capture-pane -pe | grep -qE $'\e\\[([0-9;]*;)?[34][0-7]m'; }
ok 'colours' coloured
press q
# What is coloured on the screen that is left must not be taken for the next one.
left() { [[ $(mux display -p '#{alternate_on}') == 0 ]]; }
wait_for 15 left
run 'clear; NO_COLOR=1 central-top'
entered() { ! left; }
wait_for 15 entered
screen '^gdacs +failed' 'NO_COLOR'
not_ok '... means none' coloured
press q
run 'clear; LC_ALL=C central-top -t map'
screen 'degrees wide' 'without UTF-8'
is "$(shot | LC_ALL=C grep -c '[^ -~]')" 0 '... all is ASCII'
press q

# --- a screen on a wall ------------------------------------------------------------------------------------------------

terminal 80 24
run 'central-top --readonly -t sources'
screen '^eonet ' 'a screen on a wall'
press e
screen 'readonly: nothing is changed' '... changes nothing'

# --- sizes that change ------------------------------------------------------------------------------------------------

mux resize-window -x 60 -y 20
screen '80x24, please: this is 60x20' 'too small a terminal is told so'
mux resize-window -x 130 -y 35
screen '^eonet ' 'larger again'
whole 130 35 'resized'
press q

# --- hostile text -----------------------------------------------------------------------------------------------------

# hostile NAME TEXT: as JSON, an event of that headline.
hostile() {
    jq -cn --arg id "hostile-$1" --argjson text "$2" '{specversion: "1.0", id: $id, source: "central",
        type: "central.quake.event.minor.v1", time: "2026-05-17T20:08:00+00:00", datacontenttype: "application/json",
        centralschemaversion: "1.0", centralcategory: "quake.event.minor", centralseverity: 3,
        centralsubject: "central.quake.event.minor", data: {id: $id, adapter: "hostile", category: "quake.event.minor",
        time: "2026-05-17T20:08:00Z", expires: null, severity: 3, geo: {centroid: [179.9, -16.5], bbox: null,
        geometry: {type: "Polygon", coordinates: [[[178, -18], [-178, -18], [-178, -15], [178, -15], [178, -18]]]},
        regions: [], primary_region: null}, data: {title: $text, description: $text}}}'
}
{
    hostile escapes '"\u001b[2J\u001b[31mred\u001b]0;title\u0007 \u009b31m \u0085 next"'
    hostile lines '"one\ntwo\r\nthree\tfour\u000b\u2028five"'
    hostile wide "\"$(printf '漢字%.0s' {1..80})\""
    hostile marks "\"a$(printf '\\u0301%.0s' {1..80})b\""
    hostile turned '"\u202eevil\u202c \u2067x\u2069 \u200f مرحبا שלום"'
    hostile joined '"👩\u200d👩\u200d👧 \ufe0f\u200b family"'
    hostile format '"%s%n%d \\x1b \\\\ $(id) `id`"'
} | central-publish >/dev/null
terminal 80 24
run 'central-top -C -t events -F adapter=hostile'
screen 'live: 7 events' 'hostile text'
whole 80 24 '... a list of it'
is "$(line -1)" 'F1Help F2Panel F3Search F4Filter F5Past F6Sort F10Quit' '... the bar is where it was'
golden hostile.80 '... harmless'
isnt "$(mux display -p '#{pane_title}')" title '... no title was set'
for ((i = 0; i < 7; i++)); do
    press Enter
    screen '^headline' "hostile text to be read"
    whole 80 24 "... $i"
    press Escape j
done
press 3 c
screen '(1[0-9]|[0-9]) degrees wide' 'over the antimeridian'
golden antimeridian.80 '... a polygon is whole'
press q

# --- loss and return --------------------------------------------------------------------------------------------------

terminal 100 30
run 'central-top -d 0.3 -t events'
screen 'archive up' 'before a loss'
read -r server <"$tap_hub/nats.pid"
kill -STOP "$server"
screen 'NATS AWAY' 'a server that is silent is away'
sleep 2
like "$(line 1)" 'NATS AWAY' '... and stays so'
press 1
screen '^STREAM' '... keys are answered'
press 2
kill -CONT "$server"
screen 'NATS up' '... until it answers'
hub kill --postgres
screen 'archive AWAY' 'the archive goes'
press F4 'adapter=usgs_quake' Enter p
screen 'past: 24 events, by arrival; from streams, [0-9]+ messages \(no archive' '... then all of the past comes from the streams'
hub kill --nats
screen 'NATS AWAY' 'NATS goes'
press 1
screen '^CENTRAL_QUAKE +31 ' '... what was known is there'
hub start >/dev/null
screen 'NATS up  archive up' 'both return'
press 2 p
central-fetch usgs_quake --from "$feeds/usgs_quake-later.geojson" 2>/dev/null | central-normalize 2>/dev/null | central-changes |
    central-publish | central-commit --quiet >/dev/null
screen 'live: (2[5-9]|3[0-9]) events' '... and new events come, the old ones not twice'
press q
# --- the pictures of the README ---------------------------------------------------------------------------------------

exits 0 'examples/desk' "$top/examples/desk" --print
is "$(grep -c '^```$' out)" 12 '... prints six screens'
# Ages and clocks differ; the map does not.
dots() { grep -P '[\x{2801}-\x{28ff}]' "$1"; }
ok '... with a map' test "$(dots out | wc -l)" -gt 15
is "$(dots out)" "$(dots "$top/README.md")" '... as the README has it'
done_testing
