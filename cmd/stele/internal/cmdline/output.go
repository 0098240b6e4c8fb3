package cmdline

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

// JSONFlag returns the flag --json.
func JSONFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print the result as one line of JSON"}
}

// PrintJSON writes v as one line to standard output.
func PrintJSON(c *cli.Context, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return PrintText(c, string(line)+"\n")
}

// PrintText writes text to standard output.
func PrintText(c *cli.Context, text string) error {
	if _, err := io.WriteString(c.App.Writer, text); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// Progress is a bar on standard error. It shows only on a terminal.
type Progress struct{ bar *progressbar.ProgressBar }

// NewProgress returns a bar for total items, -1 for an unknown total. What is its
// label. The caller closes it.
func NewProgress(c *cli.Context, total int64, what string, more ...progressbar.Option) *Progress {
	f, ok := c.App.ErrWriter.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &Progress{}
	}
	return &Progress{progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionSetPredictTime(total > 0),
		progressbar.OptionClearOnFinish(),
	}, more...)...)}
}

// IsLive reports whether the bar shows.
func (p *Progress) IsLive() bool { return p.bar != nil }

// Set sets how many items are done.
func (p *Progress) Set(items int64) {
	if p.bar != nil {
		_ = p.bar.Set64(items)
	}
}

// SetTotal sets how many items there are.
func (p *Progress) SetTotal(items int64) {
	if p.bar != nil {
		p.bar.ChangeMax64(items)
	}
}

// Close removes the bar.
func (p *Progress) Close() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
	}
}
