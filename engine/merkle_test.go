package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"stele/engine/pow"
)

// merkler is a fake that hashes blocks as a test makes it do.
type merkler struct {
	*fake
	merkle func(context.Context, *pow.MerkleWork) error
}

func (m merkler) Merkle(ctx context.Context, w *pow.MerkleWork) error { return m.merkle(ctx, w) }

// merkleWork returns a tree over two messages.
func merkleWork() *pow.MerkleWork {
	return &pow.MerkleWork{
		Data: []byte("stele"), Messages: []pow.MerkleMessage{{Size: [3]uint32{4}, Copy: 2}, {Size: [3]uint32{5}, Hash: 1, Copy: 3}},
		Hashes: make([]pow.Hash, 4), Trees: []pow.MerkleTree{{Count: 2}}, Roots: make([]pow.Hash, 1), Mutated: make([]bool, 1),
	}
}

// An answer counts, or the error says what became of the device.
func TestMerkle(t *testing.T) {
	honest := func(_ context.Context, w *pow.MerkleWork) error { w.Compute(); return nil }
	for _, test := range []struct {
		name   string
		merkle func(context.Context, *pow.MerkleWork) error
		kind   error
		state  State
	}{
		{"honest", honest, nil, OK},
		{"too large", func(context.Context, *pow.MerkleWork) error { return fmt.Errorf("%w: large", ErrUnable) }, ErrUnable, OK},
		{"broken", func(context.Context, *pow.MerkleWork) error { return errBroken }, errBroken, Dead},
		{"knows that it is wrong", func(context.Context, *pow.MerkleWork) error { return fmt.Errorf("%w: x", ErrWrong) }, ErrWrong, Sick},
		{"wrong", func(_ context.Context, w *pow.MerkleWork) error { return nil }, ErrWrong, Sick},
		{"wrong copy", func(_ context.Context, w *pow.MerkleWork) error {
			w.Compute()
			clear(w.Hashes[2:])
			return nil
		}, ErrWrong, Sick},
		{"hangs", func(ctx context.Context, w *pow.MerkleWork) error { <-ctx.Done(); return ctx.Err() }, context.DeadlineExceeded, Sick},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := New([]Device{&fake{id: "other"}, merkler{&fake{id: "it", lanes: 3}, test.merkle}}, nil)
			defer e.Close()
			e.stall = 50 * time.Millisecond
			if n := e.MerkleLanes(); n != 3 {
				t.Errorf("%d lanes", n)
			}
			w, want := merkleWork(), merkleWork()
			want.Compute()
			err := e.Merkle(t.Context(), w)
			if !errors.Is(err, test.kind) || err == nil && w.Roots[0] != want.Roots[0] {
				t.Errorf("%v, root %v", err, w.Roots[0])
			}
			if s := e.Status()[1]; s.State != test.state {
				t.Errorf("then %s: %s", s.State, s.Reason)
			}
		})
	}
}

func TestMerkleWithoutDevice(t *testing.T) {
	e := New([]Device{Reference()}, nil)
	if err := e.Merkle(t.Context(), merkleWork()); !errors.Is(err, ErrNoDevice) || e.MerkleLanes() != 0 {
		t.Errorf("%v, %d lanes", err, e.MerkleLanes())
	}
	bad := merkleWork()
	bad.Roots = nil
	if err := e.Merkle(t.Context(), bad); err == nil || errors.Is(err, ErrNoDevice) {
		t.Errorf("work that fails its check: %v", err)
	}
	e.Close()
	if err := e.Merkle(t.Context(), merkleWork()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A caller's context ends a call, and the device stays in use. A caller that has found a
// wrong answer takes it out of use.
func TestMerkleStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := New([]Device{merkler{&fake{id: "it"}, func(ctx context.Context, _ *pow.MerkleWork) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}}, nil)
	defer e.Close()
	if err := e.Merkle(ctx, merkleWork()); !errors.Is(err, context.Canceled) || e.Status()[0].State != OK {
		t.Errorf("%v, then %s", err, e.Status()[0].State)
	}
	e.DisableMerkle("a wrong root")
	e.DisableMerkle("nothing is left")
	if s := e.Status()[0]; s.State != Sick || s.Reason != "a wrong root" || s.HardwareErrors != 1 {
		t.Errorf("%+v", s)
	}
}
