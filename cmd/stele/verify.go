package main

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

	"stele/engine"
	"stele/engine/blockfile"
	"stele/engine/cpu"
	"stele/engine/headerchain"
	"stele/engine/verify"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "check headers, blocks and evidence in files",
		Subcommands: []*cli.Command{
			{
				Name:      "headers",
				Usage:     "check a file of 80-byte headers",
				ArgsUsage: "FILE",
				Description: "The headers lie one after the other in FILE, as they are or packed with gzip;\n" +
					"- is standard input. Each has to be the parent of the next (but see --unlinked).",
				Flags:  verifyFlags(),
				Action: verifyHeaders,
			},
			{
				Name:      "blocks",
				Usage:     "check blk files and raw blocks",
				ArgsUsage: "FILE...",
				Description: "Each FILE is a blk file of a node or one raw block, as it is or packed with gzip;\n" +
					"- is standard input. All blocks together are one chain, each the parent of the\n" +
					"next. The files of a node are not in that order: check them with --unlinked.",
				Flags:  append(verifyFlags(), magicFlag()),
				Action: verifyBlocks,
			},
			verifyBundleCommand(),
		},
	}
}

func verifyFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "unlinked", Usage: "do not check parents, times and retargets"},
		&cli.StringFlag{Name: "params", Usage: "check by the rules of the network `NAME`: " + networkNames()},
		&cli.StringFlag{Name: "start-height", Usage: "height `N` of the first item (default: 0 if it has no parent, else unknown)"},
		jsonFlag(),
	}, engineFlags()...)
}

func magicFlag() cli.Flag {
	return &cli.StringFlag{Name: "magic", Usage: "the records of blk files begin with `HEX` (default: as --params, else of any known network)"}
}

// networkNames returns the names that --params knows.
func networkNames() string {
	var names []string
	for _, n := range verify.Networks() {
		names = append(names, n.Name())
	}
	return strings.Join(names, ", ")
}

func verifyHeaders(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("%d files given, want 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	return runVerify(c, "headers", func(ctx context.Context, e verify.Engine, sources []verify.Source, opts verify.Options) (verify.Report, error) {
		return verify.Headers(ctx, e, sources[0], opts)
	})
}

func verifyBlocks(c *cli.Context) error {
	if c.NArg() == 0 {
		return fmt.Errorf("no file given, want 1 or more; see %s --help", c.Command.HelpName)
	}
	return runVerify(c, "blocks", verify.Blocks)
}

// verification is verify.Blocks, or verify.Headers with its one source.
type verification func(context.Context, verify.Engine, []verify.Source, verify.Options) (verify.Report, error)

// runVerify does what both commands have in common. What names the items.
func runVerify(c *cli.Context, what string, check verification) error {
	opts, err := verifyOptions(c)
	if err != nil {
		return err
	}
	e, err := openEngine(c)
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
		err = fmt.Errorf("verify ended after %d %s: %w", report.Items, what, reason(c, err))
	}

	res := newVerifyResult(report, err, elapsed)
	res.Device, _, res.Kernel = deviceNames(e)
	var printed error
	if c.Bool("json") {
		printed = printJSON(c, res)
	} else {
		printed = printText(c, res.text(what))
	}
	switch {
	case err != nil:
		return err
	case printed != nil:
		return printed
	case res.FirstInvalid != nil:
		return errFoundWrong
	}
	return nil
}

// workers returns how many goroutines are to parse blocks: as many as the CPU
// has threads in e, or without a CPU in e all that there are.
func workers(e *engine.Engine) int {
	for _, s := range e.Status() {
		if s.Info.Kind == cpu.ID {
			return s.Info.Threads
		}
	}
	return runtime.GOMAXPROCS(0)
}

// verifyOptions reads the flags.
func verifyOptions(c *cli.Context) (verify.Options, error) {
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
			return opts, fmt.Errorf("--unlinked and --start-height exclude each other")
		}
		height, err := number(c, "start-height", 0, math.MaxUint32, 0)
		if err != nil {
			return opts, err
		}
		opts.StartHeight = int64(height)
	}
	return opts, nil
}
