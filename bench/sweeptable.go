package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Setting returns the setting of the point in words, such as "avx2, 4 threads" or
// "sha256d, 250 W, 1500 MHz".
func (p SweepPoint) Setting() string {
	text := p.Kernel
	if p.Threads > 0 {
		text += ", " + Count(p.Threads, "thread")
	}
	if p.PowerLimit > 0 {
		text += fmt.Sprintf(", %g W", p.PowerLimit)
	}
	if p.ClockMHz > 0 {
		text += fmt.Sprintf(", %d MHz", p.ClockMHz)
	}
	return text
}

// WriteSweep writes the points of a sweep as text: the lines of best, the environment, a
// table of each device from the fastest point to the slowest with a legend, and the
// points that failed.
func (r *Result) WriteSweep(w io.Writer, format Format, best []string) error {
	out := &printer{w: w, format: format}
	for _, line := range best {
		out.wrapped("%s", line)
	}
	r.writeEnvironment(out)
	for _, d := range r.sweptDevices() {
		out.table(r.sweepRows(d))
	}
	out.wrapped("M/s: millions of hashes per second, the median of the quiet samples; 95 %%: the interval of that median; W: mean power; MH/J: millions of hashes per joule; J/T: joules per 10^12 hashes")
	out.wrapped("Pareto: no other setting of the device is faster with as many watts or fewer")
	if slices.ContainsFunc(r.Sweep, func(p SweepPoint) bool { return p.Threads > 0 }) {
		out.wrapped("the power of the CPU is that of its packages, with idle cores and other programs: few threads pay for all of it")
	}
	for _, f := range r.Failed {
		out.wrapped("failed: %s: %s", f.Case, f.Reason)
	}
	return out.err
}

// sweptDevices returns the devices of the points in the order of these.
func (r *Result) sweptDevices() (devices []string) {
	for _, p := range r.Sweep {
		if !slices.Contains(devices, p.Device) {
			devices = append(devices, p.Device)
		}
	}
	return devices
}

// sweepRows returns the rows of a device; the first is the header.
func (r *Result) sweepRows(device string) [][]string {
	rows := [][]string{{device, "M/s", columnInterval, "W", "MH/J", "J/T", "Pareto", "flags"}}
	points := slices.Clone(r.Sweep)
	slices.SortStableFunc(points, func(a, b SweepPoint) int { return cmp.Compare(b.Rate.Median, a.Rate.Median) })
	for _, p := range points {
		if p.Device != device {
			continue
		}
		var flags []string
		for _, f := range p.Flags {
			flags = append(flags, string(f))
		}
		row := []string{p.Setting(), p.Mode.scaled(p.Rate.Median), p.Mode.scaled(p.Rate.Low) + " to " + p.Mode.scaled(p.Rate.High), "-", "-", "-", "", strings.Join(flags, " ")}
		if p.Watts > 0 {
			row[3], row[4], row[5] = fmt.Sprintf("%.1f", p.Watts), fmt.Sprintf("%.4g", p.PerJoule/1e6), fmt.Sprintf("%.4g", 1e12/p.PerJoule)
		}
		if p.Pareto {
			row[6] = "yes"
		}
		rows = append(rows, row)
	}
	return rows
}
