package report

import (
	"fmt"

	"stele/bench"
)

// energyTables shows the energy of the cases whose energy is known.
func energyTables(r *bench.Result, id string) []tableView {
	t := tableView{ID: id, Title: "Energy", Header: []string{"Case", "Items per joule", "95 %", "For 10^12 items"}, Note: r.Environment.Energy}
	for _, mode := range r.Modes() {
		for _, c := range r.Sorted(mode) {
			if energyText(&c) == notKnown || len(t.Rows) == maxRows {
				continue
			}
			interval := notKnown
			if p := c.PerJoule; p != nil {
				scale, _ := bench.Prefix(p.Median)
				interval = fmt.Sprintf("%.3g to %.3g", p.Low/scale, p.High/scale)
			}
			joules := notKnown
			if c.Joules > 0 {
				joules = scaled(c.Joules*1e12, "J")
			}
			t.Rows = append(t.Rows, []string{title(mode) + ", " + c.Words(), energyText(&c), interval, joules})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []tableView{t}
}

// sweepTables shows the points of a sweep, a table for each device.
func sweepTables(r *bench.Result, id string) (tables []tableView) {
	var devices []string
	byDevice := map[string][]bench.SweepPoint{}
	for _, p := range r.Sweep {
		if byDevice[p.Device] == nil {
			devices = append(devices, p.Device)
		}
		byDevice[p.Device] = append(byDevice[p.Device], p)
	}
	for i, device := range devices[:min(len(devices), maxDevices)] {
		points := byDevice[device]
		t := tableView{ID: fmt.Sprintf("%s%d", id, i+1), Title: "Efficiency of " + device,
			Note:   "A filled point is a setting that no other one beats: none is as fast with less power.",
			Header: []string{"Setting", "Rate, 95 %", "Watts", "Items per joule", "Not beaten"}}
		t.Plots = append(t.Plots, newScatter(points))
		for _, p := range points[:min(len(points), maxRows)] {
			front, watts, each := "", notKnown, notKnown
			if p.Pareto {
				front = "yes"
			}
			if p.Watts > 0 {
				watts, each = fmt.Sprintf("%.4g", p.Watts), scaled(p.PerJoule, itemWord(p.Mode)+"/J")
			}
			t.Rows = append(t.Rows, []string{setting(p), p.Mode.RateText(p.Rate).String(), watts, each, front})
		}
		tables = append(tables, t)
	}
	return tables
}

// setting names the setting of a point of a sweep.
func setting(p bench.SweepPoint) string {
	text := p.Words()
	if p.PowerLimit > 0 {
		text += fmt.Sprintf(", limit %.0f W", p.PowerLimit)
	}
	if p.ClockMHz > 0 {
		text += fmt.Sprintf(", %d MHz", p.ClockMHz)
	}
	return text
}

// endToEndTables shows what a whole miner did with a pool on loopback.
func endToEndTables(r *bench.Result, id string) []tableView {
	e := r.EndToEnd
	if e == nil {
		return nil
	}
	t := tableView{ID: id, Title: "End to end, through a pool on loopback", Header: []string{"What", "Figure", "95 %"}}
	rate := func(name string, s bench.Stats) {
		text := bench.Search.RateText(s)
		t.Rows = append(t.Rows, []string{name, text.Rate + " " + text.Unit, text.Low + " to " + text.High})
	}
	ratio := func(name string, q *bench.Ratio) {
		if q != nil {
			t.Rows = append(t.Rows, []string{name, fmt.Sprintf("%.2f %%", q.Median*100), fmt.Sprintf("%.2f to %.2f", q.Low*100, q.High*100)})
		}
	}
	rate("Bare kernels", e.Bare)
	rate("Miner with a pool", e.Mining)
	ratio("Kept of the bare rate", e.Kept)
	if s := e.Shares; s != nil {
		rate("Rate that the accepted shares show", bench.Stats{Median: s.Rate, Low: s.Low, High: s.High})
		t.Rows = append(t.Rows, []string{"Shares accepted, stale, rejected", fmt.Sprintf("%d, %d, %d", s.Accepted, s.Stale, s.Rejected), notKnown})
	}
	if s := e.Switching; s != nil {
		t.Rows = append(t.Rows, []string{"Switch to a new job, p50", fmt.Sprintf("%.3g ms", s.P50*1e3), fmt.Sprintf("of %d", s.Count)},
			[]string{"Switch to a new job, p99", fmt.Sprintf("%.3g ms", s.P99*1e3), fmt.Sprintf("longest %.3g ms", s.Max*1e3)})
		ratio("Kept with many new jobs", s.Kept)
	}
	for _, p := range parts(e.Balance, "its bare rate") {
		t.Rows = append(t.Rows, []string{p.Name, p.Value, p.Note})
	}
	for _, f := range e.Flags {
		t.Rows = append(t.Rows, []string{"Doubt", string(f), notKnown})
	}
	if e.Incomplete != "" {
		t.Note = "The measurement ended early: " + e.Incomplete + ". What was measured until then is shown."
	}
	return []tableView{t}
}
