package anomaly

// Tally is a count of a window or period, with what was counted earlier.
type Tally struct {
	Count  uint64 // in the span so far
	Before uint64 // in all spans before it
	First  uint32 // the span in which the first one was counted
}

// total returns all that was counted.
func (t Tally) total() uint64 { return t.Before + t.Count }

// Measure is how much of a pattern there is.
type Measure struct {
	Count uint64 // how many fit the pattern
	Total uint64 // out of how many; of a burst: how many the windows before had
	Bound uint64 // the count from which it is a finding
}

// Found reports whether it is a finding.
func (m Measure) Found() bool { return m.Count >= m.Bound }

// The bounds. docs/alerts.md says why they are as they are.
const (
	usualWindows = 28 // before a window, from which the usual number follows
	burstFactor  = 2  // of the usual number
	burstSpread  = 6  // standard deviations of a number that varies by chance
	burstFree    = 12 // that are never a burst

	minFloor    = 20 // sales at the least fee
	minInstant  = 10 // evaluations
	minCarried  = 20 // deliveries
	minClusters = 8  // purchases
)

// measureBurst compares a count with that of the windows before: earlier is their sum,
// and windows how many of them there are since the first one that counted, at most
// usualWindows. The bound is twice the usual number, and six standard deviations of a
// number with this mean that varies by chance, and 13.
func measureBurst(count, earlier, windows uint64) Measure {
	n := max(1, windows)
	usual := (burstFactor*earlier + burstSpread*sqrt(earlier*n)) / n
	return Measure{count, earlier, usual + burstFree + 1}
}

// measureFloor compares the sales at the least fee with all of the period, and what both
// were before. The bound is three quarters. A seller that always sold so has no finding.
func measureFloor(floor Tally, sold, before uint64) Measure {
	m := Measure{floor.Count, sold, max(minFloor, up(3*sold, 4))}
	if 2*floor.Before > before {
		m.Bound = never
	}
	return m
}

// never is a bound that no count meets.
const never = 1<<64 - 1

// measureInstant compares the evaluations right after the delivery with all of the
// period. The bound is half of them.
func measureInstant(instant, all uint64) Measure {
	return Measure{instant, all, max(minInstant, up(all, 2))}
}

// measureCarrier compares the deliveries of a seller's goods by a carrier with all of the
// seller's goods, and with all by the carrier. The bound is three quarters of both.
func measureCarrier(both, seller, carrier uint64) Measure {
	return Measure{both, seller, max(minCarried, up(3*seller, 4), up(3*carrier, 4))}
}

// measureCluster compares the purchases from a seller around an account with all sales of
// the seller, and with all purchases around the account. The bound is the square root of
// the sales, and half of the purchases: an account that pays buyers of all sellers, as a
// bank does, is no finding.
func measureCluster(purchases, sold, all uint64) Measure {
	root := sqrt(sold)
	if root*root < sold {
		root++
	}
	return Measure{purchases, sold, max(minClusters, root, up(all, 2))}
}

// up divides and rounds up.
func up(a, b uint64) uint64 { return (a + b - 1) / b }

// sqrt returns the square root, rounded down.
func sqrt(n uint64) uint64 {
	if n < 2 {
		return n
	}
	x := n/2 + 1 // at least the root
	for y := (x + n/x) / 2; y < x; y = (x + n/x) / 2 {
		x = y
	}
	return x
}
