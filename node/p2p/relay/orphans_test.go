package relay

import (
	"testing"
	"time"

	"stele/node/ledger/record"
)

// sizedRecord returns a record of about a size in bytes.
func sizedRecord(account byte, seq uint64, size int) *record.Record {
	return record.New(record.Record{
		Key: record.Key{account}, Seq: seq, Payload: record.Pay{Amount: 1},
		Signatures: make([]record.Signature, size/64),
	})
}

func TestOrphanBounds(t *testing.T) {
	now := time.Unix(1e9, 0)
	t.Run("of a peer", func(t *testing.T) {
		o := newOrphans()
		for i := range uint64(2 * maxPeerOrphans) {
			o.add(recordOf(1, i), judged{1, now.Add(time.Duration(i))})
		}
		if o.len() != maxPeerOrphans || o.has(recordOf(1, maxPeerOrphans-1).FullHash()) || !o.has(recordOf(1, maxPeerOrphans).FullHash()) {
			t.Errorf("%d wait, want the last %d", o.len(), maxPeerOrphans)
		}
	})
	t.Run("in all", func(t *testing.T) {
		o := newOrphans()
		o.add(recordOf(200, 1), judged{1000, now})
		removed := 0
		for i := range 40 * maxPeerOrphans {
			removed += len(o.add(recordOf(byte(i%40), uint64(i)), judged{PeerID(i % 40), now}))
		}
		if o.len() != maxOrphans || removed != 40*maxPeerOrphans+1-maxOrphans {
			t.Errorf("%d wait and %d were removed", o.len(), removed)
		}
		if !o.has(recordOf(200, 1).FullHash()) {
			t.Error("the only record of a peer had to go for those of peers with many")
		}
	})
	t.Run("in bytes", func(t *testing.T) {
		o := newOrphans()
		small := recordOf(200, 1)
		o.add(small, judged{1000, now})
		for i := range 400 {
			o.add(sizedRecord(byte(i%10), uint64(i), 15000), judged{PeerID(i % 10), now})
		}
		if o.bytes > maxOrphanBytes || o.bytes < maxOrphanBytes-16384 || !o.has(small.FullHash()) {
			t.Errorf("%d bytes wait", o.bytes)
		}
	})
}

func TestOrphansExpire(t *testing.T) {
	now := time.Unix(1e9, 0)
	o := newOrphans()
	for i := range 10 {
		o.add(recordOf(byte(i), 1), judged{PeerID(i % 3), now.Add(time.Duration(i) * time.Minute)})
	}
	if got := o.expiry(); !got.Equal(now.Add(maxOrphanAge)) {
		t.Errorf("the first one expires at %v", got)
	}
	if n := len(o.expire(now.Add(maxOrphanAge + 4*time.Minute))); n != 5 || o.len() != 5 {
		t.Errorf("%d have expired, %d are left", n, o.len())
	}
	if o.expire(now.Add(time.Hour)); o.len() != 0 || o.bytes != 0 || len(o.byPeer)+len(o.byTurn) != 0 {
		t.Errorf("left over: %+v", o)
	}
}

// What waits behind a rotation has another key, and the signatures of what waits are
// not checked: several may claim one turn.
func TestOrphansAfter(t *testing.T) {
	now := time.Unix(1e9, 0)
	o := newOrphans()
	rotate := record.New(record.Record{Key: record.Key{1}, Seq: 4, Payload: record.KeyRotate{New: record.Key{2}}})
	for _, r := range []*record.Record{
		recordOf(1, 5), sizedRecord(1, 5, 640), recordOf(2, 5), recordOf(1, 4), recordOf(1, 6), recordOf(3, 5),
	} {
		o.add(r, judged{1, now})
	}
	if taken := o.takeAfter(rotate); len(taken) != 3 || o.len() != 3 {
		t.Errorf("%d follow, %d are left", len(taken), o.len())
	}
	all := o.takeAll()
	if len(all) != 3 || all[0].record.Seq != 4 || all[2].record.Seq != 6 || o.len() != 0 {
		t.Errorf("all: %v", all)
	}
}
