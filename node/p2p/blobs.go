package p2p

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"stele/node/blobs"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// FindBlob asks peers for sealed data that this node does not have. The signer of the
// request must be somebody who may have the data: see [blobkeeper.Keeper.Get]. Errors:
// [blobs.ErrNotFound], and that of ctx. Safe for concurrent use.
func (s *Server) FindBlob(ctx context.Context, r *blobs.Request) ([]byte, error) {
	m := &wire.GetBlob{Hops: wire.MaxHops, Blob: r.Blob, Key: r.Key, Time: r.Time, Signature: r.Signature}
	data, err := find(ctx, s, func(answer func([]byte)) {
		s.finder.isNew(s.now(), blobKey(m)) // so that it is not answered when it comes back
		s.finder.searchBlob(m, 0, answer)
	})
	if err == nil && data == nil {
		err = blobs.ErrNotFound
	}
	return data, err
}

// getBlob answers the request of a peer.
func (f *finder) getBlob(p *peer, m *wire.GetBlob) {
	answer := func(data []byte) { p.send(&wire.Blob{ID: m.ID, Data: data}) }
	if !f.admit(p, blobKey(m)) {
		answer(nil)
		return
	}
	f.byPeer[p.id]++
	f.work(func() func() {
		r := requestOf(m)
		data, err := f.s.o.Custody.Get(&r)
		if err == nil || !errors.Is(err, blobs.ErrNotFound) || m.Hops == 0 {
			return func() { f.release(p.id); answer(data) }
		}
		return func() {
			next := *m
			next.Hops--
			f.searchBlob(&next, p.id, answer)
		}
	}, func() { f.release(p.id); answer(nil) })
}

// searchBlob asks peers for sealed data, for a peer or, if from is 0, for this node. It
// calls answer once, with nothing if nobody has them.
func (f *finder) searchBlob(m *wire.GetBlob, from slots.ID, answer func([]byte)) {
	s := &search{from: from, want: wire.KindBlob, none: func() { answer(nil) }}
	s.take = func(reply wire.Message) (bool, error) {
		data := reply.(*wire.Blob).Data
		if len(data) == 0 {
			return false, nil
		}
		if sha256.Sum256(data) != m.Blob {
			return false, broke(wire.ReasonProtocol, "sealed data that do not have the hash %x", m.Blob)
		}
		answer(data)
		return true, nil
	}
	f.start(s, m.Hops, func(id uint64) wire.Message {
		next := *m
		next.ID = id
		return &next
	})
}

// requestOf returns the carrier's request in a message.
func requestOf(m *wire.GetBlob) blobs.Request {
	return blobs.Request{Blob: m.Blob, Key: m.Key, Time: m.Time, Signature: m.Signature}
}

// blobKey identifies a signed request, whatever way it comes.
func blobKey(m *wire.GetBlob) seenKey {
	b := append([]byte{byte(wire.KindGetBlob)}, m.Blob[:]...)
	b = append(b, m.Key[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Time))
	return sha256.Sum256(append(b, m.Signature[:]...))
}
