package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// jsonFlag returns the flag --json.
func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print the result as one line of JSON"}
}

// printJSON writes v as one line to standard output.
func printJSON(c *cli.Context, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return printText(c, string(line)+"\n")
}

// printText writes text to standard output.
func printText(c *cli.Context, text string) error {
	if _, err := io.WriteString(c.App.Writer, text); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// perSecond returns items per second, 0 if no time has passed.
func perSecond(items uint64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return float64(items) / elapsed.Seconds()
}

// siUnits writes a number for people, as in "56.3 M": three or four digits
// and the SI prefix of the unit that follows.
func siUnits(x float64) string {
	prefixes := []string{"", "k", "M", "G", "T", "P"}
	i := 0
	for x >= 999.5 && i < len(prefixes)-1 {
		x /= 1000
		i++
	}
	switch {
	case i == 0:
		return fmt.Sprintf("%.0f ", x)
	case x < 9.995:
		return fmt.Sprintf("%.2f %s", x, prefixes[i])
	case x < 99.95:
		return fmt.Sprintf("%.1f %s", x, prefixes[i])
	}
	return fmt.Sprintf("%.0f %s", x, prefixes[i])
}

// progress is a bar on standard error. It shows only on a terminal.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress returns a bar for total items; -1 if the total is unknown.
func newProgress(c *cli.Context, total int64, what string, more ...progressbar.Option) *progress {
	f, ok := c.App.ErrWriter.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionSetPredictTime(total > 0),
		progressbar.OptionClearOnFinish(),
	}, more...)...)}
}

// set tells how many items are done.
func (p *progress) set(items int64) {
	if p.bar != nil {
		_ = p.bar.Set64(items)
	}
}

// close removes the bar.
func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
	}
}
