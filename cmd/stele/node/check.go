package node

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/nodeflags"
	"stele/node"
	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/store"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "verify the data folder of a stopped node by replaying its chain",
		Description: "Validates every stored block again from the genesis block on, signatures included,\n" +
			"and compares the resulting state with the stored one, all files with their seals, and\n" +
			"recipients' data with their hashes. If anything differs, it reports the first broken\n" +
			"height and field, and the exit code is 1.\n\n" +
			"  stele node check --network test",
		Flags:  cmdline.FromEnvironment(append(nodeflags.StoreFlags(nodeflags.StoredNetwork), cmdline.JSONFlag())),
		Action: runCheck,
	}
}

// checkResult is what "stele node check --json" prints. Its fields are
// described in docs/node.md.
type checkResult struct {
	Network string          `json:"network"`
	Data    string          `json:"data"`
	Height  uint32          `json:"height"`
	Tip     string          `json:"tip,omitempty"`
	From    uint32          `json:"from"`
	Blocks  int             `json:"blocks"`
	Records int             `json:"records"`
	Sealed  bool            `json:"sealed"`
	Views   node.ViewsState `json:"views"`
	Blobs   int             `json:"blobs"`
	Good    bool            `json:"good"`
	Damage  *damage         `json:"damage,omitempty"`
	Files   []damage        `json:"files"`
}

// damage is one thing that differs from what was written.
type damage struct {
	Height *int64 `json:"height,omitempty"`
	Field  string `json:"field"`
	File   string `json:"file,omitempty"`
	Detail string `json:"detail"`
}

func runCheck(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	p, err := nodeflags.Network(c)
	if err != nil {
		return err
	}
	dir, err := nodeflags.DataFolder(c, p)
	if err != nil {
		return err
	}
	report, err := checkStore(c, dir)
	if err != nil {
		return nodeflags.Explain(cmdline.Cause(c, err))
	}

	res := newCheckResult(report, dir)
	beside, err := node.CheckBeside(c.Context, dir, blobsFolder)
	if err != nil {
		return nodeflags.Explain(cmdline.Cause(c, err))
	}
	res.addBeside(beside)
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, res)
	} else {
		err = cmdline.PrintText(c, res.text())
	}
	if err == nil && !res.Good {
		err = cmdline.ErrFoundWrong
	}
	return err
}

// checkStore checks the store in dir.
func checkStore(c *cli.Context, dir string) (chain.Report, error) {
	bar := cmdline.NewProgress(c, -1, "check")
	defer bar.Close()
	o := chain.CheckOptions{
		Progress: func(height, tip uint32) {
			bar.SetTotal(int64(tip) + 1)
			bar.Set(int64(height))
		},
	}
	var report chain.Report
	err := nodeflags.EachNetwork(c, func(p *network.Params) (err error) {
		report, err = chain.CheckFolder(c.Context, dir, p, store.Options{}, o)
		return err
	})
	return report, err
}

func newCheckResult(r chain.Report, dir string) checkResult {
	res := checkResult{
		Network: r.Network, Data: dir, Height: r.Height, From: r.From,
		Blocks: r.Blocks, Records: r.Records, Sealed: r.Sealed, Good: !r.Broken(), Files: []damage{},
	}
	if r.Blocks > 0 {
		res.Tip = r.Tip.String()
	}
	if r.Damage != nil {
		d := newDamage(r.Damage)
		res.Damage = &d
	}
	for _, f := range r.Files {
		res.Files = append(res.Files, newDamage(f))
	}
	return res
}

// blobsFolder is the subfolder of the data folder with recipients' data.
const blobsFolder = "blobs"

// seenFile is the file in the data folder with the times at which the node saw records.
const seenFile = "seen"

// addBeside adds the findings about files beside the store.
func (r *checkResult) addBeside(beside node.BesideReport) {
	r.Views, r.Blobs = beside.Views, beside.Custody
	for _, d := range beside.Damage {
		r.Good = false
		r.Files = append(r.Files, newDamage(d))
	}
}

func newDamage(d *store.Damage) damage {
	res := damage{Field: d.Field, File: d.File, Detail: d.Detail}
	if d.Height != store.NoHeight {
		res.Height = &d.Height
	}
	return res
}

// text returns the result for people.
func (r checkResult) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "store\t%s\n", r.Data)
	fmt.Fprintf(w, "network\t%s\n", r.Network)
	if r.Tip != "" {
		fmt.Fprintf(w, "tip\theight %d, %s\n", r.Height, r.Tip)
	}
	fmt.Fprintf(w, "replayed\t%s with %s", human.Count(uint64(r.Blocks), "block"), human.Count(uint64(r.Records), "record"))
	if r.From > 0 {
		fmt.Fprintf(w, ", from height %d; earlier blocks are pruned", r.From)
	}
	fmt.Fprintln(w)
	switch {
	case r.Sealed:
		fmt.Fprintf(w, "files\tcompared with their seal\n")
	case slices.ContainsFunc(r.Files, func(d damage) bool { return d.File == "SEAL" }):
		fmt.Fprintf(w, "files\tnot compared: their seal is damaged\n")
	default:
		fmt.Fprintf(w, "files\tnot sealed, because the node was not shut down cleanly; checked by checksums and replay\n")
	}
	switch r.Views {
	case node.ViewsSealed:
		fmt.Fprintf(w, "views\tcompared with their seal\n")
	case node.ViewsUnsealed:
		fmt.Fprintf(w, "views\tnot sealed and not compared; the node rebuilds damaged views\n")
	}
	if r.Blobs > 0 {
		fmt.Fprintf(w, "blobs\t%s compared with their hashes and signatures\n", human.Grouped(uint64(r.Blobs)))
	}
	if r.Damage != nil {
		fmt.Fprintf(w, "broken\t%s\n", r.Damage.text())
	}
	for _, f := range r.Files {
		fmt.Fprintf(w, "broken\t%s\n", f.text())
	}
	if r.Good {
		fmt.Fprintf(w, "result\tgood: all data match the rules\n")
	} else {
		fmt.Fprintf(w, "result\tbroken\n")
	}
	w.Flush()
	return b.String()
}

func (d damage) text() string {
	text := d.Field
	if d.Height != nil {
		text = fmt.Sprintf("height %d, %s", *d.Height, text)
	}
	if d.File != "" {
		text += " in " + d.File
	}
	return text + ": " + d.Detail
}
