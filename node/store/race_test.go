//go:build race

package store

// raceDetector is whether the race detector is on. With it Pebble checks
// itself and is some thirty times slower.
const raceDetector = true
