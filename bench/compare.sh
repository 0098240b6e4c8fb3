#!/bin/sh
# Compares the Go benchmarks of a package at a commit with those of the working
# tree. The two run interleaved (old new, new old, ...), so that a machine that
# gets slower in the course of the run slows both. benchstat prints the medians,
# their 95 % intervals, and the change where it is not chance.
#
# Usage: REF=COMMIT PKG=FOLDER bench/compare.sh
#
#	REF        the commit to compare with
#	PKG        the folder of the package, such as ./engine/pow
#	OLDPKG     the folder at REF, if it had another name there
#	BENCH      a pattern of benchmarks (.)
#	COUNT      runs of each side (10); fewer than 6 cannot show a change
#	BENCHTIME  the time of each benchmark in a run (as of go test, 1s)
#
# The commit is checked out in a temporary worktree, which is removed again.
set -eu

: "${REF:?must be a commit, as in make bench-compare REF=main PKG=./engine/pow}"
: "${PKG:?must be the folder of a package, as in PKG=./engine/pow}"
: "${OLDPKG:=$PKG}" "${BENCH:=.}" "${COUNT:=10}" "${BENCHTIME:=1s}" "${GO:=go}"
export CGO_ENABLED="${CGO_ENABLED:-0}"

cd "$(git rev-parse --show-toplevel)"
commit=$(git rev-parse --verify --quiet "$REF^{commit}") || {
	echo "bench-compare: unknown commit $REF" >&2
	exit 1
}
benchstat=$($GO tool -n benchstat)

tmp=$(mktemp -d)
trap 'git worktree remove --force "$tmp/tree" 2>/dev/null || true; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
git worktree add --quiet --detach "$tmp/tree" "$commit"

# build SIDE TREE FOLDER
build() {
	(cd "$2" && $GO test -c -o "$tmp/$1.test" "$3")
	[ -x "$tmp/$1.test" ] || {
		echo "bench-compare: $3 has no tests ($1)" >&2
		exit 1
	}
}
build old "$tmp/tree" "$OLDPKG"
build new . "$PKG"

# measure SIDE TREE FOLDER
measure() {
	(cd "$2/$3" && "$tmp/$1.test" -test.run '^$' -test.bench "$BENCH" -test.benchtime "$BENCHTIME" -test.benchmem) >>"$tmp/$1.txt"
}
run=0
while [ "$run" -lt "$COUNT" ]; do
	run=$((run + 1))
	echo "bench-compare: run $run of $COUNT" >&2
	if [ $((run % 2)) = 1 ]; then
		measure old "$tmp/tree" "$OLDPKG"
		measure new . "$PKG"
	else
		measure new . "$PKG"
		measure old "$tmp/tree" "$OLDPKG"
	fi
done
grep -q '^Benchmark' "$tmp/old.txt" && grep -q '^Benchmark' "$tmp/new.txt" || {
	echo "bench-compare: no benchmark matches $BENCH on both sides" >&2
	exit 1
}
# benchstat makes a table for each package: a package that moved is still one.
sed -i.before '/^pkg: /d' "$tmp/old.txt" "$tmp/new.txt"
"$benchstat" "$REF=$tmp/old.txt" "working tree=$tmp/new.txt"
