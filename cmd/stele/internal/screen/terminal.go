package screen

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// How often a command shows its status.
const (
	RedrawEvery = 250 * time.Millisecond // as a view
	PrintEvery  = 5 * time.Second        // as a line
)

// LineWidth is how many columns a line has that is not part of a view, at most.
const LineWidth = 99

// Terminal is where a command that runs for long shows its status and its log: a
// view on a terminal, lines elsewhere.
type Terminal struct {
	// Log writes to standard error, above the view if both are on one terminal.
	Log *slog.Logger

	out    io.Writer
	screen *Screen // nil: lines
	color  bool
	ascii  bool
}

// NewTerminal returns the terminal of a command with the flags of [Flags]. The
// caller closes it.
func NewTerminal(c *cli.Context) *Terminal {
	t := &Terminal{out: c.App.Writer, color: os.Getenv("NO_COLOR") == "", ascii: !isUTF8Locale()}
	if f, ok := c.App.Writer.(*os.File); ok && isTerminal(f) && !c.Bool("plain") {
		t.screen = New(f)
	}
	level := slog.LevelInfo
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	logTo := c.App.ErrWriter
	if t.screen != nil && isTerminal(logTo) {
		logTo = t.screen
	}
	t.Log = slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: level}))
	return t
}

// Flags returns the flags that [NewTerminal] reads.
func Flags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "plain", Usage: "print lines, also on a terminal"},
		&cli.BoolFlag{Name: "verbose", Usage: "log more"},
	}
}

// IsLive reports whether the status is shown as a view on a terminal.
func (t *Terminal) IsLive() bool { return t.screen != nil }

// Draw shows the lines that paint makes for the terminal as it is now. The
// terminal must be live.
func (t *Terminal) Draw(paint func(Painter) []string) {
	width, height := t.screen.size()
	_ = t.screen.Draw(paint(Painter{Width: width, Height: height - 1, Color: t.color, ASCII: t.ascii}))
}

// Lines returns the painter of lines for [Terminal.Print]: with colours only above a
// view, so that no file and no journal has escape codes.
func (t *Terminal) Lines() Painter {
	return Painter{Width: LineWidth, Color: t.color && t.IsLive(), ASCII: t.ascii}
}

// Print prints text, whole lines, to standard output, above the view if there is one.
func (t *Terminal) Print(text string) {
	if t.screen != nil {
		_, _ = t.screen.Write([]byte(text))
		return
	}
	_, _ = io.WriteString(t.out, text)
}

// Close leaves the last view on the terminal and shows the cursor.
func (t *Terminal) Close() {
	if t.screen != nil {
		t.screen.Close()
	}
}

// isTerminal reports whether w is a terminal that understands escape sequences.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// isUTF8Locale reports whether the terminal shows more than ASCII.
func isUTF8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToUpper(os.Getenv(name)); value != "" {
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return true // no variable is set, and terminals do
}
