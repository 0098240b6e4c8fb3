package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/cmd/stele/internal/cmdline"
	"stele/internal/text"
)

// compareCommand returns the command "stele bench compare".
func compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "compare two or more results",
		ArgsUsage: "OLD NEW | FILE|DIR...",
		Description: "Two files: exit code 1 means that NEW is slower than OLD, exit code 2 that the results\n" +
			"are not comparable. More files, or folders of results: runs of the same machine are\n" +
			"merged, and the machines sorted; exit code 2 means that a file could not be read.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "base", Usage: "divide by the machine of the result `FILE` instead of the fastest"},
			&cli.BoolFlag{Name: "markdown", Usage: "print the tables in Markdown"},
			cmdline.JSONFlag(),
		},
		Action: runCompare,
	}
}

// runCompare is `stele bench compare`.
func runCompare(c *cli.Context) error {
	if err := oneFormat(c); err != nil {
		return err
	}
	if c.IsSet("base") && c.String("base") == "" {
		return errors.New("--base: the file name is empty")
	}
	names, many := expand(c.Args().Slice())
	if base := c.String("base"); base != "" {
		// First, so that it counts where another file has the same result.
		many = true
		names = append([]string{base}, slices.DeleteFunc(names, func(n string) bool { return n == base })...)
	}
	switch {
	case len(names) < 2 && !many:
		return fmt.Errorf("the arguments must be OLD and NEW: got %d; see %s --help", c.NArg(), c.Command.HelpName)
	case len(names) == 2 && !many:
		return compareTwo(c, names[0], names[1])
	}
	return rank(c, names)
}

// compareTwo compares a result with an older one.
func compareTwo(c *cli.Context, oldName, newName string) error {
	old, err := readResult(c, oldName)
	if err != nil {
		return err
	}
	new, err := readResult(c, newName)
	if err != nil {
		return err
	}
	comparison := bench.Compare(old, new)
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, comparison)
	} else {
		err = comparison.WriteTable(c.App.Writer, tableFormat(c))
	}
	switch {
	case err != nil:
		return err
	case comparison.Verdict == bench.Slower:
		return cmdline.ErrFoundWrong
	case comparison.Verdict == bench.CannotTell:
		return errors.New(comparison.Answer())
	}
	return nil
}

// rank merges the runs of each machine, and compares the machines.
func rank(c *cli.Context, names []string) error {
	results, errs := readResults(c, names)
	for _, err := range errs {
		fmt.Fprintf(c.App.ErrWriter, "stele: %v\n", err)
	}
	if err := c.Context.Err(); err != nil {
		return cmdline.Cause(c, err)
	}
	if len(results) < 2 {
		return fmt.Errorf("results that can be read: %d, must be at least 2; those of a folder are its files *.json and *.json.gz", len(results))
	}
	machines := bench.Merge(results)
	base := ""
	if name := c.String("base"); name != "" {
		i := slices.IndexFunc(machines, func(m *bench.Merged) bool { return slices.Contains(m.Runs, text.Clean(name, text.Max)) })
		if i < 0 {
			return fmt.Errorf("--base: %s: cannot be read", name)
		}
		base = machines[i].Name
	}
	ranking := bench.Rank(machines, base)
	var err error
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, ranking)
	} else {
		err = ranking.WriteTable(c.App.Writer, tableFormat(c))
	}
	if err == nil && len(errs) > 0 {
		err = cmdline.ExitCode(cmdline.ExitFailed)
	}
	return err
}

// expand replaces folders by the results in them, and patterns, which a shell may have
// left as they are, by the files that match. Many is whether there was any of these.
func expand(args []string) (names []string, many bool) {
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir():
			many = true
			names = append(names, inFolder(arg)...)
		case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?["):
			matches, err := filepath.Glob(arg)
			if err != nil || len(matches) == 0 {
				names = append(names, arg) // opening it gives the error
				continue
			}
			many = true
			names = append(names, matches...)
		default:
			names = append(names, arg)
		}
	}
	return names, many
}

// inFolder returns the results in a folder: the files *.json and *.json.gz.
func inFolder(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{dir} // opening it gives the error
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".json.gz")) {
			names = append(names, filepath.Join(dir, name))
		}
	}
	return names
}

// readResults reads results. A file that cannot be read is an error that names it; the
// others are read.
func readResults(c *cli.Context, names []string) (results []bench.Named, errs []error) {
	for _, name := range names {
		r, err := readResult(c, name)
		if err != nil {
			errs = append(errs, text.Error(err, 1<<10))
			continue
		}
		results = append(results, bench.Named{Name: text.Clean(name, text.Max), Result: r})
	}
	return results, errs
}
