#!/bin/sh
# Runs a node that generates records, mines them into blocks, and adjusts its
# difficulty. The chain is in a new folder.
#
#   sh docs/demo/node.sh PATH-OF-STELE
#
# On a terminal the node runs until Ctrl-C. Elsewhere, or with a duration in RUN_FOR
# (such as 20s), it stops by itself; the script starts it once more, and the node
# continues its chain. At the end the script checks everything that is stored. The
# exit code is 0 if it is good.
set -eu

stele=${1:?usage: node.sh PATH-OF-STELE}
dir=$(mktemp -d "${TMPDIR:-/tmp}/stele-run.XXXXXX")

node() { "$stele" node --dev --mine --data "$dir" --api 127.0.0.1:0 "$@"; }
fail() {
	printf '\nFAIL: %s\n' "$*" >&2
	exit 1
}

if [ -t 1 ] && [ -z "${RUN_FOR:-}" ]; then
	# With job control (-m) the node has the terminal to itself: Ctrl-C stops the
	# node properly, but does not reach make, which would report a failure. Without
	# a controlling terminal this script gets the signal too. Ctrl-Z does nothing.
	trap : INT
	trap '' TSTP
	set -m
	node || fail "stele node"
	set +m
	trap - INT TSTP
	printf '\n== Everything that is stored, checked again\n\n'
	"$stele" node check --data "$dir" || fail "stele node check"
	printf '\nContinue this chain with\n\n'
	printf '  %s node --dev --mine --data %s\n\n' "$stele" "$dir"
	printf 'make demo-network shows several nodes.\n'
	exit 0
fi

trap 'rm -rf "$dir"' EXIT
# started FILE and stopped FILE print the heights at which a node started and stopped.
started() { sed -n '1s/^height \([0-9]*\) .*/\1/p' "$1"; }
stopped() { sed -n 's/^stopped at height \([0-9]*\);.*/\1/p' "$1"; }

printf '== Run a node for %s\n\n' "${RUN_FOR:=20s}"
node --for "$RUN_FOR" >"$dir.out" || fail "stele node"
cat "$dir.out"
first=$(stopped "$dir.out")
[ "$first" -gt 0 ] || fail "the node mined no block"

printf '\n== Start it once more, for two blocks\n\n'
node --for 10m --blocks 2 >"$dir.out" || fail "stele node"
cat "$dir.out"
[ "$(started "$dir.out")" -ge "$first" ] || fail "the node did not continue at height $first"
[ "$(stopped "$dir.out")" -ge $((first + 2)) ] || fail "the node mined no further blocks"
rm "$dir.out"

printf '\n== Everything that is stored, checked again\n\n'
"$stele" node check --data "$dir" || fail "stele node check"
