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

// ErrStranger means that the signer of a request is not a carrier of the parcel.
var ErrStranger = errors.New("no shipment with this blob names you as its carrier")

// Options of Open.
type Options struct {
	Params *network.Params
	Chain  *chain.Chain
	Views  *views.Views
	Blobs  blobs.Options
	Log    *slog.Logger // nil: silent
}

// Keeper keeps blobs and notices. Safe for concurrent use.
type Keeper struct {
	o       Options
	blobs   *blobs.Store
	notices notices
}

// Names in the folder of a keeper.
const (
	blobsFolder   = "sealed"
	noticesFolder = "notices"
)

// Open opens the folder dir, and creates it if it does not exist.
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

// Put stores a blob and returns its hash. Errors: those of [blobs.Store.Put].
func (k *Keeper) Put(blob []byte) (blobs.Hash, error) { return k.blobs.Put(blob) }

// Get returns a blob, if the signer of the request may have it. Errors:
// [blobs.ErrRequest], [ErrStranger],
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
	// The file may be older than its expiry time until the next sweep.
	if at, claimed, err := k.expiry(r.Blob); err != nil || claimed && !at.After(k.o.Blobs.Now()) {
		return nil, errors.Join(err, fmt.Errorf("%w: %v", blobs.ErrNotFound, r.Blob))
	}
	return k.blobs.Get(r.Blob)
}

// maxNaming is how many records of a list are read: those that name a blob, or
// name it for one carrier. A sender seals a blob anew for each carrier and
// shipment, so few records name the same one.
const maxNaming = 64

// mayHave reports whether a key signs for an account that carries a parcel with
// the blob.
func (k *Keeper) mayHave(key record.Key, h blobs.Hash) (bool, error) {
	state := k.o.Chain.View()
	who, err := rules.GetAccount(state, key)
	if err != nil || who.Rotated(key) {
		return false, err
	}
	// The records that name the carrier come first, so that no other records can
	// displace them from the part of the list that is read.
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
	found, err := k.o.Chain.FindRecord(id)
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

// expiry returns until when a blob is kept, and whether any record names it. The
// first shipment in the chain that names the blob determines that; later ones
// cannot delay its purge. A shipment that copies the hash from the pool and is
// mined first can: docs/node.md describes the consequences.
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

// until returns until when the data of a shipment are kept. After its end that is
// PurgeDays, in which the carrier can show where it delivered. Before that, each
// change of custody adds the time that attempts and a ruling take. So the data of
// a parcel that nobody reports on are not kept for ever.
func (k *Keeper) until(s *rules.Shipment) time.Time {
	p := &k.o.Params.AfterSales
	from, days := s.Since, uint64(p.PurgeDays)
	switch s.State {
	case rules.ShipmentCreated, rules.ShipmentInTransit, rules.ShipmentAttempted:
		from, days = s.Held, days+uint64(p.AttemptDays)+uint64(p.RulingDays)
	}
	return time.Unix(int64(uint64(from)+days*uint64(p.Day)), 0)
}

// Sweep sets the expiry time of every blob that a record names, and removes the
// blobs that have expired. It returns how many it removed. Errors: those of the
// chain and the disk, and of ctx.
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
		if errors.Is(err, views.ErrIncomplete) {
			break // nobody knows what names the blobs: the times that they have stay
		}
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
	// sweepShare is the pause after a sweep as a multiple of its duration, so that
	// sweeping many blobs takes 2 % of the time at most.
	sweepShare = 50
)

// Run sweeps every ten seconds or less often, until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	for {
		began := time.Now()
		if n, err := k.Sweep(ctx); ctx.Err() == nil {
			switch {
			case err != nil:
				k.o.Log.Error("blob sweep failed", "err", err)
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
