#!/bin/sh
# scripts/fuzz.sh [seconds]: fuzzes each target of fuzz/ for so long (default 60), on the stable
# compiler. What it finds to be new goes into fuzz/found, and so does what breaks a promise;
# fuzz/corpus is what `make test` replays.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

export CARGO_TARGET_DIR="$cargo_target/fuzz"
cd fuzz
seconds=${1:-60}
target=x86_64-unknown-linux-gnu
pass=-Cllvm-args=-sanitizer-coverage
# With a target named, build scripts are spared the flags.
RUSTFLAGS="-Cpasses=sancov-module $pass-level=4 $pass-inline-8bit-counters $pass-pc-table \
$pass-trace-compares -Ccodegen-units=1 --cfg fuzzing" \
    cargo build --locked --target "$target"
for name in text binary websocket; do
    mkdir -p "found/$name"
    "$CARGO_TARGET_DIR/$target/debug/$name" -max_total_time="$seconds" -max_len=4096 \
        -artifact_prefix="found/$name-" "found/$name" "corpus/$name"
done
