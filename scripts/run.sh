#!/bin/sh
# make run: builds Seatcast and starts it with demo data. HOST and PORT say where.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

profile=${PROFILE:-dev}
case "$profile" in
    dev) folder=debug ;;
    *) folder=$profile ;;
esac

scripts/setup.sh run
scripts/web.sh
say "Building Seatcast (the first time takes some minutes)"
cargo build --quiet --locked --profile "$profile" --bin seatcast
say "Adding the demo data, if it is not there yet"
"$cargo_target/$folder/seatcast" seed
say "Starting on http://${HOST:-127.0.0.1}:${PORT:-8000} (Ctrl-C stops it)"
exec "$cargo_target/$folder/seatcast" serve --dev
