package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/node"
	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/store"
)

func nodeCheckCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "replay the chain of a node that does not run, and compare all that is stored",
		Description: "Every stored block is checked again from the genesis block on, with its\n" +
			"signatures, and what the rules give is compared with what is stored; the files\n" +
			"are compared with their seals, and recipients' data with their hashes. The exit code is 1 if anything is not as it was\n" +
			"written; the first broken height and field are told.",
		Flags:  fromEnvironment(append(storeFlags(), jsonFlag())),
		Action: checkNode,
	}
}

// nodeCheckResult is what "stele node check --json" prints. Its fields are
// described in docs/node.md.
type nodeCheckResult struct {
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
	Damage  *nodeDamage     `json:"damage,omitempty"`
	Files   []nodeDamage    `json:"files"`
}

// nodeDamage is something that is not as it was written.
type nodeDamage struct {
	Height *int64 `json:"height,omitempty"`
	Field  string `json:"field"`
	File   string `json:"file,omitempty"`
	Detail string `json:"detail"`
}

func checkNode(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	p, err := nodeNetwork(c)
	if err != nil {
		return err
	}
	dir, err := dataFolder(c, p)
	if err != nil {
		return err
	}
	report, err := checkStore(c, dir)
	if err != nil {
		return explainStore(reason(c, err))
	}

	res := newNodeCheckResult(report, dir)
	beside, err := node.CheckBeside(c.Context, dir, blobsFolder)
	if err != nil {
		return explainStore(reason(c, err))
	}
	res.addBeside(beside)
	if c.Bool("json") {
		err = printJSON(c, res)
	} else {
		err = printText(c, res.text())
	}
	if err == nil && !res.Good {
		err = errFoundWrong
	}
	return err
}

// checkStore checks the store in dir.
func checkStore(c *cli.Context, dir string) (chain.Report, error) {
	bar := newProgress(c, -1, "check")
	defer bar.close()
	o := chain.CheckOptions{
		Progress: func(height, tip uint32) {
			if bar.bar != nil {
				bar.bar.ChangeMax64(int64(tip) + 1)
			}
			bar.set(int64(height))
		},
	}
	var report chain.Report
	err := inItsNetwork(c, func(p *network.Params) (err error) {
		report, err = chain.CheckFolder(c.Context, dir, p, store.Options{}, o)
		return err
	})
	return report, err
}

// inItsNetwork calls use with the network that --network names, or without the
// flag with one network after the other, until the store is one of that network.
func inItsNetwork(c *cli.Context, use func(p *network.Params) error) error {
	networks := network.All()
	if c.IsSet("network") {
		p, err := nodeNetwork(c)
		if err != nil {
			return err
		}
		networks = []*network.Params{p}
	}
	var err error
	for _, p := range networks {
		if err = use(p); !errors.Is(err, store.ErrNetwork) {
			break
		}
	}
	return err
}

func newNodeCheckResult(r chain.Report, dir string) nodeCheckResult {
	res := nodeCheckResult{
		Network: r.Network, Data: dir, Height: r.Height, From: r.From,
		Blocks: r.Blocks, Records: r.Records, Sealed: r.Sealed, Good: !r.Broken(), Files: []nodeDamage{},
	}
	if r.Blocks > 0 {
		res.Tip = r.Tip.String()
	}
	if r.Damage != nil {
		d := newNodeDamage(r.Damage)
		res.Damage = &d
	}
	for _, f := range r.Files {
		res.Files = append(res.Files, newNodeDamage(f))
	}
	return res
}

// blobsFolder is where recipients' data are, in the folder of the store.
const blobsFolder = "blobs"

// addBeside adds what was found beside the store.
func (r *nodeCheckResult) addBeside(beside node.BesideReport) {
	r.Views, r.Blobs = beside.Views, beside.Custody
	for _, d := range beside.Damage {
		r.Good = false
		r.Files = append(r.Files, newNodeDamage(d))
	}
}

func newNodeDamage(d *store.Damage) nodeDamage {
	res := nodeDamage{Field: d.Field, File: d.File, Detail: d.Detail}
	if d.Height != store.NoHeight {
		res.Height = &d.Height
	}
	return res
}

// text is the result for people.
func (r nodeCheckResult) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "store\t%s\n", r.Data)
	fmt.Fprintf(w, "network\t%s\n", r.Network)
	if r.Tip != "" {
		fmt.Fprintf(w, "tip\theight %d, %s\n", r.Height, r.Tip)
	}
	fmt.Fprintf(w, "replayed\t%s with %s", plural(uint64(r.Blocks), "block"), plural(uint64(r.Records), "record"))
	if r.From > 0 {
		fmt.Fprintf(w, ", from height %d on; those before are pruned", r.From)
	}
	fmt.Fprintln(w)
	switch {
	case r.Sealed:
		fmt.Fprintf(w, "files\tcompared with their seal\n")
	case slices.ContainsFunc(r.Files, func(d nodeDamage) bool { return d.File == "SEAL" }):
		fmt.Fprintf(w, "files\tnot compared: their seal is damaged\n")
	default:
		fmt.Fprintf(w, "files\tnot sealed: the node did not come to its end; checksums and the replay speak\n")
	}
	switch r.Views {
	case node.ViewsSealed:
		fmt.Fprintf(w, "views\tcompared with their seal\n")
	case node.ViewsUnsealed:
		fmt.Fprintf(w, "views\tnot sealed: nothing to compare them with; if they are damaged, the node builds them anew\n")
	}
	if r.Blobs > 0 {
		fmt.Fprintf(w, "blobs\t%d compared with their hashes and signatures\n", r.Blobs)
	}
	if r.Damage != nil {
		fmt.Fprintf(w, "broken\t%s\n", r.Damage.text())
	}
	for _, f := range r.Files {
		fmt.Fprintf(w, "broken\t%s\n", f.text())
	}
	if r.Good {
		fmt.Fprintf(w, "result\tgood: everything is as the rules give it\n")
	} else {
		fmt.Fprintf(w, "result\tbroken\n")
	}
	w.Flush()
	return b.String()
}

func (d nodeDamage) text() string {
	text := d.Field
	if d.Height != nil {
		text = fmt.Sprintf("height %d, %s", *d.Height, text)
	}
	if d.File != "" {
		text += " in " + d.File
	}
	return text + ": " + d.Detail
}

// explainStore adds to an error of a store what can be done about it.
func explainStore(err error) error {
	switch {
	case errors.Is(err, store.ErrNetwork):
		return fmt.Errorf("%w: give another folder with --data, or the right --network", err)
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: \"stele node check\" tells more", err)
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, store.ErrDisk):
		return fmt.Errorf("%w: give the folder of a node with --data", err)
	}
	return err
}
