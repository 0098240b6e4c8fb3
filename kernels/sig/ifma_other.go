//go:build !amd64

package sig

// present reports that there is no assembly for this architecture.
func present() bool { return false }

var kernel [stages]func(*group)
