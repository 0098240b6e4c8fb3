//go:build !amd64

package sig

// present reports that there is no assembly for this architecture.
func present() bool { return false }

// Features returns nothing: there is no assembly for this architecture.
func Features() []string { return nil }

// assembly is never used.
var assembly engine
