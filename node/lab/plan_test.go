package lab

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sample is the plan in the documentation.
const sample = `
nodes 20  links 8  seed 7  blocks 200  records 25/s  network dev
line * latency 50ms rate 10Mbit jitter 20%   # all
at 20s cut 0-2 from 3-5     at 50s heal
at 60s kill 7  restart 5s   at 70s stop 9 for 8s   at 80s slow 4 1B/s
at 90s hostile 3 flood-headers   at 95s disk-full 11 for 10s   at 99s clock 12 +3h
`

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	const second = time.Second
	want := &Plan{
		Nodes: 20, Links: 8, Seed: 7, Blocks: 200, Records: 25, Network: "dev", Time: 200 * second,
		Lines: []Line{{Latency: 50 * time.Millisecond, Rate: 1_250_000, Jitter: 20}},
		Faults: []Fault{
			{At: 20 * second, Kind: Cut, Nodes: Set{0, 1, 2}, From: Set{3, 4, 5}},
			{At: 50 * second, Kind: Heal},
			{At: 60 * second, Kind: Kill, Nodes: Set{7}, For: 5 * second},
			{At: 70 * second, Kind: Stop, Nodes: Set{9}, For: 8 * second},
			{At: 80 * second, Kind: Slow, Nodes: Set{4}, Rate: 1},
			{At: 90 * second, Kind: Hostile, Count: 3, Attack: FloodHeaders},
			{At: 95 * second, Kind: DiskFull, Nodes: Set{11}, For: 10 * second},
			{At: 99 * second, Kind: Clock, Nodes: Set{12}, Offset: 3 * time.Hour},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if end := got.Faults[0].end(got); end != 50*second {
		t.Errorf("the cut ends at %v, want 50s", end)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"nodes 4\nat 5s kill 4", "at 5s kill: no node 4: the plan has nodes 0 to 3"},
		{"nodes 4\n\nat x kill 1", `line 3: invalid time "x"`},
		{"nodes many", `line 1: invalid number "many"`},
		{"nodes", "line 1: missing number"},
		{"nodes 300", `line 1: invalid number "300"`},
		{"nodes 0", "invalid number of nodes: 0"},
		{"nodes 3\nnodes 3", "line 2: nodes is set twice"},
		{"nodes 3 links 3", "invalid number of links: 3, must be 0 to 2"},
		{"hello", `line 1: unknown word "hello"`},
		{"at 5s explode 1", `line 1: invalid fault "explode"`},
		{"at 5s cut 0-1 3", `line 1: invalid word "3": expected "from"`},
		{"at 5s cut 0-1 from 1-3", "node 1 is in both groups"},
		{"at 5s cut 2-1 from 3", `line 1: invalid nodes "2-1"`},
		{"at 5s stop 1", "at 5s stop: no duration"},
		{"at 5s slow 1 fast", `line 1: invalid rate "fast"`},
		{"at 5s slow 1 0B/s", `line 1: invalid rate "0B/s"`},
		{"at 5s clock 1 3h", `line 1: invalid offset "3h"`},
		{"at 5s hostile 3 shouting", `line 1: invalid attack "shouting"`},
		{"at 5s hostile 0 slow-bytes", "invalid number of peers 0"},
		{"time 4s at 5s heal", "outside the time of the plan"},
		{"line * jitter 20", `line 1: invalid jitter "20"`},
		{"line * latency 2m", "invalid latency"},
		{"network main", `invalid network "main"`},
		{"records -1/s", `line 1: invalid rate of records "-1/s"`},
		{"records NaN/s", `line 1: invalid rate of records`},
		{strings.Repeat("#", maxPlanBytes+1), "must be up to"},
	} {
		_, err := Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: got %v, want %q", c.text, err, c.want)
		}
	}
}

// drawPlan draws a valid plan.
func drawPlan(t *rapid.T) *Plan {
	p := Generate(rapid.Uint64().Draw(t, "seed"), GenerateOptions{
		Nodes:   rapid.IntRange(2, maxNodes).Draw(t, "nodes"),
		Time:    time.Duration(rapid.Int64Range(int64(time.Minute), int64(time.Hour)).Draw(t, "time")),
		Records: rapid.Float64Range(0, maxRecords).Draw(t, "records"),
		Kinds:   []FaultKind{Cut, Heal, Kill, Stop, Slow, Hostile, DiskFull, Clock},
	})
	for range rapid.IntRange(0, 3).Draw(t, "lines") {
		l := Line{
			Latency: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "latency")),
			Rate:    rapid.Int64Range(0, maxRate).Draw(t, "rate"),
			Jitter:  rapid.IntRange(0, 100).Draw(t, "jitter"),
		}
		if rapid.Bool().Draw(t, "some") {
			l.Nodes = drawSet(t, p.Nodes)
		}
		p.Lines = append(p.Lines, l)
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		if f.Kind == Hostile && rapid.Bool().Draw(t, "on") {
			f.Nodes = drawSet(t, p.Nodes)
		}
		if (f.Kind == Cut || f.Kind == Kill || f.Kind == Slow) && rapid.Bool().Draw(t, "lasts") {
			f.For = 0
		}
	}
	return p
}

func drawSet(t *rapid.T, nodes int) Set {
	s := Set(rapid.SliceOfNDistinct(rapid.IntRange(0, nodes-1), 1, min(nodes, 12), rapid.ID).Draw(t, "set"))
	slices.Sort(s)
	return s
}

// TestPlanText: a plan is the same after it was written and read.
func TestPlanText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawPlan(t)
		if err := want.Validate(); err != nil {
			t.Fatalf("invalid plan: %v\n%s", err, want)
		}
		got, err := Parse(want.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, want)
		}
		if got.String() != want.String() {
			t.Fatalf("got\n%s, want\n%s", got, want)
		}
		if !reflect.DeepEqual(normal(got), normal(want)) {
			t.Fatalf("got\n%#v, want\n%#v", got, want)
		}
	})
}

// normal returns a plan whose empty lists are nil.
func normal(p *Plan) Plan {
	n := *p
	n.Lines, n.Faults = slices.Clip(append([]Line(nil), p.Lines...)), append([]Fault(nil), p.Faults...)
	return n
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("at 5s clock 0 -1h30m for 2s line 0,2-3 rate 10B/s")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, p)
		}
		if again.String() != p.String() {
			t.Errorf("got\n%s, want\n%s", again, p)
		}
	})
}

// TestGenerate: a plan follows from its seed, leaves time to settle, and its graph is
// connected with about as many links as asked for.
func TestGenerate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed, nodes := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 40).Draw(t, "nodes")
		o := GenerateOptions{Nodes: nodes, Time: 2 * time.Minute}
		p := Generate(seed, o)
		if again := Generate(seed, o); p.String() != again.String() {
			t.Fatalf("two plans of one seed:\n%s%s", p, again)
		}
		if last := p.LastFault(); last+settle > p.Time {
			t.Fatalf("the last fault ends at %v of %v\n%s", last, p.Time, p)
		}
		made := p.Miners()
		if len(made) != p.Blocks {
			t.Fatalf("%d blocks, want %d", len(made), p.Blocks)
		}
		if n := len(made); n > 1 && made[n-1].At-made[n-2].At < 0 {
			t.Fatal("blocks out of order")
		}
		reached, edges := Set{0}, 0
		for range nodes {
			for a, others := range p.Dials() {
				for _, b := range others {
					if slices.Contains(reached, a) != slices.Contains(reached, b) {
						reached = append(reached, a, b)
						slices.Sort(reached)
						reached = slices.Compact(reached)
					}
				}
			}
		}
		for _, others := range p.Dials() {
			edges += len(others)
		}
		if len(reached) != nodes {
			t.Fatalf("only %v are connected", reached)
		}
		if want := max(nodes*p.Links/2, nodes-1); edges != want {
			t.Fatalf("%d connections, want %d", edges, want)
		}
	})
}

func TestCleanSince(t *testing.T) {
	t.Parallel()
	p, err := Parse("nodes 5 time 60s at 10s cut 0-1 from 2-3 at 20s heal at 30s kill 4 restart 5s at 40s hostile 1 slow-bytes at 50s stop 0 for 20s")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a, b       int
		now, since int // seconds; since -1: not clean
	}{
		{0, 1, 15, 0}, {0, 2, 5, 0}, {0, 2, 15, -1}, {3, 1, 15, -1}, {0, 2, 25, 20}, {2, 4, 15, 0}, {2, 4, 32, -1}, {2, 4, 36, 35},
		{1, 2, 45, 20}, {0, 1, 55, -1},
	} {
		since, clean := p.cleanSince(c.a, c.b, time.Duration(c.now)*time.Second)
		if !clean {
			since = -time.Second
		}
		if since != time.Duration(c.since)*time.Second {
			t.Errorf("nodes %d and %d at %d s: got %v, want %d s", c.a, c.b, c.now, since, c.since)
		}
	}
}
