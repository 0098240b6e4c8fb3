package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"stele/bench"
	"stele/bench/report/svg"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// style is the text of the page's style element.
var style = template.CSS(pageCSS) + svg.CSS

// policy allows the page nothing but its own style.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}()

// Style returns the text of the style element of the page, and the content security policy
// that allows nothing else, for pages of other packages in the same look.
func Style() (css template.CSS, security string) { return style, policy }

// HTML writes a page about the sources, in UTF-8. Errors: [ErrEmpty], and that of w.
func HTML(w io.Writer, sources []Source) error {
	sources, err := prepare(sources)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, newPage(sources)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(page.Bytes())
	return err
}

// page is the data of the template.
type page struct {
	Policy, Title, Head, Headline, Answer, Footer string

	CSS      template.CSS
	Tag      *mark
	Panels   []panel
	Compared []comparedView
	Results  []resultView
}

// mark is a word with a shape and a colour: "ok", "wait" or "bad".
type mark struct{ Class, Text string }

// panel is a text that the reader must not miss.
type panel struct {
	Class, Title, Text string
	Lines              []string
}

// fact is a row of a table of facts.
type fact struct{ Name, Value, Note string }

func newPage(sources []Source) page {
	p := page{
		Policy: policy,
		CSS:    style,
		Footer: "Made by stele bench report. The page is one file without scripts and loads nothing. Rates are medians of short slices; an interval holds the true median in 95 of 100 runs if the slices are independent.",
	}
	for i, s := range sources {
		p.Results = append(p.Results, newResult(s, fmt.Sprintf("r%d", i+1)))
	}
	if len(sources) == 1 {
		p.single(sources[0])
	} else {
		p.several(sources)
	}
	p.Title = p.Headline + " - stele bench"
	return p
}

// single fills in the head of a page about one result.
func (p *page) single(s Source) {
	r := s.Result
	p.Head = fmt.Sprintf("%s, %s", s.Name, r.Started.UTC().Format("2006-01-02 15:04 UTC"))
	p.Headline, p.Answer = "No case has a rate", "Each case of this result failed, or did other work than it should have."
	if r.EndToEnd != nil || len(r.Sweep) > 0 {
		p.Headline, p.Answer = s.Name, "The figures are below."
	}
	for _, mode := range r.Modes() {
		c := headline(r, mode)
		if c == nil {
			continue
		}
		text := mode.RateText(c.Rate)
		p.Headline = text.Rate + " " + text.Unit
		p.Tag = &mark{"ok", "quiet"}
		if len(c.Flags) > 0 {
			p.Tag = &mark{"wait", "doubtful"}
		}
		p.Answer = sentence(r, c)
		break
	}
}

// sentence states the rate of a case with its interval.
func sentence(r *bench.Result, c *bench.CaseResult) string {
	text := c.Mode.RateText(c.Rate)
	answer := fmt.Sprintf("%s by %s on %s. The true median lies between %s and %s %s with 95 %% confidence.",
		title(c.Mode), c.Words(), machine(r), text.Low, text.High, text.Unit)
	if l := c.Limit; l != nil {
		answer += fmt.Sprintf(" That is %s of what its execution units allow at the clock that was measured, %s.", percent(l.Share), hertz(l.Clock))
	}
	return answer
}

// several fills in the head of a page that compares results.
func (p *page) several(sources []Source) {
	p.Head = fmt.Sprintf("%d results", len(sources))
	p.Headline = fmt.Sprintf("%d benchmarks side by side", len(sources))
	p.Answer = "No mode was measured in two of these results, so nothing can be compared."
	c := compare(sources)
	var doubtful []string
	for i, mode := range c.modes {
		ranked := c.ranked[mode]
		p.Compared = append(p.Compared, newCompared(mode, ranked, fmt.Sprintf("c%d", i+1)))
		if i == 0 {
			p.Answer = compareText(mode, ranked)
		}
		for _, b := range ranked {
			for _, f := range b.Case.Flags {
				doubtful = append(doubtful, fmt.Sprintf("%s, %s: %s", b.Name, mode, explain(f)))
			}
		}
	}
	if len(doubtful) > 0 {
		p.Panels = append(p.Panels, panel{Class: "wait", Title: "Some of these rates are doubtful.", Lines: doubtful})
	}
	if len(c.notes) > 0 {
		p.Panels = append(p.Panels, panel{Class: "wait", Title: "Not everything can be compared.", Lines: c.notes})
	}
	limitLines(p.Panels)
}

// compareText states which machine is the fastest at a mode.
func compareText(mode bench.Mode, ranked []best) string {
	first, last := ranked[0], ranked[len(ranked)-1]
	text := mode.RateText(first.Case.Rate)
	if len(ranked) == 1 {
		what := first.what()
		if !strings.HasPrefix(what, first.Name) { // without a label the name is that of the processor
			what = first.Name + ", " + what
		}
		return fmt.Sprintf("%s: %s.", what, text)
	}
	q := quotientOf(first.Case.Rate, last.Case.Rate)
	answer := fmt.Sprintf("%s is the fastest at %s: %s %s, %.2f times (%.2f to %.2f) the rate of %s.",
		first.Name, mode, text.Rate, text.Unit, q.Value, q.Low, q.High, last.Name)
	if q.Low <= 1 {
		answer += " The intervals overlap, so the order is not certain."
	}
	return answer
}

// comparedView is the comparison of the fastest cases of a mode.
type comparedView struct {
	ID, Title, Note                string
	HasLimit, HasEnergy, HasDoubts bool
	Rows                           []comparedRow
}

type comparedRow struct {
	Anchor, Name, What, Rate, Interval, To, ToInterval, Limit, Energy string

	Bar    template.HTML
	Doubts []mark
}

func newCompared(mode bench.Mode, ranked []best, id string) comparedView {
	v := comparedView{ID: id, Title: title(mode) + ": the fastest case of each machine",
		Note: "Sorted by rate. Runs of one machine with the same program are merged. The interval of a quotient comes from those of both rates, so it is wide rather than narrow."}
	fastest := ranked[0].Case.Rate
	for _, b := range ranked {
		c := b.Case
		text := mode.RateText(c.Rate)
		q := quotientOf(c.Rate, fastest)
		row := comparedRow{
			Anchor: fmt.Sprintf("r%d", b.Index+1), Name: b.Name, What: b.what(),
			Rate: text.Rate + " " + text.Unit, Interval: text.Low + " to " + text.High,
			To: fmt.Sprintf("%.3f", q.Value), ToInterval: fmt.Sprintf("%.3f to %.3f", q.Low, q.High),
			Limit: limitText(&c), Energy: energyText(&c), Doubts: doubts(c.Flags),
			Bar: svg.Bar{Value: c.Rate.Median, Low: c.Rate.Low, High: c.Rate.High, Limit: limitRate(&c), Max: fastest.High * 1.02, Color: svg.Accent}.HTML(),
		}
		if row.Limit != notKnown {
			v.HasLimit = true
		}
		v.HasEnergy = v.HasEnergy || row.Energy != notKnown
		v.HasDoubts = v.HasDoubts || len(row.Doubts) > 0
		v.Rows = append(v.Rows, row)
	}
	v.Rows[0].To, v.Rows[0].ToInterval = "1", "the fastest"
	return v
}
