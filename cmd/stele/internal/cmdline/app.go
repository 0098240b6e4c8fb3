// Package cmdline holds what all commands of stele share: the program around them,
// flags and arguments, input, output and exit codes.
//
//   - [Main] and [Run] execute a command line.
//   - [NoArgs], [Number], [Duration] and [FromEnvironment] check and read arguments
//     and flags.
//   - [OpenInput] and [ReadInput] read files and standard input until the command is
//     interrupted.
//   - [PrintJSON] and [PrintText] write the result; [Progress] shows a bar meanwhile.
//
// The action of a command returns nil (exit code 0), [ErrFoundWrong] (1), an
// [ExitCode] of its own, or any other error (2).
package cmdline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"stele/engine/host"
	"stele/internal/text"
	"stele/kernels/simd"
)

// Main runs the program with its arguments and its standard streams, and returns
// the exit code. SIGINT and SIGTERM cancel the context of the command; a second
// one ends the process at once.
func Main(build Build, commands ...*cli.Command) int {
	host.FitProcessors(host.ReadLimits()) // before anything counts threads
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	app := NewApp(build.Version, os.Stdin, os.Stdout, os.Stderr, commands...)
	app.Metadata = map[string]any{buildKey: build}
	return Run(ctx, app, os.Args)
}

// orBuilt returns version, or the version that the module system knows if that is
// empty.
func orBuilt(version string) string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// NewApp returns the command line with these commands. An empty version becomes the
// one that the module system knows.
func NewApp(version string, stdin io.Reader, stdout, stderr io.Writer, commands ...*cli.Command) *cli.App {
	app := &cli.App{
		Name:  "stele",
		Usage: "mine and validate SHA-256d proof of work on GPUs and CPUs, and run a ledger node",
		Description: "Exit codes: 0 success, 1 something that was checked is wrong, 2 failed or incomplete;\n" +
			"doctor, mine and node have more. docs/cli.md describes the commands and the fields of --json.",
		Version:        orBuilt(version),
		Commands:       commands,
		Action:         Group,
		OnUsageError:   usageError,
		ExitErrHandler: func(*cli.Context, error) {}, // Run reports errors
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

// finish sets what all commands have in common, on c and its subcommands.
func finish(c *cli.Command) {
	c.OnUsageError = usageError
	c.HideHelpCommand = true
	for _, f := range c.Flags {
		if f, ok := f.(*cli.BoolFlag); ok {
			f.DisableDefaultText = true // "(default: false)" says nothing
		}
	}
	if c.Action == nil {
		c.Action = Group
	} else {
		c.Action = withKernels(c.Action)
	}
	for _, sub := range c.Subcommands {
		finish(sub)
	}
}

// withKernels returns an action that first rejects an unknown name in STELE_CPU. Many
// commands hash or check signatures without choosing a device, and would otherwise use
// the slowest code, without a word.
func withKernels(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := simd.CheckEnv(); err != nil {
			return err
		}
		return action(c)
	}
}

// Group is the action of a command that only holds others. It shows the help, and
// rejects an unknown name.
func Group(c *cli.Context) error {
	name, help := c.Args().First(), "stele --help"
	if name == "" {
		return cli.ShowSubcommandHelp(c)
	}
	if c.Command.HelpName != "" && len(c.Lineage()) > 2 {
		help = c.Command.HelpName + " --help"
	}
	return fmt.Errorf("unknown command %q: must be %s; see %s", name, commandNames(c), help)
}

// commandNames returns the names of the commands that can follow c.
func commandNames(c *cli.Context) string {
	commands := c.Command.Subcommands
	if len(c.Lineage()) <= 2 {
		commands = c.App.Commands
	}
	var names []string
	for _, sub := range commands {
		if sub.Name != "help" && !sub.Hidden {
			names = append(names, sub.Name)
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// usageError rewords an error of the flag parser, and adds where the help is.
func usageError(c *cli.Context, err error, sub bool) error {
	help := "stele --help"
	if sub {
		help = c.Command.HelpName + " --help"
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = "unknown flag " + dashed(name)
	} else if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		text = dashed(name) + " requires a value"
	} else if rest, ok := strings.CutSuffix(text, ": parse error"); ok { // of a flag without a value
		text = rest + ": must be true or false"
	}
	return fmt.Errorf("%s; see %s", text, help)
}

// dashed returns a flag as people write it: -o, --out.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// ErrFoundWrong is the error of a command that has printed its result and found
// something wrong.
var ErrFoundWrong = errors.New("found something wrong")

// Cause returns the error that ended the command: err, or the cause, such as a
// signal, if err only says that the context of c was cancelled.
func Cause(c *cli.Context, err error) error {
	if errors.Is(err, context.Canceled) && c.Context.Err() != nil {
		return context.Cause(c.Context)
	}
	return err
}

// The exit codes.
const (
	ExitGood       = 0
	ExitFoundWrong = 1
	ExitFailed     = 2
)

// ExitCode is the error of a command that has printed its result and has an exit
// code of its own.
type ExitCode int

func (e ExitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// maxErrorText bounds a line of an error on standard error, in bytes.
const maxErrorText = 4 << 10

// errorText returns the text of an error, safe to show on a terminal: an error may
// quote a file or a server. Its lines stay lines.
func errorText(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = text.Clean(strings.ReplaceAll(line, "\t", "    "), maxErrorText)
	}
	return strings.Join(lines, "\n")
}

// Run executes a command line and returns the exit code. It prints
// every error except [ErrFoundWrong] and [ExitCode] to standard error.
func Run(ctx context.Context, app *cli.App, args []string) int {
	err := app.RunContext(ctx, flagsFirst(app, args))
	var code ExitCode
	switch {
	case err == nil:
		return ExitGood
	case errors.Is(err, ErrFoundWrong):
		return ExitFoundWrong
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(app.ErrWriter, "stele: %s\n", errorText(err))
	return ExitFailed
}
