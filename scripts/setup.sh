#!/bin/sh
# scripts/setup.sh run|test: installs what is missing to run or to test Seatcast.
# Quick when nothing is missing. Changes nothing else on the machine.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

rust_min=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
postgres_min=15
# The versions that the web build's tools run on.
node_min=20.19
node_major=22
# Clients whose ways the server was checked against: the newest, and the oldest that is served.
python_realtime=2.34.1
python_realtime_oldest=2.0.0
# The SMTP server that the tests send mails to.
python_aiosmtpd=1.4.6
# Stripe's own client, which the tests' stand-in for Stripe is held to.
npm_stripe=23.1.0
# A stand-in for Stripe that others wrote, which the server has to get along with as well.
python_localstripe=1.15.10
# Stripe's own, which refuses what its description of the API does not have. Written in Go.
go_stripe_mock=v0.203.0
go_min=1.22.1
# It tries the server by its OpenAPI document.
python_schemathesis=4.32.5

# The folder with the newest Postgres, by the same places as src/embedded/binaries.rs.
postgres_version() {
    for dir in "${PG_BIN_DIR:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
        [ -x "$dir/initdb" ] && "$dir/postgres" --version
    done | sed 's/^postgres (PostgreSQL) \([0-9]*\).*/\1/' | sort -n | tail -n 1
}

# A database of the caller's own needs no Postgres here; the tests make theirs.
wants_postgres() {
    [ "$1" = test ] || [ -z "${DATABASE_URL:-}" ]
}

missing_packages() {
    has cc || echo gcc libc6-dev
    if wants_postgres "$1" && [ -z "$(postgres_version)" ] && ! has initdb; then
        echo postgresql
    fi
    has node && has npm || echo nodejs npm
    if [ "$1" = test ]; then
        has chromium || echo chromium
        has shellcheck || echo shellcheck
        # Reads the text of tickets and invoices out of their files.
        has pdftotext || echo poppler-utils
        # Makes the certificates of a Postgres of the tests.
        has openssl || echo openssl
        python3 -c 'import ensurepip, venv' 2> /dev/null || echo python3 python3-venv
    fi
    # To fetch the Rust toolchain with.
    has cargo || has curl || echo curl ca-certificates
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

may_become_root() {
    [ "$(id -u)" = 0 ] || { has sudo && { sudo -n true 2> /dev/null || [ -t 0 ]; }; }
}

# Debian starts a cluster of its own when Postgres is installed. Ours is private; a machine that
# had none should not find one on port 5432 afterwards.
without_debians_cluster() {
    conf=/etc/postgresql-common/createcluster.d/seatcast.conf
    as_root mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' | as_root tee "$conf" > /dev/null
    status=0
    "$@" || status=$?
    as_root rm "$conf"
    return "$status"
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@" \
        > "$log" 2>&1
}

install_packages() {
    has apt-get || fail "Missing, please install: $*. (They are Debian's names; there is no apt-get here to do it.)"
    may_become_root \
        || fail "Missing: $*. Install them with: sudo apt-get update && sudo apt-get install $*"
    say "Installing with apt-get: $*"
    log=$(mktemp)
    as_root apt-get update > "$log" 2>&1 || say "apt-get update failed; trying with the lists there are"
    case " $* " in
        *" postgresql "*) install="without_debians_cluster apt_install" ;;
        *) install=apt_install ;;
    esac
    $install "$@" || {
        tail -n 20 "$log" >&2
        fail "apt-get could not install: $*"
    }
    rm "$log"
}

setup_rust() {
    if ! has cargo; then
        say "Installing the Rust toolchain with rustup (https://rustup.rs)"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs \
            | sh -s -- -y --quiet --profile minimal --component clippy,rustfmt \
            || fail "rustup could not be fetched. Install Rust $rust_min or newer: https://rustup.rs"
        has cargo || fail "No cargo after installing Rust: see what rustup said above"
    fi
    version=$(cargo --version | cut -d ' ' -f 2)
    at_least "$version" "$rust_min" \
        || fail "Rust $rust_min or newer is needed, this is $version. Update it with: rustup update"
    if [ "$1" = test ]; then
        { cargo clippy --version && cargo fmt --version; } > /dev/null 2>&1 \
            || fail "clippy and rustfmt are needed. Add them with: rustup component add clippy rustfmt"
    fi
}

# Debian 12's Node.js is older than the web tools allow; the npm registry has newer ones.
setup_node() {
    node_is_new_enough && return
    platform=$(node -p 'process.platform + "-" + process.arch')
    say "Node.js $(node --version) is older than $node_min: installing $node_major for this project"
    npm install --prefix "$tools/node-$node_major" --no-save --no-audit --no-fund --loglevel=error \
        "node-$platform@$node_major" > /dev/null
    ln -sfn "$tools/node-$node_major/node_modules/node-$platform" "$tools/node"
    node_is_new_enough \
        || fail "Node.js $node_min or newer is needed, this is $(node --version): https://nodejs.org"
}

# setup_python folder package version: a program of another project, from PyPI, that the tests use. It lives in a folder of
# this project.
setup_python() {
    python="$tools/$1"
    [ "$("$python/bin/pip" show "$2" 2> /dev/null | sed -n 's/^Version: //p')" = "$3" ] && return
    say "Installing PyPI's $2 $3 for the tests"
    python3 -m venv --clear "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check "$2==$3"
}

# setup_npm folder package version: the same, from npm.
setup_npm() {
    grep -qs "\"version\": \"$3\"" "$tools/$1/node_modules/$2/package.json" && return
    say "Installing npm's $2 $3 for the tests"
    npm install --prefix "$tools/$1" --no-save --no-audit --no-fund --loglevel=error "$2@$3" > /dev/null
}

# setup_go folder module version: the same, from the Go module proxy. Debian's own Go may be too old for it; then its test is
# left out, and says so.
setup_go() {
    grep -qsx "$3" "$tools/$1/version" && return
    mkdir -p "$tools/$1"
    found=$(go env GOVERSION 2> /dev/null | tr -d go || true)
    if ! at_least "${found:-0}" "$go_min"; then
        say "No Go from $go_min on: the tests leave out ${2##*/}"
        echo "no Go from $go_min on" > "$tools/$1/left-out"
        return
    fi
    say "Installing Go's ${2##*/} $3 for the tests"
    if GOBIN="$tools/$1" GOFLAGS='' go install "$2@$3" > "$tools/$1/log" 2>&1; then
        rm -f "$tools/$1/left-out"
        echo "$3" > "$tools/$1/version"
    else
        tail -n 20 "$tools/$1/log" >&2
        say "The tests leave out ${2##*/}: go could not install it"
        echo "go could not install it" > "$tools/$1/left-out"
    fi
}

node_is_new_enough() {
    at_least "$(node --version | tr -d v)" "$node_min"
}

# unpack folder package…: unpacked, not installed, since Debian would start it as a service, which the tests do not
# want.
unpack() {
    say "Unpacking Debian's $2 for this project"
    mkdir -p "$tools/$1"
    (
        cd "$tools/$1"
        shift
        apt-get download -qq "$@" > /dev/null 2>&1 \
            || { as_root apt-get update -qq && apt-get download -qq "$@" > /dev/null; } \
            || fail "apt-get could not download $*"
        for package in ./*.deb; do
            dpkg-deb --extract "$package" .
        done
    )
}

setup_nats() {
    ! has nats-server || return 0
    has apt-get || fail "Missing, please install: nats-server (https://nats.io/download)"
    unpack nats nats-server
}

setup_pgbouncer() {
    ! has pgbouncer || return 0
    has apt-get || fail "Missing, please install: pgbouncer (https://www.pgbouncer.org)"
    # Of the libraries it needs, those that not every machine has; their names differ by release.
    libraries=$(apt-cache depends pgbouncer | sed -n 's/^ *Depends: \(lib\(event\|c-ares\).*\)/\1/p')
    # shellcheck disable=SC2086
    unpack pgbouncer pgbouncer $libraries
}

# The proxies that people put before Seatcast.
setup_proxies() {
    if [ -x /usr/sbin/nginx ] && [ -x /usr/sbin/haproxy ] && has caddy; then
        return 0
    fi
    if [ -x "$tools/proxies/usr/bin/caddy" ] && [ -x "$tools/proxies/usr/sbin/haproxy" ] && [ -x "$tools/proxies/usr/sbin/nginx" ]; then
        return 0
    fi
    has apt-get || fail "Missing, please install: nginx, haproxy, caddy"
    # Of the libraries they need, those that not every machine has; their names differ by release.
    libraries=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances haproxy nginx | grep -E '^lib(lua|opentracing|pcre2)' | sort -u)
    # shellcheck disable=SC2086
    unpack proxies nginx haproxy caddy $libraries
}

setup_promtool() {
    ! has promtool || return 0
    has apt-get || fail "Missing, please install: promtool, of Prometheus (https://prometheus.io/download)"
    unpack prometheus prometheus
}

main() {
    # Word splitting is meant: a line may name several packages.
    # shellcheck disable=SC2046
    set -- "$1" $(missing_packages "$1")
    purpose=$1
    shift
    [ $# = 0 ] || install_packages "$@"
    setup_rust "$purpose"
    setup_node
    [ "$purpose" != test ] || setup_python python realtime "$python_realtime"
    [ "$purpose" != test ] || setup_python python-oldest realtime "$python_realtime_oldest"
    [ "$purpose" != test ] || setup_python smtp aiosmtpd "$python_aiosmtpd"
    [ "$purpose" != test ] || setup_python schemathesis schemathesis "$python_schemathesis"
    [ "$purpose" != test ] || setup_python localstripe localstripe "$python_localstripe"
    [ "$purpose" != test ] || setup_npm stripe-sdk stripe "$npm_stripe"
    [ "$purpose" != test ] || setup_go stripe-mock github.com/stripe/stripe-mock "$go_stripe_mock"
    [ "$purpose" != test ] || setup_nats
    [ "$purpose" != test ] || setup_pgbouncer
    [ "$purpose" != test ] || setup_promtool
    [ "$purpose" != test ] || setup_proxies
    found=$(postgres_version)
    if wants_postgres "$purpose" && [ -n "$found" ]; then
        at_least "$found" "$postgres_min" \
            || fail "Postgres $postgres_min or newer is needed, the newest here is $found. Set PG_BIN_DIR to another's bin folder, or DATABASE_URL."
    fi
}

case "${1:-}" in
    run | test) main "$1" ;;
    *) fail "usage: scripts/setup.sh run|test" ;;
esac
