//go:build race

package p2p

// raceDetector is whether the race detector is on. It makes everything ten times slower,
// so that the largest tests do a part of their work with it. Without it they do all.
const raceDetector = true
