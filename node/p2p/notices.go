package p2p

import (
	"context"
	"crypto/sha256"
	"errors"

	"stele/node/blobkeeper"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// FindNotice asks peers for the notice of a carrier that this node does not have.
// Errors: [blobkeeper.ErrNoNotice], and that of ctx. Safe for concurrent use.
func (s *Server) FindNotice(ctx context.Context, carrier record.Key) (recipient.Notice, error) {
	if !s.finder.isCarrier(carrier) {
		return recipient.Notice{}, blobkeeper.ErrNoNotice
	}
	n, err := find(ctx, s, func(answer func(*recipient.Notice)) {
		s.finder.isNew(s.now(), noticeKey(carrier))
		s.finder.searchNotice(&wire.GetNotice{Hops: wire.MaxHops, Carrier: carrier}, 0, answer)
	})
	if err != nil {
		return recipient.Notice{}, err
	}
	if n == nil {
		return recipient.Notice{}, blobkeeper.ErrNoNotice
	}
	return *n, nil
}

// getNotice answers the request of a peer.
func (f *finder) getNotice(p *peer, m *wire.GetNotice) {
	answer := func(n *recipient.Notice) { p.send(noticeMessage(m.ID, n)) }
	if !f.admit(p, noticeKey(m.Carrier)) {
		answer(nil)
		return
	}
	f.byPeer[p.id]++
	f.work(func() func() {
		n, err := f.s.o.Custody.Notice(m.Carrier)
		switch {
		case err == nil:
			return func() { f.release(p.id); answer(&n) }
		case !errors.Is(err, blobkeeper.ErrNoNotice) || m.Hops == 0 || !f.isCarrier(m.Carrier):
			return func() { f.release(p.id); answer(nil) }
		}
		return func() {
			next := *m
			next.Hops--
			f.searchNotice(&next, p.id, answer)
		}
	}, func() { f.release(p.id); answer(nil) })
}

// searchNotice asks peers for the notice of a carrier, as searchBlob does for data. A
// notice that is found is published here too.
func (f *finder) searchNotice(m *wire.GetNotice, from slots.ID, answer func(*recipient.Notice)) {
	s := &search{from: from, want: wire.KindNotice, none: func() { answer(nil) }}
	s.take = func(reply wire.Message) (bool, error) {
		r := reply.(*wire.Notice)
		if !r.Found {
			return false, nil
		}
		n := recipient.Notice{Carrier: m.Carrier, Key: r.Key, Signature: r.Signature}
		if _, err := n.PublicKey(); err != nil {
			return false, broke(wire.Reason(reject.BadSignature), "%v", err)
		}
		f.work(func() func() {
			if err := f.s.o.Custody.Publish(n); err != nil && !errors.Is(err, blobkeeper.ErrNoCarrier) {
				f.s.warnSeldom("notice of a carrier not stored", "err", err)
			}
			return func() {}
		}, func() {}) // it is only found again then
		answer(&n)
		return true, nil
	}
	f.start(s, m.Hops, func(id uint64) wire.Message { return &wire.GetNotice{ID: id, Hops: m.Hops, Carrier: m.Carrier} })
}

// isCarrier reports whether a key is that of a carrier. Any goroutine.
func (f *finder) isCarrier(key record.Key) bool {
	account, err := rules.GetAccount(f.s.o.Chain.View(), key)
	return err == nil && !account.Rotated(key) && account.Roles.Has(record.Carrier)
}

func noticeMessage(id uint64, n *recipient.Notice) *wire.Notice {
	if n == nil {
		return &wire.Notice{ID: id}
	}
	return &wire.Notice{ID: id, Found: true, Key: n.Key, Signature: n.Signature}
}

func noticeKey(carrier [32]byte) seenKey {
	return sha256.Sum256(append([]byte{byte(wire.KindGetNotice)}, carrier[:]...))
}
