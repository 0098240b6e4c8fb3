//go:build !linux || !amd64

package simd

import "errors"

func (k *Kernel) movePages() error { return errors.ErrUnsupported }
