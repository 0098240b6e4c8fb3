#!/bin/sh
# Runs three nodes of one network. Two of them mine, the third connects them. It is
# killed, and the chain splits; it starts again, and all nodes agree on the branch with
# more work. In the end everything that they have stored is checked. It takes less than a
# minute, and leaves nothing behind.
#
#   sh docs/demo/network.sh PATH-OF-STELE
#
# The exit code is 0 if all nodes have the same chain and everything stored is good.
set -eu
export LC_ALL=C

stele=${1:?usage: network.sh PATH-OF-STELE}
dir=$(mktemp -d "${TMPDIR:-/tmp}/stele-network.XXXXXX")
start=$(date +%s)
pid_a='' pid_b='' pid_c=''

cleanup() {
	# shellcheck disable=SC2086 # a list
	kill $pid_a $pid_b $pid_c 2>/dev/null || :
	wait
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

heading() { printf '\n== %s\n\n' "$*"; }
fail() {
	for name in a b c; do sed "s/^/$name  /" "$dir/$name.log" 2>/dev/null | tail -n 5; done >&2
	printf '\nFAIL: %s\n' "$*" >&2
	exit 1
}

# wait_for SECONDS COMMAND... waits until a command succeeds.
wait_for() {
	end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# run NAME FLAGS... starts a node, and waits until its API answers. All nodes use free
# ports. The node b keeps the one that the others know.
run() {
	name=$1
	shift
	rm -f "$dir/$name.log" # of an earlier start
	"$stele" node --dev --data "$dir/$name" --api 127.0.0.1:0 --plain "$@" >"$dir/$name.out" 2>"$dir/$name.log" &
	eval "pid_$name=$!"
	wait_for 10 logged "$name" api || fail "node $name does not start"
	eval "api_$name=$word"
}
miner() { run "$@" --peer "$b" --mine --device cpu --threads 1; }

# logged NAME KEY sets word to the first value of a key in the log of a node.
logged() {
	word=$(sed -n "s/.* $2=\([^ ]*\).*/\1/p" "$dir/$1.log" 2>/dev/null | head -n 1)
	[ -n "$word" ]
}

# stop NAME... stops nodes.
stop() {
	for name; do
		eval "kill \$pid_$name; wait \$pid_$name" || fail "node $name failed"
		eval "pid_$name="
	done
}

# look gets the height and the tip of each node; - if it does not run.
look() {
	for name in a b c; do
		eval "pid=\$pid_$name api=\$api_$name"
		height=- tip=-
		if [ -n "$pid" ]; then
			sync=$("$stele" node peers --json --api "http://$api" | sed 's/.*"sync":{\([^}]*\)}.*/\1/')
			height=$(printf %s "$sync" | sed 's/.*"height":\([0-9]*\).*/\1/')
			tip=$(printf %s "$sync" | sed 's/.*"tip":"\([0-9a-f]*\)".*/\1/')
			[ ${#tip} = 64 ] || fail "node $name does not answer"
		fi
		eval "height_$name=\$height tip_$name=\$tip"
	done
}
agree() { look && [ "$tip_a" = "$tip_b" ] && [ "$tip_b" = "$tip_c" ]; }

# row TEXT prints a line of the table.
row() {
	printf '%4ds ' $(($(date +%s) - start))
	for name in a b c; do
		eval "height=\$height_$name tip=\$tip_$name"
		short=..$(printf %s "$tip" | tail -c 8)
		[ "$tip" != - ] || short=
		printf '  %s %4s %-10s' "$name" "$height" "$short"
	done
	printf '  %s\n' "$1"
}

heading "Three nodes: a and c mine, b connects them"
run b --listen 127.0.0.1:0 --traffic 0
logged b addr
b=$word
miner a --traffic 20
miner c
echo "time    height and tip of each node"
for _ in 1 2 3 4 5; do
	sleep 2
	if agree; then row "one chain"; else row "blocks are on their way"; fi
done
wait_for 10 agree || fail "the nodes do not agree"

heading "Node b is killed: nothing connects a and c, and two branches grow"
kill -9 "$pid_b"
wait "$pid_b" 2>/dev/null || :
pid_b=
fork=$height_a
for name in a c; do eval "lines_$name=$(wc -l <"$dir/$name.log")"; done
apart() { [ "$height_a" -ge $((fork + 3)) ] && [ "$height_c" -ge $((fork + 3)) ]; }
for _ in 1 2 3 4 5 6 7 8; do
	sleep 2
	look
	if [ "$tip_a" = "$tip_c" ]; then row "no new block yet"; else row "two branches"; fi
	! apart || break
done

blocks() { if [ "$1" = 1 ]; then echo "1 block"; else echo "$1 blocks"; fi; }
heading "Node b is back: the branch with more work wins"
run b --listen "$b" --traffic 0
back=$(date +%s)
while ! agree; do
	row "not yet"
	[ $(($(date +%s) - back)) -lt 20 ] || fail "the nodes do not agree"
	sleep 1
done
row "one chain, $(($(date +%s) - back)) s after the start of b"
for name in a c; do
	eval "lines=\$lines_$name"
	sed -n "1,${lines}d;"'s/.*reorganisation"* depth=\([0-9]*\).* connected=\([0-9]*\).*/\1 \2/p' "$dir/$name.log" | while read -r depth connected; do
		echo "       node $name replaced its last $(blocks "$depth") by $(blocks "$connected") of the other branch"
	done
done

heading "The peers of node b"
"$stele" node peers --api "http://$api_b" | sed -n '/^PEER/,/^$/p'

heading "Mining ends: all nodes have the same chain, and everything stored is checked again"
stop a c
run a --peer "$b" --traffic 0
run c --peer "$b" --traffic 0
wait_for 20 agree || fail "the nodes do not agree"
stop a c b
for name in a b c; do
	"$stele" node check --data "$dir/$name" --json >"$dir/$name.json" || fail "the store of node $name is not good"
	sed "s/.*\"height\":\([0-9]*\),\"tip\":\"\([0-9a-f]*\)\".*\"records\":\([0-9]*\).*/  $name  height \1  \2  \3 records  good/" "$dir/$name.json"
done
[ "$(sed 's/.*"tip":"\([0-9a-f]*\)".*/\1/' "$dir/a.json" "$dir/b.json" "$dir/c.json" | sort -u | wc -l)" = 1 ] || fail "the stored chains differ"
