# shellcheck shell=sh
# What the scripts share. Source it from the root of the project.

# Where what we install ourselves goes; in front, since it is there because the machine's is old.
tools="$PWD/target/tools"
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

# What went wrong, and what to do.
fail() {
    printf '\033[1;31m✗ %s\033[0m\n' "$*" >&2
    exit 1
}

has() {
    command -v "$1" > /dev/null 2>&1
}

# Whether version $1 is $2 or newer.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}
