#!/bin/sh
# Put Pointillist on an instrument: install.sh PREFIX SOURCE
# DESTDIR, if set, is a folder that stands for the root: a package is made there, and nothing of this system is touched.
#
#   PREFIX/lib/pointillist      its own Python environment
#   PREFIX/bin/pointillist      the command
#   /etc/pointillist            the instrument's configuration; what is there stays
#   units, users, udev rules    below /usr/lib where PREFIX is /usr, else below /etc
set -eu
prefix=$1
source=$2
root=${DESTDIR:-}
case $prefix in
/*) ;;
*) echo "pointillist: PREFIX has to begin with /, and is $prefix" >&2; exit 2 ;;
esac
if [ "$prefix" = /usr ]; then system=/usr/lib; else system=/etc; fi
home=$prefix/lib/pointillist
here=$source/tools/install

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
    echo "pointillist: installing needs root: sudo make install, or DESTDIR=folder make install" >&2
    exit 1
fi
mkdir -p "$root$prefix/lib" "$root$prefix/bin" "$root/etc/pointillist" \
    "$root$system/systemd/system" "$root$system/udev/rules.d" "$root$system/sysusers.d"

echo "Installing into $root$home ..."
sh "$source/tools/setup/prepare.sh" "$root$home"
"$root$home/bin/python" -m pip --disable-pip-version-check install --quiet \
    --constraint "$source/constraints.txt" --upgrade --force-reinstall --no-deps "$source"
"$root$home/bin/python" -m pip --disable-pip-version-check install --quiet --constraint "$source/constraints.txt" "$source"

# Scripts of the environment would name the folder that it was made in; the command below needs none of them.
printf '#!/bin/sh\nexec %s/bin/python -m edge.cli "$@"\n' "$home" >"$root$prefix/bin/pointillist"
chmod 755 "$root$prefix/bin/pointillist"
sed "s|@prefix@|$prefix|g" "$here/pointillist.service.in" >"$root$system/systemd/system/pointillist.service"
install -m 644 "$here/60-pointillist.rules" "$root$system/udev/rules.d/60-pointillist.rules"
install -m 644 "$here/pointillist.sysusers" "$root$system/sysusers.d/pointillist.conf"

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemd-sysusers
    udevadm control --reload
    systemctl daemon-reload
fi
cat <<END
Installed. Next, on the instrument:
  pointillist init /etc/pointillist/scan.yaml      write its configuration
  pointillist doctor /etc/pointillist/scan.yaml    look whether all is there
  systemctl enable --now pointillist               its page, whenever it is switched on
END
