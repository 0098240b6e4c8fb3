package verify

import (
	"context"
	"errors"
	"io"

	"stele/engine"
	"stele/engine/blockfile"
	"stele/engine/pow"
)

// ErrEmpty means that a stream has no items, so that nothing was verified.
var ErrEmpty = errors.New("nothing to verify")

// Engine checks batches of headers. [engine.Engine] is one.
type Engine interface {
	Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) (engine.VerifyResult, error)
}

// Source is a stream to verify.
type Source struct {
	Name string // for results and errors

	// Open returns the stream, as it is or packed with gzip. Nothing more is read when the context of the
	// verification has ended; a Read that waits then has to return by itself.
	Open func() (io.ReadCloser, error)

	// Key hides a blk file (see [blockfile.Reader]); zero if it is not hidden.
	Key [blockfile.KeySize]byte
}

// Options choose what is checked.
type Options struct {
	// Unlinked items are not each the parent of the next. Then no rule is
	// checked that needs the items before.
	Unlinked bool

	// Network has the rules of a network; nil for those that all have.
	Network *Network

	// Magic is that of blk files; zero for that of Network, or without one for
	// those of all networks that are known.
	Magic blockfile.Magic

	// StartHeight is the height of the first item, or
	// headerchain.UnknownHeight: see [headerchain.New].
	StartHeight int64

	// Workers is the number of goroutines that parse blocks, at least 1.
	Workers int
}

// params returns the rules about nBits and time, or nil.
func (o Options) params() *pow.Params {
	if o.Network == nil {
		return nil
	}
	return o.Network.Params
}

// magics returns those that a blk file may have; none for all.
func (o Options) magics() []blockfile.Magic {
	switch {
	case o.Magic != blockfile.Magic{}:
		return []blockfile.Magic{o.Magic}
	case o.Network != nil:
		return []blockfile.Magic{o.Network.Magic}
	}
	return nil
}
