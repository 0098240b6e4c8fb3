package mine

import (
	"fmt"
	"strings"

	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
	"stele/engine/miner/telemetry"
	"stele/internal/stat"
)

// past is what the last status of a run no longer shows. The zero value is before the
// run.
type past struct {
	devices map[string]*devicePast // by ID
}

// devicePast is the past of a device.
type devicePast struct {
	hottest float64 // degrees Celsius; 0: not measured
	health  miner.Health
	rests   int    // how often it began to rest
	faults  int    // how often it became sick or dead
	reason  string // of the last rest or fault
}

// observe adds a status.
func (p *past) observe(s miner.Status) {
	if p.devices == nil {
		p.devices = map[string]*devicePast{}
	}
	for _, d := range s.Devices {
		of := p.devices[d.Info.ID]
		if of == nil {
			of = &devicePast{health: miner.OK}
			p.devices[d.Info.ID] = of
		}
		if m := d.Sensors; m != nil && m.Temperature != nil {
			of.hottest = max(of.hottest, *m.Temperature)
		}
		if d.Health == of.health {
			continue
		}
		of.health = d.Health
		switch d.Health {
		case miner.Resting:
			of.rests, of.reason = of.rests+1, d.Reason
		case miner.Sick, miner.Dead:
			of.faults, of.reason = of.faults+1, d.Reason
		}
	}
}

// summary returns what a run did: in all, by device and by pool. It is plain text.
func summary(p screen.Painter, s miner.Status, past past) string {
	var hashes, hits uint64
	var expected float64
	for _, d := range s.Devices {
		hashes, hits, expected = hashes+d.Nonces, hits+d.Hits, expected+d.ExpectedHits
	}
	lines := []string{
		fmt.Sprintf("stopped after %s: %sH/s, %shashes", human.Duration(s.Now.Sub(s.Started)), human.SI(s.Counted.Mean), human.SI(float64(hashes))),
		p.Row("shares", screen.Plain.Sprint(strings.Join(shareCounts(s.Shares), ", "))),
	}
	if expected > 0 {
		low, high := stat.PoissonBounds(hits)
		lines = append(lines, p.Row("luck", screen.Plain.Sprintf("%s of the expected shares (95 %% interval %s to %s)",
			percent(float64(hits)/expected), percent(low/expected), percent(high/expected))))
	}
	if text := energyOf(s.Devices...); text != "" {
		lines = append(lines, p.Row("energy", screen.Plain.Sprintf("%s  %.3g kWh", text, joulesOf(s.Devices...)/3.6e6)))
	}
	lines = append(lines, deviceTable(p, s, past)...)
	lines = append(lines, sourceTable(p, s)...)
	return strings.Join(lines, "\n") + "\n"
}

// percent writes a quotient as a percentage.
func percent(x float64) string {
	if x < 0.1 {
		return fmt.Sprintf("%.2g %%", 100*x)
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

// shareCounts returns the counts of shares, those that are not 0.
func shareCounts(s miner.Shares) []string {
	counts := []string{human.Grouped(s.Accepted) + " accepted"}
	if why := rejections(s); why != "" {
		counts = append(counts, why)
	}
	if s.Pending > 0 {
		counts = append(counts, human.Grouped(s.Pending)+" without an answer")
	}
	if s.Found > 0 {
		counts = append(counts, "best difficulty "+human.Difficulty(s.Best))
	}
	if s.Blocks > 0 {
		counts = append(counts, human.Count(s.Blocks, "block")+" found")
	}
	return counts
}

// joulesOf returns the energy of the devices that measure it.
func joulesOf(devices ...miner.DeviceStatus) (joules float64) {
	for _, d := range devices {
		if d.Sensors != nil && d.Sensors.Energy != nil {
			joules += *d.Sensors.Energy
		}
	}
	return joules
}

// energyOf returns the energy of the devices that measure it, and their hashes per
// joule. It returns "" if none does.
func energyOf(devices ...miner.DeviceStatus) string {
	joules := joulesOf(devices...)
	if joules <= 0 {
		return ""
	}
	text := human.SI(joules) + "J"
	if x, ok := telemetry.Efficiency(devices...); ok {
		text += "  " + human.SI(x) + "H/J"
	}
	return text
}

// deviceTable returns a line for each device, and one below it about rests and faults.
func deviceTable(p screen.Painter, s miner.Status, past past) []string {
	if len(s.Devices) == 0 {
		return nil
	}
	lines := []string{"devices"}
	for _, d := range s.Devices {
		of := past.devices[d.Info.ID]
		if of == nil {
			of = &devicePast{}
		}
		cells := []string{human.SI(d.Rates.Mean) + "H/s", human.SI(float64(d.Nonces)) + "hashes", human.Count(d.Shares, "share")}
		if of.hottest > 0 {
			cells = append(cells, fmt.Sprintf("max %.0f C", of.hottest))
		}
		if text := energyOf(d); text != "" {
			cells = append(cells, text)
		}
		lines = append(lines, p.Row("  "+d.Info.ID, screen.Plain.Sprint(strings.Join(cells, "  "))))
		if text := of.troubles(); text != "" {
			lines = append(lines, p.Row("", screen.Plain.Sprint(text)))
		}
	}
	return lines
}

// troubles returns how often a device rested or failed, and why it did last. It returns
// "" if it never did.
func (d *devicePast) troubles() string {
	var parts []string
	if d.rests > 0 {
		parts = append(parts, "rested "+human.Count(uint64(d.rests), "time"))
	}
	if d.faults > 0 {
		parts = append(parts, "failed "+human.Count(uint64(d.faults), "time"))
	}
	text := strings.Join(parts, ", ")
	if text != "" && d.reason != "" {
		text += "; the last reason: " + d.reason
	}
	return text
}

// sourceTable returns two lines for each pool that was used.
func sourceTable(p screen.Painter, s miner.Status) []string {
	lines := []string{"pools"}
	for _, u := range s.Sources {
		if u.Sessions == 0 && u.Shares.Found == 0 {
			lines = append(lines, p.Line(screen.Plain.Sprintf("  %s  not used", u.Name)))
			continue
		}
		lines = append(lines, p.Line(screen.Plain.Sprint("  "+u.Name)),
			p.Row("", screen.Plain.Sprint(strings.Join(shareCounts(u.Shares), ", "))))
		if u.Latency.Count > 0 {
			lines = append(lines, p.Row("", screen.Plain.Sprintf("answers after %s, p99 %s; %s",
				human.Duration(u.Latency.P50), human.Duration(u.Latency.P99), human.Count(u.Sessions, "session"))))
		}
	}
	if len(s.Sources) == 0 {
		return nil
	}
	return lines
}
