#!/bin/bash
# The fuzzer's targets (tests/fuzz) over their seeds, over what was ever found, and over what make fuzz has found here:
# every property holds for each of these inputs. No fuzzer is needed.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

programs=${BUILD:-build}/tests/fuzz
[[ $programs == /* ]] || programs=$top/$programs

for source in "$top"/tests/fuzz/*.c; do
    target=$(basename "$source" .c)
    [[ $target != main ]] || continue
    inputs=("$top/tests/fuzz/$target"/*)
    ok "$target has seeds" test -f "${inputs[0]}"
    for found in "$top/build/fuzz/findings/$target"/*; do
        [[ ! -f $found ]] || inputs+=("$found")
    done
    if "$programs/$target" "${inputs[@]}" 2>err; then
        ok "$target: all holds for ${#inputs[@]} inputs" true
        continue
    fi
    # Which of them?
    for input in "${inputs[@]}"; do
        ok "$target: all holds for ${input#"$top/"}" "$programs/$target" "$input"
    done
done
# Inputs too large to be kept, on which a program that looks at everything once for everything would spend minutes: main.c
# stops it after some seconds of the processor.

awk 'BEGIN { printf "u<r>"; for (i = 0; i < 100000; i++) printf "<a%d/>", i; print "</r>" }' >names
ok 'xml: 100000 names of children' "$programs/xml" names
awk 'BEGIN { printf "u"; for (i = 0; i < 1000; i++) printf "%scolumn%060d", i ? "," : "", i; print ""
    for (i = 0; i < 40000; i++) print "1" }' >columns
ok 'csv: 40000 rows of two bytes, of 1000 columns' "$programs/csv" columns
awk 'BEGIN { printf "["; for (i = 0; i < 199; i++) printf "["; for (i = 0; i < 100000; i++) printf "1,"; printf "1"
    for (i = 0; i < 200; i++) printf "]" }' | cut -c 2- | sed 's/]$//' >deep
ok 'json: 100000 numbers deep down' "$programs/json" deep
awk 'BEGIN { srand(1); printf "{\"type\":\"Polygon\",\"coordinates\":[[[0,0]"
    for (i = 0; i < 2000; i++) printf ",[%.4f,%.4f]", rand() * 200 - 100, rand() * 160 - 80; print ",[0,0]]]}" }' >star
ok 'geo: a ring that crosses itself half a million times' "$programs/geo" star
# rings APART HOLES: so many squares beside one another, and so many in a large one.
rings() {
    awk -v apart="$1" -v holes="$2" '
        function square(x, y, d) {
            printf "%s[[%g,%g],[%g,%g],[%g,%g],[%g,%g],[%g,%g]]", n++ ? "," : "", x, y, x + d, y, x + d, y + d, x, y + d, x, y
        }
        BEGIN {
            printf "{\"type\":\"Polygon\",\"coordinates\":["
            if (holes) square(-1, -1, 80)
            for (i = 0; i < holes; i++) square(i % 50, int(i / 50), 0.5)
            for (i = 0; i < apart; i++) square(-170 + i % 50, int(i / 50), 0.5)
            print "]}"
        }'
}
rings 3000 0 >apart
ok 'geo: 3000 rings apart' "$programs/geo" apart
rings 0 3000 >holes
ok 'geo: 3000 holes' "$programs/geo" holes
rings 1500 1500 >both
ok 'geo: both' "$programs/geo" both
done_testing
