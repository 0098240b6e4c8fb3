//go:build !race

package gpu

// faultsOfKind is how many calls of each kind TestFaults has fail: a third says no
// more.
const faultsOfKind = 2
