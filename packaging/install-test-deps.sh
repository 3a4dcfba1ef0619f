#!/bin/sh
# Installs the Debian packages that `make test` needs, those that are missing
# only. Works as root or through sudo; other systems are told the list.
#
# usage: install-test-deps.sh
set -eu

# gcc for the race detector; the framework and Redis for the workers' tests;
# supervisor, which bulkhead is compared with, and what its listeners call; unzip for replays.
packages="ca-certificates gcc libc6-dev supervisor procps unzip
	php-cli php-redis redis-server
	php-illuminate-bus php-illuminate-cache php-illuminate-config php-illuminate-console
	php-illuminate-events php-illuminate-queue php-illuminate-redis"
# The virtual machine, the systemd that it boots, and the bus of that.
packages="$packages qemu-system-x86 systemd dbus"
# A package of its own from Debian 13 on, before that part of qemu's.
if [ -n "$(apt-cache pkgnames virtiofsd 2>/dev/null | grep -x virtiofsd)" ]; then
	packages="$packages virtiofsd"
fi

if ! command -v dpkg-query >/dev/null; then
	echo "not a Debian system, nothing installed; the tests need:" $packages >&2
	exit 0
fi

missing=
for p in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "cannot install as $(id -un) without sudo; missing:$missing" >&2; exit 1; }
	sudo=sudo
fi
# RUNLEVEL=1 keeps the package from starting a Redis server of its own.
install() {
	$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends $missing
}
echo "installing:$missing"
if ! install; then
	# No package lists yet, or lists older than the mirror.
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
	install
fi
