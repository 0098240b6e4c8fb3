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

	// Open returns the stream, plain or compressed with gzip. After the context of
	// the verification has ended, nothing more is read; a Read that blocks must
	// then return on its own.
	Open func() (io.ReadCloser, error)

	// Key is the key with which a blk file is obfuscated (see [blockfile.Reader]);
	// zero if it is not.
	Key [blockfile.KeySize]byte
}

// Options select the checks.
type Options struct {
	// Unlinked means that the items do not form a chain. Rules that need earlier
	// items are then not checked.
	Unlinked bool

	// Network adds the rules of a network; nil for the rules common to all.
	Network *Network

	// Magic is the magic of blk files; zero for that of Network, or for those of
	// all known networks if Network is nil.
	Magic blockfile.Magic

	// StartHeight is the height of the first item, or
	// headerchain.UnknownHeight: see [headerchain.New].
	StartHeight int64

	// Workers is the number of goroutines that hash blocks; below 1 is 1.
	Workers int

	// DeviceAfter is the number of bytes of blocks after which Blocks tries to hash
	// them on a device, if the engine has one that can (see [engine.Merkler]). It
	// goes on so if that is faster. 0: after 1 GiB; negative: never.
	DeviceAfter int64
}

func (o Options) deviceAfter() int64 {
	if o.DeviceAfter == 0 {
		return trialAfter
	}
	return o.DeviceAfter
}

// params returns the rules about nBits and time of the network, or nil.
func (o Options) params() *pow.Params {
	if o.Network == nil {
		return nil
	}
	return o.Network.Params
}

// magics returns the magics that a blk file may have; none for all known ones.
func (o Options) magics() []blockfile.Magic {
	switch {
	case o.Magic != blockfile.Magic{}:
		return []blockfile.Magic{o.Magic}
	case o.Network != nil:
		return []blockfile.Magic{o.Network.Magic}
	}
	return nil
}
