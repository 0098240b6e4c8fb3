// Package verify is the command "stele verify", which validates headers, blocks and
// bundles of evidence in files. The checks of headers and blocks are in
// stele/engine/verify, those of bundles in stele/node/ledger/bundle.
package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/engine"
	"stele/engine/blockfile"
	"stele/engine/cpu"
	"stele/engine/headerchain"
	"stele/engine/verify"
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "validate headers, blocks, evidence bundles and exports in files",
		Subcommands: []*cli.Command{
			{
				Name:      "headers",
				Usage:     "validate a file of 80-byte headers",
				ArgsUsage: "FILE",
				Description: "Checks proof of work, parents and times of consecutive headers, and with --params the\n" +
					"difficulty rules of a network. FILE may be compressed with gzip; - is standard\n" +
					"input.\n\n" +
					"  stele verify headers headers.dat --params bitcoin",
				Flags:  verifyFlags(),
				Action: runHeaders,
			},
			{
				Name:      "blocks",
				Usage:     "validate blk files and raw blocks",
				ArgsUsage: "FILE...",
				Description: "Checks headers, Merkle roots, witness commitments and transactions. Each FILE is a\n" +
					"blk file of a node or one raw block, and may be compressed with gzip; - is standard\n" +
					"input. The blocks of all files must form one chain in this order. The blk files of\n" +
					"a node are not in order: check them with --unlinked.\n\n" +
					"  stele verify blocks ~/.bitcoin/blocks/blk*.dat --unlinked --params bitcoin",
				Flags:  append(verifyFlags(), magicFlag()),
				Action: runBlocks,
			},
			bundleCommand(), exportCommand(),
		},
	}
}

func verifyFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "unlinked", Usage: "do not check parents, times and retargets"},
		&cli.StringFlag{Name: "params", Usage: "apply the rules of the network `NAME`: " + networkNames()},
		&cli.StringFlag{Name: "start-height", Usage: "the first item has height `N` (default: 0 if it has no parent, else unknown)"},
		cmdline.JSONFlag(),
	}, deviceflags.Flags()...)
}

func magicFlag() cli.Flag {
	return &cli.StringFlag{Name: "magic", Usage: "the records of blk files begin with the magic `HEX` (default: of --params, else of any known network)"}
}

// networkNames returns the names that --params knows.
func networkNames() string {
	var names []string
	for _, n := range verify.Networks() {
		names = append(names, n.Name())
	}
	return strings.Join(names, ", ")
}

func runHeaders(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("%d files given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	return run(c, "headers", func(ctx context.Context, e verify.Engine, sources []verify.Source, opts verify.Options) (verify.Report, error) {
		return verify.Headers(ctx, e, sources[0], opts)
	})
}

func runBlocks(c *cli.Context) error {
	if c.NArg() == 0 {
		return fmt.Errorf("no file given: must be 1 or more; see %s --help", c.Command.HelpName)
	}
	return run(c, "blocks", verify.Blocks)
}

// verification is verify.Blocks, or verify.Headers with its one source.
type verification func(context.Context, verify.Engine, []verify.Source, verify.Options) (verify.Report, error)

// run does what both commands have in common. What names the items.
func run(c *cli.Context, what string, check verification) error {
	opts, err := readOptions(c)
	if err != nil {
		return err
	}
	e, err := deviceflags.OpenEngine(c)
	if err != nil {
		return err
	}
	defer e.Close()
	opts.Workers = workers(e)

	in := openInputs(c, what == "blocks")
	start := time.Now()
	report, err := check(c.Context, e, in.sources, opts)
	elapsed := time.Since(start)
	in.close()
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("verify stopped after %d %s: %w", report.Items, what, cmdline.Cause(c, err))
	}

	res := newResult(report, err, elapsed)
	res.Device, _, res.Kernel = deviceflags.Names(e)
	var printed error
	if c.Bool("json") {
		printed = cmdline.PrintJSON(c, res)
	} else {
		printed = cmdline.PrintText(c, res.text(what))
	}
	switch {
	case err != nil:
		return err
	case printed != nil:
		return printed
	case res.FirstInvalid != nil:
		return cmdline.ErrFoundWrong
	}
	return nil
}

// workers returns how many goroutines hash blocks: the threads of the CPU device of
// e, or GOMAXPROCS if e has no CPU.
func workers(e *engine.Engine) int {
	for _, s := range e.Status() {
		if s.Info.Kind == cpu.ID {
			return s.Info.Threads
		}
	}
	return runtime.GOMAXPROCS(0)
}

// readOptions reads the flags.
func readOptions(c *cli.Context) (verify.Options, error) {
	opts := verify.Options{
		Unlinked:    c.Bool("unlinked"),
		StartHeight: headerchain.UnknownHeight,
	}
	if c.IsSet("params") {
		name := c.String("params")
		networks := verify.Networks()
		i := slices.IndexFunc(networks, func(n *verify.Network) bool { return n.Name() == name })
		if i < 0 {
			return opts, fmt.Errorf("invalid --params %q: must be one of %s", name, networkNames())
		}
		opts.Network = networks[i]
	}
	if c.IsSet("magic") {
		magic, err := blockfile.ParseMagic(c.String("magic"))
		if err != nil {
			return opts, fmt.Errorf("--magic: %w", err)
		}
		opts.Magic = magic
	}
	if c.IsSet("start-height") {
		if opts.Unlinked {
			return opts, fmt.Errorf("--unlinked and --start-height are mutually exclusive")
		}
		height, err := cmdline.Number(c, "start-height", 0, math.MaxUint32, 0)
		if err != nil {
			return opts, err
		}
		opts.StartHeight = int64(height)
	}
	return opts, nil
}
