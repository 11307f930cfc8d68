#!/bin/sh
# Take away what install.sh has put there: uninstall.sh PREFIX. Configuration and recordings stay.
set -eu
prefix=$1
root=${DESTDIR:-}
if [ "$prefix" = /usr ]; then system=/usr/lib; else system=/etc; fi
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now pointillist 2>/dev/null || true
fi
rm -rf "$root$prefix/lib/pointillist"
rm -f "$root$prefix/bin/pointillist" "$root$system/systemd/system/pointillist.service" \
    "$root$system/udev/rules.d/60-pointillist.rules" "$root$system/sysusers.d/pointillist.conf"
echo "Removed. /etc/pointillist and /var/lib/pointillist stay: configuration and recordings are yours"
