// Package record is the command "stele record", which creates, signs, shows, checks and
// submits records, and exports bundles of evidence.
package record

import (
	"github.com/urfave/cli/v2"
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "record",
		Usage: "create, sign, show, check and submit records",
		Description: "A record is created, signed by one or more parties, and submitted to a node:\n\n" +
			"  stele key new alice\n" +
			"  stele record new --key alice --to KEY --amount 1.5 -o pay.json\n" +
			"  stele record sign pay.json --key alice\n" +
			"  stele record submit pay.json --wait\n\n" +
			"FILE is a record as JSON, hex or binary; - is standard input.",
		Subcommands: []*cli.Command{newCommand(), signCommand(), showCommand(), checkCommand(), submitCommand(), bundleCommand()},
	}
}

// outFlag returns the flag -o.
func outFlag() cli.Flag {
	return &cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "write the record to `FILE` and print a summary, instead of printing the record"}
}

// networkFlag returns the flag --network.
func networkFlag(usage, otherwise string) cli.Flag {
	return &cli.StringFlag{Name: "network", Usage: usage, DefaultText: otherwise}
}

// idFlag returns the flag --id.
func idFlag() cli.Flag {
	return &cli.BoolFlag{Name: "id", Usage: "print only the ID of the record"}
}

// submitFlag returns the flag --submit of a command that signs.
func submitFlag() cli.Flag {
	return &cli.BoolFlag{Name: "submit", Usage: "then submit the record to the node at --api, and wait until it is in the chain"}
}
