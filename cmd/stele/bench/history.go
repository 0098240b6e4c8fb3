package bench

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/bench/history"
	"stele/cmd/stele/internal/cmdline"
)

// historyFlag returns the flag that names the folder of the history.
func historyFlag() cli.Flag {
	return &cli.StringFlag{Name: "history", EnvVars: []string{"STELE_BENCH_HISTORY"}, Usage: "use the folder `DIR` for the history of results, or none", DefaultText: "stele/bench in $XDG_DATA_HOME or ~/.local/share"}
}

// historyCommand returns the command "stele bench history".
func historyCommand() *cli.Command {
	return &cli.Command{
		Name:  "history",
		Usage: "show the results of this machine over time",
		Description: "Each \"stele bench\" keeps its result. This shows them by machine and case, and marks\n" +
			"where the program, the driver, the kernel of the system or the chosen kernel changed.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "case", Usage: "show only the case `ID`, such as search/cpu/2 or search/cpu/avx2/2"},
			&cli.StringFlag{Name: "days", Usage: "show the last `N` days", DefaultText: "all"},
			&cli.StringFlag{Name: "report", Usage: "write a page with charts, as HTML, to `FILE`"},
			historyFlag(),
			cmdline.JSONFlag(),
		},
		Action: runHistory,
	}
}

// historyFolder returns the folder of the history, or nil if the user wants none.
func historyFolder(c *cli.Context) (*history.Folder, error) {
	switch dir := c.String("history"); {
	case c.Bool("no-history") || dir == "none":
		return nil, nil
	case dir != "":
		return history.Open(dir), nil
	case c.IsSet("history"):
		return nil, errors.New("--history: the name is empty")
	}
	base, err := cmdline.UserData("history")
	if err != nil {
		return nil, err
	}
	return history.Open(filepath.Join(base, "bench")), nil
}

// keepResult adds a result to the history. A folder that cannot be written is a warning:
// the result itself is good.
func keepResult(c *cli.Context, r *bench.Result) {
	folder, err := historyFolder(c)
	if err == nil && folder != nil {
		_, err = folder.Add(r)
	}
	if err != nil {
		fmt.Fprintf(c.App.ErrWriter, "warning: the result is not in the history: %v (--no-history keeps none)\n", err)
	}
}

// openHistory returns the folder of the history for a command that reads it.
func openHistory(c *cli.Context) (*history.Folder, error) {
	if err := cmdline.NoArgs(c); err != nil {
		return nil, err
	}
	folder, err := historyFolder(c)
	if err == nil && folder == nil {
		err = errors.New("--history is none: must be a folder")
	}
	return folder, err
}

// runHistory is `stele bench history`.
func runHistory(c *cli.Context) error {
	folder, err := openHistory(c)
	if err != nil {
		return err
	}
	since := time.Time{}
	const maxDays = 100_000
	days, err := cmdline.Number(c, "days", 1, maxDays, 0)
	if err != nil {
		return err
	}
	if days > 0 {
		since = time.Now().AddDate(0, 0, -int(days))
	}
	page, err := newFlagFile(c, "report")
	if err != nil {
		return err
	}
	defer page.discard()
	results, skipped, err := readHistory(c, folder, since)
	if err != nil {
		return err
	}
	machines := history.Machines(results)
	none := "no results in " + folder.Dir()
	if id := c.String("case"); id != "" {
		machines = history.Only(machines, id)
		none = fmt.Sprintf("no results of the case %.100q in %s", id, folder.Dir())
	}
	if err := page.writeWith(c.Context, func(w io.Writer) error { return history.WriteHTML(w, machines) }); err != nil {
		return err
	}
	switch {
	case c.Bool("json"):
		return cmdline.PrintJSON(c, map[string]any{"machines": machines, "skipped": skipped})
	case len(machines) == 0:
		return cmdline.PrintText(c, none+"\n")
	}
	return history.WriteText(c.App.Writer, machines)
}

// readHistory reads the results that started at since or later. What is skipped is
// reported in a line each.
func readHistory(c *cli.Context, folder *history.Folder, since time.Time) (results []bench.Named, skipped []string, err error) {
	skipped = []string{}
	for r, err := range folder.Newest(since) {
		switch {
		case c.Context.Err() != nil:
			return nil, nil, cmdline.Cause(c, c.Context.Err())
		case err != nil:
			skipped = append(skipped, err.Error())
			fmt.Fprintf(c.App.ErrWriter, "skipped: %v\n", err)
		default:
			results = append(results, r)
		}
	}
	return results, skipped, nil
}
