#!/bin/sh
# Runs the program on real Bitcoin blocks, and checks every result.
#
#   sh docs/demo/blocks.sh PATH-OF-STELE
#
# The exit code is 0 if all results are right.
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

heading "1. List the devices of this machine"
"$stele" devices
echo
echo "A kernel is one variant of the two hot loops, for one instruction set. The program"
echo "has benchmarked the kernels and picked the fastest for each kind of work."

heading "2. Check 14132 real blocks, the first of Bitcoin"
echo "Heights 0 to 14131, January to May 2009: each header, with those before it, and"
echo "the Merkle trees."
echo
# They are test data of a Go module. The go command downloads the module once and
# compares it with its public checksum.
module=github.com/btcsuite/btcd@v0.26.2
(cd "$tmp" && go mod download -json "$module") >"$tmp/module.json" || {
	cat "$tmp/module.json"
	fail "go mod download $module: cannot download the blocks from the Go module proxy; is it reachable?"
}
folder=$(sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' "$tmp/module.json")
blocks=$folder/blockchain/testdata/blk_0_to_14131.dat
[ -r "$blocks" ] || fail "cannot read $blocks"
answer=$("$stele" verify blocks --params bitcoin "$blocks") || fail "stele verify: a real block is invalid, or the file cannot be read: $answer"
printf '%s\n' "$answer"
case $answer in
*" 14132, 14132 valid"*) ;;
*) fail "expected 14132 valid blocks" ;;
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
*) fail "expected exactly one invalid block, at height 170, with a bad Merkle root" ;;
esac

heading "4. Find the nonces of 11 real blocks again"
echo "Miners vary the nonce until the hash of the header meets the target. These headers"
echo "come without their nonces. The scan tries half of all 2^32 nonces for the genesis"
echo "block, and 50 million for each other block."
echo
while read -r height header count nonce hash; do
	case $height in '#'*) continue ;; esac
	answer=$("$stele" scan --header "$header" --count "$count") || fail "block $height: the scan failed"
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
"$stele" bench --kernel all --threads 1 --duration 10s || fail "stele bench"

printf '\nAll results are right. README.md has the next steps.\n'
