package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/internal/text"
)

// version is set by the linker for a release:
// -ldflags "-X main.version=v1.2.3".
var version string

// versionText returns the version that the linker or the module system knows.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// newApp returns the command line.
func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:  "stele",
		Usage: "mine and check blocks on every device of the machine, and run a node of the ledger network",
		Description: "Exit codes: 0 good, 1 something that was checked is wrong, 2 not done, or not\n" +
			"all of it; doctor, mine and node have more. docs/cli.md describes the commands and the fields of --json.",
		Version: versionText(),
		Commands: []*cli.Command{
			devicesCommand(),
			scanCommand(),
			verifyCommand(),
			benchCommand(),
			doctorCommand(),
			keyCommand(),
			recordCommand(),
			mineCommand(),
			nodeCommand(),
		},
		Action:         group,
		OnUsageError:   usageError,
		ExitErrHandler: func(*cli.Context, error) {}, // run tells errors
		Reader:         stdin,
		Writer:         stdout,
		ErrWriter:      stderr,

		DisableSliceFlagSeparator: true, // a comma may be part of a password
	}
	for _, c := range app.Commands {
		finish(c)
	}
	return app
}

// finish gives a command and those below it what all have in common.
func finish(c *cli.Command) {
	c.OnUsageError = usageError
	c.HideHelpCommand = true
	if c.Action == nil {
		c.Action = group
	}
	for _, sub := range c.Subcommands {
		finish(sub)
	}
}

// group is the action of a command that only holds others: it shows its help,
// and refuses a name that it does not know.
func group(c *cli.Context) error {
	name, help := c.Args().First(), "stele --help"
	if name == "" {
		return cli.ShowSubcommandHelp(c)
	}
	if c.Command.HelpName != "" && len(c.Lineage()) > 2 {
		help = c.Command.HelpName + " --help"
	}
	return fmt.Errorf("unknown command %q; see %s", name, help)
}

// usageError makes an error of the flag parser say where to look.
func usageError(c *cli.Context, err error, sub bool) error {
	help := "stele --help"
	if sub {
		help = c.Command.HelpName + " --help"
	}
	if text, ok := strings.CutSuffix(err.Error(), ": parse error"); ok { // of a flag without a value
		err = errors.New(text + ": want true or false")
	}
	return fmt.Errorf("%w; see %s", err, help)
}

// errFoundWrong is returned by a command that did its work, told the result,
// and found something wrong.
var errFoundWrong = errors.New("found something wrong")

// reason returns what ended the command: err, or if that only says that the
// context of c was cancelled, why it was, as a signal.
func reason(c *cli.Context, err error) error {
	if errors.Is(err, context.Canceled) && c.Context.Err() != nil {
		return context.Cause(c.Context)
	}
	return err
}

// The exit codes.
const (
	exitGood       = 0
	exitFoundWrong = 1
	exitFailed     = 2
	exitLost       = 10 // of mine and node; 3 to 9 are of doctor
)

// exitCode is returned by a command that did its work and told the result,
// which has an exit code of its own.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// maxErrorText bounds a line of an error on standard error, in bytes.
const maxErrorText = 4 << 10

// errorText returns the text of an error as a terminal may show it: it may have
// parts of a file, or of an answer. Its lines stay lines.
func errorText(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = text.Clean(strings.ReplaceAll(line, "\t", "    "), maxErrorText)
	}
	return strings.Join(lines, "\n")
}

// run executes a command line and returns the exit code. Every error but
// errFoundWrong and exitCode becomes a line on standard error.
func run(ctx context.Context, app *cli.App, args []string) int {
	err := app.RunContext(ctx, flagsFirst(app, args))
	var code exitCode
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errFoundWrong):
		return exitFoundWrong
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(app.ErrWriter, "stele: %s\n", errorText(err))
	return exitFailed
}
