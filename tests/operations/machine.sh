# shellcheck shell=bash
# machine.sh - a Debian 12 of its own with systemd as its first process, for tests/operations/walk; after tap.sh.
#
#   machine_base             debootstraps $machine_base once, with what apt will be asked for in its cache
#   machine_feeds            the feeds' hosts, with a certificate that this system believes, answered from /srv/feeds
#   machine_boot             copies it and boots it, without a network; reboot inside of it boots it again
#   inside COMMAND           in a login shell of root there; output and status are its own
#   machine_off
#
# Needs root, debootstrap, systemd-nspawn, openssl, and a mirror of Debian for the first.

# shellcheck disable=SC2154
machine_folder=$top/build/operations
machine_base=$machine_folder/base
machine_root=$machine_folder/root
machine_group=
machine_lock=
machine_packages=(adduser ca-certificates cron dbus man-db openssl procps systemd systemd-sysv)

# What the page has apt fetch, and what the walk asks with; in the cache, for the machine has no network.
machine_base() {
    local package=$1
    mkdir -p "$machine_folder"
    exec {machine_lock}>"$machine_folder/lock"
    flock -n "$machine_lock" || { diag 'another walk is under way'; return 1; }
    if [[ ! -e $machine_base/ready ]]; then
        diag 'debootstrap, and the packages of the page: once, some 200 MB'
        rm -rf "$machine_base"
        debootstrap --variant=minbase --include="$(IFS=, && printf '%s' "${machine_packages[*]}")" bookworm "$machine_base" \
            "${MIRROR:-http://deb.debian.org/debian}" || return
        cp /etc/resolv.conf "$machine_base/etc/resolv.conf"
        # A login shell says y where apt asks.
        printf 'APT::Get::Assume-Yes "true";\n' >"$machine_base/etc/apt/apt.conf.d/99walk"
        printf 'force-unsafe-io\n' >"$machine_base/etc/dpkg/dpkg.cfg.d/walk"
        cp "$package" "$machine_base/root"
        chroot "$machine_base" sh -c 'apt-get update && cd /root && DEBIAN_FRONTEND=noninteractive apt-get -d install ./*.deb \
            nats-server postgresql-15-postgis-3 jq sqlite3' || return
        rm "$machine_base/root/"*.deb "$machine_base/etc/resolv.conf"
        touch "$machine_base/ready"
    fi
    rm -rf "$machine_root"
    cp -a "$machine_base" "$machine_root"
    rm "$machine_root/ready"
}

# feed PATH FILE: answered below every feed's host from now on.
feed() {
    install -D -m 644 "$2" "$machine_root/srv/feeds/$1.new"
    mv "$machine_root/srv/feeds/$1.new" "$machine_root/srv/feeds/$1"
}

# shellcheck disable=SC2154
machine_feeds() {
    local hosts ca=$machine_root/usr/local/share/ca-certificates/feeds.crt
    hosts=$(sed -n 's|.*"https://\([^/"]*\)/.*|\1|p' "$top"/lib/adapters/*.jq "$top"/examples/adapters/*.jq | sort -u)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj /CN=feeds -keyout "$tmp/ca.key" -out "$ca" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=feeds -keyout "$machine_root/srv/feeds.key" \
        -out "$tmp/feeds.csr" 2>/dev/null
    # shellcheck disable=SC2086
    openssl x509 -req -in "$tmp/feeds.csr" -CA "$ca" -CAkey "$tmp/ca.key" -CAcreateserial -days 3 -out "$machine_root/srv/feeds.pem" \
        -extfile <(printf 'subjectAltName=%s\n' "$(printf 'DNS:%s,' $hosts | sed 's/,$//')") 2>/dev/null
    chroot "$machine_root" update-ca-certificates >/dev/null 2>&1
    printf '127.0.0.1 localhost\n' >"$machine_root/etc/hosts"
    # shellcheck disable=SC2086
    printf '127.0.0.1 %s\n' $hosts >>"$machine_root/etc/hosts"
    mkdir -p "$machine_root/srv/feeds"
    cat >"$machine_root/etc/systemd/system/feeds.service" <<'U'
[Service]
WorkingDirectory=/srv/feeds
ExecStart=/usr/bin/openssl s_server -quiet -accept 443 -cert /srv/feeds.pem -key /srv/feeds.key -WWW
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
U
    systemctl --root="$machine_root" enable feeds.service 2>/dev/null
}

# A cgroup of version 2 of our own, whatever else this system has, so that it needs no manager here.
machine_boot() {
    local unified
    unified=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
    [[ -n $unified ]] || { diag 'no cgroup2 is mounted here'; return 1; }
    machine_group=$unified/central-operations-$$
    mkdir "$machine_group"
    (
        printf '%s\n' "$BASHPID" >"$machine_group/cgroup.procs"
        # shellcheck disable=SC2016
        exec unshare --mount bash -c 'mount --make-rprivate / && umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
            mount -t tmpfs tmpfs /run || exit
            # 133: it is to boot again.
            until systemd-nspawn -q -D "$1" -M central-operations --register=no --keep-unit --private-network --console=pipe --boot ||
                [[ $? != 133 ]]; do :; done' bash "$machine_root" </dev/null
    ) >"$machine_folder/console" 2>&1 &
    machine_up
}

machine_leader() { head -n 1 "$machine_group/payload/init.scope/cgroup.procs" 2>/dev/null; }
machine_is_up() {
    local leader
    leader=$(machine_leader) && [[ -n $leader ]] && inside 'systemctl is-system-running --wait' | grep -qE 'running|degraded'
}
machine_up() { wait_for 60 machine_is_up; }

inside() {
    nsenter --all -t "$(machine_leader)" env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash TERM=dumb LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -lc "cd; $1" </dev/null
}

machine_reboot() {
    local leader
    leader=$(machine_leader)
    inside 'systemctl reboot' >/dev/null 2>&1 || true
    wait_for 60 machine_is_another "$leader" && machine_up
}
machine_is_another() { [[ $(machine_leader) && $(machine_leader) != "$1" ]]; }

machine_is_off() { [[ ! -d $machine_group ]] || grep -qx 'populated 0' "$machine_group/cgroup.events"; }
machine_off() {
    [[ -n $machine_group && -d $machine_group ]] || return 0
    inside 'systemctl poweroff' >/dev/null 2>&1
    wait_for 60 machine_is_off || printf 1 >"$machine_group/cgroup.kill"
    wait_for 20 machine_is_off
    find "$machine_group" -depth -type d -exec rmdir {} +
}
