#!/bin/sh
# Shows the program at work on real Bitcoin blocks, and checks every answer.
#
#   sh docs/demo/blocks.sh PATH-OF-STELE
#
# The exit code is 0 if all answers are right.
set -eu
export LC_ALL=C

stele=${1:?usage: blocks.sh PATH-OF-STELE}
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

heading() { printf '\n== %s\n\n' "$*"; }
fail() {
	printf '\nFAIL: %s\n' "$*" >&2
	exit 1
}

heading "1. What can compute on this machine"
"$stele" devices
echo
echo "A kernel is one variant of the two hot loops, for one set of instructions. The"
echo "fastest for each kind of work were chosen by measuring them."

heading "2. Check 14132 real blocks, the first of Bitcoin"
echo "Heights 0 to 14131, January to May 2009: the headers, each against those before,"
echo "and the Merkle trees."
echo
# They are test data of a Go module, which the module system downloads once
# and checks against its public checksum.
module=github.com/btcsuite/btcd@v0.26.2
(cd "$tmp" && go mod download -json "$module") >"$tmp/module.json" || {
	cat "$tmp/module.json"
	fail "go mod download $module: the blocks come from the Go module proxy, is it reachable?"
}
folder=$(sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' "$tmp/module.json")
blocks=$folder/blockchain/testdata/blk_0_to_14131.dat
[ -r "$blocks" ] || fail "cannot read $blocks"
answer=$("$stele" verify blocks --params bitcoin "$blocks") || fail "a real block was called invalid, or the file could not be read: $answer"
printf '%s\n' "$answer"
case $answer in
*" 14132, 14132 valid"*) ;;
*) fail "14132 valid blocks were expected" ;;
esac

heading "3. Change one bit, and check them again"
# Byte 38377 belongs to the amount of the first payment, 10 BTC from Satoshi
# Nakamoto to Hal Finney in block 170.
echo "Block 170: the payment of 10.00000000 BTC becomes one of 20.73741824 BTC."
echo
cat "$blocks" >"$tmp/changed.dat"
printf '\173' | dd of="$tmp/changed.dat" bs=1 seek=38377 conv=notrunc 2>/dev/null
code=0
answer=$("$stele" verify blocks --params bitcoin "$tmp/changed.dat") || code=$?
printf '%s\n' "$answer"
[ "$code" = 1 ] || fail "exit code $code, expected 1 for an invalid block"
case $answer in
*" 14132, 14131 valid"*"height 170"*bad-merkle-root*) ;;
*) fail "exactly one invalid block was expected, that at height 170 with a bad Merkle root" ;;
esac

heading "4. Find the nonces of 11 real blocks again"
echo "Miners vary the nonce until the hash of the header is small enough. Here the"
echo "headers are without their nonces. Half of all 2^32 nonces are tried for the"
echo "genesis block, 50 million for each other block."
echo
while read -r height header count nonce hash; do
	case $height in '#'*) continue ;; esac
	answer=$("$stele" scan --header "$header" --count "$count") || fail "block $height: the scan did not end"
	found=$(printf '%s\n' "$answer" | sed '$d')
	printf 'block %5d  %s  %s\n' "$height" "$found" "$(printf '%s\n' "$answer" | sed -n '$s/.*, in //p')"
	# shellcheck disable=SC2116,SC2086 # the words of $found, with one space between them
	[ "$(echo $found)" = "$nonce $hash" ] || fail "block $height: expected nonce $nonce with hash $hash, and no other"
done <"$here/blocks.txt"
echo
echo "ok: each scan found the nonce of its block, and no other."

heading "5. How fast each kernel is, on one thread"
echo "About 10 seconds. The reference is a loop over Go's crypto/sha256."
echo
"$stele" bench --kernel all --threads 1 --duration 10s || fail "the benchmark"

printf '\nAll answers were right. README.md tells how to go on.\n'
