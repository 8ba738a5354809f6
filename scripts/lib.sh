# shellcheck shell=sh
# Shared by the scripts. Source it from the root of the project.

# Where what we install ourselves goes; in front, since it is there because the machine's is old.
tools="$PWD/target/tools"
# Where cargo builds, whatever folder a script goes to.
case "${CARGO_TARGET_DIR:-}" in
    '') cargo_target=$PWD/target ;;
    /*) cargo_target=$CARGO_TARGET_DIR ;;
    *) cargo_target=$PWD/$CARGO_TARGET_DIR ;;
esac
PATH="$tools/node/bin:$PATH:$HOME/.cargo/bin:$tools/nats/usr/sbin:$tools/pgbouncer/usr/sbin:$tools/prometheus/usr/bin:/usr/sbin"
export PATH

# A Node.js of our own trusts whom the machine trusts, as Debian's does.
if [ -d "$tools/node" ] && [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
    export NODE_EXTRA_CA_CERTS
fi

# One clear line about what happens now.
say() {
    printf '\033[1m▸ %s\033[0m\n' "$*"
}

# Says what went wrong, and what to do.
fail() {
    printf '\033[1;31m✗ %s\033[0m\n' "$*" >&2
    exit 1
}

# start_server folder: a server in development mode on a free port, with its data in the folder. Sets `server` to its
# process and `url` to its address.
start_server() {
    : > "$1/said"
    "$cargo_target/debug/seatcast" serve --dev --port 0 --data-dir "$1/data" > "$1/said" &
    server=$!
    patience=600
    until url=$(sed -n 's/^Seatcast is on //p' "$1/said") && [ -n "$url" ]; do
        kill -0 "$server" 2> /dev/null || fail "the server does not start"
        [ "$patience" -gt 0 ] || fail "the server takes too long to start"
        patience=$((patience - 1))
        sleep 0.1
    done
}

stop_server() {
    [ -z "${server:-}" ] || kill "$server" 2> /dev/null || true
    wait "${server:-}" 2> /dev/null || true
}

has() {
    command -v "$1" > /dev/null 2>&1
}

# Whether version $1 is $2 or newer.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}
