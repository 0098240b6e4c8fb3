package bench

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/bench/history"
	"stele/cmd/stele/internal/cmdline"
)

// The bounds of --confidence, and the default of --baseline.
const (
	minConfidence   = 0.5
	maxConfidence   = 0.999999
	defaultBaseline = 20
)

// regressCommand returns the command "stele bench regress".
func regressCommand() *cli.Command {
	return &cli.Command{
		Name:  "regress",
		Usage: "decide whether the newest result is worse than those before",
		Description: "Compares the newest result of the history with the earlier ones of the same machine with\n" +
			"the same settings. Exit code 1: worse. Exit code 2: it cannot be decided, as with fewer\n" +
			"than five earlier runs or a disturbed one.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "case", Usage: "judge only the case `ID`, such as search/cpu/2 or search/cpu/avx2/2"},
			&cli.StringFlag{Name: "confidence", Usage: "report with the confidence `P`, for all cases together", Value: "0.99"},
			&cli.StringFlag{Name: "baseline", Usage: "compare with the last `N` earlier runs, 5 or more", DefaultText: strconv.Itoa(defaultBaseline)},
			historyFlag(),
			cmdline.JSONFlag(),
		},
		Action: runRegress,
	}
}

// runRegress is `stele bench regress`.
func runRegress(c *cli.Context) error {
	folder, err := openHistory(c)
	if err != nil {
		return err
	}
	baseline, err := cmdline.Number(c, "baseline", history.MinBaseline, history.MaxResults, defaultBaseline)
	if err != nil {
		return err
	}
	confidence, err := strconv.ParseFloat(c.String("confidence"), 64)
	if err != nil || !(confidence >= minConfidence && confidence <= maxConfidence) {
		return fmt.Errorf("--confidence: %.40q is out of range: must be %v to %v", c.String("confidence"), minConfidence, maxConfidence)
	}
	if c.IsSet("case") && c.String("case") == "" {
		return errors.New("--case: the name is empty")
	}
	newest, earlier, err := readBaseline(c, folder, int(baseline))
	if err != nil {
		return err
	}
	r := history.Regress(newest, earlier, history.Options{Confidence: confidence, Baseline: int(baseline), Case: c.String("case")})
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, r)
	} else {
		err = r.WriteText(c.App.Writer)
	}
	switch {
	case err != nil:
		return err
	case r.Verdict == bench.Slower:
		return cmdline.ErrFoundWrong
	case r.Verdict == bench.CannotTell:
		return fmt.Errorf("%s: %s", r.Verdict, r.Reason)
	}
	return nil
}

// readBaseline reads the newest result, and up to baseline earlier ones that are
// comparable with it.
func readBaseline(c *cli.Context, folder *history.Folder, baseline int) (newest bench.Named, earlier []bench.Named, err error) {
	for r, err := range folder.Newest(time.Time{}) {
		switch {
		case c.Context.Err() != nil:
			return newest, nil, cmdline.Cause(c, c.Context.Err())
		case err != nil:
			fmt.Fprintf(c.App.ErrWriter, "skipped: %v\n", err)
		case newest.Result == nil:
			newest = r
		case history.Comparable(r.Result, newest.Result):
			earlier = append(earlier, r)
		}
		if len(earlier) == baseline {
			break
		}
	}
	if newest.Result == nil {
		return newest, nil, fmt.Errorf("no results in %s", folder.Dir())
	}
	return newest, earlier, nil
}
