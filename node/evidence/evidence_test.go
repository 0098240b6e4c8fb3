package evidence

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/bundle"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// storyChain returns a chain with a whole story, and its views.
func storyChain(t *testing.T) (*chaintest.Story, *chain.Chain, *views.Views) {
	s := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	s.Run()
	id := store.Identity{Network: s.Params.ID, Genesis: s.Genesis.Hash()}
	st, err := store.Open("store", id, store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	c, err := chain.Open(t.Context(), chain.Options{Store: st, Params: s.Params, Clock: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Tip.Chain()[1:] {
		if _, err := c.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
	}
	v, err := views.Open("views", views.Options{Chain: c, Identity: id, FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, c, v
}

// The bundles of a case have all of its records and pass the check; so they do
// after a file, and no longer if anything is changed.
func TestCollect(t *testing.T) {
	s, c, v := storyChain(t)
	for _, test := range []struct {
		kind bundle.Kind
		id   record.ID
		with func(record.Type) bool
	}{
		{bundle.Voucher, s.Voucher, func(r record.Type) bool { return r >= record.TypeVoucherIssue || r == record.TypePay }},
		{bundle.Claim, s.Claim, func(r record.Type) bool {
			return r == record.TypeVoucherIssue || r == record.TypePay || r >= record.TypeClaimOpen && r <= record.TypeClaimClose
		}},
	} {
		for _, all := range []bool{false, true} {
			b, err := Collect(c, v, s.Params, test.kind, test.id, bundle.Options{AllHeaders: all})
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			if err := b.Write(&file); err != nil {
				t.Fatal(err)
			}
			read, err := bundle.Read(&file)
			if err != nil {
				t.Fatal(err)
			}
			report, err := read.Check(s.Params)
			if err != nil {
				t.Fatalf("%s: %v", test.kind, err)
			}
			if report.FromGenesis != (all || b.Start == 0) || report.TipHeight != s.Tip.Height() || report.Tip != s.Tip.Hash() {
				t.Errorf("report %+v", report)
			}
			var got, want []record.ID
			for _, e := range report.Events {
				got = append(got, e.ID)
			}
			for _, r := range s.Records {
				if test.with(r.Type()) {
					want = append(want, r.ID())
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: records %v, want %v", test.kind, got, want)
			}
			read.Records[0].Record[5] ^= 1
			var fault *bundle.Fault
			if _, err := read.Check(s.Params); !errors.As(err, &fault) {
				t.Errorf("a changed bundle: %v", err)
			}
		}
	}
}

func TestNoCase(t *testing.T) {
	s, c, v := storyChain(t)
	for _, test := range []struct {
		kind bundle.Kind
		id   record.ID
	}{
		{bundle.Voucher, record.ID{1}}, {bundle.Claim, record.ID{1}}, {bundle.Voucher, s.Claim}, {bundle.Claim, s.Voucher}, {bundle.Voucher, s.Shipment},
	} {
		if _, err := Collect(c, v, s.Params, test.kind, test.id, bundle.Options{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s %v: %v", test.kind, test.id, err)
		}
	}
}
