package efficiency

import "stele/bench"

// joulesPerKWh is the number of joules in a kilowatt hour.
const joulesPerKWh = 3.6e6

// perDay is the number of seconds in a day.
const perDay = 86_400

// Tariff is what energy costs and work earns, in the same money.
type Tariff struct {
	Price   float64 // of a kilowatt hour
	Revenue float64 // of 10^18 hashes
}

// Cost returns the price of the energy for 10^18 hashes.
func (t Tariff) Cost(p bench.SweepPoint) float64 {
	return 1e18 / p.PerJoule / joulesPerKWh * t.Price
}

// Profit returns the revenue of a day less the price of its energy.
func (t Tariff) Profit(p bench.SweepPoint) float64 {
	return (p.Rate.Median/1e18*t.Revenue - p.Watts/joulesPerKWh*t.Price) * perDay
}

// Best returns the point of a device with the most items per joule. It ignores points
// whose energy is not known, or whose set of nonces is wrong; nil if there is no other.
func Best(points []bench.SweepPoint, device string) *bench.SweepPoint {
	return best(points, device, func(p bench.SweepPoint) float64 { return p.PerJoule })
}

// BestProfit returns the point of a device with the most profit, likewise.
func BestProfit(points []bench.SweepPoint, device string, t Tariff) *bench.SweepPoint {
	return best(points, device, t.Profit)
}

// best returns the first of the points with the highest value.
func best(points []bench.SweepPoint, device string, value func(bench.SweepPoint) float64) (found *bench.SweepPoint) {
	for i := range points {
		p := &points[i]
		if p.Device == device && p.Watts > 0 && p.IsRight() && (found == nil || value(*p) > value(*found)) {
			found = p
		}
	}
	return found
}
