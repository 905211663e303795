#!/bin/sh
# First thing at boot: filesystems, and an ssh host key that the console shows.
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
ip link set lo up
hostname instance

key=/etc/dropbear/hostkey
if [ ! -s $key ]; then
    dropbearkey -t ed25519 -f $key.new >/dev/null 2>&1 && mv $key.new $key
    sync
fi
# the two blocks that EC2 images print, so that a client can know the host before it connects
shown=$(dropbearkey -y -f $key)
public=$(echo "$shown" | grep '^ssh-' | cut -d ' ' -f 1,2)
print=$(echo "$public" | cut -d ' ' -f 2 | base64 -d | sha256sum | cut -c 1-64 |
    tr -d '\n' | sed 's/../\\x&/g' | xargs -0 printf | base64 | tr -d '=')
{
    echo '-----BEGIN SSH HOST KEY FINGERPRINTS-----'
    echo "256 SHA256:$print root@instance (ED25519)"
    echo '-----END SSH HOST KEY FINGERPRINTS-----'
    echo '-----BEGIN SSH HOST KEY KEYS-----'
    echo "$public root@instance"
    echo '-----END SSH HOST KEY KEYS-----'
} >/dev/console
