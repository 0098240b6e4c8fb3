package chain

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// CheckOptions are the options of a check. The zero value is good.
type CheckOptions struct {
	// Progress is called with each replayed height and the height of the tip. Nil:
	// nothing is called.
	Progress func(height, tip uint32)
	// Workers is the number of goroutines that check signatures. 0: GOMAXPROCS.
	Workers int
}

// UnknownNetwork is the Report.Network of a store that does not say which network it is of.
const UnknownNetwork = "unknown"

// Report is the result of a check.
type Report struct {
	Network string   // name of the network, or UnknownNetwork
	Height  uint32   // of the tip
	Tip     pow.Hash // of the store
	Blocks  int      // replayed
	Records int      // in these blocks, with the coinbases
	From    uint32   // height of the first replayed block: above 0 if bodies are pruned
	Sealed  bool     // the store was closed properly, so that its seal covers every bit

	// Damage is the first inconsistency with the rules, by height; nil if there is
	// none. Files are the files of the store that are not as they were written. One
	// can occur without the other: a changed bit in a file may have no meaning, and
	// an unchanged file may hold what breaks the rules.
	Damage *store.Damage
	Files  []*store.Damage
}

// Broken reports whether the check has found any damage.
func (r Report) Broken() bool { return r.Damage != nil || len(r.Files) > 0 }

// CheckFolder is Check for the store in a folder, which must not be in use. It is
// opened for reading. If it is too damaged to be opened, that is the Damage of the
// report, the seal gives its Files, and the error is nil. Errors: those of
// [store.Open] except ErrCorrupt.
func CheckFolder(ctx context.Context, dir string, p *network.Params, so store.Options, o CheckOptions) (Report, error) {
	so.ReadOnly = true
	st, err := store.Open(dir, store.Identity{Network: p.ID, Genesis: block.Genesis(p).Hash()}, so)
	var damage *store.Damage
	if errors.As(err, &damage) {
		report := Report{Network: p.Name, Damage: damage}
		seal, files, err := store.VerifySeal(ctx, dir, so.FS)
		report.Sealed, report.Files = seal == store.Sealed, files
		if damage.File == store.IdentityFile {
			report.Network = UnknownNetwork
		}
		if report.Sealed && len(files) == 1 && damage.File == "" { // all other files are unchanged
			named := *damage
			named.File = files[0].File
			report.Damage = &named
		}
		return report, err
	}
	if err != nil {
		return Report{Network: p.Name}, err
	}
	report, err := Check(ctx, st, p, o)
	if closing := st.Close(); err == nil && !report.Broken() {
		err = closing
	}
	return report, err
}

// Check compares the files of a store with their seal, replays its chain from the
// genesis block, and compares everything stored with the result: headers, bodies,
// signatures, undo data, digests, the record index and each entry of the state.
// Where bodies are pruned, it goes back from the tip by the undo data and replays
// the rest.
//
// The error is nil if the check could be made, whatever its result. It takes memory
// for the state, about 300 bytes an entry, and a few MB for blocks.
func Check(ctx context.Context, st *store.Store, p *network.Params, o CheckOptions) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var beside sync.WaitGroup
	var seal store.SealState
	var files []*store.Damage
	var unread error
	beside.Go(func() {
		if seal, files, unread = st.VerifySeal(ctx); unread != nil {
			cancel()
		}
	})
	report := Report{Network: p.Name}
	err := check(ctx, st, p, o, &report)
	beside.Wait()
	if unread != nil {
		return report, unread
	}
	report.Sealed, report.Files = seal == store.Sealed, files

	var damage *store.Damage
	if errors.As(err, &damage) {
		report.Damage = damage
		err = nil
	}
	return report, err
}

func check(ctx context.Context, st *store.Store, p *network.Params, o CheckOptions, report *Report) error {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	snapshot := st.Snapshot()
	defer snapshot.Close()
	r := &replay{store: st, snapshot: snapshot, params: p, options: o, report: report, sum: newIndexSum()}
	// For what the replay does not reach, other branches and the pool. Its verdict comes last.
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	var scanned error
	beside.Go(func() { scanned = st.Scan(ctx) })
	defer beside.Wait()
	defer cancel()

	steps := []func(context.Context) error{
		r.readTip,
		r.checkHeaders,
		r.rollBack,
		r.replay,
		r.checkState,
		r.checkIndex,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	beside.Wait()
	return scanned
}

// replay is the state of one check.
type replay struct {
	store    *store.Store
	snapshot *store.Snapshot
	params   *network.Params
	options  CheckOptions
	report   *Report

	tip     *headertree.Node
	bodies  []*headertree.Node // with stored bodies, of all branches
	first   uint32             // height of the first block to replay
	state   replayed           // after the replayed blocks
	applied rules.State        // of one block, reset for each
	digest  pow.Hash           // of that state
	stored  store.Tip          // of the snapshot
	links   []pow.Hash         // digests of the chain, by height
	sum     indexSum           // over the places of all records
}

// replayed is a state that a replay changes.
type replayed interface {
	rules.View
	change(changes []rules.Change)
}

// readTip reads the tip. A store without one is damaged.
func (r *replay) readTip(ctx context.Context) error {
	tip, ok, err := r.snapshot.Tip()
	if err != nil {
		return r.locate(ctx, unreadable(err, store.NoHeight, "tip"))
	}
	if !ok {
		return &store.Damage{Height: 0, Field: "tip", Detail: "the store is empty: the genesis block is missing"}
	}
	r.stored = tip
	r.report.Height, r.report.Tip = tip.Height, tip.Hash
	return nil
}

// checkHeaders checks all stored headers, and that the chain consists of them.
func (r *replay) checkHeaders(ctx context.Context) error {
	genesis := block.Genesis(r.params)
	tree := headertree.New(r.params.Pow, genesis.Header)
	err := r.store.Headers(func(h pow.Header, m store.Meta) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := tree.Add(h, h.Hash())
		switch {
		case err != nil:
			return corrupt(m.Height, "header", "%v", err)
		case n.Height != m.Height:
			return corrupt(m.Height, "header", "stored with height %d, but its parents give %d", m.Height, n.Height)
		}
		if err := block.CheckHeader(h, r.params); err != nil {
			return corrupt(m.Height, "header", "%v", err)
		}
		if m.HasBody {
			r.bodies = append(r.bodies, n)
		}
		return nil
	})
	if err != nil {
		return r.locate(ctx, unreadable(err, store.NoHeight, "header"))
	}
	r.tip = tree.Get(r.stored.Hash)
	if r.tip == nil || r.tip.Height != r.stored.Height {
		return corrupt(r.stored.Height, "tip", "the tip %v is not among the headers", r.stored.Hash)
	}

	var fault error
	r.snapshot.Chain(func(height uint32, hash, digest pow.Hash) bool {
		n := r.tip.Ancestor(height)
		switch {
		case height != uint32(len(r.links)):
			fault = corrupt(uint32(len(r.links)), "height index", "the height is missing")
		case n == nil:
			fault = corrupt(height, "height index", "the height is above the tip, %d", r.tip.Height)
		case n.Hash != hash:
			fault = corrupt(height, "height index", "it leads to the block %v, expected %v", hash, n.Hash)
		}
		r.links = append(r.links, digest)
		return fault == nil
	})
	if fault == nil {
		fault = unreadable(r.snapshot.Err(), int64(len(r.links)), "height index")
	}
	if fault != nil {
		return fault
	}
	if height := uint32(len(r.links)); height <= r.tip.Height {
		return corrupt(height, "height index", "the height is missing, the tip has %d", r.tip.Height)
	}
	if r.links[r.tip.Height] != r.stored.Digest {
		return corrupt(r.tip.Height, "digest", "the block has %v, the tip %v", r.links[r.tip.Height], r.stored.Digest)
	}
	return nil
}

// locate finds the first block of which something cannot be read, after a read of
// many at once has failed with err. If there is none, it returns err.
func (r *replay) locate(ctx context.Context, err error) error {
	var damage *store.Damage
	if !errors.As(err, &damage) || damage.Height != store.NoHeight {
		return err
	}
	for height := uint32(0); ctx.Err() == nil; height++ {
		hash, fault := r.store.HashAt(height)
		if errors.Is(fault, store.ErrNotFound) {
			return err
		}
		if fault != nil {
			return unreadable(fault, int64(height), "height index")
		}
		if _, _, fault = r.store.Header(hash); fault != nil {
			return unreadable(fault, int64(height), "header")
		}
		if _, fault = r.store.Body(hash); fault != nil && !errors.Is(fault, store.ErrPruned) {
			return unreadable(fault, int64(height), "body")
		}
		if _, fault = r.store.Undo(hash); fault != nil && !errors.Is(fault, store.ErrPruned) {
			return unreadable(fault, int64(height), "undo")
		}
	}
	return ctx.Err()
}

// rollBack finds the first block to replay and the state before it.
func (r *replay) rollBack(ctx context.Context) error {
	r.state = mapView{}
	pruned, err := r.isPruned()
	if err != nil || !pruned {
		return err
	}
	over := &overlay{base: r.snapshot, entries: map[string][]byte{}}
	n := r.tip
	for ; n.Parent != nil; n = n.Parent {
		if err := ctx.Err(); err != nil {
			return err
		}
		changes, err := readUndo(r.store, n.Hash, n.Height)
		if errors.Is(err, store.ErrPruned) {
			break
		}
		if err != nil {
			return err
		}
		for i := range changes {
			changes[i].New = changes[i].Old
		}
		over.change(changes)
	}
	for _, b := range r.bodies {
		if 0 < b.Height && b.Height < n.Height && n.Ancestor(b.Height) == b {
			return corrupt(n.Height, "body", "it is missing, but that of height %d is stored", b.Height)
		}
	}
	r.first = n.Height + 1
	r.state, r.digest = over, r.links[n.Height]
	r.report.From = r.first
	return nil
}

// isPruned reports whether the first block after genesis has lost its body.
func (r *replay) isPruned() (bool, error) {
	if r.tip.Height == 0 {
		return false, nil
	}
	_, err := r.store.Undo(r.tip.Ancestor(1).Hash)
	if errors.Is(err, store.ErrPruned) {
		return true, nil
	}
	return false, nil // any damage is found when the block is replayed
}

// apply replays a block whose body is valid by itself, and compares the stored undo
// data and digest with the result.
func (r *replay) apply(b *block.Block, height uint32, undo []byte) error {
	s := &r.applied
	s.Reset(r.state)
	ctx := rules.Context{Params: r.params, Height: height}
	if height == 0 {
		for _, change := range rules.Genesis(r.params) {
			if err := s.Put(change.Key, change.New); err != nil {
				return err
			}
		}
	} else {
		ctx.MedianTime = r.tip.Ancestor(height - 1).MedianTime()
	}
	if err := rules.ApplyBlock(s, ctx, b.Records); err != nil {
		return corrupt(height, "records", "%v", err)
	}
	changes := s.Changes()
	if string(rules.EncodeUndo(changes)) != string(undo) {
		return corrupt(height, "undo", "it differs from what the block replaced")
	}
	r.digest = rules.Digest(r.digest, changes)
	if r.digest != r.links[height] {
		return corrupt(height, "digest", "stored: %v, from the replay: %v", r.links[height], r.digest)
	}
	r.state.change(changes)
	for i, id := range b.IDs() {
		r.sum.add(id, store.Place{Height: height, Index: uint32(i)})
	}
	r.report.Blocks++
	r.report.Records += len(b.Records)
	if r.options.Progress != nil {
		r.options.Progress(height, r.tip.Height)
	}
	return nil
}

// checkState compares every entry of the state.
func (r *replay) checkState(context.Context) error {
	var fault error
	switch state := r.state.(type) {
	case mapView:
		count := 0
		r.snapshot.State(func(key, value []byte) bool {
			count++
			want, ok := state[string(key)]
			switch {
			case !ok:
				fault = r.stateFault(key, "it is stored, but the replay does not give it")
			case string(want) != string(value):
				fault = r.stateFault(key, fmt.Sprintf("stored: %x, from the replay: %x", value, want))
			}
			return fault == nil
		})
		if fault == nil {
			fault = unreadable(r.snapshot.Err(), int64(r.tip.Height), "state")
		}
		if fault != nil || count == len(state) {
			return fault
		}
		for key := range state {
			value, err := r.snapshot.Get([]byte(key))
			if err != nil {
				return unreadable(err, int64(r.tip.Height), "state")
			}
			if value == nil {
				return r.stateFault([]byte(key), "it is missing")
			}
		}
	case *overlay:
		for key, want := range state.entries {
			value, err := r.snapshot.Get([]byte(key))
			if err != nil {
				return unreadable(err, int64(r.tip.Height), "state")
			}
			if (value == nil) != (want == nil) || string(value) != string(want) {
				return r.stateFault([]byte(key), fmt.Sprintf("stored: %x, from the replay: %x", value, want))
			}
		}
	}
	return nil
}

func (r *replay) stateFault(key []byte, text string) error {
	return corrupt(r.tip.Height, "state", "entry %x: %s", key, text)
}

// overlay is a state with changes on top of it.
type overlay struct {
	base    rules.View
	entries map[string][]byte // nil: absent
}

func (o *overlay) Get(key []byte) ([]byte, error) {
	if value, ok := o.entries[string(key)]; ok {
		return value, nil
	}
	return o.base.Get(key)
}

func (o *overlay) change(changes []rules.Change) {
	for _, change := range changes {
		o.entries[string(change.Key)] = change.New
	}
}
