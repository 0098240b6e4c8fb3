package manual

import (
	"fmt"
	"strings"
)

// Fish returns a completion for fish 3 and newer.
func Fish(program Command) string {
	var b strings.Builder
	name := program.Path[0]
	fmt.Fprintf(&b, `# fish completion of %[1]s, made from the definitions of its commands.

# __%[1]s_at succeeds if the words before the cursor name this command, and none below it.
function __%[1]s_at
	set -l path %[1]s
	for word in (commandline -opc)[2..-1]
		switch "$path $word"
`, name)
	commands := program.all()
	for _, c := range commands[1:] {
		parent := strings.Join(c.Path[:len(c.Path)-1], " ")
		fmt.Fprint(&b, "\t\t\tcase")
		for _, name := range c.Names {
			fmt.Fprintf(&b, " %s", fishQuoted(parent+" "+name))
		}
		fmt.Fprintf(&b, "\n\t\t\t\tset path %s\n", fishQuoted(c.Name()))
	}
	fmt.Fprintf(&b, "\t\tend\n\tend\n\ttest \"$path\" = \"$argv\"\nend\n\n")
	for _, c := range commands {
		at := fmt.Sprintf("complete -c %s -n %s", name, fishQuoted("__"+name+"_at "+c.Name()))
		for _, sub := range c.Commands {
			fmt.Fprintf(&b, "%s -f -a %s -d %s\n", at, fishQuoted(sub.Path[len(sub.Path)-1]), fishQuoted(sub.Usage))
		}
		for _, f := range c.Flags {
			fmt.Fprint(&b, at)
			for _, name := range f.Names {
				if long, ok := strings.CutPrefix(name, "--"); ok {
					fmt.Fprintf(&b, " -l %s", fishQuoted(long))
				} else {
					fmt.Fprintf(&b, " -s %s", fishQuoted(name[1:]))
				}
			}
			switch {
			case f.Files():
				fmt.Fprint(&b, " -r")
			case f.Value != "":
				fmt.Fprint(&b, " -x")
			}
			fmt.Fprintf(&b, " -d %s\n", fishQuoted(f.Usage))
		}
	}
	return b.String()
}

// fishQuoted returns text as one word of fish, which knows \\ and \' between quotes.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
