//go:build race

package views

import "flag"

// The race detector makes Pebble, which then checks itself, some thirty times
// slower. So the random tests make a part of their steps with it. Without it they
// make all.
const standingsSteps = 8

func init() {
	// The same flag on the command line takes precedence.
	if err := flag.Set("rapid.checks", "8"); err != nil {
		panic(err)
	}
}
