package rules

import (
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// life is a case in the benchmarks. Each buyer has a key of its own.
type life struct {
	buyer                record.Key
	voucher, ship, claim record.ID
}

// stages are the records of a whole life, one after the other. The first sold of
// them are those of a sale without a claim.
var stages = []func(w *world, l *life) (record.Key, record.Payload){
	func(w *world, l *life) (record.Key, record.Payload) {
		p := w.Sale()
		p.Buyer, p.Price, p.Burn, p.Stipend = l.buyer, record.Coin/100, record.Coin/1000, w.c.Params.AfterSales.MinStipend
		return theSeller, p
	},
	func(w *world, _ *life) (record.Key, record.Payload) { return theSeller, w.Ship(record.Outbound) },
	func(w *world, _ *life) (record.Key, record.Payload) { return theSeller, w.HandOver(theCarrier) },
	func(w *world, _ *life) (record.Key, record.Payload) { return theCarrier, w.Confirm(pickupKey) },
	func(w *world, l *life) (record.Key, record.Payload) { return l.buyer, w.Evaluation() },
	func(w *world, l *life) (record.Key, record.Payload) { return l.buyer, w.Reward() },
	func(w *world, l *life) (record.Key, record.Payload) {
		return l.buyer, w.Open(record.Fault, record.Repair)
	},
	func(w *world, _ *life) (record.Key, record.Payload) {
		return theSeller, w.Authorise(record.Repair, false)
	},
	func(w *world, l *life) (record.Key, record.Payload) { return l.buyer, w.Evidence() },
	func(w *world, _ *life) (record.Key, record.Payload) { return theSeller, w.Repaired() },
	func(w *world, l *life) (record.Key, record.Payload) { return l.buyer, w.Settle(true) },
}

const sold = 6

// next returns the payload of a stage of a life, and who writes it.
func (l *life) next(w *world, stage int) (record.Key, record.Payload) {
	w.Voucher, w.Shipment, w.Claim = l.voucher, l.ship, l.claim
	return stages[stage](w, l)
}

// play lives a life up to a stage.
func (l *life) play(w *world, upTo int) {
	for k := range upTo {
		if k == sold-1 {
			w.c.Height += w.c.Params.AfterSales.RewardDelay
		}
		id := w.do(l.next(w, k))
		if k == sold-1 {
			w.c.Height -= w.c.Params.AfterSales.RewardDelay
		}
		switch k {
		case 0:
			l.voucher = id
		case 1:
			l.ship = id
		case 6:
			l.claim = id
		}
	}
}

// mixedBlock returns a state, and a block of records of all stages on it, each
// of another case.
func mixedBlock(b *testing.B) (mapView, Context, []*record.Record) {
	w := newWorld(b)
	a := account(b, w.State, theSeller)
	if err := credit(w.State, a, 1_000_000*record.Coin); err != nil {
		b.Fatal(err)
	}
	all := make([]life, benchRecords)
	for i := range all {
		all[i].buyer = benchKey(1000 + i)
		all[i].play(w, i%len(stages))
	}
	w.c.Height += w.c.Params.AfterSales.RewardDelay
	records := []*record.Record{newCoinbase(w.c.Height, miner, 1)}
	seqs := map[record.Key]uint64{}
	for i := range all {
		author, payload := all[i].next(w, i%len(stages))
		r := *w.record(author, payload)
		r.Seq += seqs[author]
		seqs[author]++
		records = append(records, record.New(r))
	}
	return flat(w.State), w.c, records
}

func BenchmarkAftersales(b *testing.B) {
	view, c, records := mixedBlock(b)
	s := NewState(view)
	if err := ApplyBlock(s, c, records); err != nil {
		b.Fatal(err)
	}
	undo := EncodeUndo(s.Changes())
	b.Run("apply", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := ApplyBlock(NewState(view), c, records); err != nil {
				b.Fatal(err)
			}
		}
		perRecord(b)
	})
	b.Run("connect", func(b *testing.B) { // and make what is kept of a block
		for b.Loop() {
			s := NewState(view)
			if err := ApplyBlock(s, c, records); err != nil {
				b.Fatal(err)
			}
			changes := s.Changes()
			EncodeUndo(changes)
			Digest(pow.Hash{}, changes)
		}
		perRecord(b)
	})
	b.Run("undo", func(b *testing.B) {
		for b.Loop() {
			changes, err := DecodeUndo(undo)
			if err != nil {
				b.Fatal(err)
			}
			view.disconnect(changes)
		}
		perRecord(b)
	})
}

// A sale with all that belongs to it takes little of the state: voucher, item,
// shipment, evaluation, the buyer's account, the carrier's nonce, and the
// authors of its records.
func TestStatePerCase(t *testing.T) {
	for _, test := range []struct{ stages, most int }{{sold, 1100}, {len(stages), 1800}} {
		w := newWorld(t)
		l := life{buyer: someKey(200)}
		l.play(w, test.stages)
		bytes, entries := 0, 0
		for _, c := range w.Changes() {
			if c.Old == nil {
				bytes += len(c.Key) + len(c.New)
				entries++
			}
		}
		t.Logf("%d records: %d bytes in %d entries", test.stages, bytes, entries)
		if bytes > test.most {
			t.Errorf("%d records take %d bytes of state, want at most %d", test.stages, bytes, test.most)
		}
	}
}
