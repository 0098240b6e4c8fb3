package supervision

import (
	"testing"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

// A cursor from outside is read as what it was written from, or rejected.
func FuzzCursors(f *testing.F) {
	rank := views.Rank{Scope: views.OfSeller(record.Key{7}), Count: 9}
	f.Add(string(cursorOf(store.Place{Height: 3, Index: 4})))
	f.Add(string(rankCursor(rank)))
	f.Add(string(rankCursor(views.Rank{Scope: views.OfProduct(6291041500213), Count: 1})))
	f.Add("12.3.4")
	f.Add("-1.99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		c := query.Cursor(text)
		if at, err := placeOfCursor(c); err == nil && c != "" && cursorOf(at) != c {
			t.Errorf("%q is read as the place %v", text, at)
		}
		for _, by := range []Group{BySeller, ByProduct, ByMaker} {
			if rank, err := rankOf(by, c); err == nil && c != "" && rankCursor(rank) != c {
				t.Errorf("%q is read as the rank %v", text, rank)
			}
		}
		if key, err := timesCursor(Answer, views.All(), c); err == nil && c != "" && secondsOf(key) == 0 && placeOf(key).Height == 0 && text[0] != '0' {
			t.Errorf("%q is read as %x", text, key)
		}
	})
}
