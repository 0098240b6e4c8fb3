#!/bin/sh
# Builds the packages of the newest commit twice, in clones of the repository in two
# folders, and compares them: packaging/dist/reproduce.sh [-full] [BUILD...]
#
# With -full the second clone has also a cache of its own, so that nothing that the first
# compiled is used again.
set -eu
full=
if [ "${1-}" = -full ]; then full=1; shift; fi
builds=$*
source=$(cd "$(dirname "$0")/../.." && pwd)
commit=$(git -C "$source" rev-parse HEAD)
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT

make_in() {
	git clone -q --no-checkout "$source" "$1"
	git -C "$1" -c advice.detachedHead=false checkout -q "$commit"
	make -C "$1" --no-print-directory dist ${builds:+DIST_BUILDS="$builds"} >"$1.log" 2>&1 || { tail -n 20 "$1.log"; exit 1; }
}
make_in "$tmp/one"
mkdir -p "$tmp/a/folder/with a longer name"
[ -z "$full" ] || export GOCACHE="$tmp/cache"
umask 077
export TZ=Pacific/Auckland LC_ALL=C
make_in "$tmp/a/folder/with a longer name/two"
diff -r "$tmp/one/dist" "$tmp/a/folder/with a longer name/two/dist" || { echo 'FAILED: two builds of one commit differ'; exit 1; }
cat "$tmp/one/dist/SHA256SUMS"
echo 'two builds in two folders are the same'
