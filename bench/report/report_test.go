package report

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"stele/bench"
)

// inspect fails unless a page is one document without scripts, which loads nothing and
// links only to itself, with elements that are closed.
func inspect(t interface{ Errorf(string, ...any) }, page string) {
	var open []string
	void := map[string]bool{"meta": true, "link": true}
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		switch token.Type {
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, a := range token.Attr {
				if token.Data == "link" && a.Key == "rel" && a.Val != "expect" || strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("an attribute %s=%q of %s", a.Key, a.Val, token.Data)
				}
			}
			if strings.Contains(" script img iframe object embed base form ", " "+token.Data+" ") {
				t.Errorf("an element %s", token.Data)
			}
			if token.Type == html.StartTagToken && !void[token.Data] {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Errorf("</%s> closes nothing: open are %q", token.Data, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
	if !errors.Is(z.Err(), io.EOF) || len(open) > 0 {
		t.Errorf("the page ends with %v, open are %q", z.Err(), open)
	}
	for _, bad := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

func htmlOf(t testing.TB, sources ...Source) string {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return HTML(b, sources) })
}

// A page of one result states its rate, how to doubt it and how to check it, and is small.
func TestHTML(t *testing.T) {
	r := machineResult(t, "rig 7", 1)
	if len(r.Cases) != 20 {
		t.Fatalf("%d cases, want 20", len(r.Cases))
	}
	page := htmlOf(t, sourceOf(t, r))
	inspect(t, page)
	c := headline(r, bench.Search)
	rate := bench.Search.RateText(c.Rate)
	for _, want := range []string{
		"<h1>" + rate.Rate + " GH/s", rate.Low + " to " + rate.High, "rig 7, 2026-11-30 21:04 UTC", "cuda:0 scan_a", "AMD EPYC 7313 (Zen 3)",
		"Checked when this page was made.", "each search found the known set of nonces", "stele bench check FILE", bench.GenesisHeader, r.Proofs[0].Digest,
		"8 threads: 6.", "End to end, through a pool on loopback", "Energy", "H/J", "550.54.15", "60 samples, 5 disturbed",
		"The true median lies between", "How long the work took",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if len(page) > 300_000 {
		t.Errorf("the page has %d bytes, at most 300,000 are allowed", len(page))
	}
	t.Logf("a page of 20 cases has %d bytes", len(page))
	if again := htmlOf(t, sourceOf(t, r)); again != page {
		t.Error("the page of the same result differs")
	}
}

// Several results are sorted by rate, with quotients whose intervals hold the true one.
func TestHTMLOfSeveral(t *testing.T) {
	sources := rigs(t)
	page := htmlOf(t, sources...)
	inspect(t, page)
	for _, want := range []string{"3 benchmarks side by side", "is the fastest at search: 10.2", "the fastest", "0.70", `href="#r3"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	prepared, err := prepare(sources)
	if err != nil {
		t.Fatal(err)
	}
	ranked := compare(prepared).ranked[bench.Search]
	if len(ranked) != 3 || ranked[2].Result.Environment.Label != "rig 3" {
		t.Fatalf("%d results in the ranking", len(ranked))
	}
	q := quotientOf(ranked[2].Case.Rate, ranked[0].Case.Rate)
	if !(q.Low <= 0.7/1.0004 && 0.7/1.0004 <= q.High && q.High < 0.72 && q.Low > 0.68) {
		t.Errorf("the quotient of a machine with 70 %% of the speed is %v", q)
	}
	if page := htmlOf(t, sources[:2]...); !strings.Contains(page, "The intervals overlap, so the order is not certain.") {
		t.Error("two machines that are alike are ordered without a doubt")
	}
}

// Runs of one machine are merged, GPUs of different models are named as such, and a file
// that is given twice counts once.
func TestHTMLOfRuns(t *testing.T) {
	second := machineResult(t, "rig 1", 1.001)
	second.Started = second.Started.Add(time.Hour)
	other := machineResult(t, "rig 3", 0.7)
	other.Environment.Devices[1].Name = "NVIDIA L4"
	page := htmlOf(t, Source{Result: machineResult(t, "rig 1", 1)}, Source{Result: second}, Source{Result: other})
	inspect(t, page)
	for _, want := range []string{"NVIDIA H100, cuda:0 scan_a, 2 runs", "NVIDIA L4, cuda:0 scan_a<", "the GPUs are of different models", "Not everything can be compared.", `<h2 id="r2">rig 1 (2)</h2>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	page = htmlOf(t, Source{Result: second}, Source{Result: second})
	inspect(t, page)
	if !strings.Contains(page, "nothing can be compared") {
		t.Error("a result is compared with itself")
	}
}

// Doubts, failures and false claims stand above the figures.
func TestHTMLOfDoubts(t *testing.T) {
	r := machineResult(t, "rig", 1)
	for i := range r.Cases {
		for j := range r.Cases[i].Samples {
			r.Cases[i].Samples[j].Probe = 0.5
		}
	}
	r = r.Recomputed()
	r.Timing.Settled = false
	r.Fail("search/cpu/pure/8", errors.New("the device is gone"))
	r.Cases[0].Rate.Median *= 2
	page := htmlOf(t, sourceOf(t, r))
	inspect(t, page)
	for _, want := range []string{"doubtful", "few-quiet: fewer than 10 slices were quiet", "the warm-up ended before", "1 case failed.", "search/cpu/pure/8: the device is gone",
		"This result does not hold what it claims.", "cases[0].rate.median: wrong-figure", "run again on a quiet machine"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "Checked when this page was made.") {
		t.Error("a false result counts as checked")
	}
}

// The texts of a stranger's file appear as text.
func TestHTMLOfHostileTexts(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>' {{.}} </title></style>`
	r := machineResult(t, evil, 1)
	e := &r.Environment
	e.Version, e.CPU.Brand, e.Driver, e.Microarchitecture, e.LimitAbsent, e.Energy = evil, evil, evil, evil, evil, evil
	for i := range r.Cases {
		r.Cases[i].Kernel = fmt.Sprint(evil, i)
	}
	r.Fail("nothing", errors.New(evil))
	page := htmlOf(t, Source{Name: evil, Result: r.Recomputed()}, Source{Name: evil, Result: r.Recomputed()})
	inspect(t, page)
	if !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("the text is lost")
	}
}

// A result without any good case, and none at all.
func TestNothingToReport(t *testing.T) {
	if err := HTML(io.Discard, nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("no result: %v", err)
	}
	r := machineResult(t, "", 1)
	r.Cases = r.Cases[:1]
	r.EndToEnd = nil
	r.Cases[0].Proof.Digest = strings.Repeat("0", 64)
	page := htmlOf(t, Source{Result: r})
	inspect(t, page)
	if !strings.Contains(page, "No case has a rate") || !strings.Contains(page, "wrong-set") {
		t.Error("a wrong result has a headline")
	}
	for _, write := range []func(io.Writer, []Source) error{PNG, CSV, Markdown, Benchstat} {
		if err := write(io.Discard, []Source{{Result: r}}); err != nil {
			t.Error(err)
		}
		if err := write(io.Discard, nil); !errors.Is(err, ErrEmpty) {
			t.Errorf("no result: %v", err)
		}
	}
}

// The mark of a limit stands at the rate that it allows.
func TestLimit(t *testing.T) {
	r := machineResult(t, "", 1)
	c := r.Cases[1]
	c.Limit = &bench.Limit{CyclesPerItem: 125, LimitCycles: 100, Share: 0.8, Clock: 3.3e9, Method: bench.MethodChain, Bound: "port 5"}
	if got := limitRate(&c) / c.Rate.Median; got != 1.25 {
		t.Errorf("the limit is %v times the rate, want 1.25", got)
	}
	row := newRow(&c, limitRate(&c))
	if row.Limit != "80 %" || row.Cycles != "100 of 125 cycles" || !strings.Contains(string(row.Bar), `class="lm" d="M1961 `) { // 2000 / 1.02
		t.Errorf("%+v", row)
	}
	if text := sentence(r, &c); !strings.Contains(text, "80 % of what its execution units allow at the clock that was measured, 3.3 GHz") {
		t.Error(text)
	}
}

// A picture has its size, bars and text, however long a name is.
func TestPNG(t *testing.T) {
	for _, sources := range [][]Source{rigs(t)[:1], rigs(t), {{Name: strings.Repeat("long name ", 30), Result: machineResult(t, "", 1)}}} {
		img, err := png.Decode(strings.NewReader(render(t, func(b *bytes.Buffer) error { return PNG(b, sources) })))
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() != pictureWidth || b.Dy() != pictureHeight {
			t.Errorf("a picture of %v", b)
		}
		painted := map[color.Color]int{}
		for y := range pictureHeight {
			for x := range pictureWidth {
				painted[img.At(x, y)]++
				if (x < 60 || x > pictureWidth-60) && img.At(x, y) != paintBG {
					t.Fatalf("something at %d,%d, in the margin", x, y)
				}
			}
		}
		if painted[paintAccent] < 5000 || painted[paintInk] < 2000 {
			t.Errorf("%d pixels of bars and %d of text", painted[paintAccent], painted[paintInk])
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	source := sourceOf(b, machineResult(b, "rig", 1))
	for b.Loop() {
		if err := HTML(io.Discard, []Source{source}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPNG(b *testing.B) {
	source := sourceOf(b, machineResult(b, "rig", 1))
	for b.Loop() {
		if err := PNG(io.Discard, []Source{source}); err != nil {
			b.Fatal(err)
		}
	}
}

// No file that can be read makes a report fail, or a page with anything that acts.
func FuzzReport(f *testing.F) {
	var text bytes.Buffer
	small := machineResult(f, "a", 1)
	for i := range small.Cases {
		small.Cases[i].Samples = small.Cases[i].Samples[:12]
	}
	small.Cases, small.Proofs[0].Nonces = small.Cases[:3], small.Proofs[0].Nonces[:4]
	if err := small.Encode(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"schema":"stele-bench/1","cases":[{"mode":"verify","device":"<b>","kernel":"\u0000","samples":[{"items":1,"seconds":1e9,"probe":1e-300}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := bench.Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		sources := []Source{{Result: r}, {Result: r}}
		inspect(t, htmlOf(t, sources...))
		for _, write := range []func(io.Writer, []Source) error{CSV, Markdown, Benchstat} {
			if err := write(io.Discard, sources); err != nil {
				t.Error(err)
			}
		}
		newPicture(sources) // drawing it takes long, and looks at nothing else
	})
}
