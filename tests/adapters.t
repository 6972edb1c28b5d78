#!/bin/bash
# Golden cases of the adapters (tests/adapters/NAME/CASE), and of the example in examples/adapters. make regen writes what
# they expect anew.
set -euo pipefail
. "$(dirname "$0")/tap.sh"

for file in "$top"/lib/adapters/*.jq; do
    name=$(basename "$file" .jq)
    [[ $name != central ]] || continue
    exits 0 "$name: central-adapter check" central-adapter check "$name"
    like "$(cat out)" "^$name: ok, [1-9]" "$name has golden cases"
done
for file in "$top"/examples/adapters/*.jq; do
    exits 0 "$(basename "$file"): central-adapter check FILE" central-adapter check "$file"
    like "$(cat out)" ': ok, [1-9]' '... with golden cases'
done

# What they ask for is data, but for two services that give pages: jq compiles nothing before there is an answer to read.
mkdir asking
cp "$top"/lib/adapters/*.jq asking
for file in asking/*.jq; do
    name=$(basename "$file" .jq)
    [[ $name != central ]] || continue
    echo 'def event: no_such_function;' >>"$file"
    CENTRAL_ADAPTERS=$tmp/asking central-fetch "$name" --from no-such-file >/dev/null 2>&1 || printf '%s %s\n' "$?" "$name"
done >asked
is "$(grep -v '^74 ' asked | tr '\n' ' ')" '78 nwis 78 wfigs_incidents 78 wfigs_perimeters ' 'what is asked for is data'

# The check can fail.
mkdir -p mine/volcano.cases/one
cp "$top/lib/adapters/swpc_alerts.jq" mine/volcano.jq
cp "$top/tests/adapters/swpc_alerts/sample/answer.json" mine/volcano.cases/one/answer.json
sed 's/"central.space/"central.spice/' "$top/tests/adapters/swpc_alerts/sample/expected" >mine/volcano.cases/one/expected
exits 1 'a case that differs' central-adapter check mine/volcano.jq
like "$(cat out)" 'line 1' 'is shown with its line'
like "$(cat out)" 'name is not that of the file' 'a name that is not the file'"'"'s is told'
sed -i 's/"swpc_alerts"/"volcano"/; s/^def event: {/def event: (.nothing?) as $x | {/' mine/volcano.jq
exits 1 'a ? in an adapter' central-adapter check mine/volcano.jq
like "$(cat out)" 'line [0-9]+: \? hides errors' 'is told with its line'
# What uses does not name, event does not see, and the check tells.
mkdir -p unseen/usgs_quake.cases
sed 's/, .properties.mag;/;/' "$top/lib/adapters/usgs_quake.jq" >unseen/usgs_quake.jq
cp -rL "$top/tests/adapters/usgs_quake/sample" unseen/usgs_quake.cases
exits 1 'an event that looks at more than it uses' central-adapter check --regen unseen/usgs_quake.jq
like "$(cat out)" 'uses does not name all that event looks at' '... is told'
mkdir again
cp -r "$top/examples/adapters/." again
exits 0 'regen writes what it expects' central-adapter check --regen again/tsunami.jq
ok '... and that is what stands there' diff -r again "$top/examples/adapters"
exits 78 'an adapter that is not there' central-adapter check no_such
done_testing
