#!/bin/sh
# scripts/package.sh [binary]: makes package/seatcast_<version>_<architecture>.deb, beside what cargo builds, of a binary,
# which is built for release if none is named. Prints the package's path.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

has dpkg-deb || fail "dpkg-deb is missing: Debian's packages are made on Debian or Ubuntu"
binary=${1:-}
if [ -z "$binary" ]; then
    scripts/web.sh >&2
    cargo build --release --locked --quiet --bin seatcast
    binary=$cargo_target/release/seatcast
fi

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
package=$cargo_target/package
root=$package/root
rm -rf "$root"
mkdir -p "$root/DEBIAN"

# put mode file folder: where a file goes.
put() {
    install -D -m "$1" "$2" "$root/$3/$(basename "$2")"
}
# Whatever the given file is called.
install -D -m 755 "$binary" "$root/usr/bin/seatcast"
if has strip; then
    strip "$root/usr/bin/seatcast"
fi
put 644 ops/debian/seatcast.service usr/lib/systemd/system
# It may hold the database's password.
put 640 ops/debian/seatcast.env etc/seatcast
chmod 750 "$root/etc/seatcast"
documents=usr/share/doc/seatcast
for file in docs/*.md README.md ARCHITECTURE.md CHANGELOG.md SECURITY.md LICENSE-* ops/debian/copyright; do
    put 644 "$file" "$documents"
done
for file in sql/roles.sql sql/erase.sql sql/README.md; do
    put 644 "$file" "$documents/examples/sql"
done
for file in ops/proxy/* ops/prometheus/alerts.yml ops/prometheus/prometheus.yml ops/grafana/dashboards/*; do
    put 644 "$file" "$documents/examples/$(basename "$(dirname "$file")")"
done

# The C library whose symbols it needs, and none else.
glibc=$(objdump -T "$root/usr/bin/seatcast" | sed -n 's/.*(\?GLIBC_\([0-9.]*\)).*/\1/p' | sort -V | tail -n 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" \
    -e "s/@LIBRARIES@/libc6 (>= ${glibc:-2.36}), libgcc-s1/" -e "s/@KIBIBYTES@/$(du -sk "$root" | cut -f 1)/" \
    ops/debian/control > "$root/DEBIAN/control"
echo /etc/seatcast/seatcast.env > "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "ops/debian/$script" "$root/DEBIAN/$script"
done
deb=$package/seatcast_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zzstd -z6 --build "$root" "$deb" > /dev/null
echo "$deb"
