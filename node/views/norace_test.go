//go:build !race

package views

// standingsSteps is how often TestStandings moves the chain.
const standingsSteps = 24
