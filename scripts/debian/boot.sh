# shellcheck shell=sh
# boot.sh root: becomes the systemd of the root. There is no network but the loopback of its own.
root=$1
. scripts/debian/mounts.sh
mount -t sysfs -o ro sysfs "$root/sys"
if [ -d /sys/fs/cgroup/unified ]; then
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    mkdir "$root/sys/fs/cgroup/unified" "$root/sys/fs/cgroup/systemd"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
    mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
else
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
fi
ip link set lo up
cd "$root" || exit
mkdir -p .old
pivot_root . .old
umount --lazy /.old
exec env -i container=seatcast PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init --unit=check.service
