package views

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// valid is a chain of valid blocks, with all their branches.
type valid struct {
	params *network.Params
	tip    *chaintest.Block
	known  map[pow.Hash]*chaintest.Block
	busy   int // how often the store has another tip yet
}

// moveTo makes a block the tip.
func (c *valid) moveTo(b *chaintest.Block) {
	c.tip = b
	for ; b != nil && c.known[b.Hash()] == nil; b = b.Parent {
		c.known[b.Hash()] = b
	}
}

func (c *valid) Tip() *chain.Tip { return &chain.Tip{Hash: c.tip.Hash(), Height: c.tip.Height()} }

func (c *valid) Header(hash pow.Hash) (chain.Header, bool) {
	b, ok := c.known[hash]
	if !ok {
		return chain.Header{}, false
	}
	at := c.tip
	for at.Height() > b.Height() {
		at = at.Parent
	}
	return chain.Header{Header: b.Header, Hash: hash, Height: b.Height(), InChain: at == b, MedianTime: b.Node().MedianTime()}, true
}

func (c *valid) HeaderAt(height uint32) (chain.Header, bool) {
	at := c.tip
	if height > at.Height() {
		return chain.Header{}, false
	}
	for at.Height() > height {
		at = at.Parent
	}
	return c.Header(at.Hash())
}

func (c *valid) Block(hash pow.Hash) (*block.Block, error) {
	b, ok := c.known[hash]
	if !ok {
		return nil, store.ErrNotFound
	}
	return b.Block, nil
}

// next is the context of the block after the tip.
func (c *valid) Sync() error { return nil }

func (c *valid) next() rules.Context {
	return rules.Context{Params: c.params, Height: c.tip.Height() + 1, MedianTime: c.tip.Node().MedianTime()}
}

func (c *valid) ReadState(tip pow.Hash, read func(rules.View, rules.Context) error) (bool, error) {
	if c.busy--; c.busy >= 0 || tip != c.tip.Hash() {
		return false, nil
	}
	return true, read(c.tip.View(), c.next())
}

// model is what a scan of all blocks up to the tip gives.
type model struct {
	lists     map[string][]record.ID // by kind, scope and state, and those of List
	deadlines map[Scope][]Deadline
	counts    map[record.Type]uint64
	roles     map[record.Role][]record.Key
	products  []record.GTIN
	names     map[Scope]bool
}

func (m *model) add(k Kind, scopes []Scope, state uint8, id record.ID) {
	for _, s := range append(scopes, All()) {
		m.names[s] = true
		name := fmt.Sprintf("%c %v %d", k, s, state)
		m.lists[name] = append(m.lists[name], id)
	}
}

// list adds an entry to a list that follows from the blocks alone.
func (m *model) list(l List, id record.ID) {
	name := fmt.Sprint(l)
	m.lists[name] = append(m.lists[name], id)
}

// scanner reads all blocks of a chain, and the state at its tip.
type scanner struct {
	*testing.T
	*model
	state    rules.View
	next     rules.Context
	accounts map[record.Key]record.Key // of keys that an account got later
	makers   map[record.GTIN]bool      // products with a maker
}

// scanAll returns the model of a chain.
func scanAll(t *testing.T, c *valid) *model {
	t.Helper()
	s := scanner{
		T: t, state: c.tip.View(), next: c.next(), accounts: map[record.Key]record.Key{}, makers: map[record.GTIN]bool{},
		model: &model{
			lists: map[string][]record.ID{}, deadlines: map[Scope][]Deadline{}, counts: map[record.Type]uint64{},
			roles: map[record.Role][]record.Key{}, names: map[Scope]bool{All(): true},
		},
	}
	everybody := map[record.Key]bool{}
	for _, b := range c.tip.Chain() {
		for i, r := range b.Records {
			s.counts[r.Type()]++
			everybody[s.account(r.Key)] = true
			if p, ok := r.Payload.(record.RoleGrant); ok {
				everybody[s.account(p.Key)] = true
			}
			s.record(r)
			s.thing(r, store.Place{Height: b.Height(), Index: uint32(i)})
		}
	}
	for _, list := range s.deadlines {
		slices.SortStableFunc(list, func(a, b Deadline) int { return cmp.Compare(a.Time, b.Time) })
	}
	slices.Sort(s.products)
	for key := range everybody {
		s.addRoles(key)
	}
	for _, keys := range s.roles {
		slices.SortFunc(keys, func(a, b record.Key) int { return slices.Compare(a[:], b[:]) })
	}
	return s.model
}

func (s *scanner) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// account returns the first key of the account of a key, as far as the scan is.
func (s *scanner) account(k record.Key) record.Key { return cmp.Or(s.accounts[k], k) }

// record adds a record to the lists that follow from the blocks alone.
func (s *scanner) record(r *record.Record) {
	s.Helper()
	id := r.ID()
	switch p := r.Payload.(type) {
	case record.Coinbase:
		if r.Key != (record.Key{}) {
			s.list(Payments(s.account(r.Key)), id)
		}
	case record.Pay:
		s.list(Payments(s.account(r.Key)), id)
		s.list(Payments(s.account(p.To)), id)
	case record.KeyRotate:
		s.accounts[p.New] = s.account(r.Key)
	case record.ClaimRespond:
		if p.Servicer != (record.Key{}) {
			s.list(ServicedBy(s.account(p.Servicer)), p.Claim)
		}
	case record.SellerSuspend, record.SellerRestore:
		s.list(Suspensions(), id)
	case record.Ruling:
		s.list(Rulings(), id)
	case record.RecallNotice:
		s.list(Recalls(), id)
	case record.ProductRegister:
		if !s.makers[p.GTIN] {
			s.products = append(s.products, p.GTIN)
			s.list(ProductsOf(s.account(r.Key)), itemName(p.GTIN, ""))
		}
		s.makers[p.GTIN] = true
	case record.Evaluate:
		v, err := rules.GetVoucher(s.state, s.next, p.Voucher)
		s.check(err)
		for _, l := range []List{Evaluations(), EvaluationsOf(v.Seller), EvaluationsOfProduct(v.GTIN)} {
			s.list(l, p.Voucher)
		}
	}
}

// thing adds what a record makes to the lists of its state.
func (s *scanner) thing(r *record.Record, at store.Place) {
	s.Helper()
	id := r.ID()
	switch r.Payload.(type) {
	case record.VoucherIssue:
		v, err := rules.GetVoucher(s.state, s.next, id)
		s.check(err)
		s.add(Vouchers, []Scope{OfSeller(v.Seller), OfHolder(v.Holder), OfProduct(v.GTIN)}, uint8(v.State), id)
	case record.ShipmentCreate:
		h, err := rules.GetShipment(s.state, id)
		s.check(err)
		s.add(Shipments, []Scope{OfCarrier(h.Carrier)}, uint8(h.State), id)
		s.list(ShipmentsFor(h.Voucher), id)
	case record.ClaimOpen:
		c, err := rules.GetClaim(s.state, s.next, id)
		s.check(err)
		v, err := rules.GetVoucher(s.state, s.next, c.Voucher)
		s.check(err)
		product, err := rules.GetProduct(s.state, v.GTIN)
		s.check(err)
		scopes := []Scope{OfSeller(v.Seller), OfHolder(c.Holder), OfMaker(product.Maker), OfProduct(v.GTIN)}
		s.add(Claims, scopes, uint8(c.State), id)
		s.list(ClaimsUnder(c.Voucher), id)
		period, end := c.Deadline(&s.next.Params.AfterSales)
		if period == 0 || c.State.Closed() {
			return
		}
		for _, scope := range append(scopes, All()) {
			s.deadlines[scope] = append(s.deadlines[scope], Deadline{end, Entry{at, id}})
		}
		if uint64(s.next.MedianTime) > end {
			s.add(Claims, scopes, Overdue, id)
		}
	}
}

// addRoles adds the account of a key to the lists of its roles.
func (s *scanner) addRoles(key record.Key) {
	s.Helper()
	a, err := rules.GetAccount(s.state, key)
	s.check(err)
	for _, role := range append(record.Roles(), suspendedRole) {
		has := a.Roles.Has(role)
		if role == suspendedRole {
			has = a.Roles.Suspended()
		}
		if has && !slices.Contains(s.roles[role], a.ID) {
			s.roles[role] = append(s.roles[role], a.ID)
		}
	}
}

// compare holds all lists of views against the model. Of the scopes of holders and
// carriers, which are many, it takes every eighth: others in each step.
func (m *model) compare(t *testing.T, v *Views, step int) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for scope := range m.names {
		if !scope.counted() && int(scope.name[0])%8 != step%8 {
			continue
		}
		for kind, states := range map[Kind]uint8{Vouchers: uint8(rules.VoucherReplaced), Claims: uint8(rules.ClaimGivenUp), Shipments: uint8(rules.ShipmentLost)} {
			for state := range states + 1 {
				want := m.lists[fmt.Sprintf("%c %v %d", kind, scope, state)]
				got, err := v.InStates(kind, scope, []uint8{state}, store.Place{}, 1000)
				check(err)
				if !slices.EqualFunc(got, want, func(e Entry, id record.ID) bool { return e.ID == id }) {
					t.Fatalf("%c in state %d of %c %x: %v, want %v", kind, state, scope.kind, scope.name, got, want)
				}
				n, err := v.Count(kind, scope, state)
				check(err)
				if scope.counted() && n != uint64(len(want)) {
					t.Fatalf("%c in state %d of %c %x: %d, want %d", kind, state, scope.kind, scope.name, n, len(want))
				}
			}
		}
		got, err := v.Deadlines(scope, Deadline{}, 1000)
		check(err)
		if !slices.Equal(got, m.deadlines[scope]) {
			t.Fatalf("deadlines of %c %x: %v, want %v", scope.kind, scope.name, got, m.deadlines[scope])
		}
		if n, err := v.Count(Claims, scope, Overdue); scope.counted() && (err != nil || n != uint64(len(m.lists[fmt.Sprintf("c %v %d", scope, Overdue)]))) {
			t.Fatalf("overdue claims of %c %x: %d, %v", scope.kind, scope.name, n, err)
		}
	}
	counts, err := v.CountRecords()
	check(err)
	if !maps.Equal(counts, m.counts) {
		t.Fatalf("records %v, want %v", counts, m.counts)
	}
	products, err := v.Products(0, 1000)
	check(err)
	if !slices.Equal(products, m.products) {
		t.Fatalf("products %v, want %v", products, m.products)
	}
	for _, role := range append(record.Roles(), suspendedRole) {
		got, err := v.withRole(role, record.Key{}, 1000)
		check(err)
		if !slices.Equal(got, m.roles[role]) {
			t.Fatalf("role %d: %v, want %v", role, got, m.roles[role])
		}
	}
}

// listed holds the lists that records alone make against the model.
func (m *model) listed(t *testing.T, v *Views, lists ...List) {
	t.Helper()
	for _, l := range lists {
		got, err := v.All(l, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		want := m.lists[fmt.Sprint(l)]
		if !slices.EqualFunc(got, want, func(e Entry, id record.ID) bool { return e.ID == id }) {
			t.Fatalf("list %c %x: %v, want %v", l.kind, l.name, got, want)
		}
	}
}

// all returns the lists that the model has.
func (m *model) all(c *valid) []List {
	lists := []List{Evaluations(), Rulings(), Recalls(), Suspensions()}
	for s := range m.names {
		switch s.kind {
		case sellerScope:
			lists = append(lists, EvaluationsOf(s.name), Payments(s.name))
		case productScope:
			lists = append(lists, List{evaluationsProductList, s.name})
		case holderScope, carrierScope:
			lists = append(lists, Payments(s.name))
		case makerScope:
			lists = append(lists, ProductsOf(s.name))
		}
	}
	for _, b := range c.tip.Chain() {
		lists = append(lists, Payments(b.Records[0].Key))
		for _, r := range b.Records {
			switch p := r.Payload.(type) {
			case record.VoucherIssue:
				lists = append(lists, ClaimsUnder(r.ID()), ShipmentsFor(r.ID()))
			case record.ClaimRespond:
				lists = append(lists, ServicedBy(p.Servicer))
			}
		}
	}
	return lists
}

// Wherever the chain goes, the lists are those that a scan of all its blocks
// gives, and the views those that are built anew: forth, back, and over to
// branches that bring nothing but time.
func TestStandings(t *testing.T) {
	c := corpus.Build()
	builder := chaintest.New(c.Params, 2)
	trunk := []*chaintest.Block{builder.Genesis}
	for _, b := range c.Tip.Chain()[1:] {
		trunk = append(trunk, builder.Add(trunk[len(trunk)-1], b.Block))
	}
	ch := &valid{params: c.Params, known: map[pow.Hash]*chaintest.Block{}}
	ch.moveTo(builder.Genesis)
	fs := vfs.NewMem()
	v := open(t, ch, fs)
	defer func() { v.Close() }()
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for step := range standingsSteps {
		height := random.IntN(len(trunk))
		if step%3 == 1 { // a short way
			height = min(max(0, int(ch.tip.Height())+random.IntN(40)-20), len(trunk)-1)
		}
		to := trunk[height]
		switch {
		case step == standingsSteps-1:
			to = trunk[len(trunk)-1]
		case step%3 == 2:
			for range 1 + random.IntN(12) {
				d := builder.Draft(to)
				d.Header.Time += uint32(random.IntN(20)) * c.Params.AfterSales.Day
				to = builder.Add(to, d.Seal())
			}
		}
		ch.moveTo(to)
		v.batch = 1 + random.IntN(20)
		if step%4 == 3 { // it ends on the way, and goes on
			for range random.IntN(40) {
				if _, err := v.step(); err != nil {
					t.Fatal(err)
				}
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			v = open(t, ch, fs)
			ch.moveTo(trunk[random.IntN(len(trunk))])
		}
		ch.busy = random.IntN(2)
		if err := v.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := scanAll(t, ch)
		m.compare(t, v, step)
		m.listed(t, v, m.all(ch)...)
		same(t, v, ch)
		for name, list := range m.lists {
			seen[name] = max(seen[name], len(list))
		}
	}
	isServiced := false
	for name := range seen {
		isServiced = isServiced || strings.HasPrefix(name, fmt.Sprintf("{%d ", servicedList))
	}
	if !isServiced {
		t.Error("no claim ever had a servicer")
	}
	for _, state := range []rules.ClaimState{
		rules.ClaimOpen, rules.ClaimAuthorised, rules.ClaimRejected, rules.ClaimExecuted, rules.ClaimEscalated, rules.ClaimSettled, rules.ClaimRefused, rules.ClaimWithdrawn,
	} {
		if seen[fmt.Sprintf("c %v %d", All(), state)] == 0 {
			t.Errorf("no claim was ever %v", state)
		}
	}
	if seen[fmt.Sprintf("c %v %d", All(), Overdue)] == 0 {
		t.Error("no claim was ever overdue")
	}
}

// A list of several states is in the order of the chain, page by page.
func TestStatesAreMerged(t *testing.T) {
	c := corpus.Build()
	ch := &valid{params: c.Params, known: map[pow.Hash]*chaintest.Block{}}
	ch.moveTo(c.Tip)
	v := open(t, ch, vfs.NewMem())
	defer v.Close()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want []record.ID
	for _, b := range c.Tip.Chain() {
		for _, r := range b.Records {
			if r.Type() == record.TypeClaimOpen {
				want = append(want, r.ID())
			}
		}
	}
	var states []uint8
	for s := range uint8(rules.ClaimGivenUp) + 1 {
		states = append(states, s)
	}
	var got []record.ID
	for from := (store.Place{}); ; {
		page, err := v.InStates(Claims, All(), states, from, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			got = append(got, e.ID)
			from = e.Next()
		}
		if len(page) < 3 {
			break
		}
	}
	if !slices.Equal(got, want) || len(want) < 10 {
		t.Errorf("%v, want %v", got, want)
	}
	var deadlines []Deadline
	for from := (Deadline{}); ; {
		page, err := v.Deadlines(All(), from, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		deadlines = append(deadlines, page...)
		from = page[0].Next()
	}
	if whole, err := v.Deadlines(All(), Deadline{}, 1000); err != nil || !slices.Equal(deadlines, whole) || len(whole) < 3 {
		t.Errorf("%v, want %v; %v", deadlines, whole, err)
	}
}

// A claim that time alone has closed, and that another one follows, is listed as
// closed, also by views that were not updated in between, and on the way back.
func TestClaimBeforeTheLast(t *testing.T) {
	c := corpus.Build()
	ch := &valid{params: c.Params, known: map[pow.Hash]*chaintest.Block{}}
	ch.moveTo(c.Tip)
	v := open(t, ch, vfs.NewMem())
	defer v.Close()
	last := map[record.ID]Entry{} // the last claim under a voucher
	lapsed := 0
	for _, b := range c.Tip.Chain() {
		for i, r := range b.Records {
			p, ok := r.Payload.(record.ClaimOpen)
			if !ok {
				continue
			}
			before, again := last[p.Voucher]
			last[p.Voucher] = Entry{store.Place{Height: b.Height(), Index: uint32(i)}, r.ID()}
			if !again || before.Height == b.Height() {
				continue
			}
			first := b
			for first.Height() > before.Height {
				first = first.Parent
			}
			states := map[rules.ClaimState]bool{}
			for _, tip := range []*chaintest.Block{first, b, first} {
				ch.moveTo(tip)
				if err := v.Update(t.Context()); err != nil {
					t.Fatal(err)
				}
				claim, err := rules.GetClaim(tip.View(), ch.next(), before.ID)
				if err != nil {
					t.Fatal(err)
				}
				got, err := v.InStates(Claims, All(), []uint8{uint8(claim.State)}, before.Place, 1)
				if err != nil || !slices.Equal(got, []Entry{before}) {
					t.Fatalf("claim at height %d is %v at height %d: %v, %v", before.Height, claim.State, tip.Height(), got, err)
				}
				states[claim.State] = true
			}
			if len(states) > 1 {
				lapsed++
			}
		}
	}
	if lapsed < 3 {
		t.Errorf("only %d claims were closed in between", lapsed)
	}
}
