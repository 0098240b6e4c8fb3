// Package credit is the command "stele credit", which ranks sellers and products by their
// scores, explains a score and lists audits. docs/credit.md describes the method.
package credit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/api"
	"stele/node/ledger/record"
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "credit",
		Usage: "rank sellers and products by their scores, explain a score, and list audits",
		Description: "A score follows from the chain alone and is the same on every node. See docs/credit.md.\n\n" +
			"  stele credit list\n" +
			"  stele credit explain alice --evidence\n" +
			"  stele credit audits",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list the sellers with the best scores",
				Flags: []cli.Flag{
					nodeclient.Flag("ask the node API at `URL`"), nodeclient.TokenFlag(),
					&cli.BoolFlag{Name: "products", Usage: "list products instead"},
					&cli.StringFlag{Name: "height", Usage: "show the scores after the block at height `N`", DefaultText: "the tip"},
					&cli.StringFlag{Name: "from", Usage: "begin with place `N`", DefaultText: "1"},
					&cli.StringFlag{Name: "limit", Usage: "list at most `N`", DefaultText: "50"},
					cmdline.JSONFlag(),
				},
				Action: runList,
			},
			{
				Name: "explain", Usage: "show a score, and everything that it follows from", ArgsUsage: "SELLER|GTIN",
				Description: "SELLER is the public key of a seller, or the name of a key. GTIN is the number of a\n" +
					"product. Whoever follows the lines with pencil and paper gets the score.",
				Flags: []cli.Flag{
					nodeclient.Flag("ask the node API at `URL`"), nodeclient.TokenFlag(), keyring.Flag(),
					&cli.StringFlag{Name: "height", Usage: "show the score after the block at height `N`", DefaultText: "the tip"},
					&cli.BoolFlag{Name: "evidence", Usage: "list the vouchers behind each period"},
					cmdline.JSONFlag(),
				},
				Action: runExplain,
			},
			auditsCommand(),
		},
	}
}

const maxLimit = 200

func runList(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	from, err := cmdline.Number(c, "from", 1, 1<<31-1, 1)
	if err != nil {
		return err
	}
	limit, err := cmdline.Number(c, "limit", 1, maxLimit, 50)
	if err != nil {
		return err
	}
	client, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer client.Close()
	kind := "sellers"
	if c.Bool("products") {
		kind = "products"
	}
	path := fmt.Sprintf("/v1/credit/%s?from=%d&limit=%d", kind, from, limit)
	if c.IsSet("height") {
		height, err := cmdline.Number(c, "height", 0, 1<<32-1, 0)
		if err != nil {
			return err
		}
		path += fmt.Sprintf("&height=%d", height)
	}
	var page api.CreditRanking
	if err := client.Get(c.Context, path, &page); err != nil {
		return cmdline.Cause(c, err)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, page)
	}
	return cmdline.PrintText(c, rankingText(&page, kind))
}

// rankingText returns a ranking for people.
func rankingText(page *api.CreditRanking, kind string) string {
	out := fmt.Sprintf("%d %s with evidence at height %d\n", page.Total, kind, page.Height)
	return out + human.Table(func(row func(...any)) {
		row("place", "score", "decided by", "standing", "vouchers", strings.TrimSuffix(kind, "s"))
		for _, p := range page.Items {
			decides := p.Parts.Decides
			if p.Suspended {
				decides = "suspension"
			}
			row(p.Place, thousandths(p.Exact), decides, fmt.Sprintf("%d of 7", p.Parts.Standing), p.Parts.Vouchers, subject(&p.CreditScore))
		}
	})
}

func subject(s *api.CreditScore) string {
	if s.Seller != nil {
		return s.Seller.String()
	}
	return s.GTIN
}

// thousandths writes a number in parts of 65536 with three digits, as scores are shown.
func thousandths(exact uint32) string {
	n := uint64(exact) * 1000 / 65536
	return fmt.Sprintf("%d.%03d", n/1000, n%1000)
}

// explained is what "stele credit explain --json" prints.
type explained struct {
	api.CreditExplanation
	Evidence map[uint32][]api.CreditEvidence `json:"evidence,omitempty"` // by period
}

func runExplain(c *cli.Context) error {
	if c.NArg() != 1 {
		return errors.New("pass one SELLER or GTIN")
	}
	path, err := scorePath(c)
	if err != nil {
		return err
	}
	query := ""
	if c.IsSet("height") {
		height, err := cmdline.Number(c, "height", 0, 1<<32-1, 0)
		if err != nil {
			return err
		}
		query = fmt.Sprintf("?height=%d", height)
	}
	client, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer client.Close()
	var e explained
	if err := client.Get(c.Context, path+query, &e.CreditExplanation); err != nil {
		return cmdline.Cause(c, err)
	}
	if c.Bool("evidence") {
		if err := e.readEvidence(c, client, path); err != nil {
			return cmdline.Cause(c, err)
		}
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, e)
	}
	return cmdline.PrintText(c, e.text())
}

// scorePath returns the path of the score that the argument names.
func scorePath(c *cli.Context) (string, error) {
	if gtin, err := record.ParseGTIN(c.Args().First()); err == nil {
		return "/v1/credit/products/" + gtin.String(), nil
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return "", err
	}
	key, err := keyring.PublicKey(folder, c.Args().First())
	return "/v1/credit/sellers/" + key.String(), err
}

// readEvidence reads the vouchers behind each line, at the height of the explanation.
func (e *explained) readEvidence(c *cli.Context, client *nodeclient.Client, path string) error {
	e.Evidence = map[uint32][]api.CreditEvidence{}
	for _, l := range e.Lines {
		for from := ""; ; {
			var page api.Page[api.CreditEvidence]
			at := fmt.Sprintf("%s/evidence?period=%d&height=%d&limit=%d&from=%s", path, l.Period, e.Height, maxLimit, from)
			if err := client.Get(c.Context, at, &page); err != nil {
				return err
			}
			e.Evidence[l.Period] = append(e.Evidence[l.Period], page.Items...)
			if from = page.Next; from == "" {
				break
			}
		}
	}
	return nil
}
