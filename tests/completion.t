#!/bin/bash
# Completion in bash, driven as bash drives it, and in zsh, typed into one; and the package.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

# shellcheck source=/dev/null
. "$top/examples/completions/central.bash"
# complete_line WORDS...: what TAB offers behind the last word.
complete_line() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _central
    printf '%s\n' "${COMPREPLY[@]}" | paste -sd ' '
}
start_nats
central-streams apply >/dev/null
for tool in "$top"/cmd/*; do
    tool=$(basename "$tool" .c)
    [[ $tool != central-source || -x $(type -P central-source) ]] || continue
    ok "$tool is completed" complete -p "$tool"
    "$tool" --help | grep -oE -- '--[a-z][a-z-]*' | sort -u >wanted
    complete_line "$tool" -- | tr ' ' '\n' | sort -u >offered
    is "$(comm -23 wanted offered)" '' "... with every option of its --help"
done
is "$(complete_line central-source swpc_)" 'swpc_alerts swpc_kindex swpc_protons' 'sources'
is "$(complete_line central-adapter en)" enable 'commands'
is "$(complete_line central-adapter enable usg)" usgs_quake '... and what they are for'
is "$(complete_line central-streams show CENTRAL_H)" CENTRAL_HYDRO 'streams'
is "$(complete_line central-subscribe CENTRAL_Q)" CENTRAL_QUAKE '... of the server'
is "$(complete_line central-query --format geojson-)" geojson-seq 'formats'
start_postgres
central-archive --migrate >/dev/null
central-fetch usgs_quake --from "$top/examples/feeds/usgs_quake.geojson" | central-normalize | central-archive - >/dev/null
is "$(complete_line central-query --category quake.event.g)" quake.event.great 'categories of the archive'
is "$(complete_line central-query --adapter u)" usgs_quake 'adapters of the archive'

# --- zsh

if type -P zsh >/dev/null; then
    # typed WANT LINE DESC: TAB behind LINE offers WANT.
    : >lines
    : >wants
    typed() { printf '%s\n' "$2" >>lines && printf '%s: %s\n' "$3" "$1" >>wants; }
    typed 'swpc_alerts swpc_kindex swpc_protons' 'central-source swpc_' sources
    typed enable 'central-adapter en' commands
    typed usgs_quake 'central-adapter enable usg' '... and what they are for'
    typed CENTRAL_HYDRO 'central-streams show CENTRAL_H' streams
    typed CENTRAL_QUAKE 'central-subscribe CENTRAL_Q' '... of the server'
    typed geojson-seq 'central-query --format geojson-' formats
    typed quake.event.great 'central-query --category quake.event.g' 'categories of the archive'
    typed usgs_quake 'central-query --adapter usg' 'adapters'
    typed 'central-operations.txt' 'central-query --file central-op' 'files'
    : >central-operations.txt
    for tool in "$top"/cmd/*; do
        tool=$(basename "$tool" .c)
        typed "$("$tool" --help | sed -n 's/^ *\(-.,\)\{0,1\} *\(--[a-z-]*\).*/\2/p' | sort -u | paste -sd ' ')" "$tool --" "every option of $tool"
    done
    exits 0 'zsh completes what is typed' timeout 300 zsh -f "$top/tests/complete.zsh" "$top/examples/completions" <lines
    while IFS= read -r -u 7 want && IFS= read -r -u 8 got; do
        is "${want%%: *}: $got" "$want" "zsh: ${want%%: *}"
    done 7<wants 8<out
    is "$(wc -l <out)" "$(wc -l <lines)" 'zsh answers each line'
else
    skip 'zsh' 'it is not here'
fi

# --- the package

if type -P dpkg-deb >/dev/null && [[ ${BUILD:-build} == build ]]; then
    ok 'make deb' "$top/examples/make-deb" build
    deb=$(echo "$top"/build/central_*.deb)
    like "$(dpkg-deb -f "$deb" Depends)" 'libc6.*libjq1.*libnats.*libpq5' 'the package names what it needs'
    dpkg-deb -x "$deb" unpacked
    exits 0 'what is in it runs' unpacked/usr/bin/central-fetch usgs_quake --from "$top/examples/feeds/usgs_quake.geojson"
    ok '... with its units' test -f unpacked/lib/systemd/system/central-source@.timer
else
    skip 'the package' 'no dpkg-deb, or another build'
fi
done_testing
