package bench

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/bench/report"
	"stele/cmd/stele/internal/cmdline"
)

// reportFlag and pngFlag write a report of the run.
func reportFlag() cli.Flag {
	return &cli.StringFlag{Name: "report", Usage: "also write a page about the result, as HTML, to `FILE`"}
}

func pngFlag() cli.Flag {
	return &cli.StringFlag{Name: "png", Usage: "also write a picture of the rates, as PNG, to `FILE`"}
}

// formats are the values of --format.
var formats = map[string]func(io.Writer, []report.Source) error{
	"html":      report.HTML,
	"markdown":  report.Markdown,
	"csv":       report.CSV,
	"benchstat": report.Benchstat,
}

// formatNames lists them in the order of the help.
var formatNames = []string{"html", "markdown", "csv", "benchstat"}

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "present results: a page, a picture, a table of values",
		ArgsUsage: "FILE...",
		Description: "Writes one page of HTML without script about one or more results of \"stele bench --out\",\n" +
			"with a comparison if there are several. Figures are computed from the samples again, and\n" +
			"each proof of the work done is checked. A file that is no result is reported in one line;\n" +
			"the others are still presented, and the exit code is 2.\n\n" +
			"  stele bench report --out page.html rig1.json rig2.json\n" +
			"  stele bench report --png rates.png result.json\n" +
			"  stele bench report --format csv *.json >rates.csv",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "write `FORMAT`: " + strings.Join(formatNames, ", ") + " (input of benchstat)", Value: "html"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of standard output"},
			&cli.StringFlag{Name: "png", Usage: "write a picture of the rates, as PNG, to `FILE`; no other report unless --out or --format is given"},
		},
		Action: runReport,
	}
}

// runReport is `stele bench report`.
func runReport(c *cli.Context) error {
	if c.NArg() == 0 {
		return fmt.Errorf("no file given: must be one or more results; see %s --help", c.Command.HelpName)
	}
	write := formats[c.String("format")]
	if write == nil {
		return fmt.Errorf("--format: unknown format %q: must be %s", c.String("format"), strings.Join(formatNames, ", "))
	}
	outputs, err := reportOutputs(c, write)
	if err != nil {
		return err
	}
	defer discardAll(outputs)
	sources, bad, err := readSources(c)
	if err != nil {
		return err
	}
	for _, o := range outputs {
		if len(sources) == 0 {
			break
		}
		if err := o.writeTo(c, sources); err != nil {
			return err
		}
	}
	if n := len(bad); n > 0 {
		for _, err := range bad[:n-1] {
			fmt.Fprintf(c.App.ErrWriter, "stele: %v\n", err)
		}
		return bad[n-1]
	}
	return nil
}

// reportOutputs returns what `stele bench report` writes: a picture if --png is given, and
// the report unless only a picture was asked for.
func reportOutputs(c *cli.Context, write func(io.Writer, []report.Source) error) (outputs []output, err error) {
	if c.IsSet("out") || c.IsSet("format") || !c.IsSet("png") {
		out, err := newOutput(c, "out", write)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, out)
	}
	if c.IsSet("png") {
		out, err := newOutput(c, "png", report.PNG)
		if err != nil {
			discardAll(outputs)
			return nil, err
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

// readSources reads and checks the results. Bad has an error for each file that is none.
func readSources(c *cli.Context) (sources []report.Source, bad []error, err error) {
	for _, name := range c.Args().Slice() {
		result, err := readResult(c, name)
		if c.Context.Err() != nil {
			return nil, nil, cmdline.Cause(c, c.Context.Err())
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		source, err := checked(c.Context, sourceName(name, result), result)
		if err != nil {
			return nil, nil, cmdline.Cause(c, err)
		}
		sources = append(sources, source)
	}
	return sources, bad, nil
}

// sourceName names a result: by its label, else by its file.
func sourceName(file string, r *bench.Result) string {
	if r.Environment.Label != "" {
		return r.Environment.Label
	}
	return strings.TrimSuffix(filepath.Base(cmdline.InputName(file)), ".json")
}

// checked checks a result for a report. It searches nothing again.
func checked(ctx context.Context, name string, r *bench.Result) (report.Source, error) {
	check, err := bench.Check(ctx, r, bench.Rescan{})
	return report.Source{Name: name, Result: r, Check: check}, err
}

// output is a report and where it goes.
type output struct {
	file  *outFile // nil: standard output
	write func(io.Writer, []report.Source) error
}

// newOutput checks, before the work, that the report can be written to the file that a
// flag names. "-" is standard output.
func newOutput(c *cli.Context, flag string, write func(io.Writer, []report.Source) error) (output, error) {
	if !c.IsSet(flag) || c.String(flag) == "-" {
		return output{nil, write}, nil
	}
	file, err := newFlagFile(c, flag)
	return output{file, write}, err
}

// writeTo writes the report.
func (o output) writeTo(c *cli.Context, sources []report.Source) error {
	encode := func(w io.Writer) error { return o.write(w, sources) }
	if o.file == nil {
		return encode(c.App.Writer)
	}
	return o.file.writeWith(c.Context, encode)
}

func (o output) discard() {
	if o.file != nil {
		o.file.discard()
	}
}

// runOutputs returns the reports of a run of `stele bench`, which its flags name.
func runOutputs(c *cli.Context) (outputs []output, err error) {
	for _, o := range []struct {
		flag  string
		write func(io.Writer, []report.Source) error
	}{{"report", report.HTML}, {"png", report.PNG}} {
		if !c.IsSet(o.flag) {
			continue
		}
		out, err := newOutput(c, o.flag, o.write)
		if err != nil {
			discardAll(outputs)
			return nil, err
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

func discardAll(outputs []output) {
	for _, o := range outputs {
		o.discard()
	}
}
