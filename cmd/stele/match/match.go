// Package match is the command "stele match", which asks a node for the sellers of a
// product in the order that is drawn by their scores, and checks such an order.
package match

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/minio/sha256-simd"
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/api"
	"stele/node/ledger/record"
	"stele/node/match"
)

const maxFile = 1 << 20 // bytes of an answer

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name: "match", Usage: "draw the order in which the sellers of a product are shown, or check such an order", ArgsUsage: "GTIN | --audit FILE...",
		Description: "The order follows from the scores of the sellers, the hash of a block, and the id of the\n" +
			"query, so that anybody can draw it again. --verify draws the order of a file again, and\n" +
			"asks a node whether block, sellers and scores are true. See docs/credit.md.\n\n" +
			"  stele match 6291041500213 --json > answer.json\n" +
			"  stele match --verify answer.json\n\n" +
			"--audit compares how often each seller is first in many answers of a platform with how often\n" +
			"the draw makes it first. A platform that chooses the query ids itself is found out so.\n\n" +
			"  stele match --audit answers/*.json\n\n" +
			"Exit code 1: an order is not the one that is drawn, or the first places are not as query ids\n" +
			"make them that nobody chose.",
		Flags: []cli.Flag{
			nodeclient.Flag("ask the node API at `URL`"), nodeclient.TokenFlag(),
			&cli.StringFlag{Name: "query", Usage: "draw for the query `ID`, 64 hex digits", DefaultText: "a new one"},
			&cli.StringFlag{Name: "verify", Usage: "check the order in `FILE`, or stdin (-)"},
			&cli.BoolFlag{Name: "offline", Usage: "with --verify: only draw again, and ask no node"},
			&cli.BoolFlag{Name: "audit", Usage: "test the answers in each FILE, one after the other, or stdin (-)"},
			cmdline.JSONFlag(),
		},
		Action: run,
	}
}

func run(c *cli.Context) error {
	if c.Bool("audit") {
		return audit(c)
	}
	if c.IsSet("verify") {
		if c.NArg() > 0 || c.IsSet("query") {
			return errors.New("--verify takes the question from the file, without GTIN and --query")
		}
		return verify(c)
	}
	if c.NArg() != 1 {
		return errors.New("pass one GTIN, or --verify FILE")
	}
	gtin, err := record.ParseGTIN(c.Args().First())
	if err != nil {
		return err
	}
	query := newQuery(gtin)
	if c.IsSet("query") {
		if err := query.UnmarshalText([]byte(c.String("query"))); err != nil {
			return fmt.Errorf("--query: %w", err)
		}
	}
	drawn, err := ask(c, gtin.String(), query.String(), "")
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, drawn)
	}
	return cmdline.PrintText(c, orderText(drawn))
}

// newQuery returns the id of a question: 16 random bytes, which nobody can foresee, and
// the first half of the SHA-256 of what is asked.
func newQuery(gtin record.GTIN) (q match.Query) {
	_, _ = rand.Read(q[:16]) // never fails
	question := sha256.Sum256([]byte(gtin.String()))
	copy(q[16:], question[:])
	return q
}

// ask asks the node for an order.
func ask(c *cli.Context, product, query, height string) (*api.Drawn, error) {
	client, err := nodeclient.New(c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	path := fmt.Sprintf("/v1/match?product=%s&query=%s", product, query)
	if height != "" {
		path += "&height=" + height
	}
	var drawn api.Drawn
	if err := client.Get(c.Context, path, &drawn); err != nil {
		return nil, cmdline.Cause(c, err)
	}
	return &drawn, nil
}

func orderText(d *api.Drawn) string {
	var b strings.Builder
	fmt.Fprintf(&b, "product %s, query %s\ndrawn from %d sellers by the block at height %d\n", d.Product, d.Query, len(d.Sellers), d.Height)
	for i, seller := range d.Order {
		fmt.Fprintf(&b, "%2d  %v\n", i+1, seller)
	}
	return b.String()
}

// verdict is what "stele match --verify --json" prints.
type verdict struct {
	Valid bool   `json:"valid"`
	Fault string `json:"fault,omitempty"`
	Asked bool   `json:"asked"` // a node was asked whether the answer's inputs are true
}

func verify(c *cli.Context) error {
	text, err := cmdline.ReadInput(c, c.String("verify"), maxFile)
	if err != nil {
		return err
	}
	name := cmdline.InputName(c.String("verify"))
	var drawn api.Drawn
	if err := json.Unmarshal(text, &drawn); err != nil {
		return fmt.Errorf("%s is no answer of a draw: %w", name, err)
	}
	answer, err := drawn.Answer()
	if err != nil {
		return fmt.Errorf("%s is no answer of a draw: %w", name, err)
	}
	res := verdict{Asked: !c.Bool("offline")}
	err = answer.Redraw()
	if err == nil && res.Asked {
		err = compare(c, &answer)
	}
	var fault *match.Fault
	if err != nil && !errors.As(err, &fault) {
		return err
	}
	if res.Valid = err == nil; !res.Valid {
		res.Fault = err.Error()
	}
	if err := res.print(c); err != nil || res.Valid {
		return err
	}
	return cmdline.ErrFoundWrong
}

// compare asks the node the same question.
func compare(c *cli.Context, answer *match.Answer) error {
	truth, err := ask(c, answer.Product.String(), answer.Query.String(), fmt.Sprint(answer.Height))
	if err != nil {
		return err
	}
	same, err := truth.Answer()
	if err != nil {
		return err
	}
	return answer.Compare(&same)
}

func (v *verdict) print(c *cli.Context) error {
	switch {
	case c.Bool("json"):
		return cmdline.PrintJSON(c, v)
	case !v.Valid:
		return cmdline.PrintText(c, "wrong: "+v.Fault+"\n")
	case !v.Asked:
		return cmdline.PrintText(c, "the order is the one that is drawn from the sellers, block and query in the file; whether these are true, only a node knows\n")
	}
	return cmdline.PrintText(c, "valid: the order is the one that is drawn, and the node has the same block, sellers and scores\n")
}
