// Package commands lists the commands of stele: the program runs them, and manual
// pages and completions are made from their definitions.
package commands

import (
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/account"
	"stele/cmd/stele/bench"
	"stele/cmd/stele/casefile"
	"stele/cmd/stele/credit"
	"stele/cmd/stele/devices"
	"stele/cmd/stele/doctor"
	"stele/cmd/stele/export"
	"stele/cmd/stele/inbox"
	"stele/cmd/stele/key"
	"stele/cmd/stele/lab"
	"stele/cmd/stele/match"
	"stele/cmd/stele/mine"
	"stele/cmd/stele/node"
	"stele/cmd/stele/recipient"
	"stele/cmd/stele/record"
	"stele/cmd/stele/scan"
	"stele/cmd/stele/supervision"
	"stele/cmd/stele/verify"
)

// All returns the commands in the order of the help. Every call makes new ones, since
// an application changes its commands.
func All() []*cli.Command {
	return []*cli.Command{
		devices.Command(), scan.Command(), verify.Command(), bench.Command(), doctor.Command(),
		key.Command(), record.Command(), casefile.Command(), inbox.Command(), account.Command(), recipient.Command(),
		mine.Command(), node.Command(), credit.Command(), match.Command(), supervision.Command(), export.Command(), lab.Command(),
	}
}
