package query_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// The lists of the ledger have all that a scan of the blocks finds, whatever the
// size of a page.
func TestLists(t *testing.T) {
	n := openCorpus(t)
	ids := map[record.Type][]record.ID{}
	var products []record.GTIN
	sellers := map[record.Key][]record.ID{} // claims
	makers := map[record.Key][]record.ID{}
	for _, b := range n.tip.Chain() {
		for _, r := range b.Records {
			ids[r.Type()] = append(ids[r.Type()], r.ID())
			switch p := r.Payload.(type) {
			case record.ProductRegister:
				if !slices.Contains(products, p.GTIN) {
					products = append(products, p.GTIN)
				}
			case record.ClaimOpen:
				v, err := n.Voucher(p.Voucher)
				if err != nil {
					t.Fatal(err)
				}
				product, err := n.Product(v.GTIN)
				if err != nil {
					t.Fatal(err)
				}
				sellers[v.Seller] = append(sellers[v.Seller], r.ID())
				makers[product.Maker] = append(makers[product.Maker], r.ID())
			}
		}
	}
	slices.Sort(products)
	for _, limit := range []int{1, 7, 200} {
		vouchers := pages(t, limit, func(in query.Range) (query.Page[query.Voucher], error) {
			return n.Vouchers(query.Of{}, query.VoucherStates(), in)
		})
		equal(t, "vouchers", vouchers, ids[record.TypeVoucherIssue], func(v query.Voucher) record.ID { return v.ID })
		shipments := pages(t, limit, func(in query.Range) (query.Page[query.Shipment], error) {
			return n.Shipments(query.Of{}, query.ShipmentStates(), in)
		})
		equal(t, "shipments", shipments, ids[record.TypeShipmentCreate], func(h query.Shipment) record.ID { return h.ID })
		claims := func(of query.Of, states []rules.ClaimState) []query.Claim {
			return pages(t, limit, func(in query.Range) (query.Page[query.Claim], error) { return n.Claims(of, states, in) })
		}
		claimID := func(c query.Claim) record.ID { return c.ID }
		all := claims(query.Of{}, query.ClaimStates())
		equal(t, "claims", all, ids[record.TypeClaimOpen], claimID)
		for key, want := range sellers {
			equal(t, "claims of a seller", claims(query.Of{Seller: &key}, query.ClaimStates()), want, claimID)
		}
		for key, want := range makers {
			equal(t, "claims of a maker", claims(query.Of{Maker: &key}, query.ClaimStates()), want, claimID)
		}
		live, closed := claims(query.Of{}, query.LiveClaimStates()), claims(query.Of{}, query.ClosedClaimStates())
		if len(live)+len(closed) != len(all) || len(live) == 0 || len(closed) == 0 {
			t.Errorf("%d live and %d closed of %d claims", len(live), len(closed), len(all))
		}
		urgent := pages(t, limit, func(in query.Range) (query.Page[query.Claim], error) {
			return n.ClaimsByDeadline(query.Of{}, false, in)
		})
		overdue := pages(t, limit, func(in query.Range) (query.Page[query.Claim], error) { return n.ClaimsByDeadline(query.Of{}, true, in) })
		if !slices.IsSortedFunc(urgent, func(a, b query.Claim) int { return cmp.Compare(a.Deadline.Time, b.Deadline.Time) }) {
			t.Error("claims are not in the order of their deadlines")
		}
		var late, due []record.ID
		for _, c := range urgent {
			if due = append(due, c.ID); c.Deadline.Passed {
				late = append(late, c.ID)
			}
		}
		equal(t, "overdue claims", overdue, late, claimID)
		for _, c := range live {
			if (c.Deadline != nil) != slices.Contains(due, c.ID) {
				t.Errorf("claim %v with the deadline %v is in the list: %v", c.ID, c.Deadline, slices.Contains(due, c.ID))
			}
		}
		equal(t, "products", pages(t, limit, func(in query.Range) (query.Page[rules.Product], error) { return n.Products(nil, in) }),
			products, func(p rules.Product) record.GTIN { return p.GTIN })
		eventID := func(e query.Event) record.ID { return e.ID() }
		equal(t, "rulings", pages(t, limit, n.Rulings), ids[record.TypeRuling], eventID)
		equal(t, "recalls", pages(t, limit, n.Recalls), ids[record.TypeRecallNotice], eventID)
		evaluations := pages(t, limit, func(in query.Range) (query.Page[query.Voucher], error) { return n.Evaluations(query.Of{}, in) })
		if len(evaluations) != len(ids[record.TypeEvaluate]) || len(evaluations) == 0 || evaluations[0].Evaluation == nil {
			t.Errorf("%d evaluations, want %d", len(evaluations), len(ids[record.TypeEvaluate]))
		}
	}
	if suspensions := pages(t, 3, n.Suspensions); len(suspensions) != len(ids[record.TypeSellerSuspend])+len(ids[record.TypeSellerRestore]) {
		t.Errorf("%d suspensions", len(suspensions))
	}
}

// equal compares a list with what it should have.
func equal[T any, K comparable](t *testing.T, what string, got []T, want []K, name func(T) K) {
	t.Helper()
	if len(want) == 0 && !strings.HasPrefix(what, "overdue") {
		t.Errorf("no %s to compare", what)
	}
	if !slices.EqualFunc(got, want, func(a T, b K) bool { return name(a) == b }) {
		t.Errorf("%s: %d, want %d; or they are in another order", what, len(got), len(want))
	}
}

// Totals are the lengths of the lists.
func TestTotals(t *testing.T) {
	n := openCorpus(t)
	total, err := n.Totals(query.Of{})
	if err != nil {
		t.Fatal(err)
	}
	var records, claims uint64
	for _, b := range n.tip.Chain() {
		records += uint64(len(b.Records))
	}
	for _, k := range total.Records {
		records -= k
	}
	if records != 0 || total.Height != n.tip.Height() {
		t.Errorf("%d records are not counted, height %d", records, total.Height)
	}
	for state, k := range total.Claims {
		list := pages(t, 100, func(in query.Range) (query.Page[query.Claim], error) {
			return n.Claims(query.Of{}, []rules.ClaimState{state}, in)
		})
		if claims += k; uint64(len(list)) != k {
			t.Errorf("%d claims are %v, counted %d", len(list), state, k)
		}
	}
	if claims != total.Records[record.TypeClaimOpen] {
		t.Errorf("%d claims in states, %d opened", claims, total.Records[record.TypeClaimOpen])
	}
	overdue := pages(t, 100, func(in query.Range) (query.Page[query.Claim], error) { return n.ClaimsByDeadline(query.Of{}, true, in) })
	if uint64(len(overdue)) != total.Overdue {
		t.Errorf("%d claims are overdue, counted %d", len(overdue), total.Overdue)
	}

	// Those of the sellers add up to all.
	var vouchers, sold uint64
	sellers := map[record.Key]bool{}
	for _, v := range pages(t, 100, func(in query.Range) (query.Page[query.Voucher], error) {
		return n.Vouchers(query.Of{}, query.VoucherStates(), in)
	}) {
		vouchers++
		sellers[v.Seller] = true
	}
	for key := range sellers {
		part, err := n.Totals(query.Of{Seller: &key})
		if err != nil || part.Records != nil || part.Shipments != nil {
			t.Fatalf("%+v, %v", part, err)
		}
		for _, k := range part.Vouchers {
			sold += k
		}
	}
	if vouchers != sold || vouchers == 0 {
		t.Errorf("%d vouchers, the sellers have %d", vouchers, sold)
	}
}

// Blocks from the tip down say what their records add up to, and so does each
// block by itself.
func TestBlocks(t *testing.T) {
	n := openCorpus(t)
	lines, err := n.Blocks(math.MaxUint32, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	chain := n.tip.Chain()
	if len(lines) != len(chain) {
		t.Fatalf("%d blocks, want %d", len(lines), len(chain))
	}
	headers := n.HeadersDown(math.MaxUint32, 10_000)
	for i, line := range lines {
		b := chain[len(chain)-1-i]
		whole, err := n.Block(b.Hash().String())
		if err != nil {
			t.Fatal(err)
		}
		var fees record.Amount
		types := 0
		for _, r := range b.Records {
			fees += r.Fee
		}
		for _, k := range whole.Types {
			types += k
		}
		if line.Hash != b.Hash() || line.Hash != headers[i].Hash || line.Fees != fees || line.Size != uint32(b.Size()) ||
			int(line.Records) != len(b.Records) || types != len(b.Records) || line.MedianTime != b.Node().MedianTime() ||
			line.Fees != whole.Fees || line.Payee != whole.Payee || line.Reward != whole.Reward || line.Payee != b.Records[0].Key {
			t.Errorf("height %d: line %+v, block %+v", b.Height(), line, whole)
		}
	}
	if some, err := n.Blocks(5, 3); err != nil || len(some) != 3 || some[0].Height != 5 || some[2].Height != 3 {
		t.Errorf("%+v, %v", some, err)
	}
}

// What an account was paid and paid is its balance, but for fees, burns, stipends
// and immature coinbases.
func TestPayments(t *testing.T) {
	n := openCorpus(t)
	payee := n.tip.Records[0].Key
	var reward record.Amount
	var height uint32
	for _, p := range pages(t, 9, func(in query.Range) (query.Page[query.Payment], error) { return n.Payments(payee, in) }) {
		if p.Place.Height < height {
			t.Errorf("payment at height %d after one at %d", p.Place.Height, height)
		}
		if height = p.Place.Height; p.From != (record.Key{}) {
			continue
		}
		if reward += p.Amount; p.Spendable <= p.Place.Height || p.To != payee {
			t.Errorf("coinbase %+v", p)
		}
	}
	var want record.Amount
	for _, b := range n.tip.Chain()[1:] {
		if b.Records[0].Key == payee {
			want += b.Records[0].Payload.(record.Coinbase).Value
		}
	}
	if reward != want || want == 0 {
		t.Errorf("coinbases pay %v, want %v", reward, want)
	}
}

// A record of the chain has its size, its times and its case.
func TestRecord(t *testing.T) {
	n := openCorpus(t)
	for _, b := range n.tip.Chain()[1:] {
		for i, r := range b.Records {
			got, err := n.Record(r.ID())
			if err != nil {
				t.Fatal(err)
			}
			if got.Pooled() || got.Size() != r.Size() || got.Block != b.Hash() || int(got.Place.Index) != i || got.BlockTime != b.Header.Time ||
				got.MedianTime != b.Parent.Node().MedianTime() || got.Confirmations != n.tip.Height()-b.Height()+1 {
				t.Fatalf("record %+v", got)
			}
			if p, ok := r.Payload.(record.ClaimOpen); ok && (got.Subject.Voucher != p.Voucher || got.Subject.Claim != r.ID()) {
				t.Errorf("claim %+v", got.Subject)
			}
			if want := len(r.Signers()); len(query.Signers(r)) != want && r.Type() != record.TypeCoinbase {
				t.Errorf("%d signers, want %d", len(query.Signers(r)), want)
			}
		}
	}
}

// Coming blocks have all pooled records, the best fee rates first, and none is
// larger than a block may be.
func TestComingBlocks(t *testing.T) {
	p := *chaintest.Network()
	b := chaintest.New(&p, 1)
	tip := b.Grow(b.Genesis, 3, 0)
	n, err := openParts(t.Context(), &p, tip, b.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, closePart := range n.close {
			if err := closePart(); err != nil {
				t.Error(err)
			}
		}
	}()
	if got := n.ComingBlocks(5); got == nil || len(got) != 0 {
		t.Errorf("of an empty pool: %v", got)
	}
	size, fees := 0, record.Amount(0)
	for i := range 20 {
		r := b.Pay(tip, b.Funded(tip, i), b.Funded(tip, i+1), record.Amount(i+1))
		if err := n.pool.Add(r)[0]; err != nil {
			t.Fatal(err)
		}
		size += r.Size()
		fees += r.Fee
	}
	p.MaxBlockSize = size / 4
	coming := n.ComingBlocks(100)
	if len(coming) < 4 || len(n.ComingBlocks(2)) != 2 {
		t.Errorf("%d blocks", len(coming))
	}
	for i, c := range coming {
		if c.Size > p.MaxBlockSize || c.MinRate > c.MaxRate || i > 0 && c.MaxRate > coming[i-1].MinRate {
			t.Errorf("block %d: %+v", i, c)
		}
		size -= c.Size
		fees -= c.Fees
	}
	if size != 0 || fees != 0 {
		t.Errorf("%d bytes and %v of fees are missing", size, fees)
	}
	network := n.Network()
	if network.NextRetarget <= 3 || network.HashRate <= 0 || network.Subsidy != p.SubsidyAt(4) {
		t.Errorf("network %+v", network)
	}
}

// What a party may do is known of every claim, and what the rules do not know is
// not found.
func TestActions(t *testing.T) {
	n := openCorpus(t)
	for _, c := range pages(t, 100, func(in query.Range) (query.Page[query.Claim], error) {
		return n.Claims(query.Of{}, query.ClaimStates(), in)
	}) {
		turn, err := n.Turn(c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if (turn.Role == "") != c.State.Closed() {
			t.Errorf("claim in state %v: %+v", c.State, turn)
		}
		if c.Deadline != nil && turn.Until != c.Deadline.Time {
			t.Errorf("turn %+v, deadline %+v", turn, c.Deadline)
		}
		for _, party := range []record.Key{c.Holder, c.Seller} {
			actions, err := n.ClaimActions(c.ID, party)
			if err != nil || actions.Height != n.tip.Height()+1 || actions.MedianTime != n.tip.Node().MedianTime() {
				t.Fatalf("%+v, %v", actions, err)
			}
			for _, a := range actions.List {
				if a.Allowed != (a.Reason == "") {
					t.Errorf("%+v", a)
				}
			}
		}
		if claims, err := n.HolderClaims(c.Voucher); err != nil || len(claims.List) == 0 {
			t.Errorf("%+v, %v", claims, err)
		}
	}
	nothing := record.ID{1}
	_, err := n.HolderClaims(nothing)
	_, err2 := n.Turn(nothing)
	_, err3 := n.ShipmentActions(nothing, record.Key{1})
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, query.ErrNotFound) {
			t.Errorf("%v, want %v", err, query.ErrNotFound)
		}
	}
}

// A wrong question and one without an answer have different kinds of errors.
func TestErrors(t *testing.T) {
	n := openCorpus(t)
	key := n.tip.Records[0].Key
	bad := query.Range{From: "x", Limit: 1}
	for name, err := range map[string]error{
		"two parties": second(n.Claims(query.Of{Seller: &key, Holder: &key}, query.ClaimStates(), query.Range{Limit: 1})),
		"totals":      second(n.Totals(query.Of{Holder: &key})),
		"place":       second(n.Rulings(bad)),
		"deadline":    second(n.ClaimsByDeadline(query.Of{}, false, bad)),
		"product":     second(n.Products(nil, bad)),
		"account":     second(n.AccountsWith(record.Seller, bad)),
		"height":      second(n.Header("-1")),
	} {
		if !errors.Is(err, query.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"header":  second(n.Header("1000000")),
		"voucher": second(n.Voucher(record.ID{1})),
		"record":  second(n.Record(record.ID{1})),
		"product": second(n.Product(1)),
	} {
		if !errors.Is(err, query.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	without := query.New(query.Options{Params: n.Params(), Chain: n.chain, Pool: n.pool})
	if _, err := without.Rulings(query.Range{Limit: 1}); !errors.Is(err, query.ErrNoViews) {
		t.Error(err)
	}
}

// The case of a claim has the last record of each type, and all evidence.
func TestClaimCase(t *testing.T) {
	n := openCorpus(t)
	last := map[record.ID]map[record.Type]record.ID{}
	evidence := map[record.ID]int{}
	note := func(claim, id record.ID, kind record.Type) {
		if last[claim] == nil {
			last[claim] = map[record.Type]record.ID{}
		}
		last[claim][kind] = id
	}
	for _, b := range n.tip.Chain() {
		for _, r := range b.Records {
			switch p := r.Payload.(type) {
			case record.ClaimOpen:
				note(r.ID(), r.ID(), r.Type())
			case record.ClaimRespond:
				note(p.Claim, r.ID(), r.Type())
			case record.SettleExecute:
				note(p.Claim, r.ID(), r.Type())
			case record.EvidenceAdd:
				evidence[p.Claim]++
			case record.Ruling:
				if p.Subject == record.OnClaim {
					note(p.ID, r.ID(), r.Type())
				}
			}
		}
	}
	ruled := 0
	for id, want := range last {
		c, err := n.ClaimCase(id)
		if err != nil {
			t.Fatal(err)
		}
		for kind, event := range map[record.Type]*query.Event{
			record.TypeClaimRespond: c.Answer, record.TypeRuling: c.Ruling, record.TypeSettleExecute: c.Settlement,
		} {
			wanted, ok := want[kind]
			if (event != nil) != ok || ok && event.ID() != wanted {
				t.Errorf("claim %v: %v is %v, want %v", id, kind, event, wanted)
			}
		}
		if c.ID != id || len(c.Evidence) != evidence[id] {
			t.Errorf("claim %v has %d pieces of evidence, want %d", id, len(c.Evidence), evidence[id])
		}
		if c.Ruling != nil {
			ruled++
		}
	}
	if ruled == 0 || len(evidence) == 0 {
		t.Errorf("%d claims with a ruling, %d with evidence", ruled, len(evidence))
	}
}

// A search finds what a text names, in each of its forms.
func TestSearch(t *testing.T) {
	n := openCorpus(t)
	var voucher, claim, shipment, pay record.ID
	var sale record.VoucherIssue
	for _, b := range n.tip.Chain() {
		for _, r := range b.Records {
			switch p := r.Payload.(type) {
			case record.VoucherIssue:
				voucher, sale = r.ID(), p
			case record.ClaimOpen:
				claim = r.ID()
			case record.ShipmentCreate:
				shipment = r.ID()
			case record.Pay:
				pay = r.ID()
			}
		}
	}
	hash := n.tip.Hash().String()
	key := n.tip.Records[0].Key.String()
	gtin, item := sale.GTIN.String(), sale.GTIN.String()+"/"+string(sale.Serial)
	link := "https://id.example/01/" + gtin + "/21/" + url.PathEscape(string(sale.Serial)) + "?x=1"
	for text, want := range map[string][]query.Match{
		fmt.Sprint(n.tip.Height()):         {{Kind: query.MatchBlock, Name: hash}},
		hash:                               {{Kind: query.MatchBlock, Name: hash}},
		" " + voucher.String() + "\n":      {{Kind: query.MatchVoucher, Name: voucher.String()}, {Kind: query.MatchRecord, Name: voucher.String()}},
		claim.String():                     {{Kind: query.MatchClaim, Name: claim.String()}, {Kind: query.MatchRecord, Name: claim.String()}},
		shipment.String():                  {{Kind: query.MatchShipment, Name: shipment.String()}, {Kind: query.MatchRecord, Name: shipment.String()}},
		pay.String():                       {{Kind: query.MatchRecord, Name: pay.String()}},
		key:                                {{Kind: query.MatchAccount, Name: key}},
		gtin:                               {{Kind: query.MatchProduct, Name: gtin}},
		item:                               {{Kind: query.MatchItem, Name: item}},
		gtin + " " + string(sale.Serial):   {{Kind: query.MatchItem, Name: item}},
		link:                               {{Kind: query.MatchItem, Name: item}},
		"https://id.example/01/" + gtin:    {{Kind: query.MatchProduct, Name: gtin}},
		"":                                 {},
		"what":                             {},
		strings.Repeat("0", 64):            {},
		"https://id.example/01/%zz/21/%zz": {},
		"4006381333931":                    {},
	} {
		if got, err := n.Search(text); err != nil || !slices.Equal(got, want) || got == nil {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

// After a change of branches the lists are those of a node that never saw the
// other branch.
func TestReorganisation(t *testing.T) {
	p := chaintest.Network()
	b := chaintest.New(p, 1)
	fork := b.Grow(b.Genesis, 4, 6)
	short, long := b.Grow(fork, 2, 9), b.Grow(fork, 5, 7)
	open := func(tip *chaintest.Block) *parts { return openChain(t, p, tip, b.Now()) }
	n, fresh := open(short), open(long)
	for _, block := range long.Chain()[fork.Height()+1:] {
		if _, err := n.chain.Submit(block.Block); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.views.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := n.Totals(query.Of{})
	want, err2 := fresh.Totals(query.Of{})
	if err != nil || err2 != nil || got.Height != want.Height || !maps.Equal(got.Records, want.Records) {
		t.Errorf("totals %+v, want %+v; %v, %v", got, want, err, err2)
	}
	gotLines, err := n.Blocks(math.MaxUint32, 100)
	wantLines, err2 := fresh.Blocks(math.MaxUint32, 100)
	if err != nil || err2 != nil || !slices.EqualFunc(gotLines, wantLines, func(a, b query.BlockLine) bool {
		return a.Hash == b.Hash && a.BlockSummary == b.BlockSummary
	}) {
		t.Errorf("blocks %+v, want %+v; %v, %v", gotLines, wantLines, err, err2)
	}
	paid := 0
	for i := range 32 {
		key := b.Funded(b.Genesis, i)
		ids := func(n *parts) (all []record.ID) {
			for _, p := range pages(t, 5, func(in query.Range) (query.Page[query.Payment], error) { return n.Payments(key, in) }) {
				all = append(all, p.ID())
			}
			return all
		}
		if got, want := ids(n), ids(fresh); !slices.Equal(got, want) {
			t.Errorf("payments of %v: %v, want %v", key, got, want)
		} else {
			paid += len(want)
		}
	}
	if paid < 10 {
		t.Errorf("only %d payments to compare", paid)
	}
}

func second[T any](_ T, err error) error { return err }
