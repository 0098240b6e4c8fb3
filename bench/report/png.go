package report

import "io"

func PNG(w io.Writer, sources []Source) error { return ErrEmpty }
