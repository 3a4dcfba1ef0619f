#!/bin/sh
# Installs the Debian packages that `make bench` needs, those that are missing
# only: the peers that bulkhead is measured beside, and a C compiler for the
# workers. Works as root or through sudo; other systems are told the list.
#
# usage: install-bench-deps.sh
set -eu

packages="gcc libc6-dev procps supervisor s6 runit monit"

if ! command -v dpkg-query >/dev/null; then
	echo "not a Debian system, nothing installed; the bench needs:" $packages >&2
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
# RUNLEVEL=1 keeps the packages from starting a supervisor and a monit of their
# own; without its recommendations runit brings programs only, and no init.
install() {
	$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends $missing
}
echo "installing:$missing"
if ! install; then
	# No package lists yet, or lists older than the mirror.
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
	install
fi
