//go:build race

package record

// raced: the race detector keeps values on the heap that are on the stack
// without it.
const raced = true
