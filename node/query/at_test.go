package query_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/query"
)

// subjects are what the records of a chain name.
type subjects struct {
	ids                         []record.ID // of all records
	vouchers, claims, shipments []record.ID
	keys                        map[record.Key]bool
	items                       map[record.GTIN]map[record.Serial]bool
}

func subjectsOf(blocks []*chaintest.Block) *subjects {
	s := &subjects{keys: map[record.Key]bool{}, items: map[record.GTIN]map[record.Serial]bool{}}
	item := func(gtin record.GTIN, serial record.Serial) {
		if s.items[gtin] == nil {
			s.items[gtin] = map[record.Serial]bool{}
		}
		s.items[gtin][serial] = true
	}
	for _, b := range blocks {
		for _, r := range b.Records {
			s.ids = append(s.ids, r.ID())
			for _, key := range r.Signers() {
				s.keys[key] = true
			}
			switch p := r.Payload.(type) {
			case record.VoucherIssue:
				s.vouchers = append(s.vouchers, r.ID())
				item(p.GTIN, p.Serial)
			case record.RecallNotice:
				item(p.GTIN, p.Serial)
			case record.ClaimOpen:
				s.claims = append(s.claims, r.ID())
			case record.ShipmentCreate:
				s.shipments = append(s.shipments, r.ID())
				s.keys[p.Carrier] = true
			case record.Pay:
				s.keys[p.To] = true
			case record.KeyRotate:
				s.keys[p.New] = true
			}
		}
	}
	return s
}

// answers collects the answers of a reader, as texts.
type answers map[string]string

// note notes an answer. The text of an error can name what only one of the readers has.
func (a answers) note(t *testing.T, question string, answer any, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, query.ErrNotFound) {
			t.Errorf("%s: %v", question, err)
		}
		a[question] = "not found"
		return
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	a[question] = string(text)
}

// noteList notes all pages of a list.
func noteList[T any](t *testing.T, a answers, question string, list func(query.Range) (query.Page[T], error)) {
	t.Helper()
	for in := (query.Range{Limit: 3}); ; {
		page, err := list(in)
		a.note(t, fmt.Sprintf("%s from %q", question, in.From), page, err)
		if page.Next == "" {
			return
		}
		in.From = page.Next
	}
}

// ofKey binds a list to what it is about.
func ofKey[K, T any](list func(K, query.Range) (query.Page[T], error), key K) func(query.Range) (query.Page[T], error) {
	return func(in query.Range) (query.Page[T], error) { return list(key, in) }
}

// askThings asks for each thing and its lists.
func (a answers) askThings(t *testing.T, r *query.Reader, s *subjects) {
	for _, id := range s.vouchers {
		v, err := r.Voucher(id)
		a.note(t, fmt.Sprint("voucher ", id), v, err)
		may, err := r.HolderClaims(id)
		a.note(t, fmt.Sprint("entitlements ", id), may, err)
		noteList(t, a, fmt.Sprint("history of voucher ", id), ofKey(r.VoucherHistory, id))
		noteList(t, a, fmt.Sprint("claims of voucher ", id), ofKey(r.VoucherClaims, id))
		noteList(t, a, fmt.Sprint("shipments of voucher ", id), ofKey(r.VoucherShipments, id))
		if v != nil {
			may, err = r.VoucherActions(id, v.Holder)
			a.note(t, fmt.Sprint("actions ", id), may, err)
		}
	}
	for _, id := range s.claims {
		c, err := r.Claim(id)
		a.note(t, fmt.Sprint("claim ", id), c, err)
		turn, err := r.Turn(id)
		a.note(t, fmt.Sprint("turn ", id), turn, err)
		whole, err := r.ClaimCase(id)
		a.note(t, fmt.Sprint("case ", id), whole, err)
		if c != nil {
			may, err := r.ClaimActions(id, c.Seller)
			a.note(t, fmt.Sprint("actions ", id), may, err)
		}
	}
	for _, id := range s.shipments {
		h, err := r.Shipment(id)
		a.note(t, fmt.Sprint("shipment ", id), h, err)
		noteList(t, a, fmt.Sprint("history of shipment ", id), ofKey(r.ShipmentHistory, id))
		if h != nil {
			may, err := r.ShipmentActions(id, h.Carrier)
			a.note(t, fmt.Sprint("actions ", id), may, err)
		}
	}
	for gtin, serials := range s.items {
		product, err := r.Product(gtin)
		a.note(t, fmt.Sprint("product ", gtin), product, err)
		noteList(t, a, fmt.Sprint("history of product ", gtin), ofKey(r.ProductHistory, gtin))
		for serial := range serials {
			item, err := r.Item(gtin, serial)
			a.note(t, fmt.Sprint("item ", gtin, serial), item, err)
		}
	}
}

// askChain asks about parties, records and blocks.
func (a answers) askChain(t *testing.T, r *query.Reader, s *subjects) {
	for key := range s.keys {
		account, err := r.Account(key)
		a.note(t, fmt.Sprint("account ", key), account, err)
		noteList(t, a, fmt.Sprint("history of party ", key), ofKey(r.PartyHistory, key))
		noteList(t, a, fmt.Sprint("payments of ", key), ofKey(r.Payments, key))
		noteList(t, a, fmt.Sprint("sold by ", key), ofKey(r.VouchersSoldBy, key))
		noteList(t, a, fmt.Sprint("claims of ", key), ofKey(r.ClaimsOf, key))
		noteList(t, a, fmt.Sprint("serviced by ", key), ofKey(r.ClaimsServicedBy, key))
		noteList(t, a, fmt.Sprint("shipments of ", key), ofKey(r.ShipmentsOf, key))
		noteList(t, a, fmt.Sprint("products of ", key), ofKey(r.Products, &key))
		noteList(t, a, fmt.Sprint("evaluations of ", key), func(in query.Range) (query.Page[query.Voucher], error) {
			return r.Evaluations(query.Of{Seller: &key}, in)
		})
	}
	noteList(t, a, "rulings", r.Rulings)
	noteList(t, a, "recalls", r.Recalls)
	noteList(t, a, "suspensions", r.Suspensions)
	for i, id := range s.ids {
		if i%5 == 0 {
			rec, err := r.Record(id)
			a.note(t, fmt.Sprint("record ", id), rec, err)
		}
	}
	state, err := r.State()
	a.note(t, "state", state, err)
	a.note(t, "tip", r.Tip(), nil)
	a.note(t, "network", r.Network().HashRate, nil)
	blocks, err := r.Blocks(1<<31, 5)
	a.note(t, "blocks", blocks, err)
	a.note(t, "headers", r.HeadersDown(1<<31, 3), nil)
	a.note(t, "first headers", r.Headers(r.Height()-1, 3), nil)
	above, err := r.Header(fmt.Sprint(r.Height() + 1))
	a.note(t, "header above", above, err)
}

// What exists at the tip only is an error that says what to ask instead.
func TestOnlyNow(t *testing.T) {
	n := openCorpus(t)
	r, err := n.At(n.Height() - 1)
	if err != nil {
		t.Fatal(err)
	}
	page := query.Range{Limit: 1}
	key := n.tip.Records[0].Key
	for name, err := range map[string]error{
		"vouchers":  second(r.Vouchers(query.Of{}, query.VoucherStates(), page)),
		"held":      second(r.VouchersHeldBy(key, page)),
		"shipments": second(r.Shipments(query.Of{}, query.ShipmentStates(), page)),
		"claims":    second(r.Claims(query.Of{}, query.ClaimStates(), page)),
		"deadlines": second(r.ClaimsByDeadline(query.Of{}, false, page)),
		"totals":    second(r.Totals(query.Of{})),
		"roles":     second(r.AccountsWith(record.Seller, page)),
		"suspended": second(r.SuspendedSellers(page)),
	} {
		if !errors.Is(err, query.ErrOnlyNow) || !strings.Contains(err.Error(), "at the tip only: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := n.At(n.Height() + 1); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("above the tip: %v", err)
	}
}

// A reader stays as of its block while the chain goes on, is busy when the block leaves
// the chain, and ends when the block is too far below the tip. At the tip the pool is
// left out.
func TestAtWhileChainMoves(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	fork := b.Grow(b.Genesis, 3, 2)
	short, long := b.Grow(fork, 2, 3), b.Grow(fork, 4, 3)
	n := openChain(t, b.Params, short, b.Now().Add(1000*time.Hour))
	give := func(blocks []*chaintest.Block) {
		t.Helper()
		for _, block := range blocks {
			if _, err := n.chain.Submit(block.Block); err != nil {
				t.Fatal(err)
			}
		}
	}
	at := func(block *chaintest.Block) *query.Reader {
		t.Helper()
		r, err := n.At(block.Height())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	key := b.Funded(b.Genesis, 0)
	mustBe := func(r *query.Reader, block *chaintest.Block) {
		t.Helper()
		account, err := r.Account(key)
		if err != nil || account.Balance != b.Balance(block, key) || account.NextSeq != account.Seq {
			t.Errorf("balance %v of %+v, want %v; %v", account, r.Height(), b.Balance(block, key), err)
		}
		history, err := r.PartyHistory(key, query.Range{Limit: 100})
		if err != nil || len(history.Items) > 0 && history.Items[len(history.Items)-1].Place.Height > block.Height() {
			t.Errorf("%+v, %v", history, err)
		}
	}
	low, high := at(fork), at(short)
	pay := b.Pay(short, key, b.Funded(b.Genesis, 1), record.Coin)
	if err := n.pool.Add(pay)[0]; err != nil {
		t.Fatal(err)
	}
	mustBe(high, short)
	if _, err := high.Record(pay.ID()); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("a pooled record: %v", err)
	}
	give(long.Chain()[fork.Height()+1:])
	if _, err := low.PartyHistory(key, query.Range{Limit: 1}); !errors.Is(err, query.ErrBusy) {
		t.Errorf("with the index on another branch: %v", err)
	}
	if err := n.views.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustBe(low, fork)
	mustBe(at(long), long)
	for name, err := range map[string]error{
		"account": second(high.Account(key)), "history": second(high.PartyHistory(key, query.Range{Limit: 1})),
		"actions": second(high.HolderClaims(record.ID{1})), "state": second(high.State()),
	} {
		if !errors.Is(err, query.ErrBusy) {
			t.Errorf("%s as of a block that left the chain: %v", name, err)
		}
	}
	give(b.Grow(long, chain.MaxPastBlocks, 0).Chain()[long.Height()+1:])
	if _, err := low.Account(key); !errors.Is(err, query.ErrTooFar) {
		t.Errorf("too far below the tip: %v", err)
	}
	if _, err := n.At(fork.Height()); !errors.Is(err, query.ErrTooFar) {
		t.Errorf("too far below the tip: %v", err)
	}
}

// As of a height, a node with the whole chain answers everything as a node whose chain
// ends there.
func TestAt(t *testing.T) {
	n := openCorpus(t)
	blocks := n.tip.Chain()
	s := subjectsOf(blocks)
	fresh := openChain(t, n.Params(), blocks[0], n.now)
	for height := range blocks {
		if height > 0 {
			if _, err := fresh.chain.Submit(blocks[height].Block); err != nil {
				t.Fatal(err)
			}
		}
		if height%211 != 3 && height != len(blocks)-2 {
			continue
		}
		if err := fresh.views.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := n.At(uint32(height))
		if err != nil {
			t.Fatal(err)
		}
		if !r.Pinned() || r.Height() != uint32(height) || fresh.Pinned() || fresh.Height() != uint32(height) {
			t.Errorf("height %d of a reader as of %d", r.Height(), height)
		}
		got, want := answers{}, answers{}
		got.askThings(t, r, s)
		want.askThings(t, fresh.Reader, s)
		got.askChain(t, r, s)
		want.askChain(t, fresh.Reader, s)
		for _, question := range slices.Sorted(maps.Keys(want)) {
			if got[question] != want[question] {
				t.Fatalf("height %d: %s: %s, want %s", height, question, got[question], want[question])
			}
		}
		if len(got) != len(want) {
			t.Errorf("height %d: %d answers, want %d", height, len(got), len(want))
		}
	}
}
