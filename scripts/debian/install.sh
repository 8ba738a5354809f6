# shellcheck shell=sh
# install.sh root: installs /seatcast.deb of the root with what it recommends.
root=$1
. scripts/debian/mounts.sh
chroot "$root" apt-get update --quiet
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install --yes --quiet /seatcast.deb
rm "$root/usr/sbin/policy-rc.d"
