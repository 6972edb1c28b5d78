#!/bin/bash
# make install puts all there is where it says, the programs find their data beside them, uninstall leaves nothing.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

build=${BUILD:-build}
ok 'make install' make -C "$top" -s BUILD="$build" install DESTDIR="$tmp/root" PREFIX=/usr
for tool in "$top"/cmd/*; do
    ok "$(basename "$tool" .c) is there" test -x "root/usr/bin/$(basename "$tool" .c)"
done
for page in "$top"/man/*; do
    ok "$(basename "$page") is there" test -f "root/usr/share/man/man${page##*.}/$(basename "$page")"
done
PATH=$tmp/root/usr/bin:$PATH
is "$(central-adapter show usgs_quake --json | jq -r .file | xargs readlink -f)" "$tmp/root/usr/share/central/adapters/usgs_quake.jq" \
    'an installed program finds the installed adapters'
exits 0 'a source by its own name' central-fetch-usgs_quake --from "$top/examples/feeds/usgs_quake.geojson"
exits 69 'the installed streams.conf' env NATS_URL=nats://127.0.0.1:1 central-streams list
ok 'make uninstall' make -C "$top" -s BUILD="$build" uninstall DESTDIR="$tmp/root" PREFIX=/usr
is "$(find root ! -type d)" '' 'leaves nothing'
done_testing
