#!/bin/sh
# Installs a .deb into a clean Debian 12, computes there, and removes it again; then the
# same with an .rpm, where rpm is installed. It needs root and debootstrap:
#
#	packaging/deb/test.sh CACHE DEB [RPM]
#
# CACHE is a folder for the clean Debian, which is made by the first run.
set -eu
cache=$(realpath -m "$1") deb=$2 rpm=${3-}
for tool in debootstrap chroot; do
	command -v $tool >/dev/null || { echo "NOT RUN: the installation of packages, which needs $tool"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo 'NOT RUN: the installation of packages, which needs root'; exit 0; }

clean=$cache/debian-12
if ! [ -e "$clean/done" ]; then
	mkdir -p "$cache"
	rm -rf "$clean"
	debootstrap --variant=minbase --include=systemd,procps bookworm "$clean" >"$cache/debootstrap.log" || {
		tail -n 3 "$cache/debootstrap.log"
		echo 'NOT RUN: the installation of packages, for want of a Debian mirror'
		exit 0
	}
	touch "$clean/done"
fi

root=$(mktemp -d "$cache/root.XXXXXX")
trap 'rm -rf "$root"' EXIT
cp -a "$clean/." "$root"

fail() { echo "FAILED: $*"; exit 1; }
# inside runs a command in the system, with nothing of the environment.
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$root" "$@"; }
seconds() { date +%s.%N; }

# check checks an installed package: it hashes, and its parts are where they belong.
check() {
	inside stele --version
	# The header of Bitcoin's first block, and the nonce that it was mined with.
	inside stele scan --from 2083236000 --count 2000 --header 0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c |
		grep -q 2083236893 || fail 'stele scan does not find the nonce of the first block'
}

# parts checks what the package brings beside the program.
parts() {
	inside getent passwd stele >/dev/null || fail 'no user stele'
	[ "$(inside stat -c '%U:%G %a' /etc/stele)" = 'root:stele 750' ] || fail "/etc/stele is $(inside stat -c '%U:%G %a' /etc/stele)"
	for unit in stele-mine stele-node; do
		inside systemd-analyze verify --man=no /usr/lib/systemd/system/$unit.service || fail "$unit.service"
		[ "$(inside systemctl is-enabled $unit.service 2>&1)" = disabled ] || fail "$unit.service is enabled"
	done
}

cp "$deb" "$root/stele.deb"
begun=$(seconds)
inside dpkg -i /stele.deb
check
echo "from dpkg -i to the first hash found: $(echo "$(seconds) $begun" | awk '{ printf "%.1f", $1 - $2 }') s"
parts
inside dpkg --verify stele || fail 'dpkg --verify'
touch "$root/etc/stele/mine.toml"
inside dpkg -i /stele.deb >/dev/null || fail 'installed a second time'
inside dpkg -r stele
[ ! -e "$root/usr/bin/stele" ] && [ -e "$root/etc/stele/mine.toml" ] || fail 'removal leaves the program, or takes the configuration'

if [ -n "$rpm" ] && command -v rpm >/dev/null; then
	inside userdel stele 2>/dev/null || true
	rm "$root/etc/stele/mine.toml"
	rpm --root "$root" --nodeps -i "$rpm" # Debian has no list of what its libraries provide
	check
	parts
	rpm --root "$root" --nodeps -e stele
	[ ! -e "$root/usr/bin/stele" ] || fail 'removal of the .rpm leaves the program'
else
	echo 'NOT RUN: the installation of the .rpm, which needs rpm'
fi
echo 'the packages install, compute and are removed'
