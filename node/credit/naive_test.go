package credit

import (
	"bytes"
	"math/big"
	"slices"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// naive computes scores from what the rules of the ledger say about each voucher, before
// and after every record. It shares no code with the index.
type naive struct {
	sales  map[record.ID]*naiveSale
	market map[uint32][2]uint64 // prior and low, by period
	off    map[record.Key]bool  // suspended
	period uint32               // blocks
}

type naiveSale struct {
	seller record.Key
	gtin   record.GTIN
	price  record.Amount
	sold   uint32 // period
	claims []record.ID

	now  outlook
	home int // -1: none
}

// outlook is what a sale says. Outcome is in twelfths of eighths of One, -1: nothing.
type outlook struct {
	outcome       int
	ends, settled int
}

func newNaive(period uint32) *naive {
	return &naive{sales: map[record.ID]*naiveSale{}, market: map[uint32][2]uint64{}, off: map[record.Key]bool{}, period: period}
}

func (n *naive) clone() *naive {
	c := newNaive(n.period)
	for id, s := range n.sales {
		copied := *s
		copied.claims = slices.Clone(s.claims)
		c.sales[id] = &copied
	}
	for k, m := range n.market {
		c.market[k] = m
	}
	for k, off := range n.off {
		c.off[k] = off
	}
	return c
}

// look asks the rules about a sale.
func look(view rules.View, c rules.Context, id record.ID, sale *naiveSale) outlook {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	v, err := rules.GetVoucher(view, c, id)
	must(err)
	e, err := rules.GetEvaluation(view, id)
	must(err)
	harm, void, o := 0, v.State == rules.VoucherVoid, outlook{outcome: -1}
	for _, id := range sale.claims {
		claim, err := rules.GetClaim(view, c, id)
		must(err)
		if claim.Ground == record.NoReason && claim.State == rules.ClaimSettled && claim.Remedy == record.Refund {
			void = true
		}
		if claim.Ground != record.Fault && claim.Ground != record.Delivery {
			continue
		}
		is := 0
		switch {
		case claim.Defaulted:
			is = 8
		case claim.OrderDays > 0:
			is = 4
		case claim.State == rules.ClaimUnresolved:
			is = 2
		case claim.State == rules.ClaimSettled:
			is = 1
			o.settled++
		default:
			continue
		}
		o.ends++
		harm = max(harm, is)
	}
	if void {
		return outlook{outcome: -1}
	}
	if e != nil {
		o.outcome = (int(e.Product) + int(e.Service) + int(e.Logistics) - 3) * 8
	}
	if at := (8 - harm) * 12; harm > 0 && (e == nil || o.outcome > at) {
		o.outcome = at
	}
	return o
}

// see changes how a sale counts.
func (s *naiveSale) see(o outlook, period int) {
	if o.outcome >= 0 && (s.home < 0 || s.now.outcome >= 0 && o.outcome < s.now.outcome) {
		s.home = period
	}
	s.now = o
}

// apply applies a block on the state before it. Records are applied one by one where the
// block changes what sales say.
func (n *naive) apply(p *network.Params, l *link) {
	before := l.parent.valid.View()
	c := rules.Context{Params: p, Height: l.height, MedianTime: l.parent.median}
	period := int(l.height / n.period)
	n.begin(l.height)
	for id, sale := range n.sales { // what time alone decides
		sale.see(look(before, c, id, sale), period)
	}
	s := rules.NewState(before)
	if err := rules.Begin(s, c); err != nil {
		panic(err)
	}
	for _, r := range l.Records[1:] {
		if err := rules.Apply(s, c, r); err != nil {
			panic(err)
		}
		n.after(s, c, r, period)
	}
}

// after looks at the sales that a record may have changed.
func (n *naive) after(s *rules.State, c rules.Context, r *record.Record, period int) {
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		v, _ := rules.GetVoucher(s, c, r.ID())
		n.sales[r.ID()] = &naiveSale{seller: v.Seller, gtin: v.GTIN, price: v.Price, sold: uint32(period), now: outlook{outcome: -1}, home: -1}
	case record.ClaimOpen:
		n.sales[p.Voucher].claims = append(n.sales[p.Voucher].claims, r.ID())
	case record.SellerSuspend:
		a, _ := rules.GetAccount(s, p.Seller)
		n.off[a.ID] = true
	case record.SellerRestore:
		a, _ := rules.GetAccount(s, p.Seller)
		n.off[a.ID] = false
	}
	for _, id := range record.Subjects(r.Payload) {
		if h, _ := rules.GetShipment(s, id); h != nil {
			id = h.Voucher
		}
		if claim, _ := rules.GetClaim(s, c, id); claim != nil {
			id = claim.Voucher
		}
		if sale := n.sales[id]; sale != nil {
			sale.see(look(s, c, id, sale), period)
		}
	}
}

// begin fixes the numbers of a period that begins with a height.
func (n *naive) begin(height uint32) {
	if height%n.period != 0 {
		return
	}
	now := height/n.period - 1
	var wholes, cores []uint64
	for owner := range n.owners() {
		if _, ok := owner.Seller(); !ok {
			continue
		}
		if s := n.score(owner, now); s.standing == 7 {
			wholes, cores = append(wholes, s.whole), append(cores, s.core)
		}
	}
	if len(wholes) >= 20 {
		slices.Sort(wholes)
		slices.Sort(cores)
		n.market[now+1] = [2]uint64{wholes[(len(wholes)-1)/4], cores[(len(cores)-1)/4]}
	}
}

// owners returns who has evidence.
func (n *naive) owners() map[Owner]bool {
	all := map[Owner]bool{}
	for _, s := range n.sales {
		if s.home >= 0 && s.now.outcome >= 0 {
			all[OfSeller(s.seller)], all[OfProduct(s.gtin)] = true, true
		}
	}
	return all
}

type naiveScore struct {
	value, core, whole, recent, claims uint64
	standing, vouchers                 int
}

const naiveOne = 65536

// score computes a score as docs/credit.md has it, with numbers of any size.
func (n *naive) score(o Owner, now uint32) (s naiveScore) {
	prior, low := uint64(45875), uint64(36044)
	if m, ok := n.market[now]; ok {
		prior, low = m[0], m[1]
	}
	type sums struct {
		n    int
		u, s uint64
	}
	by := map[uint32]*sums{}
	var ends, settled int
	for _, sale := range n.sales {
		if seller, ok := o.Seller(); ok && seller != sale.seller || !ok && o != OfProduct(sale.gtin) {
			continue
		}
		if sale.now.outcome < 0 || sale.home < 0 || sale.home > int(now) || sale.home <= int(now)-26 {
			continue
		}
		u := min(max(uint64(sale.price)*5/1000, 100_000), 6_400_000)
		y := uint64(sale.now.outcome) * naiveOne / 96
		b := by[uint32(sale.home)]
		if b == nil {
			b = new(sums)
			by[uint32(sale.home)] = b
		}
		b.n, b.u, b.s = b.n+1, b.u+u, b.s+u*y
		s.vouchers++
		ends, settled = ends+sale.now.ends, settled+sale.now.settled
	}
	if len(by) == 0 {
		s.value = low
		return s
	}
	threes, usuals := map[uint32]bool{}, []uint64{}
	for k, b := range by {
		if k < now {
			threes[k/3] = true
			usuals = append(usuals, b.u/uint64(b.n))
		}
	}
	s.standing = min(7, len(threes))
	if len(usuals) == 0 {
		usuals = []uint64{by[now].u / uint64(by[now].n)}
	}
	slices.Sort(usuals)
	usual := max(usuals[(len(usuals)-1)/2], 100_000)
	blend := func(prior uint64, b sums) uint64 { return (4*usual*prior + b.s) / (4*usual + b.u) }
	var past []uint64
	var all, last sums
	for k, b := range by {
		if k < now {
			past = append(past, blend(prior, *b))
		}
		all.u, all.s = all.u+b.u, all.s+b.s
		if k+4 > now {
			last.u, last.s = last.u+b.u, last.s+b.s
		}
	}
	s.core = worst(past)
	if b, ok := by[now]; ok {
		if len(past) == 0 {
			s.core = blend(prior, *b)
		} else if r := blend(s.core, *b); r < s.core {
			s.core = worst(append(past, r))
		}
	}
	s.whole = blend(prior, all)
	s.recent = naiveUpper(last.u*naiveOne/usual, last.s/usual)
	s.claims = naiveUpper(uint64(ends)*naiveOne, uint64(settled)*naiveOne)
	s.value = min(s.core, s.whole, s.recent, s.claims)
	if k := uint64(s.standing * s.standing); s.value > low {
		s.value = (s.value*k + low*(49-k)) / 49
	}
	if seller, ok := o.Seller(); ok && n.off[seller] {
		s.value = 0
	}
	return s
}

// worst returns the mean of the worse two fifths: each value is written five times.
func worst(values []uint64) uint64 {
	if len(values) == 0 {
		return 0
	}
	var five []uint64
	for _, v := range values {
		five = append(five, v, v, v, v, v)
	}
	slices.Sort(five)
	sum := uint64(0)
	for _, v := range five[:2*len(values)] {
		sum += v
	}
	return sum / uint64(2*len(values))
}

func naiveUpper(n, s uint64) uint64 {
	of := func(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
	bn, bs := of(n+2*naiveOne), of(s+2*naiveOne)
	root := new(big.Int).Sub(bn, bs)
	root.Mul(root, bs).Div(root, bn).Mul(root, of(naiveOne)).Add(root, of(naiveOne*naiveOne/4)).Sqrt(root)
	root.Add(root, bs).Add(root, of(naiveOne/2)).Mul(root, of(naiveOne)).Div(root, bn.Add(bn, of(naiveOne)))
	return root.Uint64()
}

// compare compares all scores of an index with those of the model.
func (n *naive) compare(f *follower) {
	f.Helper()
	now := f.tree.tip.height / n.period
	scores := f.scores()
	inWindow := 0
	for o := range n.owners() {
		want := n.score(o, now)
		if want.vouchers == 0 {
			continue
		}
		inWindow++
		n.same(f, o, want, scores[o].Value, scores[o].Parts, "board")
		e, err := f.Explain(o, f.tree.tip.height)
		if err != nil {
			f.Fatal(err)
		}
		n.same(f, o, want, e.Value, e.Parts, "explanation")
	}
	if len(scores) != inWindow {
		f.Fatalf("height %d: %d scores, want %d", f.tree.tip.height, len(scores), inWindow)
	}
	n.evidence(f, now)
	n.offers(f, now)
}

// offers compares the sellers of each product.
func (n *naive) offers(f *follower, now uint32) {
	f.Helper()
	want := map[record.GTIN][]record.Key{}
	for _, s := range n.sales {
		if s.sold+26 > now && !slices.Contains(want[s.gtin], s.seller) {
			want[s.gtin] = append(want[s.gtin], s.seller)
		}
	}
	for gtin, sellers := range want {
		slices.SortFunc(sellers, func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
		var got []record.Key
		err := f.at(f.tree.tip.height, func(v *versions) (err error) {
			got, err = v.sellers(gtin, now)
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
		if !slices.Equal(got, sellers) {
			f.Fatalf("height %d: sellers of %v: %v, want %v", f.tree.tip.height, gtin, got, sellers)
		}
	}
}

func (n *naive) same(f *follower, o Owner, want naiveScore, value uint32, parts Parts, what string) {
	f.Helper()
	got := naiveScore{uint64(value), uint64(parts.Core), uint64(parts.Whole), uint64(parts.Recent), uint64(parts.Claims), int(parts.Standing), int(parts.Vouchers)}
	if got != want {
		f.Fatalf("height %d, %v, %s: %+v, want %+v", f.tree.tip.height, o, what, got, want)
	}
}

// bucketKey names a bucket.
type bucketKey struct {
	period uint32
	owner  Owner
}

// evidence compares the vouchers behind each bucket.
func (n *naive) evidence(f *follower, now uint32) {
	f.Helper()
	want := map[bucketKey][]record.ID{}
	for id, s := range n.sales {
		if s.home >= 0 && s.now.outcome >= 0 {
			for _, o := range []Owner{OfSeller(s.seller), OfProduct(s.gtin)} {
				want[bucketKey{uint32(s.home), o}] = append(want[bucketKey{uint32(s.home), o}], id)
			}
		}
	}
	for k, ids := range want {
		slices.SortFunc(ids, func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
		list, err := f.Evidence(k.owner, k.period, f.tree.tip.height, record.ID{}, 1<<30)
		if err != nil {
			f.Fatal(err)
		}
		var got []record.ID
		for _, e := range list {
			got = append(got, e.Voucher)
			if y := uint32(n.sales[e.Voucher].now.outcome) * naiveOne / 96; e.Outcome != y {
				f.Fatalf("outcome of %v: %d, want %d", e.Voucher, e.Outcome, y)
			}
		}
		if !slices.Equal(got, ids) {
			f.Fatalf("evidence in period %d of %v: %v, want %v", k.period, k.owner, got, ids)
		}
	}
}
