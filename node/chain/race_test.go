//go:build race

package chain

// raceDetector is whether the race detector is on. It makes everything ten times
// slower, Pebble above all, so that the long tests do a tenth of their rounds
// with it. Without it they do all.
const raceDetector = true
