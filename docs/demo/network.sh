#!/bin/sh
# Runs three nodes that share a chain, cuts one of them off for a while, and shows that
# all agree again. It takes less than a minute. The exit code is 0 if the nodes agree and
# everything that they have stored is good.
#
#   sh docs/demo/network.sh PATH-OF-STELE
set -eu

stele=${1:?usage: network.sh PATH-OF-STELE}
dir=$(mktemp -d "${TMPDIR:-/tmp}/stele-network.XXXXXX")
running=
cleanup() {
	# shellcheck disable=SC2086 # a list
	[ -z "$running" ] || kill $running 2>/dev/null || :
	wait
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
fail() {
	printf '\nFAIL: %s\n' "$*" >&2
	exit 1
}

# start NAME FLAGS... starts a node, and waits until its API answers.
start() {
	name=$1
	shift
	rm -f "$dir/$name.log"
	"$stele" node --dev --data "$dir/$name" --api 127.0.0.1:0 --threads 1 --plain "$@" >"$dir/$name.out" 2>"$dir/$name.log" &
	eval "pid_$name=$!"
	running="$running $!"
	logged "$name" 'msg="node started".* api='
}

# logged NAME TEXT waits until a node has logged a text, and prints the word after it.
logged() {
	for _ in $(seq 100); do # ten seconds
		word=$(sed -n "s/.*$2\([^ ]*\).*/\1/p" "$dir/$1.log" 2>/dev/null | head -n 1)
		[ -z "$word" ] || return 0
		sleep 0.1
	done
	cat "$dir/$1.log" >&2
	fail "node $1 did not log $2"
}

# stop NAME... stops nodes.
stop() {
	for name; do
		eval "pid=\$pid_$name"
		kill -INT "$pid"
		wait "$pid" || fail "node $name: $(cat "$dir/$name.log")"
	done
}

# show NAME... prints the last status line of each node, shortened. It is up to five
# seconds old.
show() {
	for name; do
		printf '  %s  %s\n' "$name" "$(grep '^height' "$dir/$name.out" | tail -n 1 | sed 's/  age.*  \(peers [0-9]*\).*/  \1/; s/  age.*//')"
	done
}

# tip NAME prints height and hash of the last block that a stopped node has stored.
tip() {
	"$stele" node check --data "$dir/$1" --json >"$dir/$1.json" || fail "the store of node $1 is not good"
	sed 's/.*"height":\([0-9]*\),"tip":"\([0-9a-f]*\)".*/\1 \2/' "$dir/$1.json"
}

printf '== Three nodes: a and c mine, b connects them\n\n'
start b --traffic 0 --listen 127.0.0.1:0
logged b 'msg="listening for peers" addr='
b=$word
start a --mine --traffic 20 --peer "$b"
start c --mine --peer "$b"
sleep 11
show a b c

printf '\n== Node c is cut off: two branches grow\n\n'
stop c
start c --mine --max-peers 0
sleep 11
show a b c

printf '\n== Node c is back: the branch with more work wins\n\n'
stop c
start c --peer "$b"
api=$word
sleep 11
show a b c
printf '\n'
"$stele" node peers --api "$api"

printf '\n== All nodes stop: they have the same chain, checked again\n\n'
stop a
sleep 2
stop c b
for name in a b c; do printf '  %s  %s\n' "$name" "$(tip "$name")"; done
[ "$(tip b)" = "$(tip c)" ] || fail "nodes b and c differ"
running=
printf '\ngood\n'
