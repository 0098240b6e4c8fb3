package manual

import (
	"fmt"
	"strings"
)

// Bash returns a completion for bash 4 and newer. It needs no other file.
func Bash(program Command) string {
	var b strings.Builder
	name := program.Path[0]
	fmt.Fprintf(&b, `# bash completion of %[1]s, made from the definitions of its commands.
_%[1]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path=%[1]s i
	local commands= flags= files= values=
	# --flag=value is three words for bash.
	if [[ $cur == = ]]; then cur= ; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$path ${COMP_WORDS[i]}" in
`, name)
	commands := program.all()
	for _, c := range commands[1:] {
		parent := strings.Join(c.Path[:len(c.Path)-1], " ")
		var patterns []string
		for _, name := range c.Names {
			patterns = append(patterns, shellQuoted(parent+" "+name))
		}
		fmt.Fprintf(&b, "\t\t%s) path=%s ;;\n", strings.Join(patterns, " | "), shellQuoted(c.Name()))
	}
	fmt.Fprint(&b, "\t\tesac\n\tdone\n\tcase $path in\n")
	for _, c := range commands {
		var subs, flags, files, values []string
		for _, sub := range c.Commands {
			subs = append(subs, sub.Path[len(sub.Path)-1])
		}
		for _, f := range c.Flags {
			flags = append(flags, f.Names...)
			switch {
			case f.Files():
				files = append(files, f.Names...)
			case f.Value != "":
				values = append(values, f.Names...)
			}
		}
		fmt.Fprintf(&b, "\t%s)\n\t\tcommands=%s\n\t\tflags=%s\n\t\tfiles=%s\n\t\tvalues=%s ;;\n", shellQuoted(c.Name()),
			shellQuoted(strings.Join(subs, " ")), shellQuoted(strings.Join(flags, " ")),
			shellQuoted(" "+strings.Join(files, " ")+" "), shellQuoted(" "+strings.Join(values, " ")+" "))
	}
	fmt.Fprintf(&b, `	esac
	if [[ $values == *" $prev "* ]]; then
		compopt +o bashdefault +o default 2>/dev/null # nothing is known about the value
		COMPREPLY=()
	elif [[ $files == *" $prev "* ]]; then
		COMPREPLY=() # files, by default
	elif [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$flags" -- "$cur"))
	else
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
	fi
}
complete -o bashdefault -o default -F _%[1]s %[1]s
`, name)
	return b.String()
}

// shellQuoted returns text as one word of a shell.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
