package manual

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// About is what manual pages say about the program as a whole.
type About struct {
	Version string
	Date    time.Time // of the version
}

// Page is a manual page of section 1.
type Page struct {
	File string // such as "stele-key.1"
	Text string
}

// Pages returns the pages of the program: one of its own, and one of each command,
// which describes also the commands below that.
func Pages(program Command, about About) []Page {
	pages := []Page{programPage(program, about)}
	for _, c := range program.Commands {
		pages = append(pages, commandPage(c, program, about))
	}
	return pages
}

// page writes a manual page.
type page struct {
	strings.Builder
	begun bool // the section has text, so that a paragraph needs a macro
}

// newPage begins a page with its title and its section NAME.
func newPage(c Command, about About) *page {
	p := &page{}
	name := strings.Join(c.Path, "-")
	fmt.Fprintf(p, ".\\\" Made from the definition of the command; do not change it here.\n")
	fmt.Fprintf(p, ".TH %s 1 %s %s %s\n.nh\n.ad l\n", quoted(strings.ToUpper(name)), about.Date.UTC().Format(time.DateOnly),
		quoted(c.Path[0]+" "+about.Version), quoted("User Commands"))
	p.section("NAME")
	fmt.Fprintf(p, "%s \\- %s\n", troff(name), troff(c.Usage))
	return p
}

func (p *page) section(name string) {
	fmt.Fprintf(p, ".SH %s\n", quoted(name))
	p.begun = false
}

// paragraph begins a paragraph.
func (p *page) paragraph() {
	if p.begun {
		fmt.Fprint(p, ".PP\n")
	}
	p.begun = true
}

// done returns the page, which ends with references to others.
func (p *page) done(c Command, seeAlso []string) Page {
	p.section("SEE ALSO")
	for i, name := range seeAlso {
		comma := ","
		if i == len(seeAlso)-1 {
			comma = ""
		}
		fmt.Fprintf(p, ".BR %s (1)%s\n", troff(name), comma)
	}
	return Page{File: strings.Join(c.Path, "-") + ".1", Text: p.String()}
}

func programPage(c Command, about About) Page {
	p := newPage(c, about)
	p.section("SYNOPSIS")
	fmt.Fprintf(p, "\\fB%s\\fR \\fICOMMAND\\fR [\\fIFLAGS\\fR] [\\fIARGUMENTS\\fR]\n", troff(c.Name()))
	p.section("DESCRIPTION")
	p.prose(c.Description)
	p.section("COMMANDS")
	var pages []string
	for _, sub := range c.Commands {
		name := strings.Join(sub.Path, "-")
		pages = append(pages, name)
		fmt.Fprintf(p, ".TP\n.BR %s (1)\n%s\n", troff(name), troff(sub.Usage))
	}
	p.section("OPTIONS")
	p.flags(c.Flags)
	p.section("FILES")
	for _, f := range [][2]string{
		{"/etc/stele/", "configuration of the services"},
		{"/usr/share/doc/stele/", "documentation; the pages that the manual calls docs/ are there"},
	} {
		fmt.Fprintf(p, ".TP\n.I %s\n%s\n", troff(f[0]), troff(f[1]))
	}
	return p.done(c, pages)
}

func commandPage(c, program Command, about About) Page {
	p := newPage(c, about)
	p.section("SYNOPSIS")
	for i, sub := range c.all() {
		if i > 0 {
			fmt.Fprintf(p, ".br\n")
		}
		if len(sub.Commands) == 0 || sub.Args != "" || len(sub.Flags) > 1 {
			fmt.Fprintf(p, "\\fB%s\\fR [\\fIFLAGS\\fR] %s\n", troff(sub.Name()), troff(sub.Args))
		} else {
			fmt.Fprintf(p, "\\fB%s\\fR \\fICOMMAND\\fR\n", troff(sub.Name()))
		}
	}
	p.section("DESCRIPTION")
	if c.Description == "" {
		p.prose(strings.ToUpper(c.Usage[:1]) + c.Usage[1:] + ".")
	}
	p.prose(c.Description)
	p.section("OPTIONS")
	p.flags(c.Flags)
	for _, sub := range c.all()[1:] {
		p.section(sub.Name())
		p.prose(strings.ToUpper(sub.Usage[:1]) + sub.Usage[1:] + ".")
		p.prose(sub.Description)
		p.flags(sub.Flags)
	}
	p.section("EXIT STATUS")
	p.prose(program.Description)
	return p.done(c, []string{strings.Join(program.Path, "-")})
}

// flags writes flags as a list.
func (p *page) flags(flags []Flag) {
	for _, f := range flags {
		names := slices.Clone(f.Names)
		for i, name := range names {
			names[i] = "\\fB" + troff(name) + "\\fR"
			if f.Value != "" {
				names[i] += " \\fI" + troff(f.Value) + "\\fR"
			}
		}
		fmt.Fprintf(p, ".TP\n%s\n%s", strings.Join(names, ", "), troff(f.Usage))
		if f.Default != "" {
			fmt.Fprintf(p, " (default: %s)", troff(f.Default))
		}
		if f.Env != "" {
			fmt.Fprintf(p, " [%s]", troff("$"+f.Env))
		}
		fmt.Fprintln(p)
	}
}

// prose writes text: paragraphs between empty lines, and indented lines as they are.
func (p *page) prose(text string) {
	inExample, between := false, true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		indented := strings.HasPrefix(line, "  ")
		if inExample && !indented {
			fmt.Fprint(p, ".RE\n.fi\n")
			inExample, between = false, true
		}
		switch {
		case line == "":
			between = true
			continue
		case indented && !inExample:
			p.paragraph()
			fmt.Fprint(p, ".nf\n.RS 4\n")
			inExample = true
		case !indented && between:
			p.paragraph()
		}
		between = false
		fmt.Fprintln(p, troff(strings.TrimPrefix(line, "  ")))
	}
	if inExample {
		fmt.Fprint(p, ".RE\n.fi\n")
	}
}

var escaper = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `~`, `\(ti`, `^`, `\(ha`, "`", `\(ga`, `'`, `\(aq`)

// troff returns text as troff prints it, on any line.
func troff(text string) string {
	var b strings.Builder
	for _, r := range escaper.Replace(text) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	if strings.HasPrefix(b.String(), ".") {
		return `\&` + b.String()
	}
	return b.String()
}

// quoted returns text as one argument of a macro.
func quoted(text string) string { return `"` + strings.ReplaceAll(troff(text), `"`, `\(dq`) + `"` }
