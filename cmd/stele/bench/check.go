package bench

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/cmd/stele/internal/cmdline"
)

// runCheck is `stele bench check`.
func runCheck(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("%d files given: must be 1; see %s --help", c.NArg(), c.Command.HelpName)
	}
	const maxSeed = 1<<53 - 1 // exact in any JSON reader
	seed, err := cmdline.Number(c, "seed", 0, maxSeed, uint64(time.Now().UnixNano())&maxSeed)
	if err != nil {
		return err
	}
	result, err := readResult(c, c.Args().First())
	if err != nil {
		return err
	}
	report, err := bench.Check(c.Context, result, bench.Rescan{Seed: seed, Ranges: 16, Size: 1 << 16})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, report)
	} else {
		err = cmdline.PrintText(c, reportText(report))
	}
	if err == nil && !report.Good() {
		err = cmdline.ErrFoundWrong
	}
	return err
}

// reportText returns a report for people.
func reportText(r *bench.Report) string {
	text := ""
	for _, p := range r.Problems {
		text += p.String() + "\n"
	}
	for _, what := range r.Confirmed {
		text += "confirmed: " + what + "\n"
	}
	for _, what := range r.Unconfirmed {
		text += "cannot be confirmed: " + what + "\n"
	}
	if r.Good() {
		return text + "all good\n"
	}
	return text + fmt.Sprintf("%d problems\n", len(r.Problems))
}
