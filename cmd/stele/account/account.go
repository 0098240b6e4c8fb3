// Package account is the command "stele account", which shows the account of a key.
package account

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/api"
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "account",
		Usage:     "show the balance, the roles and the sequence number of a key",
		ArgsUsage: "KEY",
		Description: "KEY is 72 hex digits, or a name from \"stele key list\". A key that never did anything\n" +
			"has an empty account.\n\n" +
			"  stele account alice\n" +
			"  stele account alice --at 1200",
		Flags:  []cli.Flag{nodeclient.AtFlag(), nodeclient.Flag("ask the node API at `URL`"), keyring.Flag(), cmdline.JSONFlag()},
		Action: run,
	}
}

func run(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("%d keys given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return err
	}
	key, err := keyring.PublicKey(folder, c.Args().First())
	if err != nil {
		return err
	}
	node, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer node.Close()
	var a api.Account
	if err := node.Get(c.Context, nodeclient.AsOf(c, "/v1/accounts/"+key.String()), &a); err != nil {
		return cmdline.Cause(c, err)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, a)
	}
	return cmdline.PrintText(c, text(&a, keyring.ReadNames(folder), c.IsSet("at")))
}

// text returns an account for people. Past is whether it is one as of an earlier height,
// as of which nothing waits.
func text(a *api.Account, names keyring.Names, past bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "account  %s\n", names.Of(a.Account))
	if a.Key != a.Account {
		fmt.Fprintf(&b, "key      %s, which replaced it\n", names.Of(a.Key))
	}
	fmt.Fprintf(&b, "balance  %v\n", a.Balance)
	roles := a.Roles
	if a.Root {
		roles = append(roles, "root")
	}
	if len(roles) == 0 {
		roles = []string{"none"}
	}
	fmt.Fprintf(&b, "roles    %s", strings.Join(roles, ", "))
	if a.Suspended {
		b.WriteString(", suspended: it may not issue vouchers")
	}
	fmt.Fprintf(&b, "\nrecords  %d in the chain", a.Seq)
	if !past {
		fmt.Fprintf(&b, ", %d waiting", a.NextSeq-a.Seq)
	}
	b.WriteByte('\n')
	if a.Height != nil {
		fmt.Fprintf(&b, "height   %d\n", *a.Height)
	}
	return b.String()
}
