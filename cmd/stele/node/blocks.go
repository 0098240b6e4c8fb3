package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/nodeflags"
	"stele/internal/atomicfile"
	"stele/node/chain"
	"stele/node/chain/chainfile"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/reject"
	"stele/node/store"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the blocks of a stopped node to a file",
		ArgsUsage: "FILE",
		Description: "Writes all blocks of the chain to FILE, as a backup or to start another node from it;\n" +
			"- is standard output. FILE is replaced when it is complete. The blocks of a node\n" +
			"with --prune begin with the first one that it stores.\n\n" +
			"  stele node export --network test blocks.stele",
		Flags:  cmdline.FromEnvironment(append(nodeflags.StoreFlags(nodeflags.StoredNetwork), cmdline.JSONFlag())),
		Action: runExport,
	}
}

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "add the blocks of a file to a stopped node, or create a node from them",
		ArgsUsage: "FILE",
		Description: "Validates the blocks that \"stele node export\" wrote, as if they came from a peer, and\n" +
			"stores them; - is standard input. Blocks that the node has are skipped, so an import\n" +
			"that was interrupted can be repeated. If a block is invalid or the file is damaged,\n" +
			"the node keeps the blocks before it, and the exit code is 1.\n\n" +
			"  stele node import blocks.stele",
		Flags:  cmdline.FromEnvironment(append(nodeflags.StoreFlags("that of FILE"), cmdline.JSONFlag())),
		Action: runImport,
	}
}

// oneFile returns the argument of a command that takes one file.
func oneFile(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("%d files given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	return c.Args().First(), nil
}

// exportResult is what "stele node export --json" prints. Its fields are described in
// docs/node.md.
type exportResult struct {
	Network string `json:"network"`
	Data    string `json:"data"`
	From    uint32 `json:"from"`
	Height  uint32 `json:"height"`
	Tip     string `json:"tip"`
	Blocks  int    `json:"blocks"`
	Bytes   int64  `json:"bytes"`
}

func runExport(c *cli.Context) error {
	name, err := oneFile(c)
	if err != nil {
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
	if out, ok := c.App.Writer.(*os.File); name == "-" && ok && term.IsTerminal(int(out.Fd())) {
		return errors.New("standard output is a terminal: redirect it to a file or a pipe")
	}
	var s *store.Store
	err = nodeflags.EachNetwork(c, func(of *network.Params) (err error) {
		p = of
		s, err = store.Open(dir, identity(of), store.Options{ReadOnly: true})
		return err
	})
	if err != nil {
		return nodeflags.Explain(err)
	}
	res, err := export(c, s, p, name)
	if err = errors.Join(err, s.Close()); err != nil {
		return nodeflags.Explain(cmdline.Cause(c, err))
	}
	return printExport(c, name, exportResult{p.Name, dir, res.First, res.Height, res.Tip.String(), res.Blocks, res.Bytes})
}

func identity(p *network.Params) store.Identity {
	return store.Identity{Network: p.ID, Genesis: block.Genesis(p).Hash()}
}

// export writes the blocks of a store to a file, or standard output.
func export(c *cli.Context, s *store.Store, p *network.Params, name string) (chainfile.Exported, error) {
	bar := cmdline.NewProgress(c, -1, "export")
	defer bar.Close()
	progress := func(height, last uint32) {
		bar.SetTotal(int64(last) + 1)
		bar.Set(int64(height))
	}
	if name == "-" {
		return chainfile.Export(c.Context, s, p, c.App.Writer, progress)
	}
	f, err := atomicfile.Create(name, 0o644)
	if err != nil {
		return chainfile.Exported{}, err
	}
	defer f.Discard()
	res, err := chainfile.Export(c.Context, s, p, f, progress)
	if err == nil {
		err = f.Commit()
	}
	return res, err
}

// printExport prints the result of an export: to standard error if the blocks went to
// standard output.
func printExport(c *cli.Context, name string, res exportResult) error {
	if name == "-" {
		out := c.App.Writer
		c.App.Writer = c.App.ErrWriter
		defer func() { c.App.Writer = out }()
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, res)
	}
	return cmdline.PrintText(c, table(func(w io.Writer) {
		fmt.Fprintf(w, "store\t%s\n", res.Data)
		fmt.Fprintf(w, "network\t%s\n", res.Network)
		fmt.Fprintf(w, "tip\theight %d, %s\n", res.Height, res.Tip)
		fmt.Fprintf(w, "exported\t%s, %s", human.Count(uint64(res.Blocks), "block"), human.Bytes(res.Bytes))
		if res.From > 1 {
			fmt.Fprintf(w, ", from height %d; earlier blocks are pruned", res.From)
		}
		fmt.Fprintln(w)
	}))
}

// table returns rows with aligned columns.
func table(rows func(w io.Writer)) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	rows(w)
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// importResult is what "stele node import --json" prints. Its fields are described in
// docs/node.md.
type importResult struct {
	Network string       `json:"network"`
	Data    string       `json:"data"`
	Blocks  int          `json:"blocks"`
	Added   int          `json:"added"`
	From    uint32       `json:"from"`
	Height  uint32       `json:"height"`
	Tip     string       `json:"tip"`
	Damage  *importFault `json:"damage,omitempty"`
}

// importFault is what is wrong with a file of blocks.
type importFault struct {
	Height uint32        `json:"height,omitempty"`
	Offset int64         `json:"offset"`
	Reason reject.Reason `json:"reason,omitempty"`
	Detail string        `json:"detail"`
}

func runImport(c *cli.Context) error {
	name, err := oneFile(c)
	if err != nil {
		return err
	}
	in, err := cmdline.OpenInput(c, name)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := chainfile.NewReader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", cmdline.InputName(name), cmdline.Cause(c, err))
	}
	p, err := importNetwork(c, r.Head())
	if err != nil {
		return fmt.Errorf("%s: %w", cmdline.InputName(name), err)
	}
	dir, err := nodeflags.DataFolder(c, p)
	if err != nil {
		return err
	}
	res, err := importBlocks(c, r, p, dir)
	var fault *chainfile.Error
	switch {
	case errors.As(err, &fault) && c.Context.Err() == nil:
		reason, _ := reject.Of(fault)
		res.Damage = &importFault{Height: fault.Height, Offset: fault.Offset, Reason: reason, Detail: fault.Error()}
		err = cmdline.ErrFoundWrong
	case err != nil:
		err = nodeflags.Explain(cmdline.Cause(c, err))
	}
	if res.Tip == "" { // there is no chain
		return err
	}
	if printed := printImport(c, name, res); printed != nil {
		return printed
	}
	return err
}

// importNetwork returns the network of a file, which must be the one that --network
// names.
func importNetwork(c *cli.Context, of chainfile.Head) (*network.Params, error) {
	for _, p := range network.All() {
		if of.Check(p) == nil && !c.IsSet("network") && !c.IsSet("day") {
			return p, nil
		}
	}
	p, err := nodeflags.Network(c)
	if err != nil {
		return nil, err
	}
	return p, of.Check(p)
}

// importBlocks imports the blocks of a file into the store in a folder.
func importBlocks(c *cli.Context, r *chainfile.Reader, p *network.Params, dir string) (res importResult, err error) {
	res = importResult{Network: p.Name, Data: dir}
	s, err := store.Open(dir, identity(p), store.Options{})
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	chained, err := chain.Open(c.Context, chain.Options{Store: s, Params: p})
	if err != nil {
		return res, err
	}
	bar := cmdline.NewProgress(c, -1, "import")
	defer bar.Close()
	got, err := chainfile.Import(c.Context, chained, p, r, importProgress(c, bar, chained.Tip().Height))
	res.Blocks, res.Added, res.From, res.Height, res.Tip = got.Blocks, got.Added, got.From, got.Height, got.Tip.String()
	return res, err
}

// logImportEvery is how often an import logs its progress where no bar shows.
const logImportEvery = 10 * time.Second

// importProgress returns what shows the progress of an import: the bar, or else lines of
// a log.
func importProgress(c *cli.Context, bar *cmdline.Progress, from uint32) chainfile.Progress {
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))
	logged, at := time.Now(), from
	return func(height, last uint32) {
		if last > 0 {
			bar.SetTotal(int64(last) + 1)
		}
		bar.Set(int64(height))
		now := time.Now()
		if bar.IsLive() || now.Sub(logged) < logImportEvery {
			return
		}
		args := []any{"height", height}
		if last > 0 {
			args = append(args, "of", last)
		}
		log.Info("importing blocks", append(args, "blocks/s", fmt.Sprintf("%.3g", float64(height-min(at, height))/now.Sub(logged).Seconds()))...)
		logged, at = now, height
	}
}

func printImport(c *cli.Context, name string, res importResult) error {
	if c.Bool("json") {
		return cmdline.PrintJSON(c, res)
	}
	return cmdline.PrintText(c, table(func(w io.Writer) {
		fmt.Fprintf(w, "store\t%s\n", res.Data)
		fmt.Fprintf(w, "network\t%s\n", res.Network)
		fmt.Fprintf(w, "imported\t%s, %s new\n", human.Count(uint64(res.Blocks), "block"), human.Grouped(uint64(res.Added)))
		fmt.Fprintf(w, "tip\theight %d (before: %d), %s\n", res.Height, res.From, res.Tip)
		if d := res.Damage; d != nil {
			fmt.Fprintf(w, "DAMAGED\t%s: %s\n", cmdline.InputName(name), d.Detail)
		}
	}))
}
