package web

import (
	"fmt"
	"html/template"
	"time"

	"stele/engine/miner"
	"stele/node/query"
)

// miningBody is the data of the page of mining.
type miningBody struct {
	Troubles []miningTrouble
	Figures  []figure
	Luck     *luckPart // nil: nothing was searched
	Devices  *grid
	Workers  *grid
}

// miningTrouble is what an operator should do something about.
type miningTrouble struct {
	Title template.HTML
	Text  string // in English
}

// luckPart compares found blocks with what was to be expected.
type luckPart struct {
	Picture  template.HTML
	Words    template.HTML
	Found    uint64
	Expected string
	Low      uint64
	High     uint64
}

func (p *Pages) mining(r *request) (*view, error) {
	if r.at != "" {
		return nil, query.ErrOnlyNow
	}
	s := p.status()
	var miners *query.Miners
	if p.Miners != nil {
		m := p.Miners()
		miners = &m
	}
	body := &miningBody{Devices: deviceGrid(r, s.Miner), Workers: workerGrid(r, miners), Luck: luckOf(r, s.Miner)}
	body.Troubles = miningTroubles(r, &s)
	body.Figures = miningFigures(r, &s, miners)
	v := &view{Template: "mining", Title: r.t("mining.title"), Menu: "/mining", API: "/v1/miners", Live: "kind=block,alert", Body: body}
	v.Tag, v.Answer = miningWords(r, &s, miners, body.Luck)
	return v, nil
}

// ill reports whether somebody has to look after a device.
func ill(d *miner.DeviceStatus) bool { return d.Health == miner.Sick || d.Health == miner.Dead }

// miningWords says whether devices do what they should.
func miningWords(r *request, s *query.Status, miners *query.Miners, luck *luckPart) (state, template.HTML) {
	workers := r.t("mining.noserver")
	if miners != nil {
		workers = r.t("mining.workers.n", "n", len(miners.All))
	}
	if s.Miner == nil {
		tag := state{"end", r.lang.plain("mining.off")}
		if miners != nil && len(miners.All) > 0 {
			tag = state{"run", r.lang.plain("mining.serving")}
		}
		return tag, r.t("mining.answer.off", "workers", workers)
	}
	well := 0
	for i := range s.Miner.Devices {
		if s.Miner.Devices[i].Health == miner.OK {
			well++
		}
	}
	tag := state{"ok", r.lang.plain("mining.state.mining")}
	switch need := len(s.Miner.Devices) - well; {
	case s.Miner.State == miner.Stalled:
		tag = state{"bad", r.lang.plain("mining.state.stalled")}
	case need > 0:
		tag = state{"wait", r.lang.plain("mining.need", "n", need)}
	case s.Waiting != "" || s.Miner.State != miner.Mining:
		tag = state{"wait", r.lang.plain("mining.state.waiting")}
	}
	words := r.t("mining.luck.none")
	if luck != nil {
		words = luck.Words
	}
	rate := scaled(s.Miner.Counted.Minute1, "H/s")
	return tag, r.t("mining.answer", "rate", rate.String(), "well", well, "all", len(s.Miner.Devices), "luck", words, "workers", workers)
}

// miningTroubles are the devices that somebody has to look after, and what keeps all from
// mining.
func miningTroubles(r *request, s *query.Status) (all []miningTrouble) {
	if s.Waiting != "" {
		all = append(all, miningTrouble{r.t("mining.trouble.waiting"), s.Waiting})
	}
	if s.Miner == nil {
		return all
	}
	if s.Miner.Trouble != "" {
		all = append(all, miningTrouble{r.t("mining.trouble"), s.Miner.Trouble})
	}
	for i := range s.Miner.Devices {
		if d := &s.Miner.Devices[i]; ill(d) {
			all = append(all, miningTrouble{r.t("mining.trouble."+string(d.Health), "device", d.Info.Name, "id", d.Info.ID), d.Reason})
		}
	}
	return all
}

// luckOf compares the hits of all devices with what their work lets expect. A hit of the
// node's own devices is a block: they search at the target of the chain. Nil: there was no
// work.
func luckOf(r *request, m *miner.Status) *luckPart {
	if m == nil {
		return nil
	}
	part, expected := &luckPart{}, 0.0
	for i := range m.Devices {
		part.Found += m.Devices[i].Hits
		expected += m.Devices[i].ExpectedHits
	}
	if expected <= 0 {
		return nil
	}
	part.Low, part.High = poissonBand(expected)
	part.Expected = digits(expected, 3)
	verdict := "usual"
	switch {
	case part.Found < part.Low:
		verdict = "low"
	case part.Found > part.High:
		verdict = "high"
	}
	part.Words = r.lang.text("mining.luck."+verdict, "found", part.Found, "expected", part.Expected)
	part.Picture = luckChart(float64(part.Found), expected, float64(part.Low), float64(part.High),
		r.lang.plain("mining.luck.label", "found", part.Found, "expected", part.Expected, "low", part.Low, "high", part.High))
	return part
}

// luckChart draws a count against the band that 95 of 100 counts lie in, and the expected
// one as a dashed line.
func luckChart(found, expected, low, high float64, label string) template.HTML {
	most := 1.15 * max(found, high, 1)
	at := func(v float64) float64 { return 100 * v / most }
	return template.HTML(fmt.Sprintf(`<svg class="luck" role="img" aria-label="%s" width="100%%" height="44">`+
		`<rect class="fs" x="0" y="12" width="100%%" height="20"/><rect class="f1" x="%.2f%%" y="12" width="%.2f%%" height="20"/>`+
		`<line class="l dash" x1="%.2f%%" x2="%.2f%%" y1="4" y2="40"/><circle class="fa" cx="%.2f%%" cy="22" r="7"/></svg>`,
		template.HTMLEscapeString(label), at(low), max(at(high)-at(low), 0.4), at(expected), at(expected), at(found)))
}

// power returns the power of all devices, and how many have a sensor; so the hashes of a
// joule are of those.
func power(m *miner.Status) (watts, rate float64, sensors int) {
	for i := range m.Devices {
		if d := &m.Devices[i]; d.Sensors != nil && d.Sensors.Power != nil && *d.Sensors.Power > 0 {
			watts += *d.Sensors.Power
			rate += d.Rates.Minute1
			sensors++
		}
	}
	return watts, rate, sensors
}

func miningFigures(r *request, s *query.Status, miners *query.Miners) (all []figure) {
	if m := s.Miner; m != nil {
		rate := scaled(m.Counted.Minute1, "H/s")
		hour := scaled(m.Counted.Hour1, "H/s")
		all = append(all, figure{Term: r.t("mining.rate"), Number: number(rate.Number), Unit: rate.Unit, Note: r.t("mining.rate.note", "hour", hour.String())})
		efficiency := figure{Term: r.t("mining.efficiency"), Number: r.t("network.unknown"), Note: r.t("mining.efficiency.none")}
		if watts, hashes, n := power(m); n > 0 {
			q := scaled(hashes/watts, "H/J")
			efficiency = figure{Term: r.t("mining.efficiency"), Number: number(q.Number), Unit: q.Unit, Note: r.t("mining.efficiency.note", "watts", digits(watts, 3), "n", n, "all", len(m.Devices))}
		}
		all = append(all, efficiency)
		all = append(all, figure{Term: r.t("mining.blocks"), Number: number(s.Mined.Blocks), Note: r.t("mining.blocks.note", "stale", s.Mined.Stale, "rejected", s.Mined.Rejected)})
	}
	if miners == nil {
		return append(all, figure{Term: r.t("mining.workers"), Number: "–", Note: r.t("mining.noserver.short")})
	}
	server := &miners.Server
	rate := scaled(server.HashRate, "H/s")
	return append(
		all,
		figure{Term: r.t("mining.workers"), Number: number(len(miners.All)), Note: r.t("mining.workers.note", "n", server.Connections)},
		figure{Term: r.t("mining.workers.rate"), Number: number(rate.Number), Unit: rate.Unit, Note: r.t("mining.workers.estimate")},
		figure{Term: r.t("mining.workers.blocks"), Number: number(server.Mined.Blocks), Note: r.t("mining.blocks.note", "stale", server.Mined.Stale, "rejected", server.Mined.Rejected)},
	)
}

// healthKinds are the kinds of the states of devices: see [state].
var healthKinds = map[miner.Health]string{miner.OK: "ok", miner.Sick: "bad", miner.Dead: "bad", miner.Recovering: "wait", miner.Resting: "end"}

// deviceGrid lists the node's own devices.
func deviceGrid(r *request, m *miner.Status) *grid {
	g := newGrid(r.t("mining.devices"), r.t("mining.devices.empty"), r.t("mining.device"), "c6", r.t("claims.statehead"), "c3", r.t("mining.rate"), "n",
		`<span class="vh">`+r.t("mining.rate.bar")+`</span>`, "lat p2", r.t("mining.temperature"), "n p2", r.t("mining.power"), "n p2", r.t("mining.efficiency"), "n p2", r.t("mining.found"), "n p2")
	if m == nil {
		return g
	}
	fastest := 1.0
	for i := range m.Devices {
		fastest = max(fastest, m.Devices[i].Rates.Minute1)
	}
	for i := range m.Devices {
		d := &m.Devices[i]
		health := stateCell(state{healthKinds[d.Health], r.lang.plain("mining.health." + string(d.Health))}).under(html(d.Reason))
		health.English = true
		unknown := textCell(r.t("network.unknown"))
		temperature, watts, efficiency := unknown, unknown, unknown
		if x := d.Sensors; x != nil && x.Temperature != nil {
			temperature = textCell(html(digits(*x.Temperature, 2) + " °C"))
		}
		if x := d.Sensors; x != nil && x.Power != nil && *x.Power > 0 {
			watts, efficiency = textCell(html(digits(*x.Power, 3)+" W")), textCell(html(scaled(d.Rates.Minute1 / *x.Power, "H/J").String()))
		}
		g.row(textCell(html(d.Info.Name)).under(`<span class="m">`+html(d.Info.ID)+`</span>`), health, textCell(html(scaled(d.Rates.Minute1, "H/s").String())),
			cell{Picture: shareBar(d.Rates.Minute1/fastest, "fa")}, temperature, watts, efficiency, numberCell(d.Hits).under(r.t("mining.of", "n", digits(d.ExpectedHits, 2))))
	}
	return g
}

// quiet is how long a worker may be without a share before the page says so.
const quiet = 3 * time.Minute

// workerGrid lists the miners of the Stratum server.
func workerGrid(r *request, miners *query.Miners) *grid {
	g := newGrid(r.t("mining.workers"), r.t("mining.workers.empty"), r.t("mining.worker"), "c6", r.t("claims.statehead"), "c4", r.t("mining.rate"), "n", r.t("home.difficulty"), "n p2",
		r.t("mining.accepted"), "n p2", r.t("mining.refused"), "n p2", r.t("mining.lastshare"), "n c4 p2")
	if miners == nil {
		g.Empty = r.t("mining.noserver.how")
		return g
	}
	for i := range miners.All {
		x := &miners.All[i]
		s, last := state{"ok", r.lang.plain("mining.state.mining")}, textCell(r.t("mining.noshare"))
		since := max(0, miners.Now.Sub(x.LastShare))
		switch {
		case x.LastShare.IsZero():
			s = state{"wait", r.lang.plain("mining.noshare")}
		case since > quiet:
			s = state{"wait", r.lang.plain("mining.quiet", "time", r.lang.duration(since.Truncate(time.Second)))}
		}
		if !x.LastShare.IsZero() {
			last = timeCell(r.time(x.LastShare))
		}
		name := cell{Text: `<span class="m">` + html(shortName(x.Name)) + `</span>`}.under(html(cut(x.Agent)))
		refused := x.Shares.Stale + x.Shares.Duplicate + x.Shares.LowDifficulty + x.Shares.Unauthorized + x.Shares.Invalid
		g.row(name, stateCell(s), textCell(html(scaled(x.HashRate, "H/s").String())), textCell(html(digits(x.Difficulty, 3))), numberCell(x.Shares.Accepted), numberCell(refused), last)
	}
	return g
}

// shortName shortens the name of a worker, which is a key and what its owner calls it.
func shortName(name string) string {
	const long = 72 // digits of a key
	if len(name) < long {
		return cut(name)
	}
	return name[:6] + "…" + name[60:64] + cut(name[long:])
}
