#!/bin/sh
# Builds web/dist, which the binary embeds. Does nothing when nothing changed.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

installed=web/node_modules/.installed
built=web/node_modules/.built

# Whether any of "$2"… is newer than the stamp $1, or there is no stamp.
stale() {
    stamp=$1
    shift
    [ ! -e "$stamp" ] || [ -n "$(find "$@" -type f -newer "$stamp" | head -n 1)" ]
}

if stale "$installed" web/package.json web/package-lock.json; then
    say "Installing the web packages"
    # None of them needs its install script, so none may run one.
    (cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    touch "$installed"
    rm -f "$built"
fi

# All that is tracked in web/ except its tests can change the result.
if [ ! -d web/dist/assets ] || stale "$built" web/src web/public web/package.json web/*.ts web/*.html; then
    say "Building the web pages"
    (cd web && npm run --silent build)
    touch "$built"
fi
