// Command stele mines and validates SHA-256d proof of work on GPUs and CPUs, and runs
// a node of the ledger network. docs/cli.md describes its commands.
//
// Exit codes: 0 success, 1 something that was checked is wrong, 2 failed or incomplete.
package main

import (
	"os"

	"stele/cgo/cuda"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/commands"
)

// What "stele --version" prints of a release, set by the linker: -ldflags "-X
// main.version=v1.2.3 -X main.commit=HASH -X main.date=2026-01-31T12:00:00Z".
var version, commit, date string

func main() {
	build := cmdline.Build{Version: version, Commit: commit, Date: date, CUDA: cuda.Built}
	os.Exit(cmdline.Main(build, commands.All()...))
}
