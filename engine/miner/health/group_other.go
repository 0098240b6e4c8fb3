//go:build !unix

package health

import "os/exec"

// ownGroup does nothing: there are no process groups, and only the command
// itself is killed.
func ownGroup(*exec.Cmd) {}
