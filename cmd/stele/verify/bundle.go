package verify

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeflags"
	"stele/internal/text"
	"stele/node/ledger/bundle"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

func bundleCommand() *cli.Command {
	return &cli.Command{
		Name:      "bundle",
		Usage:     "validate the evidence of a case, without a node",
		ArgsUsage: "FILE",
		Description: "Checks the signatures of all records, that each record is in its block, and the proof\n" +
			"of work of all blocks from there on. Then prints who signed what, when, and how\n" +
			"much work it would take to change it. FILE is the output of \"stele record bundle\";\n" +
			"- is standard input.\n\n" +
			"  stele verify bundle case.json\n\n" +
			"Only a node can check that the last block is in the chain of others, and that no\n" +
			"record was left out.",
		Flags:  []cli.Flag{nodeflags.DayFlag(), cmdline.JSONFlag()},
		Action: runBundle,
	}
}

// bundleResult is what "stele verify bundle --json" prints. Its fields are
// described in docs/evidence.md.
type bundleResult struct {
	Valid  bool           `json:"valid"`
	Fault  *bundleFault   `json:"fault"`
	Report *bundle.Report `json:"report"`
}

// bundleFault is the first check that failed.
type bundleFault struct {
	Where string `json:"where"`
	Text  string `json:"text"`
}

func runBundle(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("%d files given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	b, err := readBundle(c, c.Args().First())
	if err != nil {
		return err
	}
	params, err := network.Lookup(b.Network)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Args().First(), err)
	}
	if params, err = nodeflags.WithDay(c, params); err != nil {
		return err
	}

	report, err := b.Check(params)
	var fault *bundle.Fault
	if err != nil && !errors.As(err, &fault) {
		return err
	}
	res := bundleResult{Valid: fault == nil, Report: report}
	if fault != nil {
		fault.Err = text.Error(fault.Err, 2*text.Max) // it may quote the file
		res.Fault = &bundleFault{fault.Where, fault.Err.Error()}
	}
	var printed error
	switch {
	case c.Bool("json"):
		printed = cmdline.PrintJSON(c, res)
	case fault != nil:
		printed = cmdline.PrintText(c, fmt.Sprintf("INVALID  %v\n", fault))
	default:
		printed = cmdline.PrintText(c, bundleText(report))
	}
	switch {
	case printed != nil:
		return printed
	case fault != nil:
		return cmdline.ErrFoundWrong
	}
	return nil
}

func readBundle(c *cli.Context, name string) (*bundle.Bundle, error) {
	in, err := cmdline.OpenInput(c, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := bundle.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmdline.InputName(name), cmdline.Cause(c, err))
	}
	return b, nil
}

// bundleText returns the story of a case.
func bundleText(r *bundle.Report) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %v on %s\n\n", r.Kind, r.ID, r.Network)
	keys := map[record.Key]int{}
	for _, e := range r.Events {
		fmt.Fprintf(&out, "block %d  %s  %v\n", e.Height, e.Type, e.ID)
		w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		for _, s := range e.Signers {
			if keys[s.Key] == 0 {
				keys[s.Key] = len(keys) + 1
			}
			fmt.Fprintf(w, "  signed by\t%s\tkey %d\n", s.Part, keys[s.Key])
		}
		if e.ClaimedTime != nil {
			fmt.Fprintf(w, "  claimed time\t%v\tas its author says\n", e.ClaimedTime)
		}
		fmt.Fprintf(w, "  block time\t%v\tas its miner says\n", e.BlockTime)
		fmt.Fprintf(w, "  median time\t%v\tof the blocks before: what the rules go by\n", e.MedianTime)
		blocks := "blocks"
		if e.Confirmations == 1 {
			blocks = "block"
		}
		fmt.Fprintf(w, "  under\t%d %s\t%s hashes of work\n", e.Confirmations, blocks, e.Hashes)
		_ = w.Flush() // a strings.Builder takes everything
		out.WriteString("\n")
	}
	byNumber := make([]record.Key, len(keys))
	for k, n := range keys {
		byNumber[n-1] = k
	}
	for i, k := range byNumber {
		fmt.Fprintf(&out, "key %d is %v\n", i+1, k)
	}
	fmt.Fprintf(&out, "\nVALID  %d records, their signatures and their places in the chain\n", len(r.Events))
	if r.FromGenesis {
		fmt.Fprintf(&out, "The headers go from the genesis block of %s to block %d, %v.\n", r.Network, r.TipHeight, r.Tip)
	} else {
		fmt.Fprintf(&out, "The headers do not begin with the genesis block: compare block %d,\n%v, with a source that you trust.\n", r.TipHeight, r.Tip)
	}
	return out.String()
}
