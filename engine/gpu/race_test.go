//go:build race

package gpu

// faultsOfKind is how many calls of each kind TestFaults has fail. Under the race
// detector, which makes each try ten times slower, the first says enough.
const faultsOfKind = 1
