package feed

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// client is a client that builds the chain from events, and checks that each fits.
type client struct {
	w       *world
	chain   []string        // hashes from the block after genesis on
	records map[string]bool // of the chain
	last    string          // id
}

func (c *client) take(events []*Event) {
	c.w.Helper()
	for _, e := range events {
		m := parse(c.w, e.Text)
		if m.id != "" {
			c.last = m.id
		}
		hash, _ := m.data["hash"].(string)
		id, _ := m.data["id"].(string)
		switch Kind(m.kind) {
		case KindBlock:
			h, err := pow.ParseHash(hash)
			c.w.check(err)
			header, _ := c.w.chain.Header(h)
			parent := c.w.Genesis.Hash().String()
			if n := len(c.chain); n > 0 {
				parent = c.chain[n-1]
			}
			if header.Prev.String() != parent {
				c.w.Fatal(fmt.Sprintf("block %s joins at height %d, but the client is elsewhere", hash, header.Height))
			}
			c.chain = append(c.chain, hash)
		case KindBlockDisconnected:
			if n := len(c.chain); n == 0 || c.chain[n-1] != hash {
				c.w.Fatal("a block leaves that the client does not have at its tip")
			}
			c.chain = c.chain[:len(c.chain)-1]
		case KindRecord:
			if c.records[id] {
				c.w.Errorf("record %s comes twice", id)
			}
			c.records[id] = true
		case KindRecordDisconnected:
			delete(c.records, id) // it may not have come
		case KindGap:
			c.w.Errorf("a gap: %s", e.Text)
		}
	}
}

// compare checks that the client has what the chain has.
func (c *client) compare() {
	c.w.Helper()
	tip := c.w.chain.Tip()
	if len(c.chain) != int(tip.Height) || tip.Height > 0 && c.chain[len(c.chain)-1] != tip.Hash.String() {
		c.w.Fatal(fmt.Sprintf("the client has %d blocks, the chain %d, or others", len(c.chain), tip.Height))
	}
	n := 0
	for height := uint32(1); height <= tip.Height; height++ {
		b, err := c.w.chain.BlockAt(height)
		c.w.check(err)
		n += len(b.Records)
		for _, r := range b.Records {
			if !c.records[r.ID().String()] {
				c.w.Errorf("the client lacks record %v at height %d", r.ID(), height)
			}
		}
	}
	if n != len(c.records) {
		c.w.Errorf("the client has %d records, the chain %d", len(c.records), n)
	}
}

// ofChain are the kinds that say what is on the chain.
var ofChain = Filter{Kinds: []Kind{KindBlock, KindBlockDisconnected, KindRecord, KindRecordDisconnected}}

// A client that reads now and then, whose connection ends at any event, of a node that
// restarts and changes its branch, always ends up with the chain and its records.
func TestNothingIsMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, chaintest.New(chaintest.Network(), 1))
		c := &client{w: w, records: map[string]bool{}}
		r := w.feed.Read(ofChain)
		tip, top := w.Genesis, w.Genesis
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"extend", "extend", "fork", "many", "follow", "follow", "read", "read", "reconnect", "restart"}).Draw(t, "step") {
			case "extend":
				tip = w.Grow(top, 1, rapid.IntRange(0, 4).Draw(t, "records"))
			case "many":
				tip = w.Grow(top, maxStep+2, 0)
			case "fork":
				back := top
				for range rapid.IntRange(1, 4).Draw(t, "depth") {
					if back.Parent != nil {
						back = back.Parent
					}
				}
				tip = w.Grow(back, int(top.Height()-back.Height())+1, rapid.IntRange(0, 2).Draw(t, "records"))
			case "follow":
				w.follow()
			case "read":
				c.take(w.poll(r, rapid.IntRange(1, 10).Draw(t, "events")))
			case "restart":
				w.restart()
				fallthrough
			case "reconnect":
				if c.last == "" {
					c.last = r.ID()
				}
				r.Close()
				r = w.feed.ReadAfter(ofChain, c.last)
			}
			w.submit(tip)
			top = tip
		}
		w.follow()
		c.take(w.poll(r, 1<<30))
		c.compare()
		r.Close()
		if s := w.feed.Stats(); s.Readers != 0 {
			t.Errorf("%d readers", s.Readers)
		}
	})
}

// The log has room for few events: a reader that does not read is dropped, and one that
// comes back with its last id gets what it has missed.
func TestSlowReaderIsDropped(t *testing.T) {
	w := newWorld(t, chaintest.New(chaintest.Network(), 1))
	w.restart(func(o *Options) { o.MaxLog = 10_000 })
	c := &client{w: w, records: map[string]bool{}}
	r := w.feed.Read(ofChain)
	c.last = r.ID()
	tip := w.Grow(w.Genesis, 30, 2)
	for _, b := range tip.Chain()[1:] {
		w.submit(b)
		w.follow()
	}
	got := w.poll(r, 1<<30)
	if kinds(t, got) != "dropped:slow" {
		t.Errorf("a slow reader gets %s", kinds(t, got))
	}
	if w.feed.bytes > 10_000 {
		t.Errorf("the log has %d bytes", w.feed.bytes)
	}
	r = w.feed.ReadAfter(ofChain, c.last)
	c.take(w.poll(r, 1<<30))
	c.compare()
	if s := w.feed.Stats(); s.Dropped[DropSlow] != 1 || s.Replayed != 30 || s.Events[KindBlock] != 30 {
		t.Errorf("%+v", s)
	}
}

// What cannot be sent again is reported as a gap, and the reader goes on from now.
func TestGaps(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	w := newWorld(t, b, func(o *chain.Options) { o.Keep = chain.MaxReorg })
	first := w.feed.Read(ofChain).ID()
	tip := w.Genesis
	for range (chain.MaxReorg + 100) / 100 { // the views need what the chain prunes
		tip = w.Grow(tip, 100, 0)
		w.submit(tip)
		w.follow()
	}
	w.restart()
	unknown := place{run: 1, done: whole, block: pow.Hash{1}}.String()
	for _, c := range []struct {
		what, id string
		filter   Filter
		want     string
	}{
		{"no id", "x", ofChain, "gap:unknown-id"},
		{"a block that nobody knows", unknown, ofChain, "gap:unknown-id"},
		{"blocks that are pruned", first, ofChain, "gap:pruned"},
		{"an id of an earlier run", place{run: 7, done: whole, block: tip.Hash()}.String(), Filter{}, "gap:not-kept block record block record block record"},
		{"the same for what the chain has", place{run: 7, done: whole, block: tip.Parent.Hash()}.String(), ofChain, strings.Repeat(" block record", 5)[1:]},
		{"a number that was never given", place{run: w.feed.run, seq: 1 << 40, done: 1, block: tip.Hash()}.String(), ofChain, "record" + strings.Repeat(" block record", 5)},
	} {
		r := w.feed.ReadAfter(c.filter, c.id)
		if got := kinds(t, w.poll(r, 100)); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		next := w.Grow(tip, 1, 0)
		w.submit(next)
		w.follow()
		if got := kinds(t, w.poll(r, 100)); got != "block record" {
			t.Errorf("%s: then %q", c.what, got)
		}
		tip = next
	}
}

// A way of more blocks than a reader gets again is a gap.
func TestTooFar(t *testing.T) {
	w := newWorld(t, chaintest.New(chaintest.Network(), 1))
	first := w.feed.Read(ofChain).ID()
	w.submit(w.Grow(w.Genesis, MaxReplay+1, 0))
	w.follow()
	if got := kinds(t, w.poll(w.feed.ReadAfter(ofChain, first), 100)); got != "gap:too-far" {
		t.Errorf("%q", got)
	}
}

// Events of the pool keep their order, and a flood of them is cut short with a gap.
func TestPoolEvents(t *testing.T) {
	w := newWorld(t, chaintest.New(chaintest.Network(), 1))
	w.submit(w.Grow(w.Genesis, 2, 0))
	w.follow()
	records := w.Records(w.All()[2], 3)
	r, chainOnly := w.feed.Read(Filter{}), w.feed.Read(ofChain)
	start := r.ID()
	w.feed.Admitted(records[:1])
	w.feed.Judged(records, []error{nil, reject.New(reject.Expired, "x"), reject.New(reject.AlreadyPooled, "x")})
	w.feed.Publish(KindAlert, map[string]string{"id": "1", "state": "open"})
	w.feed.drain()
	got := w.poll(r, 100)
	if kinds(t, got) != "pooled rejected:expired alert" {
		t.Errorf("%s", kinds(t, got))
	}
	pooled := parse(t, got[0].Text)
	if pooled.data["id"] != records[0].ID().String() || pooled.data["fee"] != records[0].Fee.String() || pooled.data["type"] != records[0].Type().String() {
		t.Errorf("%v", pooled)
	}
	if after := w.poll(w.feed.ReadAfter(Filter{}, pooled.id), 100); kinds(t, after) != "rejected:expired alert" {
		t.Errorf("after the first: %s", kinds(t, after))
	}
	if all := w.poll(w.feed.ReadAfter(Filter{}, start), 100); len(all) != 3 {
		t.Errorf("again: %s", kinds(t, all))
	}
	verdicts := make([]error, 1)
	verdicts[0] = reject.New(reject.Expired, "x")
	for range maxInbox {
		w.feed.Judged(records[:1], verdicts)
	}
	w.feed.Admitted(records[:1])
	w.feed.drain()
	got = w.poll(r, 1<<20)
	if n := len(got); n != maxRejected+2 || got[n-2].Kind != KindPooled || got[n-1].Kind != KindGap {
		t.Errorf("%d events of a flood", n)
	}
	if got := w.poll(chainOnly, 100); len(got) != 0 {
		t.Errorf("a reader of the chain gets %s", kinds(t, got))
	}
}

// The status has no id, and is made only if somebody reads.
func TestStatus(t *testing.T) {
	w := newWorld(t, chaintest.New(chaintest.Network(), 1))
	w.feed.reportStatus()
	r := w.feed.Read(Filter{Kinds: []Kind{KindStatus}})
	w.feed.reportStatus()
	got := w.poll(r, 100)
	if len(got) != 1 || strings.Contains(string(got[0].Text), "id:") || parse(t, got[0].Text).data["height"] != 0.0 {
		t.Errorf("%s", kinds(t, got))
	}
}

// Readers of a case get its records, and those only.
func TestSubjects(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Run()
	w := newWorld(t, story.Builder)
	var voucher, claim, shipment record.ID
	for _, b := range story.Tip.Chain() {
		for _, r := range b.Records {
			switch r.Type() {
			case record.TypeVoucherIssue:
				voucher = r.ID()
			case record.TypeClaimOpen:
				claim = r.ID()
			case record.TypeShipmentCreate:
				if shipment == (record.ID{}) {
					shipment = r.ID()
				}
			}
		}
	}
	filters := map[string]Filter{
		"voucher": {Voucher: voucher}, "claim": {Claim: claim}, "shipment": {Shipment: shipment},
		"seller": {Party: story.Seller}, "type": {Types: []record.Type{record.TypeClaimOpen}},
		"nobody": {Party: record.PublicOf(network.DevFaucets()[9])},
	}
	readers := map[string]*Reader{}
	for name, f := range filters {
		readers[name] = w.feed.Read(f)
	}
	everything := w.feed.Read(ofChain)
	w.submit(story.Tip)
	w.follow()
	all := w.poll(everything, 1<<30)
	for name, r := range readers {
		want := 0
		for _, e := range all {
			m := parse(t, e.Text)
			is := func(field string, id record.ID) bool { return m.data[field] == id.String() }
			switch {
			case e.Kind != KindRecord:
			case name == "voucher" && is("voucher", voucher), name == "claim" && is("claim", claim), name == "shipment" && is("shipment", shipment),
				name == "type" && m.data["type"] == "CLAIM_OPEN", name == "seller" && strings.Contains(fmt.Sprint(m.data["parties"]), story.Seller.String()):
				want++
			}
		}
		got := w.poll(r, 1<<30)
		if len(got) != want || (want == 0) != (name == "nobody") {
			t.Errorf("%s: %d records, want %d", name, len(got), want)
		}
	}
}
