#!/bin/sh
# Runs a command with the environment in which gorgonia.org/cu compiles without a
# CUDA toolkit: cgo/cuda/env.sh go build -tags cuda ./cmd/stele
#
# The flags of the compiler are part of the key of Go's cache for cgo. So they name
# a copy of include/ and lib/ beside that cache, by its contents: all clones share
# the compiled packages, and a changed cuda.h causes a new compilation.
set -eu
here=$(dirname "$0")
copy=$(${GO:-go} env GOCACHE)/stele-cuda-$(cat "$here/include/cuda.h" "$here/lib/libcuda.a" | cksum | tr ' ' -)
if ! [ -d "$copy" ]; then
	mkdir -p "${copy%/*}"
	part=$(mktemp -d "$copy.XXXXXX")
	cp -R "$here/include" "$here/lib" "$part"
	mv -T "$part" "$copy" 2>/dev/null || rm -rf "$part" # another clone has made it
fi
# Before glibc 2.34 the functions of glibc.c are in these libraries. Newer versions
# have empty ones, and other C libraries have none.
old=
if [ -e "$($(${GO:-go} env CC) -print-file-name=libpthread.so.0)" ]; then
	old=" -Wl,--push-state,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2 -l:libresolv.so.2 -Wl,--pop-state"
fi
export CGO_ENABLED=1
export CGO_CFLAGS="-O2 -g -Wno-deprecated-declarations '-I$copy/include'"
export CGO_LDFLAGS="-O2 -g -Wl,-z,lazy '-L$copy/lib'$old"
exec "$@"
