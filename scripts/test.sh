#!/bin/sh
# make test: every check and test, cheapest first.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh test
scripts/web.sh

say "Checking the scripts"
shellcheck -x scripts/*.sh scripts/debian/*.sh ops/debian/p* .ci/run web/test/support/*.sh
say "Checking the alert rules"
scripts/alerts.sh
say "Checking the Rust code's format"
cargo fmt --check
say "Checking the Rust code (clippy)"
cargo clippy --locked --all-targets --quiet -- -D warnings
say "Checking the server without its optional features"
scripts/bare.sh
say "Testing the units of the Rust code, and the simulation"
# Optimized: the compiler takes longer, and the simulation saves several times as much.
cargo test --locked --no-fail-fast --lib --config 'profile.test.package.seatcast.opt-level=1'
say "Testing the Rust code, with a Postgres of its own"
# Most tests wait: for Postgres, for a deadline, for each other. With two a core, a sixth of the time is idle.
RUST_TEST_THREADS=$((3 * $(nproc))) cargo test --locked --no-fail-fast --bins --test it
cargo test --locked --doc
say "Checking the OpenAPI document, and that the server keeps to it"
# With the binary that the tests of the Rust code have run.
scripts/contract.sh
say "Checking the TypeScript code"
(cd web && npm run --silent check)
say "Testing the TypeScript code"
(cd web && npm run --silent test)
say "Testing pages and clients against the server, in Chromium"
# It is there: the tests of the Rust code have run it. A build of its own would compile much of it again,
# with the features that the tests' dependencies do not ask for.
(cd web && npm run --silent test:e2e)
say "All passed"
