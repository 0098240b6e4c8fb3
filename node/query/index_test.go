package query_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain/chaintest"
	"stele/node/query"
	"stele/node/views"
)

// While the index is built, lists, histories and counts are errors and not short.
func TestIndexIsBuilt(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	n, err := openParts(t.Context(), b.Params, b.Grow(b.Genesis, 120, 1), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	empty, err := views.Open("views", views.Options{Chain: n.chain, FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	for _, closePart := range append(n.close, empty.Close) {
		defer func() {
			if err := closePart(); err != nil {
				t.Error(err)
			}
		}()
	}
	r := query.New(query.Options{Params: b.Params, Chain: n.chain, Pool: n.pool, Views: empty})
	ask := func() map[string]error {
		page := query.Range{Limit: 10}
		_, vouchers := r.Vouchers(query.Of{}, query.VoucherStates(), page)
		_, rulings := r.Rulings(page)
		_, totals := r.Totals(query.Of{})
		_, deadlines := r.ClaimsByDeadline(query.Of{}, false, page)
		_, blocks := r.Blocks(5, 10)
		return map[string]error{"vouchers": vouchers, "rulings": rulings, "totals": totals, "deadlines": deadlines, "blocks": blocks}
	}
	for name, err := range ask() {
		if !errors.Is(err, query.ErrBusy) {
			t.Errorf("%s without an index: %v", name, err)
		}
	}
	if err := empty.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, err := range ask() {
		if err != nil {
			t.Errorf("%s with the index: %v", name, err)
		}
	}
}
