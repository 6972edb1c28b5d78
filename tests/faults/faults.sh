# shellcheck shell=bash
# faults.sh - what the tests of faults share, beside tap.sh.
#
#   . faults.sh            before tap.sh: own_mounts is of use before a test has its folder
#   own_mounts "$@"        goes on in a mount namespace of its own; returns 1 where nobody may have one
#   unmount FOLDER...      at the end: what is mounted cannot be removed
#   truth_adapter          the adapter truth, of a feed made by the test, in $CENTRAL_ADAPTERS
#   proxy_to NAME TARGET   a proxy in the folder NAME (proxy), which can be told of faults in NAME/fault
#   server_pids SERVER     the processes of nats or postgres
#   signal_server SIGNAL SERVER
#   disk FOLDER KIB        FOLDER is on a disk of its own, in memory, so small; disk_file: in a file, that grows with what is in it
#   fill FOLDER KIB        so much is left there; empty FOLDER: all again
#   end_tool SIGNAL PID [NAME]    ends a tool that was started here, also one started this moment

# tmp, top and tap_hub are of tap.sh.
# shellcheck disable=SC2154
set -euo pipefail

own_mounts() {
    local probe apart=(unshare --mount)
    if [[ -n ${CENTRAL_TEST_MOUNTS-} ]]; then
        return 0
    fi
    ((EUID == 0)) || apart=(unshare --user --map-current-user --keep-caps --mount)
    probe=$(mktemp -d)
    if "${apart[@]}" mount -t tmpfs none "$probe" 2>/dev/null; then
        rmdir "$probe"
        CENTRAL_TEST_MOUNTS=1 exec "${apart[@]}" "$0" "$@"
    fi
    rmdir "$probe"
    return 1
}
unmount() { umount -l "$@" 2>/dev/null || true; }

truth_adapter() {
    export CENTRAL_ADAPTERS=$tmp/adapters
    mkdir "$CENTRAL_ADAPTERS"
    cat >"$CENTRAL_ADAPTERS/truth.jq" <<'J'
def about: {name: "truth", title: "a feed that changes", every: 10, kind: "snapshot"};
def requests: {url: "http://127.0.0.1:1/"};
def items: .records[];
def event: {id, category: "quake.event.minor", subject: ["quake", "truth"], time: 1795000000000, severity: 0, data: {v, text}};
def removed: {id: "\(.last.id):removed:\(.now)", category: "quake.event.removed", subject: ["quake", "truth", "removed"],
              time: .now, severity: 0, data: {reason: "gone"}, removes: {id: .last.id, revision: .last.revision}};
J
}

proxy_to() {
    mkdir -p "$tmp/$1"
    "$top/tests/faults/proxy" "$tmp/$1" "$2" &
    wait_for 10 test -s "$tmp/$1/port"
}

server_pids() {
    local pid
    read -r pid <"$tap_hub/$1.pid"
    printf '%s\n' "$pid"
    pgrep -P "$pid" || true
}
signal_server() { server_pids "$2" | xargs kill -s "$1" 2>/dev/null || true; }

disk() {
    mkdir -p "$1"
    mount -t tmpfs -o "size=${2}k" none "$1"
}
disk_file() {
    mkdir -p "$1"
    truncate -s "${2}K" "$1.image"
    mkfs.ext4 -q -F -m 0 -O ^has_journal -E lazy_itable_init=1 "$1.image" || return
    mount -o loop "$1.image" "$1" || return
    rmdir "$1/lost+found"
}
room() { df --output=avail -k "$1" | tail -n 1; }
fill() {
    local left
    left=$(($(room "$1") - $2))
    if ((left > 0)); then fallocate -l "${left}K" "$1/ballast" 2>/dev/null || true; fi
}
empty() { rm -f "$1/ballast"; }

# A TERM between fork and exec is lost, and a wait for it would never end.
end_tool() {
    wait_for 10 grep -qs "${3-central-}" "/proc/$2/comm" || true
    kill -s "$1" "$2" 2>/dev/null || true
}
