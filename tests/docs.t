#!/bin/bash
# The documents agree with the programs: every tool has a page, a line in the overview and the README, and options that
# --help and the page both name.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

for tool in "$top"/cmd/*; do
    tool=$(basename "$tool" .c)
    page=$top/man/$tool.1
    ok "$tool has a page" test -f "$page"
    [[ -f $page ]] || continue
    ok "$tool: mandoc finds nothing to say" mandoc -T lint -W warning "$page"
    ok "$tool is in central(7)" grep -q "^\.It Xr $tool 1" "$top/man/central.7"
    ok "$tool is in the README" grep -q "\`$tool\`" "$top/README.md"
    exits 0 "$tool --help" "$tool" --help
    # Long options of --help that the page does not name.
    grep -oE -- '--[a-z][a-z-]*' out | sort -u | grep -vxE -- '--(help|usage|version)' >options || true
    # mdoc writes --from as "Fl -from".
    sed 's/\\-/-/g' "$page" | grep -oE -- 'Fl -[a-z][a-z-]*' | sed 's/Fl -/--/' | sort -u >named || true
    is "$(comm -23 options named)" '' "$tool: every option of --help is in the page"
    is "$(comm -13 options named)" '' "$tool: every option of the page is in --help"
    exits 0 "$tool --version" "$tool" --version
    like "$(cat out)" "^$tool \(Central\) [0-9]" "$tool --version names it"
    exits 64 "$tool: an unknown option" "$tool" --no-such-option
    exits 74 "$tool --help into a full disk" bash -c "$tool --help >/dev/full"
done
for page in "$top"/man/*.[57]; do
    ok "${page##*/}: mandoc finds nothing to say" mandoc -T lint -W warning "$page"
done
# The table of exit statuses stands in two places.
sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/p' "$top/man/central.7" | grep -oE '^\.It [0-9]+' | grep -oE '[0-9]+' >page
grep -oE 'CENTRAL_[A-Z_]+ = [0-9]+' "$top/include/central/error.h" | grep -oE '[0-9]+$' >header
is "$(cat page)" "$(cat header)" 'central(7) lists the exit statuses of error.h'

# Packages named in the README are those of the list, through the one script.
ok 'the README names the package list' grep -q 'examples/packages' "$top/README.md"
is "$("$top/tests/event-page")" "$(cat "$top/man/central-event.7")" "central-event(7) says what the adapters do (make regen)"

done_testing
