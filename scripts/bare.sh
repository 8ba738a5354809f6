#!/bin/sh
# scripts/bare.sh: checks that Seatcast builds, is clean and serves without its optional features (see Cargo.toml).
# It leaves the debug build without them; the next build with them puts that right.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

cargo clippy --locked --no-default-features --quiet -- -D warnings
cargo build --locked --no-default-features --quiet --bin seatcast
folder=$(mktemp -d)
chmod 755 "$folder"
trap 'stop_server; rm -rf "$folder"' EXIT
start_server "$folder"
# answers status path
answers() {
    found=$(node -e 'fetch(process.argv[1]).then((answer) => console.log(answer.status))' "$url$2")
    [ "$found" = "$1" ] || fail "without its features, $2 is answered $found, not $1"
}
answers 200 /readyz
answers 200 /api/v1/events
answers 200 /openapi.json
answers 404 /docs/
! "$cargo_target/debug/seatcast" serve --bus nats 2> /dev/null || fail "--bus nats is taken without the feature"
kill "$server"
wait "$server" || fail "it did not end in order"
