#!/bin/sh
# scripts/debian.sh [binary]: checks the Debian package and the image's steps in bare roots of Debian, with a binary that is
# built if none is named. Needs root, Debian's packages and some minutes; what it makes is in debian/ beside what cargo builds.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

[ "$(id -u)" = 0 ] || fail "scripts/debian.sh makes roots and namespaces: run it as root"
has apt-get || fail "scripts/debian.sh needs a Debian"
binary=${1:-$cargo_target/debug/seatcast}
[ -x "$binary" ] || cargo build --locked --quiet --bin seatcast
work=$cargo_target/debian
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mkdir -p "$work"

# Seconds that a check in a root may take.
patience_s=180

make_base() {
    [ ! -e "$work/base.tar" ] || return 0
    say "Making a bare root of Debian $release"
    if ! has mmdebstrap; then
        (cd "$work" && apt-get download -qq mmdebstrap && dpkg-deb --extract mmdebstrap_*.deb mmdebstrap)
    fi
    mmdebstrap=$(command -v mmdebstrap || echo "$work/mmdebstrap/usr/bin/mmdebstrap")
    perl "$mmdebstrap" --quiet --mode=root --variant=apt --include=systemd,systemd-sysv,init-system-helpers \
        "$release" "$work/base.new.tar"
    mv "$work/base.new.tar" "$work/base.tar"
}

# fresh name: a root of its own.
fresh() {
    rm -rf --one-file-system "${work:?}/$1"
    mkdir "$work/$1"
    tar --directory "$work/$1" --extract --file "$work/base.tar"
    cp /etc/resolv.conf "$work/$1/etc/"
    # Nothing starts while packages are installed.
    printf '#!/bin/sh\nexit 101\n' > "$work/$1/usr/sbin/policy-rc.d"
    chmod 755 "$work/$1/usr/sbin/policy-rc.d"
}

# within root script arguments…: runs a script of scripts/debian in namespaces that end with it. The script is given the
# root, and mounts what it needs.
within() {
    script=$1
    shift
    timeout --signal=KILL "$patience_s" unshare --mount --pid --uts --ipc --fork --kill-child \
        sh -eu "scripts/debian/$script" "$@"
}

# A group of processes of its own for the systemd of the root, in each hierarchy that there is.
hierarchies() {
    findmnt --noheadings --list --types cgroup,cgroup2 --output TARGET,OPTIONS \
        | awk '/cgroup2|\/unified/ || /name=systemd/ || NF && $1 == "/sys/fs/cgroup" { print $1 }'
}
cgroup=seatcast-check

boot() {
    hierarchies | while read -r hierarchy; do mkdir -p "$hierarchy/$cgroup"; done
    status=0
    timeout --signal=KILL "$patience_s" sh -eu scripts/debian/grouped.sh "$cgroup" \
        unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh -eu scripts/debian/boot.sh "$1" < /dev/null \
        > "$work/boot.log" 2>&1 || status=$?
    hierarchies | while read -r hierarchy; do
        find "$hierarchy/$cgroup" -depth -type d -exec rmdir {} \; 2> /dev/null || true
    done
    return "$status"
}

check_package() {
    say "Checking the unit"
    deb=$(scripts/package.sh "$binary")
    fresh package
    root=$work/package
    cp "$deb" "$root/seatcast.deb"
    say "Installing the package and what it recommends"
    within install.sh "$root" > "$work/install.log" 2>&1 || {
        tail -n 20 "$work/install.log" >&2
        fail "the package cannot be installed"
    }
    systemd-analyze --root "$root" verify seatcast.service
    systemd-analyze --root "$root" security --offline=true --threshold=20 seatcast.service > "$work/security.log" \
        || fail "the unit is less closed than it was: $work/security.log"
    say "Booting it: private Postgres, another one, purge"
    install -m 755 scripts/debian/check-package.sh "$root/check-package.sh"
    install -m 644 scripts/debian/check.service "$root/etc/systemd/system/check.service"
    boot "$root" || true
    cat "$root/check.log" || tail -n 30 "$work/boot.log"
    [ "$(tail -n 1 "$root/check.log")" = "all is well" ] || fail "the package does not do what it should"
}

check_image() {
    say "Carrying out the image's last stage, and running it as docker-compose.yml does"
    fresh image
    within install-image.sh "$work/image" "$binary" > "$work/image.log" 2>&1 || {
        tail -n 20 "$work/image.log" >&2
        fail "the image's steps fail"
    }
    timeout --signal=KILL "$patience_s" unshare --mount --pid --net --uts --ipc --fork --kill-child \
        sh -eu scripts/debian/check-image.sh "$work/image" || fail "the image does not serve"
}

make_base
check_image
check_package
rm -rf --one-file-system "$work/package" "$work/image"
say "Package and image are well"
