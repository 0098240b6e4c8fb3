package manual_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stele/cmd/stele/internal/manual"
)

// completions are words on a command line, with the completions that a shell must
// offer, and one that it must not offer.
var completions = []struct {
	line string // the last word is to be completed
	want []string
	not  string
}{
	{"stele ", []string{"bench", "key", "mine", "node", "verify"}, "new"},
	{"stele ke", []string{"key"}, "mine"},
	{"stele key ", []string{"new", "list", "show", "export"}, "mine"},
	{"stele --ve", []string{"--version"}, "--help"},
	{"stele key new --pass", []string{"--passphrase-file"}, "--json"},
	{"stele key list --js", []string{"--json"}, "--passphrase-file"},
	{"stele mine --url stratum+tcp://a:1 --us", []string{"--user"}, "--url"},
	{"stele verify bl", []string{"blocks"}, "headers"},
}

func TestBash(t *testing.T) {
	script := manual.Bash(stele())
	run(t, manual.Bash(hostile()), "bash", "-n")
	var b strings.Builder
	b.WriteString("set -eu\n" + script)
	for _, c := range completions {
		words := strings.Split(c.line, " ")
		b.WriteString("COMP_WORDS=(")
		for _, w := range words {
			fmt.Fprintf(&b, " '%s'", w)
		}
		fmt.Fprintf(&b, " )\nCOMP_CWORD=%d\n_stele\necho \"${COMPREPLY[@]}\"\n", len(words)-1)
	}
	checkOffered(t, run(t, b.String(), "bash", "--norc"))
}

// bash completes a file after a flag that takes one, and nothing after one that takes
// something else, in either way to write it.
func TestBashValues(t *testing.T) {
	const lines = `
for words in "stele bench --out b" "stele bench --out = b" "stele bench --label b" "stele bench --label = b" "stele bench --out ="; do
	COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	compopt() { echo "nothing"; }
	_stele
	echo "$COMP_CWORD ${#COMPREPLY[@]}"
done
`
	want := "3 0\n4 0\nnothing\n3 0\nnothing\n4 0\n3 0\n"
	if got := run(t, manual.Bash(stele())+lines, "bash", "--norc"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestFish(t *testing.T) {
	run(t, manual.Fish(hostile()), "fish", "--no-execute")
	var b strings.Builder
	b.WriteString(manual.Fish(stele()))
	for _, c := range completions {
		fmt.Fprintf(&b, "echo (complete -C '%s' | string replace -r '\\t.*' '')\n", c.line)
	}
	checkOffered(t, run(t, b.String(), "fish", "--no-config"))
}

// zshTerminal runs zsh on a terminal of its own, without which it completes nothing.
// offer LINE prints the words that are added for it: instead of inserting or listing
// them, a widget writes them to a file.
const zshTerminal = `zmodload zsh/zpty
cat > $HOME/offered <<'END'
PS1=
fpath=($HOME/functions $fpath)
autoload -Uz compinit; compinit -D
offered() {
	compadd() { local -a found; builtin compadd -O found "$@"; print -r -- $found >> $HOME/found; builtin compadd "$@" }
	_main_complete
	unfunction compadd
	compstate[insert]= compstate[list]=
	print done >> $HOME/found
}
zle -C offer complete-word offered
bindkey '^I' offer
END
zpty terminal zsh -f -i
zpty -w terminal ". $HOME/offered"
offer() {
	: > $HOME/found
	zpty -w -n terminal "$1"$'\t'
	for ((i = 0; i < 1000; i++)); do # at most 20 seconds
		[[ $(tail -n 1 $HOME/found) == done ]] && break
		sleep 0.02
	done
	zpty -w -n terminal $'\C-u'
	print -r -- $(grep -v done $HOME/found)
}
`

func TestZsh(t *testing.T) {
	run(t, manual.Zsh(hostile()), "zsh", "-n")
	var b strings.Builder
	b.WriteString("mkdir $HOME/functions\ncat > $HOME/functions/_stele <<'END_OF_FUNCTION'\n")
	b.WriteString(manual.Zsh(stele()) + "END_OF_FUNCTION\n" + zshTerminal)
	for _, c := range completions {
		fmt.Fprintf(&b, "offer '%s'\n", c.line)
	}
	checkOffered(t, run(t, b.String(), "zsh", "-f"))
}

// checkOffered checks lines of completions that a shell offered.
func checkOffered(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(completions) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(completions), out)
	}
	for i, c := range completions {
		got := strings.Fields(lines[i])
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%q: no %s in %q", c.line, want, got)
			}
		}
		if slices.Contains(got, c.not) {
			t.Errorf("%q: %s is offered", c.line, c.not)
		}
	}
}
