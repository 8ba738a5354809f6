#!/bin/sh
# scripts/contract.sh: lints the OpenAPI document of a fresh demo, and sends the demo what the document allows and what
# it forbids. tests/contract has the rules. Requests are drawn alike in every run, but for the ids that the server makes;
# arguments go to schemathesis, as in `scripts/contract.sh --max-examples 200`.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

# Their files are no part of the project; and nobody outside is told of the run.
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true PYTHONDONTWRITEBYTECODE=1
export RUST_LOG=error SEATCAST_LIMITS=off SEATCAST_JWT_SECRET=the-secret-of-one-run-of-contract.sh
folder=$(mktemp -d)
trap 'stop_server; rm -rf "$folder"' EXIT
chmod 755 "$folder"
"$cargo_target/debug/seatcast" seed --data-dir "$folder/data" > "$folder/seeded" 2>&1 || fail "$(cat "$folder/seeded")"
start_server "$folder"
SEATCAST_TOKEN=$("$cargo_target/debug/seatcast" token --user 1 --role admin)
export SEATCAST_TOKEN
node -e 'fetch(process.argv[1]).then((answer) => answer.text()).then((text) => process.stdout.write(text))' \
    "$url/openapi.json" > "$folder/openapi.json"
cp tests/contract/* "$folder"

# quiet command…: shows what it says only when it fails.
quiet() {
    (cd "$folder" && "$@") > "$folder/report" 2>&1 || {
        cat "$folder/report"
        fail "$1 found faults"
    }
}
quiet "$PWD/web/node_modules/.bin/redocly" lint openapi.json --config redocly.yaml
quiet "$tools/schemathesis/bin/schemathesis" --config-file schemathesis.toml --no-color run "$url/openapi.json" "$@"
sed -n 's/^ *\([0-9]* generated, .*\)/\1/p' "$folder/report"
