//go:build !linux || !amd64

package pages

import "errors"

// Move returns an error: the effect is known of amd64 only.
func Move(f any) error { return errors.ErrUnsupported }
