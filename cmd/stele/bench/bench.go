// Package bench is the command "stele bench", which benchmarks devices and kernels, and
// its subcommands. [Command] has them all. Those that read results are check, compare,
// report, history and regress.
//
// It opens an engine for each case and writes the result. The measuring, the proof of
// the work done and the comparison are in stele/bench.
package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/bench/report"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
)

// The bounds of --duration.
const (
	minDuration = 100 * time.Millisecond
	maxDuration = time.Hour
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "benchmark every device and kernel, with a proof of the work done",
		Description: "Measures the cases in turn, in short slices, each at least 30 times. Rates are medians\n" +
			"with 95 % intervals; a disturbed run is flagged. Searches cover a fixed range of\n" +
			"nonces and must find exactly the known set. Signatures, records and blocks are lists\n" +
			"with known answers. See docs/bench.md.\n\n" +
			"  stele bench\n" +
			"  stele bench --mode search --kernel all --out result.json\n" +
			"  stele bench --mode blocks\n" +
			"  stele bench --report page.html\n" +
			"  stele bench compare old.json result.json\n" +
			"  stele bench regress",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "mode", Usage: "measure `MODE`: search, verify, signatures, records, blocks, or all, which is search and verify", DefaultText: "all"},
			deviceflags.Device("measure"),
			&cli.StringFlag{Name: "kernel", Usage: "measure the kernel `NAME` instead of the fastest, or all"},
			threadsFlag(),
			&cli.StringFlag{Name: "duration", Usage: "run for `TIME`, such as 30s or 5m, or longer if 30 samples of each case need it", Value: "10s"},
			deviceflags.Cache(), deviceflags.Retune(),
			&cli.BoolFlag{Name: "version-rolling", Usage: "also measure searches of 128 header versions at once"},
			&cli.BoolFlag{Name: "bare", Usage: "also measure the search kernels without the engine, on one thread"},
			endToEndFlag(),
			&cli.BoolFlag{Name: "markdown", Usage: "print the tables in Markdown"},
			&cli.StringFlag{Name: "label", Usage: "label the result with `TEXT`, such as the name of the machine"},
			powercapFlag(),
			&cli.StringFlag{Name: "out", Usage: "also write the complete result, as JSON, to `FILE`"},
			reportFlag(), pngFlag(),
			historyFlag(),
			&cli.BoolFlag{Name: "no-history", Usage: "do not keep the result in the history"},
			cmdline.JSONFlag(),
		},
		Action: run,
		Subcommands: []*cli.Command{
			reportCommand(),
			{
				Name:      "check",
				Usage:     "check a result: its figures and its proof of work done",
				ArgsUsage: "FILE",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "seed", Usage: "seed `N` selects the parts that are searched again", DefaultText: "random"},
					cmdline.JSONFlag(),
				},
				Action: runCheck,
			},
			compareCommand(), historyCommand(), regressCommand(),
			efficiencyCommand(),
			efficiencyGuardCommand(),
		},
	}
}

// run is `stele bench`.
func run(c *cli.Context) error {
	if c.Args().Present() {
		return cmdline.Group(c)
	}
	if err := oneFormat(c); err != nil {
		return err
	}
	settings, err := readSettings(c)
	if err != nil {
		return err
	}
	out, err := newOutFile(c)
	if err != nil {
		return err
	}
	defer out.discard()
	reports, err := runOutputs(c)
	if err != nil {
		return err
	}
	defer discardAll(reports)
	set, err := openCases(c, settings)
	if err != nil {
		return err
	}
	defer set.close()

	result, err := set.measure(c, settings)
	if err != nil {
		return fmt.Errorf("bench stopped without a result: %w", cmdline.Cause(c, err))
	}
	if err := set.addEndToEnd(c, result); err != nil {
		return fmt.Errorf("bench stopped without a result: %w", cmdline.Cause(c, err))
	}
	check, err := bench.Check(c.Context, result, bench.Rescan{})
	if err != nil {
		return err
	}
	if err := out.write(c.Context, result); err != nil {
		return err
	}
	if check.Good() {
		keepResult(c, result)
	}
	if err := present(c, report.Source{Result: result, Check: check}, reports); err != nil {
		return err
	}
	if !check.Good() {
		for _, p := range check.Problems {
			fmt.Fprintf(c.App.ErrWriter, "stele: %v\n", p)
		}
		return cmdline.ErrFoundWrong
	}
	if n := len(result.Failed); n > 0 {
		return fmt.Errorf("%d of %d cases failed; the first, %s: %s", n, n+len(result.Cases), result.Failed[0].Case, result.Failed[0].Reason)
	}
	return nil
}

// present writes the reports of a run, and prints its result.
func present(c *cli.Context, source report.Source, reports []output) error {
	for _, o := range reports {
		if err := o.writeTo(c, []report.Source{source}); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, source.Result)
	}
	return source.Result.WriteTable(c.App.Writer, tableFormat(c))
}

// readSettings reads the flags.
func readSettings(c *cli.Context) (bench.Settings, error) {
	s := bench.Settings{
		Mode:    c.String("mode"),
		Rolling: c.Bool("version-rolling"),
		Device:  c.String("device"),
		Kernel:  c.String("kernel"),
	}
	if !c.IsSet("mode") {
		s.Mode = defaultMode(c)
	}
	if !slices.Contains(append(bench.Requests(), "all"), s.Mode) {
		return s, fmt.Errorf("--mode: unknown mode %q: must be %s or all", s.Mode, strings.Join(bench.Requests(), ", "))
	}
	for _, flag := range []string{"version-rolling", "bare"} {
		if c.Bool(flag) && !bench.Search.RequestedBy(s.Mode) && (flag == "version-rolling" || s.Mode != "verify") {
			return s, fmt.Errorf("--%s: --mode %s has no searches: must be search or all", flag, s.Mode)
		}
	}
	if err := checkEndToEnd(c, s.Mode); err != nil {
		return s, err
	}
	var err error
	if s.Threads, s.ThreadCounts, err = readThreads(c); err != nil {
		return s, err
	}
	if err := checkLabel(c.String("label")); err != nil {
		return s, err
	}
	s.Duration, err = readDuration(c)
	return s, err
}

// readDuration reads --duration, in seconds.
func readDuration(c *cli.Context) (seconds float64, err error) {
	d, err := cmdline.Duration(c, "duration")
	if err == nil && (d < minDuration || d > maxDuration) {
		err = fmt.Errorf("--duration: %v is out of range: must be %v to %v", d, minDuration, maxDuration)
	}
	return d.Seconds(), err
}

// checkLabel rejects a label that does not fit a line.
func checkLabel(label string) error {
	const maxLabel = 200
	if len(label) > maxLabel || !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("--label: invalid label %.40q: must be printable text of at most %d bytes", label, maxLabel)
	}
	return nil
}

// oneFormat rejects flags that ask for two formats at once.
func oneFormat(c *cli.Context) error {
	if c.Bool("json") && c.Bool("markdown") {
		return errors.New("--json and --markdown are mutually exclusive")
	}
	return nil
}

func tableFormat(c *cli.Context) bench.Format {
	if c.Bool("markdown") {
		return bench.Markdown
	}
	return bench.Text
}
