package nodetest

import (
	"testing"
	"time"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
)

// Story creates a store of the development network with a case in which goods are sold
// and delivered.
func Story(t *testing.T, dir string) *chaintest.Story {
	t.Helper()
	return newStory(t, dir, network.Dev, (*chaintest.Story).Sell, (*chaintest.Story).Send, (*chaintest.Story).HandOver, (*chaintest.Story).Deliver, (*chaintest.Story).Evaluate)
}

// Parcel creates a store of the development network with a case in which the second
// carrier has had the goods for a few seconds: a node keeps their sealed data.
func Parcel(t *testing.T, dir string) *chaintest.Story {
	t.Helper()
	return newStory(t, dir, network.Dev, (*chaintest.Story).Sell, untilNow, (*chaintest.Story).Send, (*chaintest.Story).HandOver)
}

// untilNow adds blocks until the median time is that of the clock.
func untilNow(s *chaintest.Story) {
	for range 11 {
		d := s.Draft(s.Tip)
		d.Header.Time = max(d.Header.Time, uint32(time.Now().Unix()))
		s.Tip = s.Add(s.Tip, d.Seal())
	}
}

// Complaint creates a store of the development network with days of 24 hours (--day
// 24h), with a case in which the buyer has made a claim.
func Complaint(t *testing.T, dir string) *chaintest.Story {
	t.Helper()
	p, err := network.DevWithDay(24 * 60 * 60)
	if err != nil {
		t.Fatal(err)
	}
	return newStory(t, dir, p, (*chaintest.Story).Sell, (*chaintest.Story).Send, (*chaintest.Story).HandOver, (*chaintest.Story).Deliver, (*chaintest.Story).Complain)
}

// Neglect creates a store of the development network with a case in which the seller
// answers no claim and does not carry out an order, the product is recalled, and the seller
// corrects its sale. The last claim is overdue.
func Neglect(t *testing.T, dir string) *chaintest.Story {
	t.Helper()
	return newStory(t, dir, network.Dev, (*chaintest.Story).Sell, (*chaintest.Story).Send, (*chaintest.Story).HandOver, (*chaintest.Story).Deliver, neglect)
}

func neglect(s *chaintest.Story) {
	file := func(author record.Key, p record.Payload) record.ID {
		frame := s.Frame(s.Tip, author)
		frame.Payload = p
		r := s.Sign(frame)
		s.Tip = s.Extend(s.Tip, r)
		return r.ID()
	}
	wait := func() { s.Tip = s.Grow(s.Tip, 25, 0) } // more than the periods that the parties have
	now := record.Time(s.Tip.Header.Time)
	file(s.Maker, record.RecallNotice{Time: now, GTIN: chaintest.GTIN})
	file(s.Seller, record.Correction{Time: now, Record: s.Voucher, Cause: record.WrongData, Correct: record.Digest{1}})
	claim := record.ClaimOpen{Time: now, Voucher: s.Voucher, Ground: record.Recall, Remedy: record.Repair, Description: record.Digest{3}}
	s.Claim = file(s.Buyer, claim)
	wait()
	file(s.Buyer, record.ClaimEscalate{Time: now, Claim: s.Claim})
	file(s.Supervisor, record.Ruling{Time: now, Subject: record.OnClaim, ID: s.Claim, Outcome: record.Ordered, Remedy: record.Repair, ExecuteDays: 1, Text: record.Digest{5}})
	wait()
	file(s.Buyer, record.ClaimClose{Time: now, Claim: s.Claim})
	s.Claim = file(s.Buyer, claim)
	wait()
}

func newStory(t *testing.T, dir string, p *network.Params, steps ...func(*chaintest.Story)) *chaintest.Story {
	t.Helper()
	s := chaintest.NewStory(p, "somewhere")
	for _, step := range steps {
		step(s)
	}
	st, err := store.Open(dir, store.Identity{Network: p.ID, Genesis: s.Genesis.Hash()}, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := chain.Open(t.Context(), chain.Options{Store: st, Params: p, Clock: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Tip.Chain()[1:] {
		if _, err := c.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}
