#!/bin/sh
# Shows a node at work: it makes records, mines them into blocks, and adjusts its
# difficulty. The chain is in a new folder.
#
#   sh docs/demo/node.sh PATH-OF-STELE
#
# On a terminal the node runs until Ctrl-C. Elsewhere, and if RUN_FOR says for
# how long (as 20s), it ends by itself, is started once more, and goes on. In the
# end all that it has stored is checked; the exit code is 0 if it is good.
set -eu

stele=${1:?usage: node.sh PATH-OF-STELE}
dir=$(mktemp -d "${TMPDIR:-/tmp}/stele-run.XXXXXX")

node() { "$stele" node --dev --mine --data "$dir" --api 127.0.0.1:0 "$@"; }
fail() {
	printf '\nFAIL: %s\n' "$*" >&2
	exit 1
}

if [ -t 1 ] && [ -z "${RUN_FOR:-}" ]; then
	# With job control (-m) the node has the terminal to itself: Ctrl-C ends the
	# node, in its own way, but not make, which would call it a failure. Without
	# a terminal to control the signal comes here too. Ctrl-Z does nothing.
	trap : INT
	trap '' TSTP
	set -m
	node || fail "the node"
	set +m
	trap - INT TSTP
	printf '\n== Everything that is stored, checked again\n\n'
	"$stele" node check --data "$dir" || fail "the check"
	printf '\nThe node goes on where it was with\n\n'
	printf '  %s node --dev --mine --data %s\n' "$stele" "$dir"
	exit 0
fi

trap 'rm -rf "$dir"' EXIT
# started FILE and stopped FILE: the heights at which a node began and ended.
started() { sed -n '1s/^height \([0-9]*\) .*/\1/p' "$1"; }
stopped() { sed -n 's/^stopped at height \([0-9]*\);.*/\1/p' "$1"; }

printf '== A node for %s\n\n' "${RUN_FOR:=20s}"
node --for "$RUN_FOR" >"$dir.out" || fail "the node"
cat "$dir.out"
first=$(stopped "$dir.out")
[ "$first" -gt 0 ] || fail "no block was mined"

printf '\n== Started once more, until two blocks later\n\n'
node --for 10m --blocks 2 >"$dir.out" || fail "the node"
cat "$dir.out"
[ "$(started "$dir.out")" -ge "$first" ] || fail "the node did not go on at height $first"
[ "$(stopped "$dir.out")" -ge $((first + 2)) ] || fail "no further blocks were mined"
rm "$dir.out"

printf '\n== Everything that is stored, checked again\n\n'
"$stele" node check --data "$dir" || fail "the check"
