#!/bin/bash
# central-fetch over https: whom it trusts, and what it reads for that.
set -euo pipefail
. "$(dirname "$0")/../tap.sh"

unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out certificate.pem -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
mkdir web folder empty adapters
cp "$top/examples/feeds/usgs_quake.geojson" web/feed
cp certificate.pem folder
openssl rehash folder
(cd web && exec openssl s_server -accept 0 -key ../key.pem -cert ../certificate.pem -WWW >../said 2>&1) &
wait_for 10 grep -q '^ACCEPT .*:' said
port=$(sed -n 's/^ACCEPT .*://p' said)
export CENTRAL_ADAPTERS=$tmp/adapters
sed "/^def requests:/,/^\$/c\\def requests: {url: \"https://localhost:$port/feed\", format: \"json\"};\n" "$top/lib/adapters/usgs_quake.jq" >adapters/usgs_quake.jq

poll() {
    local status=$1 desc=$2
    shift 2
    exits "$status" "$desc" env "$@" central-fetch usgs_quake --now --tries 1
}
poll 69 'a certificate of nobody known'
like "$(cat err)" 'self-signed certificate' '... says so'
poll 0 'of an authority in the folder' SSL_CERT_DIR="$tmp/folder" SSL_CERT_FILE="$tmp/no-such-file"
poll 0 'of one that only the bundle has' SSL_CERT_DIR="$tmp/empty" SSL_CERT_FILE="$tmp/certificate.pem"
poll 0 'of one in the bundle, without a folder' SSL_CERT_DIR="$tmp/no-such-folder" SSL_CERT_FILE="$tmp/certificate.pem"
poll 69 'of one in neither' SSL_CERT_DIR="$tmp/empty" SSL_CERT_FILE="$tmp/no-such-file"
poll 0 'of one in curl'"'"'s bundle' CURL_CA_BUNDLE="$tmp/certificate.pem" SSL_CERT_DIR="$tmp/empty"
poll 69 'curl'"'"'s bundle is all there is' CURL_CA_BUNDLE="$tmp/no-such-file" SSL_CERT_DIR="$tmp/folder"
# Reading the bundle of all authorities takes longer than the rest of a poll.
mkfifo never
exits 0 'the bundle is not read where the folder has it' timeout 20 env SSL_CERT_DIR="$tmp/folder" SSL_CERT_FILE="$tmp/never" central-fetch usgs_quake --now
done_testing
