#!/bin/sh
# Boots Debian's systemd as process 1 of private namespaces, in the network namespace of the caller.
#
#   boot.sh ROOT CGROUP
#
# ROOT is a folder with a Debian, which stays as it is: what is written there is in memory, and goes with the
# machine. CGROUP is the name of a control group that is made for it.
set -e

if [ "$1" != inside ]; then
    mount --make-rprivate /
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/cgroup /mnt/upper /mnt/work /mnt/root
    mount -t cgroup2 cgroup2 /mnt/cgroup
    mkdir "/mnt/cgroup/$2"
    echo $$ >"/mnt/cgroup/$2/cgroup.procs"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
    exec unshare --fork --pid --kill-child --mount --cgroup --uts --ipc --mount-proc "$0" inside
fi

cd /mnt/root
# Before anything else: systemd clears these, and they must not be the machine's.
for folder in run tmp var/tmp; do
    mount -t tmpfs -o mode=755 tmpfs "$folder"
done
chmod 1777 tmp var/tmp
mount -t proc proc proc
# Settings of the machine that is tested on are not this one's to change.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir .before
pivot_root . .before
umount -l /.before
rmdir /.before
exec env -i container=dnsflow PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=0
