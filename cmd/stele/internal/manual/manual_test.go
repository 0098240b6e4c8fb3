package manual_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/commands"
	"stele/cmd/stele/internal/manual"
)

var about = manual.About{Version: "v1.2.3", Date: time.Unix(1790000000, 0)}

// stele returns the real commands.
func stele() manual.Command {
	return manual.Read(cmdline.NewApp("v1.2.3", nil, nil, nil, commands.All()...))
}

// hostile returns commands whose texts have what troff and shells give a meaning.
func hostile() manual.Command {
	const text = ".TH \\n 'a' \"b\" `c` $(d) [e]: -f; %s \u2192 ~ ^ {g,h} \\"
	return manual.Read(cmdline.NewApp(text, nil, nil, nil, &cli.Command{
		Name: "do", Aliases: []string{"undo"}, Usage: text, Description: "'A\n\n  .B\n\n" + text + "\n.C",
		Subcommands: []*cli.Command{{Name: "it-all", Usage: text, Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "a `FILE` " + text, DefaultText: text},
			&cli.StringFlag{Name: "n", Usage: "a `[N]:` of " + text},
			&cli.BoolFlag{Name: "secret", Hidden: true},
		}}},
	}, &cli.Command{Name: "hidden", Hidden: true}))
}

// run runs a program on a text in a file, and returns what it printed. It skips the
// test where the program is missing.
func run(t *testing.T, text, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is missing; install it to run this test", program)
	}
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append(args, file)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// Every command and flag is on the page of its command, and nothing hidden is.
func TestPagesAreComplete(t *testing.T) {
	program := stele()
	pages := manual.Pages(program, about)
	if len(pages) != len(program.Commands)+1 {
		t.Fatalf("%d pages for %d commands", len(pages), len(program.Commands))
	}
	for i, c := range program.Commands {
		text := strings.ReplaceAll(pages[i+1].Text, `\-`, "-")
		if want := "stele-" + c.Path[1] + ".1"; pages[i+1].File != want {
			t.Errorf("page %d is %s, want %s", i+1, pages[i+1].File, want)
		}
		for _, sub := range append(slices.Clone(c.Commands), c) {
			if !strings.Contains(text, `\fB`+sub.Name()+`\fR`) {
				t.Errorf("%s has no synopsis of %s", pages[i+1].File, sub.Name())
			}
			for _, f := range sub.Flags {
				if !strings.Contains(text, `\fB`+f.Names[0]+`\fR`) {
					t.Errorf("%s has no %s", pages[i+1].File, f.Names[0])
				}
			}
		}
	}
	for _, p := range manual.Pages(hostile(), about) {
		if strings.Contains(p.Text, "hidden") || strings.Contains(p.Text, `\-\-secret`) {
			t.Errorf("%s shows what is hidden", p.File)
		}
	}
}

// Pages and completions do not depend on the machine and the user.
func TestSameEverywhere(t *testing.T) {
	make := func() string {
		program := stele()
		text := manual.Bash(program) + manual.Zsh(program) + manual.Fish(program)
		for _, p := range manual.Pages(program, about) {
			text += p.Text
		}
		return text
	}
	before := make()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, "/elsewhere/"+name)
	}
	t.Setenv("STELE_URL", "stratum+tcp://pool.example:3333")
	t.Setenv("TZ", "Pacific/Auckland")
	if make() != before {
		t.Error("the texts depend on the environment")
	}
}

// troff and mandoc accept the pages without a warning.
func TestTroff(t *testing.T) {
	for _, p := range append(manual.Pages(stele(), about), manual.Pages(hostile(), about)...) {
		if out := run(t, p.Text, "groff", "-ww", "-man", "-Tutf8", "-z"); out != "" {
			t.Errorf("%s: %s", p.File, out)
		}
	}
}

func TestMandoc(t *testing.T) {
	for _, p := range append(manual.Pages(stele(), about), manual.Pages(hostile(), about)...) {
		if out := run(t, p.Text, "mandoc", "-T", "lint", "-W", "warning"); out != "" {
			t.Errorf("%s: %s", p.File, out)
		}
	}
}

// A reader sees the text of a definition as it is.
func TestTroffPrintsText(t *testing.T) {
	out := run(t, manual.Pages(hostile(), about)[1].Text, "groff", "-man", "-Tutf8", "-P-cbou", "-rLL=200n")
	for _, want := range []string{"'A\n", "           .B\n", ".TH \\n 'a' \"b\" `c` $(d) [e]: -f; %s \u2192 ~ ^ {g,h} \\ .C\n", "-n [N]:"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
