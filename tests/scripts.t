#!/bin/bash
# Every script is bash, stops at the first error, and pleases shellcheck; the
# helpers of examples/ answer wrong use in one line.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

cd "$top"

# All files that say so in their first line, whatever their name; and those that are sourced.
sourced=(tests/tap.sh tests/faults/faults.sh)
scripts=("${sourced[@]}")
while IFS= read -r -d '' file; do
    read -r first <"$file" || true
    if [[ $first == '#!'*sh ]]; then
        scripts+=("$file")
    fi
done 2>/dev/null < <(find .ci cmd examples lib tests units -type f ! -name '*.[choa]' -print0 | sort -z)

for script in "${scripts[@]}"; do
    ok "$script pleases shellcheck" shellcheck "$script"
    ok "$script stops at the first error" grep -qx 'set -euo pipefail' "$script"
    if [[ " ${sourced[*]} " != *" $script "* ]]; then
        is "$(head -n 1 "$script")" '#!/bin/bash' "$script is bash"
        ok "$script can be executed" test -x "$script"
    fi
done

# --- packages

exits 0 'every package is listed once' awk '!/^(#|$)/ { print $2 }' examples/packages
is "$(sort "$tmp/out" | uniq -d)" '' 'none is there twice'
not_ok 'every line is a section and a name' grep -vE '^(#.*|[a-z]+ [a-z0-9][a-z0-9.+-]+|)$' examples/packages

exits 64 'install-packages refuses an unknown section' examples/install-packages everything
is "$(wc -l <"$tmp/err")" 1 'in one line'

# A system that has nothing, and a user without rights.
mkdir "$tmp/bin"
for program in bash cat dirname readlink; do
    ln -s "$(type -P $program)" "$tmp/bin/$program"
done
printf '#!/bin/bash\nexit 1\n' >"$tmp/bin/dpkg-query"
printf '#!/bin/bash\nexit 1\n' >"$tmp/bin/sudo"
printf '#!/bin/bash\necho "apt-get $*" >>%q\n' "$tmp/apt" >"$tmp/bin/apt-get"
chmod +x "$tmp/bin/"{dpkg-query,sudo,apt-get}
nobody=()
if ((EUID == 0)); then
    nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
if "${nobody[@]}" test -r "$top/examples/packages" && "${nobody[@]}" test -x "$tmp/bin/sudo"; then
    exits 77 'install-packages needs root or sudo' "${nobody[@]}" env PATH="$tmp/bin" examples/install-packages run </dev/null
    like "$(cat "$tmp/err")" '^install-packages: needs root or sudo to install: .*nats-server' 'and says for what'
    is "$(wc -l <"$tmp/err")" 1 'in one line'
else
    skip 'install-packages needs root or sudo' 'an ordinary user cannot read this tree'
fi
rm "$tmp/bin/dpkg-query"
exits 69 'install-packages knows when this is no Debian' env PATH="$tmp/bin" examples/install-packages
like "$(cat "$tmp/err")" 'install by hand' 'and says what to do'

# --- hub and run

exits 64 'hub without a command' examples/hub
is "$(wc -l <"$tmp/err")" 1 'says its usage in one line'
exits 64 'hub without a folder' examples/hub start
exits 64 'run refuses an unknown option' tests/run --fast
exits 64 'run refuses a number that is none' tests/run -j many

done_testing
