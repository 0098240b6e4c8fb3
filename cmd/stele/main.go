// Command stele mines and validates SHA-256d proof of work on GPUs and CPUs, and runs
// a node of the ledger network. docs/cli.md describes its commands.
//
// Exit codes: 0 success, 1 something that was checked is wrong, 2 failed or incomplete.
package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/account"
	"stele/cmd/stele/bench"
	"stele/cmd/stele/casefile"
	"stele/cmd/stele/credit"
	"stele/cmd/stele/devices"
	"stele/cmd/stele/doctor"
	"stele/cmd/stele/export"
	"stele/cmd/stele/inbox"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/key"
	"stele/cmd/stele/lab"
	"stele/cmd/stele/match"
	"stele/cmd/stele/mine"
	"stele/cmd/stele/node"
	"stele/cmd/stele/recipient"
	"stele/cmd/stele/record"
	"stele/cmd/stele/scan"
	"stele/cmd/stele/verify"
)

// version is the version of a release, set by the linker:
// -ldflags "-X main.version=v1.2.3".
var version string

func main() { os.Exit(cmdline.Main(version, commands()...)) }

// commands returns the commands in the order of the help.
func commands() []*cli.Command {
	return []*cli.Command{
		devices.Command(), scan.Command(), verify.Command(), bench.Command(), doctor.Command(),
		key.Command(), record.Command(), casefile.Command(), inbox.Command(), account.Command(), recipient.Command(),
		mine.Command(), node.Command(), credit.Command(), match.Command(), export.Command(), lab.Command(),
	}
}
