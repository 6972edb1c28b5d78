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
done_testing
