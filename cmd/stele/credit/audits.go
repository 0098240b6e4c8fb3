package credit

import (
	"fmt"
	"net/url"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/api"
)

func auditsCommand() *cli.Command {
	return &cli.Command{
		Name: "audits", Usage: "list the vouchers that are drawn to be audited, one for each seller",
		Description: "For each period that is over, the hash of a block draws one voucher of each seller. The\n" +
			"seller shows a supervisor its invoice, the payment and the carriage.",
		Flags: []cli.Flag{
			nodeclient.Flag("ask the node API at `URL`"), nodeclient.TokenFlag(), keyring.Flag(),
			&cli.StringFlag{Name: "period", Usage: "list the audits of period `N`", DefaultText: "the last one that is drawn"},
			&cli.StringFlag{Name: "seller", Usage: "only the audit of `SELLER`, a public key or the name of a key"},
			cmdline.JSONFlag(),
		},
		Action: runAudits,
	}
}

func runAudits(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	asked := url.Values{"limit": {fmt.Sprint(maxLimit)}}
	if c.IsSet("period") {
		period, err := cmdline.Number(c, "period", 0, 1<<32-1, 0)
		if err != nil {
			return err
		}
		asked.Set("period", fmt.Sprint(period))
	}
	if c.IsSet("seller") {
		folder, err := keyring.Folder(c)
		if err != nil {
			return err
		}
		seller, err := keyring.PublicKey(folder, c.String("seller"))
		if err != nil {
			return err
		}
		asked.Set("seller", seller.String())
	}
	client, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer client.Close()
	all, err := readAudits(c, client, asked)
	if err != nil {
		return cmdline.Cause(c, err)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, all)
	}
	return cmdline.PrintText(c, auditsText(all))
}

// readAudits reads all pages.
func readAudits(c *cli.Context, client *nodeclient.Client, asked url.Values) (*api.CreditAudits, error) {
	var all *api.CreditAudits
	for {
		var page api.CreditAudits
		if err := client.Get(c.Context, "/v1/supervision/audits?"+asked.Encode(), &page); err != nil {
			return nil, err
		}
		if all == nil {
			all = &page
			asked.Set("period", fmt.Sprint(page.Period)) // a new one may be drawn meanwhile
		} else {
			all.Items = append(all.Items, page.Items...)
		}
		if page.Next == "" {
			all.Next = ""
			return all, nil
		}
		asked.Set("from", page.Next)
	}
}

// audits returns a number of audits in words.
func audits(n int) string {
	if n == 1 {
		return "1 audit"
	}
	return fmt.Sprint(n, " audits")
}

func auditsText(a *api.CreditAudits) string {
	out := fmt.Sprintf("period %d, which ended at height %d: %s, drawn by the block at height %d\n%s\n", a.Period, a.End, audits(len(a.Items)), a.Height, a.Block)
	return out + human.Table(func(row func(...any)) {
		row("voucher", "of", "weight", "drawn", "seller")
		for _, x := range a.Items {
			row(x.Voucher, x.Vouchers, x.Weight, x.Drawn, x.Seller)
		}
	})
}
