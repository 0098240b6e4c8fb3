package manual

import (
	"fmt"
	"strings"
)

// Zsh returns a completion for zsh 5 and newer.
func Zsh(program Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %[1]s\n# zsh completion of %[1]s, made from the definitions of its commands.\n\n", program.Path[0])
	for _, c := range program.all() {
		zshFunction(&b, c)
	}
	fmt.Fprintf(&b, "%[1]s \"$@\"\n", zshName(program))
	return b.String()
}

// zshName returns the name of the function for a command, such as _stele_key_new.
func zshName(c Command) string {
	return "_" + strings.ReplaceAll(strings.Join(c.Path, "_"), "-", "_")
}

// zshFunction writes the function that completes the flags of a command, then its
// subcommands or files.
func zshFunction(b *strings.Builder, c Command) {
	fmt.Fprintf(b, "%s() {\n", zshName(c))
	if len(c.Commands) > 0 {
		fmt.Fprint(b, "\tlocal curcontext=$curcontext state line\n\tlocal -a commands\n")
	}
	fmt.Fprint(b, "\t_arguments -C -s")
	for _, f := range c.Flags {
		action := ""
		switch {
		case f.Files():
			action = ":" + zshEscaped(f.Value) + ":_files"
		case f.Value != "":
			action = ":" + zshEscaped(f.Value) + ": "
		}
		for _, name := range f.Names {
			fmt.Fprintf(b, " \\\n\t\t%s", shellQuoted("*"+name+"["+zshEscaped(f.Usage)+"]"+action))
		}
	}
	if len(c.Commands) == 0 {
		fmt.Fprint(b, " \\\n\t\t'*:argument:_files'\n}\n\n")
		return
	}
	fmt.Fprint(b, " \\\n\t\t'1: :->command' \\\n\t\t'*:: :->rest'\n\tcase $state in\n\tcommand)\n\t\tcommands=(\n")
	for _, sub := range c.Commands {
		name := sub.Path[len(sub.Path)-1]
		fmt.Fprintf(b, "\t\t\t%s\n", shellQuoted(zshEscaped(name)+":"+sub.Usage))
	}
	fmt.Fprint(b, "\t\t)\n\t\t_describe command commands ;;\n\trest)\n\t\tcase $line[1] in\n")
	for _, sub := range c.Commands {
		fmt.Fprintf(b, "\t\t%s) %s ;;\n", strings.Join(sub.Names, "|"), zshName(sub))
	}
	fmt.Fprint(b, "\t\tesac ;;\n\tesac\n}\n\n")
}

var zshEscaper = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `:`, `\:`)

// zshEscaped returns text as a part of an argument of _arguments.
func zshEscaped(text string) string { return zshEscaper.Replace(text) }
