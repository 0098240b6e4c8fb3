// Package manual makes manual pages and shell completions from the definitions of the
// commands, so that they list every command and flag that the program has.
//
//   - [Read] returns a [Command], with its flags and the commands below it.
//   - [Pages] returns the manual pages, in the man macros of troff.
//   - [Bash], [Zsh] and [Fish] return the completions.
//
// All output depends only on the definitions: it is the same on every machine.
package manual

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Command is what is known about a command.
type Command struct {
	Path        []string // from the name of the program to that of the command
	Names       []string // the last of Path, and other names for it
	Usage       string   // in one line
	Description string   // paragraphs, and examples, which are indented
	Args        string   // after the flags, such as "FILE..."
	Flags       []Flag
	Commands    []Command
}

// Name returns the whole name, such as "stele key new".
func (c Command) Name() string { return strings.Join(c.Path, " ") }

// all returns the command and those below it.
func (c Command) all() []Command {
	list := []Command{c}
	for _, sub := range c.Commands {
		list = append(list, sub.all()...)
	}
	return list
}

// Flag is what is known about a flag.
type Flag struct {
	Names   []string // with their dashes
	Value   string   // what stands for the value, such as "FILE"; empty for a switch
	Usage   string
	Default string
	Env     string // a variable that sets the flag, or empty
}

// Files reports whether the value of the flag is the name of a file or a folder.
func (f Flag) Files() bool {
	return slices.Contains([]string{"FILE", "DIR", "FOLDER"}, f.Value)
}

// help is the flag that every command has.
var help = Flag{Names: []string{"--help", "-h"}, Usage: "show help"}

// Read returns the program with all its commands, but for hidden ones.
func Read(app *cli.App) Command {
	root := Command{
		Path: []string{app.Name}, Names: []string{app.Name}, Usage: app.Usage, Description: app.Description,
		Flags: append(readFlags(app.Flags), help, Flag{Names: []string{"--version", "-v"}, Usage: "print the version"}),
	}
	root.Commands = readCommands(root.Path, app.Commands)
	return root
}

func readCommands(path []string, commands []*cli.Command) []Command {
	var all []Command
	for _, c := range commands {
		if c.Hidden {
			continue
		}
		own := append(slices.Clone(path), c.Name)
		all = append(all, Command{
			Path: own, Names: c.Names(), Usage: c.Usage, Description: c.Description, Args: c.ArgsUsage,
			Flags: append(readFlags(c.Flags), help), Commands: readCommands(own, c.Subcommands),
		})
	}
	return all
}

func readFlags(flags []cli.Flag) []Flag {
	var all []Flag
	for _, f := range flags {
		if hidden, ok := f.(cli.VisibleFlag); ok && !hidden.IsVisible() || f == cli.HelpFlag || f == cli.VersionFlag {
			continue
		}
		var own Flag
		for _, name := range f.Names() {
			if len(name) > 1 {
				name = "-" + name
			}
			own.Names = append(own.Names, "-"+name)
		}
		if f, ok := f.(cli.DocGenerationFlag); ok {
			own.Value, own.Usage = placeholder(f.GetUsage())
			if !f.TakesValue() {
				own.Value = ""
			} else {
				own.Value, own.Default = orValue(own.Value), f.GetDefaultText()
			}
			if env := f.GetEnvVars(); len(env) > 0 {
				own.Env = env[0]
			}
		}
		all = append(all, own)
	}
	return all
}

// placeholder returns what stands for the value in the usage of a flag, between
// backquotes there, and the usage without the backquotes.
func placeholder(usage string) (value, text string) {
	before, rest, _ := strings.Cut(usage, "`")
	value, after, ok := strings.Cut(rest, "`")
	if !ok {
		return "", usage
	}
	return value, before + value + after
}

func orValue(placeholder string) string {
	if placeholder == "" {
		return "VALUE"
	}
	return placeholder
}
