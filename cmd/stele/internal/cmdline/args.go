package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags of the command before its other arguments, because the
// flag parser stops at the first of those. Arguments after "--" stay in place. A
// help flag drops all other arguments, which the flag parser would take for topics
// of help.
func flagsFirst(app *cli.App, args []string) []string {
	commands, flags := app.Commands, []cli.Flag(nil)
	i := 1
	for i < len(args) {
		next := find(commands, args[i])
		if next == nil {
			break
		}
		commands, flags = next.Subcommands, next.Flags
		i++
	}
	if i > len(args) || flags == nil && commands != nil {
		return args
	}
	command, front := i, append([]string{}, args[:i]...)
	var rest []string
	for i < len(args) {
		arg := args[i]
		i++
		switch {
		case arg == "--":
			return append(append(append(front, "--"), rest...), args[i:]...)
		case len(arg) < 2 || arg[0] != '-': // "-" is standard input
			rest = append(rest, arg)
			continue
		case slices.Contains(cli.HelpFlag.Names(), strings.TrimLeft(arg, "-")):
			return append(front[:command:command], arg)
		}
		front = append(front, arg)
		if takesValue(flags, arg) && i < len(args) {
			front = append(front, args[i])
			i++
		}
	}
	return append(front, rest...)
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue reports whether the argument after arg is the value of a flag.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	for _, f := range flags {
		for _, known := range f.Names() {
			if known == name {
				_, boolean := f.(*cli.BoolFlag)
				return !boolean
			}
		}
	}
	return false
}

// NoArgs rejects arguments that are not flags.
func NoArgs(c *cli.Context) error {
	if c.Args().Present() {
		argument := c.Args().First()
		if at := strings.LastIndex(argument, "@"); at >= 0 {
			argument = "..." + argument[at:] // a password may be before it
		}
		return fmt.Errorf("unexpected argument %q; see %s --help", argument, c.Command.HelpName)
	}
	return nil
}

// Require rejects a command line without one of these flags.
func Require(c *cli.Context, flags ...string) error {
	for _, flag := range flags {
		if !c.IsSet(flag) {
			return fmt.Errorf("--%s is required; see %s --help", flag, c.Command.HelpName)
		}
	}
	return nil
}

// Number returns the value of a flag, which must be from lowest to highest, or
// otherwise if the flag is not set. Numbers are decimal, or hexadecimal after 0x.
func Number(c *cli.Context, flag string, lowest, highest, otherwise uint64) (uint64, error) {
	if !c.IsSet(flag) {
		return otherwise, nil
	}
	n, err := parseNumber(c.String(flag))
	if err == nil && (n < lowest || n > highest) {
		err = errRange
	}
	switch {
	case errors.Is(err, errRange):
		return 0, fmt.Errorf("--%s: %s is out of range: must be %d to %d", flag, c.String(flag), lowest, highest)
	case err != nil:
		return 0, fmt.Errorf("--%s: %w", flag, err)
	}
	return n, nil
}

// Duration returns the value of a flag, which must be a duration above 0.
func Duration(c *cli.Context, flag string) (time.Duration, error) {
	d, err := time.ParseDuration(c.String(flag))
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--%s: %q is not a duration such as 90s or 2h", flag, c.String(flag))
	}
	return d, nil
}

var (
	errNumber = errors.New("not a whole number: must be decimal, or hexadecimal after 0x")
	errRange  = errors.New("out of range")
)

// parseNumber reads a number of at most 64 bits. Errors: errNumber, errRange.
func parseNumber(text string) (uint64, error) {
	digits, base := text, 10
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%w: %s", errRange, text)
	case err != nil || digits[0] == '+':
		return 0, fmt.Errorf("%q is %w", text, errNumber)
	}
	return n, nil
}

// FromEnvironment makes each flag also readable from an environment variable:
// --api-token from STELE_API_TOKEN. The values of a flag that may be repeated are
// separated by commas there. It returns the flags.
func FromEnvironment(flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		name := "STELE_" + strings.ToUpper(strings.ReplaceAll(f.Names()[0], "-", "_"))
		switch f := f.(type) {
		case *cli.StringFlag:
			f.EnvVars = []string{name}
		case *cli.BoolFlag:
			f.EnvVars = []string{name}
		case *cli.StringSliceFlag:
			f.EnvVars = []string{name}
		}
	}
	return flags
}
