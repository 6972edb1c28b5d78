# shellcheck shell=bash
# tap.sh - what the tests share. A test is a bash script tests/**/*.t:
#
#   #!/bin/bash
#   set -euo pipefail
#   . "$(dirname "$0")/tap.sh"          # or ../tap.sh
#   start_nats
#   exits 0 'an empty input is fine' central-publish </dev/null
#   is "$(cat out)" '' 'and gives an empty output'
#   done_testing
#
# A test starts in $tmp, a new empty folder, removed at the end unless KEEP=1,
# with build/bin first in PATH and nothing of the user's settings. $top is the
# project, $FEEDS a folder of recorded feeds that may be absent (need_feeds).
#
#   ok DESC CMD...             CMD succeeds; its output is shown when it does not
#   not_ok DESC CMD...         CMD fails
#   is GOT WANT DESC           equal strings;   isnt: different ones
#   like GOT REGEX DESC        matches (bash, extended); unlike: does not
#   exits STATUS DESC CMD...   CMD exits with STATUS; stdout in $tmp/out, stderr in $tmp/err
#   skip DESC WHY              a test that cannot be made here
#   skip_all WHY               ends the whole file; before the first test
#   need_feeds [NAME...]       skip_all unless $FEEDS (and NAME in it) is there
#   diag TEXT...               a remark
#   wait_for SECONDS CMD...    polls; returns 1 when CMD did not succeed in time
#   start_nats                 private server, NATS_URL set
#   start_postgres             private server with an empty database central with postgis, PG* set
#   hub CMD [OPTION...]        examples/hub on these servers: hub kill --nats; hub start --nats
#   js_api SUBJECT [REQUEST]   asks $JS.API.SUBJECT of that server by hand; prints the answer
#   done_testing               last line of every test
#
# None of the test functions returns failure, so they go with set -e; and all of
# them count right in a pipeline: printf 'x\n' | exits 65 'x is no event' central-publish.
#
# Set by tests/run: BUILD (folder of bin/, default build), CENTRAL_TEST_TEMPLATE
# (a stopped hub whose database start_postgres copies).

set -euo pipefail

# --- surroundings ------------------------------------------------------------

top=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
FEEDS=${CENTRAL_FEEDS:-$top/../shared/feeds}
if [[ -d $FEEDS ]]; then
    FEEDS=$(readlink -f "$FEEDS")
fi

for tap_variable in $(compgen -e); do
    case $tap_variable in
    CENTRAL_FEEDS | CENTRAL_TEST_*) ;;
    CENTRAL_* | NATS_* | PG* | XDG_* | *_DIRECTORY | DATABASE_URL | JOURNAL_STREAM | INVOCATION_ID | NOTIFY_SOCKET | \
        *_proxy | *_PROXY | TZ | LANGUAGE | LC_* | COLUMNS | LINES | POSIXLY_CORRECT)
        unset "$tap_variable"
        ;;
    esac
done

# Servers started by root run as somebody else, who has to get into $tmp.
tap_base=$(mktemp -d "${TMPDIR:-/tmp}/central-test.XXXXXX")
chmod 711 "$tap_base"
tmp=$tap_base/tmp
mkdir "$tmp"
printf '0\n' >"$tap_base/count"
printf '0\n' >"$tap_base/failed"

export FEEDS LC_ALL=C.UTF-8
export HOME=$tap_base/home CENTRAL_STATE=$tmp/state CENTRAL_CONFIG=$tmp/etc
mkdir "$HOME"
case ${BUILD:-build} in
/*) PATH=$BUILD/bin:$PATH ;;
*) PATH=$top/${BUILD:-build}/bin:$PATH ;;
esac
tap_hub=$tmp/hub
tap_done=0
tap_died=

cd "$tmp"
# A test that dies inside of ok has its outputs redirected; its last words go here.
exec {tap_stderr}>&2

# --- the end -----------------------------------------------------------------

tap_finish() {
    local status=$? failed
    trap - ERR
    trap '' PIPE
    set +e
    exec 2>&"$tap_stderr"
    if ((!tap_done)); then
        diag "died with status $status${tap_died:+ at $tap_died}, before done_testing"
        ((status != 0)) || status=1
    fi
    read -r failed <"$tap_base/failed"
    if ((status == 0 && failed > 0)); then
        status=1
    fi
    # Before the servers: what still talks to them would only complain.
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null
    if [[ -d $tap_hub ]]; then
        "$top/examples/hub" stop "$tap_hub"
    fi
    wait 2>/dev/null
    cd /
    if [[ ${KEEP-} == 1 ]]; then
        diag "kept $tmp"
    else
        chmod -R u+rwX "$tap_base" 2>/dev/null
        rm -rf "$tap_base"
    fi
    exit "$status"
}
trap tap_finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# When prove is killed, whatever is said next, even by bash, meets a broken pipe.
trap 'exit 141' PIPE
set -E
trap 'tap_died="${BASH_SOURCE[0]##*/} line $LINENO: $BASH_COMMAND"' ERR

done_testing() {
    local count
    read -r count <"$tap_base/count"
    printf '1..%d\n' "$count"
    tap_done=1
}

# --- results -----------------------------------------------------------------

diag() {
    local line
    while IFS= read -r line; do
        printf '# %s\n' "$line"
    done <<<"$*" >&2
}

# tap_result ok|'not ok' DESC [DIRECTIVE]: the count is a file, because a test may run in a pipeline's subshell.
tap_result() {
    local count failed
    read -r count <"$tap_base/count"
    printf '%d\n' $((++count)) >"$tap_base/count"
    printf '%s %d - %s%s\n' "$1" "$count" "${2//#/\\#}" "${3-}"
    if [[ $1 == 'not ok' ]]; then
        read -r failed <"$tap_base/failed"
        printf '%d\n' $((failed + 1)) >"$tap_base/failed"
        diag "failed: $2"
        diag "  at $(tap_where)"
    fi
}

# The nearest caller outside of this file.
tap_where() {
    local i
    for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
        if [[ ${BASH_SOURCE[i]} != "${BASH_SOURCE[0]}" ]]; then
            printf '%s line %d\n' "${BASH_SOURCE[i]}" "${BASH_LINENO[i - 1]}"
            return 0
        fi
    done
}

# tap_show LABEL FILE: the end of what a command wrote.
tap_show() {
    if [[ -s $2 ]]; then
        diag "  $1:"
        diag "$(tail -c 2000 "$2" | tail -n 20 | tr -d '\0' | sed 's/^/    /')"
    fi
}

ok() {
    local desc=$1 status=0
    shift
    "$@" >"$tap_base/output" 2>&1 || status=$?
    if ((status == 0)); then
        tap_result ok "$desc"
    else
        tap_result 'not ok' "$desc"
        diag "  status $status: $*"
        tap_show output "$tap_base/output"
    fi
}

not_ok() {
    local desc=$1
    shift
    if "$@" >"$tap_base/output" 2>&1; then
        tap_result 'not ok' "$desc"
        diag "  succeeded: $*"
        tap_show output "$tap_base/output"
    else
        tap_result ok "$desc"
    fi
}

exits() {
    local want=$1 desc=$2 status=0
    shift 2
    "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
    if ((status == want)); then
        tap_result ok "$desc"
    else
        tap_result 'not ok' "$desc"
        diag "  status $status, wanted $want: $*"
        tap_show stdout "$tmp/out"
        tap_show stderr "$tmp/err"
    fi
}

is() {
    if [[ $1 == "$2" ]]; then
        tap_result ok "$3"
        return 0
    fi
    tap_result 'not ok' "$3"
    if [[ $1$2 == *$'\n'* ]]; then
        diag "$(diff -u --label want --label got <(printf '%s\n' "$2") <(printf '%s\n' "$1") | head -n 40 | sed 's/^/    /')"
    else
        diag "   got: $1"
        diag "  want: $2"
    fi
}

isnt() {
    if [[ $1 != "$2" ]]; then
        tap_result ok "$3"
    else
        tap_result 'not ok' "$3"
        diag "  got and did not want: $1"
    fi
}

like() {
    if [[ $1 =~ $2 ]]; then
        tap_result ok "$3"
    else
        tap_result 'not ok' "$3"
        diag "     got: $1"
        diag "  wanted: $2"
    fi
}

unlike() {
    if [[ ! $1 =~ $2 ]]; then
        tap_result ok "$3"
    else
        tap_result 'not ok' "$3"
        diag "     got: $1"
        diag "  wanted nothing like: $2"
    fi
}

skip() { tap_result ok "$1" " # SKIP $2"; }

skip_all() {
    printf '1..0 # SKIP %s\n' "$*"
    tap_done=1
    exit 0
}

need_feeds() {
    local name
    [[ -d $FEEDS ]] || skip_all "no recorded feeds (CENTRAL_FEEDS)"
    for name in "$@"; do
        [[ -e $FEEDS/$name ]] || skip_all "no recorded feed $name (CENTRAL_FEEDS)"
    done
}

wait_for() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        ((${EPOCHREALTIME/./} < end)) || return 1
        sleep 0.05
    done
}

# --- servers -----------------------------------------------------------------

hub() { "$top/examples/hub" "$@" "$tap_hub"; }

js_api() {
    local LC_ALL=C address=${NATS_URL#nats://} request=${2-} line=
    exec 8<>"/dev/tcp/${address%:*}/${address#*:}"
    printf 'CONNECT {"verbose":false}\r\nSUB answer 1\r\nPUB $JS.API.%s answer %d\r\n%s\r\n' "$1" "${#request}" "$request" >&8
    while IFS= read -r -t 10 line <&8 && [[ $line != '{'* ]]; do :; done
    exec 8>&-
    printf '%s\n' "${line%$'\r'}"
}

# Without its server a test has nothing to say: the rest of the file fails.
tap_start() {
    local lines
    if ! lines=$(hub start "$@" 2>"$tap_base/output"); then
        tap_result 'not ok' "start $1"
        tap_show examples/hub "$tap_base/output"
        exit 1
    fi
    eval "$lines"
}

start_nats() { tap_start --nats; }

# The real extension where the server has it, else what looks like it to the migrations: one function, and a version.
tap_timescale() {
    PGOPTIONS='-c client_min_messages=error -c allow_system_table_mods=on' psql -XqAt -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
select exists (select from pg_available_extensions where name = 'timescaledb') as real \gset
\if :real
create extension timescaledb;
\else
insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
values (64999, 'timescaledb', 10, 'public'::regnamespace, false, 'stand-in');
create table hypertable (made text);
create function create_hypertable(relation regclass, time_column_name name, chunk_time_interval interval,
                                  create_default_indexes boolean) returns void language sql as $$
    insert into hypertable values (format('%s %s %s %s default indexes', relation, time_column_name, chunk_time_interval,
                                          case when create_default_indexes then 'with' else 'without' end))
$$;
\endif
SQL
}

start_postgres() {
    if [[ -n ${CENTRAL_TEST_TEMPLATE-} ]]; then
        tap_start --postgres --fast --template "$CENTRAL_TEST_TEMPLATE"
    else
        tap_start --postgres --fast
        psql -Xqc 'create extension if not exists postgis' >/dev/null
    fi
    if [[ -n ${CENTRAL_TEST_TIMESCALE-} ]]; then
        tap_timescale
    fi
}
