#!/bin/bash
# make install puts all there is where it says, the programs find their data beside them, uninstall leaves what it did not
# bring and nothing else; the package holds the same, and names what it needs.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

build=${BUILD:-build}
# tree PREFIX: what has to be installed, from what is in the tree.
tree() {
    local prefix=$1 system=$1/lib zsh=$1/share/zsh/site-functions file name
    [[ $prefix != /usr ]] || system=/lib zsh=$prefix/share/zsh/vendor-completions
    for file in "$top"/cmd/*; do
        name=$(basename "$file" .c)
        printf '%s\n' "$prefix/bin/$name" "$prefix/share/bash-completion/completions/$name"
    done
    for file in "$top"/lib/adapters/*.jq; do
        name=$(basename "$file" .jq)
        printf '%s\n' "$prefix/share/central/adapters/$name.jq"
        [[ $name == central ]] || printf '%s\n' "$prefix/bin/central-fetch-$name"
    done
    for file in "$top"/sql/*.sql; do printf '%s\n' "$prefix/share/central/sql/${file##*/}"; done
    for file in "$top"/man/*.[1-8]; do printf '%s\n' "$prefix/share/man/man${file##*.}/${file##*/}"; done
    for file in "$top"/units/central*.{service,timer,target}; do printf '%s\n' "$system/systemd/system/${file##*/}"; done
    (cd "$top" && find examples -type f ! -path 'examples/completions/*') |
        sed "s|^|$prefix/share/doc/central/|"
    printf '%s\n' "$system/sysusers.d/central.conf" "$system/tmpfiles.d/central.conf" "$zsh/_central" \
        "$prefix/share/central/streams.conf" "$prefix/share/central/nats-server.conf" "$prefix/share/doc/central/"{README.md,LICENSE}
}

for prefix in /usr /usr/local; do
    root=$tmp/root${prefix//\//-}
    ok "make install, PREFIX=$prefix" make -C "$top" -s BUILD="$build" install DESTDIR="$root" PREFIX="$prefix"
    is "$(find "$root" ! -type d -printf '/%P\n' | sort)" "$(tree "$prefix" | sort)" '... installs what is in the tree, all of it'
    is "$(find "$root" -xtype l)" '' '... no link leads nowhere'
    is "$(find "$root" -type f -perm /022 -o -type f ! -perm -444)" '' '... all can read it, nobody but the owner change it'
    is "$(find "$root$prefix/bin" -type f ! -perm -111)" '' '... the programs can be run'
    is "$(grep -rlI '@[A-Z]*@' "$root")" '' '... nothing is left to be filled in'
    is "$(grep -rh '^ExecStart=' "$root" | sed 's/^ExecStart=\([^ ]*\)\/[^/ ]* .*/\1/' | sort -u)" "$prefix/bin" '... the units start what is there'
done

root=$tmp/root-usr
PATH=$root/usr/bin:$PATH
is "$(central-adapter show usgs_quake --json | jq -r .file | xargs readlink -f)" "$root/usr/share/central/adapters/usgs_quake.jq" \
    'an installed program finds the installed adapters'
exits 0 'a source by its own name' central-fetch-usgs_quake --from "$top/examples/feeds/usgs_quake.geojson"
exits 69 'the installed streams.conf' env NATS_URL=nats://127.0.0.1:1 central-streams list

# What is the user's, and what others put where we put something too.
mkdir -p "$root"/etc/central/{adapters,credentials,sources} "$root/var/lib/central" "$root/usr/share/man/man1"
for file in /etc/central/{streams.conf,central.env,adapters/mine.jq,credentials/firms,sources/nws.json} /var/lib/central/nws.db \
    /usr/share/man/man1/other.1; do
    printf '%s\n' "$file" >"$root$file"
done
find "$root" ! -type d -printf '/%P\n' | sort | comm -23 - <(tree /usr | sort) >before
is "$(wc -l <before)" 7 'the user has files'
for prefix in /usr /usr/local; do
    ok "make uninstall, PREFIX=$prefix" make -C "$top" -s BUILD="$build" uninstall DESTDIR="$tmp/root${prefix//\//-}" PREFIX="$prefix"
done
is "$(find "$root" ! -type d -printf '/%P\n' | sort)" "$(cat before)" 'leaves what is not its own'
is "$(find "$root" -type d -empty; find "$root/usr" -type d | sort)" \
    "$(printf '%s\n' "$root"/usr{,/share,/share/man,/share/man/man1})" '... and no folder that it made'
is "$(find "$tmp/root-usr-local" -mindepth 1)" '' '... nothing, where there was nothing'

# --- the package

if ! type -P dpkg-deb >/dev/null || [[ $build != build ]]; then
    skip 'the package' 'no dpkg-deb, or another build'
    done_testing
    exit
fi
ok 'make deb' "$top/examples/make-deb" build
deb=$(echo "$top"/build/central_*.deb)
is "$(dpkg-deb -c "$deb" | awk '$1 !~ /^d/ { print substr($6, 2) }' | sort)" \
    "$({ tree /usr | sed '/\/share\/man\//s/$/.gz/' && echo /etc/central/streams.conf; } | sort)" 'the package holds the same, and the streams'
is "$(dpkg-deb -c "$deb" | awk '{ print $2 }' | sort -u)" root/root '... as root'
dpkg-deb -e "$deb" control
dpkg-deb -x "$deb" files
is "$(cat control/conffiles)" /etc/central/streams.conf 'the streams are the administrator'"'"'s'
is "$(dpkg-deb -f "$deb" Version)" "$(central-publish --version | sed 's/.* //')" 'its version is that of the programs'
# The packages of the libraries that ldd finds, of those that are named in the programs themselves, and of GEOS, which they load when
# they need it.
for program in files/usr/bin/*; do
    [[ ! -L $program ]] || continue
    readelf -h "$program" >/dev/null 2>&1 || continue
    readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
    ldd "$program" | awk '{ print $1, $3 }' | while read -r name path; do
        ! grep -qxF "$name" needed || printf '%s\n' "$(readlink -f "$path")"
    done
done | sort -u | while read -r path; do
    { dpkg -S "$path" || dpkg -S "${path#/usr}"; } 2>/dev/null | cut -d : -f 1
done | sort -u - <(dpkg -S "$(readlink -f "$(ldconfig -p | awk '$1 == "libgeos_c.so.1" { print $NF; exit }')")" | cut -d : -f 1) >libraries
ok 'it needs libraries' test "$(wc -l <libraries)" -gt 8
is "$(dpkg-deb -f "$deb" Depends | tr -d ' ' | tr , '\n' | sort -u)" "$(printf '%s\n' bash passwd util-linux | sort -um - libraries)" \
    'it depends on those, and on what its scripts call'
like "$(dpkg-deb -f "$deb" Recommends)" 'nats-server.*postgresql-15-postgis-3' 'it recommends the servers'
for script in postinst prerm postrm; do
    ok "$script is a shell script" sh -n "control/$script"
    is "$(stat -c %a "control/$script")" 755 '... that can be run'
done
ok "... and pleases shellcheck" shellcheck control/postinst control/prerm control/postrm
done_testing
