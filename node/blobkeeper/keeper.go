package blobkeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
	"stele/node/views"
)

// ErrStranger means that who asks for a blob has no part in its shipment.
var ErrStranger = errors.New("no shipment with this blob names you as its carrier")

// Options of Open.
type Options struct {
	Params *network.Params
	Chain  *chain.Chain
	Views  *views.Views
	Blobs  blobs.Options
	Log    *slog.Logger // nil: silent
}

// Keeper keeps blobs and notices. Its methods may be called by several
// goroutines at once.
type Keeper struct {
	o       Options
	blobs   *blobs.Store
	notices notices
}

// What lies in the folder of a keeper.
const (
	blobsFolder   = "sealed"
	noticesFolder = "notices"
	unfinished    = ".part" // ends the name of a file that is being written
)

// Open opens the folder dir, which is made if it is not there.
func Open(dir string, o Options) (*Keeper, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Blobs.Now == nil {
		o.Blobs.Now = time.Now
	}
	s, err := blobs.Open(filepath.Join(dir, blobsFolder), o.Blobs)
	if err != nil {
		return nil, err
	}
	k := &Keeper{o: o, blobs: s, notices: notices{dir: filepath.Join(dir, noticesFolder)}}
	return k, k.notices.open()
}

// Put takes a blob in and returns its hash. Errors: those of [blobs.Store.Put].
func (k *Keeper) Put(blob []byte) (blobs.Hash, error) { return k.blobs.Put(blob) }

// Get gives a blob to who may have it. Errors: [blobs.ErrRequest], [ErrStranger],
// [blobs.ErrNotFound], [blobs.ErrDamaged], and those of the chain.
func (k *Keeper) Get(r *blobs.Request) ([]byte, error) {
	if err := r.Check(k.o.Blobs.Now()); err != nil {
		return nil, err
	}
	ok, err := k.mayHave(record.Key(r.Key), r.Blob)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrStranger
	}
	// The file may outlive its time until the next sweep.
	if at, claimed, err := k.expiry(r.Blob); err != nil || claimed && !at.After(k.o.Blobs.Now()) {
		return nil, errors.Join(err, fmt.Errorf("%w: %v", blobs.ErrNotFound, r.Blob))
	}
	return k.blobs.Get(r.Blob)
}

// maxNaming is how many records of a list are looked at: those that name a blob,
// or name it for one carrier. Who wants a blob for long seals it once for each
// carrier and shipment.
const maxNaming = 64

// mayHave reports whether a key speaks for somebody who carries a parcel with
// the blob.
func (k *Keeper) mayHave(key record.Key, h blobs.Hash) (bool, error) {
	state := k.o.Chain.View()
	who, err := rules.GetAccount(state, key)
	if err != nil || who.Rotated(key) {
		return false, err
	}
	// Those that name the carrier come first: no other records can push them out
	// of the list.
	for _, l := range []views.List{views.BlobFor(record.Digest(h), who.ID), views.Blob(record.Digest(h))} {
		entries, err := k.o.Views.List(l, store.Place{}, maxNaming)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			ok, err := k.carries(state, who.ID, e.ID)
			if ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// carries reports whether an account is the carrier that a record names, or has
// the parcel now.
func (k *Keeper) carries(state rules.View, account record.Key, id record.ID) (bool, error) {
	found, err := k.o.Chain.Find(id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil // the chain has changed its branch
	}
	if err != nil {
		return false, err
	}
	var carrier record.Key
	shipment := id
	switch p := found.Record.Payload.(type) {
	case record.ShipmentCreate:
		carrier = p.Carrier
	case record.CustodyHandover:
		carrier, shipment = p.To, p.Shipment
	}
	named, err := rules.GetAccount(state, carrier)
	if err != nil || named.ID == account {
		return err == nil, err
	}
	s, err := rules.GetShipment(state, shipment)
	return s != nil && s.Custodian() == account, err
}

// expiry returns until when a blob is kept, and whether any record names it. It is
// the blob of the first shipment in the chain that names it: later ones cannot
// delay its purge. One that is mined first, though it saw the hash in the pool,
// can: docs/node.md says what that gains.
func (k *Keeper) expiry(h blobs.Hash) (at time.Time, claimed bool, err error) {
	entries, err := k.o.Views.List(views.Blob(record.Digest(h)), store.Place{}, maxNaming)
	if err != nil {
		return at, false, err
	}
	state := k.o.Chain.View()
	for _, e := range entries {
		subject, err := k.o.Views.SubjectOf(e.ID)
		if err != nil {
			return at, false, err
		}
		if subject.Shipment == (record.ID{}) {
			continue
		}
		s, err := rules.GetShipment(state, subject.Shipment)
		if err != nil {
			return at, false, err
		}
		if s == nil {
			continue // the chain has changed its branch
		}
		return k.until(s), true, nil
	}
	return at, false, nil
}

// until returns how long the data of a shipment are kept. When it is over:
// PurgeDays, in which the carrier can show where it delivered. Before that,
// every change of custody gives it the time that attempts and a ruling take,
// so that nothing is kept for ever for a parcel of which nobody hears again.
func (k *Keeper) until(s *rules.Shipment) time.Time {
	p := &k.o.Params.AfterSales
	from, days := s.Since, uint64(p.PurgeDays)
	switch s.State {
	case rules.ShipmentCreated, rules.ShipmentInTransit, rules.ShipmentAttempted:
		from, days = s.Held, days+uint64(p.AttemptDays)+uint64(p.RulingDays)
	}
	return time.Unix(int64(uint64(from)+days*uint64(p.Day)), 0)
}

// Sweep gives every blob that a record names the time that the ledger leaves it,
// and removes those whose time is over. It returns how many it removed.
func (k *Keeper) Sweep(ctx context.Context) (removed int, err error) {
	all, err := k.blobs.Hashes()
	if err != nil {
		return 0, err
	}
	for _, h := range all {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		at, claimed, err := k.expiry(h)
		if err != nil {
			return 0, err
		}
		if claimed {
			if err := k.blobs.Expire(h, at); err != nil && !errors.Is(err, blobs.ErrNotFound) {
				return 0, err
			}
		}
	}
	return k.blobs.Purge()
}

const (
	sweepEvery = 10 * time.Second
	// sweepShare is how much longer than a sweep the pause after it is, so that
	// sweeps of many blobs take a small part of the time only.
	sweepShare = 50
)

// Run sweeps now and then until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	for {
		began := time.Now()
		if n, err := k.Sweep(ctx); ctx.Err() == nil {
			switch {
			case err != nil:
				k.o.Log.Error("blobs are not swept", "error", err)
			case n > 0:
				k.o.Log.Debug("blobs removed", "count", n)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(sweepEvery, sweepShare*time.Since(began))):
		}
	}
}
