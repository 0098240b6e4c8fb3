package anomaly

import (
	"math"
	"slices"

	"stele/node/ledger/record"
)

// event is something that a naive scan of the chain counts.
type event struct {
	what        string
	owner, with record.Key
	height      uint32
	id          record.ID
}

// naive finds patterns in a list of blocks by scans, after each block that counts for
// one. It shares no code with the index.
type naive struct {
	params  Params
	account map[record.Key]record.Key
	events  []event
	sold    map[record.ID]*naiveSale
	order   []record.ID             // of sold
	goods   map[record.ID]record.ID // shipment to voucher
	claims  map[record.ID]bool
	links   map[[2]record.Key]bool
	found   map[string]Finding // by ID
}

type naiveSale struct {
	seller, buyer record.Key
	delivered     []uint32
}

// scan returns what the blocks up to l have.
func scan(p Params, l *link) *naive {
	n := &naive{
		params: p, account: map[record.Key]record.Key{}, sold: map[record.ID]*naiveSale{}, goods: map[record.ID]record.ID{},
		claims: map[record.ID]bool{}, links: map[[2]record.Key]bool{}, found: map[string]Finding{},
	}
	for _, b := range l.path() {
		from := len(n.events)
		for _, r := range b.Records {
			n.record(r, b.height)
		}
		for _, e := range n.events[from:] {
			n.judge(e)
		}
	}
	return n
}

func (n *naive) first(k record.Key) record.Key {
	for {
		older, ok := n.account[k]
		if !ok {
			return k
		}
		k = older
	}
}

func (n *naive) see(what string, owner, with record.Key, height uint32, id record.ID) {
	n.events = append(n.events, event{what, owner, with, height, id})
}

func (n *naive) record(r *record.Record, height uint32) {
	author := n.first(r.Key)
	switch p := r.Payload.(type) {
	case record.KeyRotate:
		n.account[p.New] = r.Key
	case record.ClaimOpen:
		n.claims[r.ID()] = true
	case record.VoucherIssue:
		buyer := n.first(p.Buyer)
		n.sold[r.ID()] = &naiveSale{seller: author, buyer: buyer}
		n.order = append(n.order, r.ID())
		n.see("sales", author, record.Key{}, height, r.ID())
		if p.Price <= 20_000_000 { // 5 thousandths of 0.2 are the least fee
			n.see("floor", author, record.Key{}, height, r.ID())
		}
		n.see("cluster", author, buyer, height, r.ID())
		for link := range n.links {
			if link[0] == buyer {
				n.see("cluster", author, link[1], height, r.ID())
			}
		}
	case record.Pay:
		to := n.first(p.To)
		for _, link := range [][2]record.Key{{author, to}, {to, author}} {
			if n.claims[p.Reference] || n.links[link] {
				continue
			}
			n.links[link] = true
			for _, id := range n.order {
				if s := n.sold[id]; s.buyer == link[0] {
					n.see("cluster", s.seller, link[1], height, id)
				}
			}
		}
	case record.ShipmentCreate:
		if p.Claim == (record.ID{}) {
			n.goods[r.ID()] = p.Voucher
		}
	case record.DeliveryConfirm:
		if s := n.sold[n.goods[p.Shipment]]; s != nil {
			s.delivered = append(s.delivered, height)
			n.see("carrier", s.seller, author, height, r.ID())
		}
	case record.Ruling:
		if s := n.sold[n.goods[p.ID]]; s != nil && p.Outcome == record.RuledDelivered {
			s.delivered = append(s.delivered, height)
		}
	case record.Evaluate:
		s := n.sold[p.Voucher]
		n.see("evaluations", s.seller, record.Key{}, height, r.ID())
		if i := len(s.delivered); i > 0 && height-s.delivered[i-1] <= 1 {
			n.see("instant", s.seller, record.Key{}, height, r.ID())
		}
	}
}

// number counts events of an owner, with an account if it is not zero, in heights from
// one on and before another.
func (n *naive) number(what string, owner, with *record.Key, from, to uint32) (count float64) {
	for _, e := range n.events {
		if e.what == what && (owner == nil || e.owner == *owner) && (with == nil || e.with == *with) && from <= e.height && e.height < to {
			count++
		}
	}
	return count
}

// judge decides anew about what an event counts for, with all events of its block.
func (n *naive) judge(e event) {
	const ever = math.MaxUint32
	p := n.params
	period := e.height / p.Period * p.Period
	f := Finding{Owner: e.owner, With: e.with, From: period, To: e.height, Counted: "sales"}
	mine := n.number(e.what, &e.owner, &e.with, period, ever)
	sold := n.number("sales", &e.owner, nil, period, ever)
	var of, bound float64
	switch e.what {
	case "sales", "evaluations":
		f.Kind, f.Counted, f.From = Burst, e.what, e.height/p.Window*p.Window
		mine = n.number(e.what, &e.owner, nil, f.From, ever)
		begin := f.From
		for i := 0; i < 28 && begin > 0 && n.number(e.what, &e.owner, nil, 0, begin) > 0; i++ {
			begin -= p.Window
		}
		windows := max(1, float64((f.From-begin)/p.Window))
		of = n.number(e.what, &e.owner, nil, begin, f.From)
		bound = 13 + math.Floor((2*of+6*math.Floor(math.Sqrt(of*windows)))/windows)
	case "floor":
		f.Kind, of = FeeFloor, sold
		bound = max(20, math.Ceil(of*3/4))
		if n.number("floor", &e.owner, nil, 0, period) > n.number("sales", &e.owner, nil, 0, period)/2 {
			bound = math.Inf(1)
		}
	case "instant":
		f.Kind, f.Counted, of = InstantEvaluation, "evaluations", n.number("evaluations", &e.owner, nil, period, ever)
		bound = max(10, math.Ceil(of/2))
	case "carrier":
		f.Kind, f.Counted, of = CarrierShare, "deliveries", n.number("carrier", &e.owner, nil, period, ever)
		bound = max(20, math.Ceil(of*3/4), math.Ceil(n.number("carrier", nil, &e.with, period, ever)*3/4))
	case "cluster":
		f.Kind, f.Counted, of = BuyerCluster, "purchases", sold
		bound = max(8, math.Ceil(math.Sqrt(sold)), math.Ceil(n.number("cluster", nil, &e.with, period, ever)/2))
	}
	if mine < bound {
		delete(n.found, f.ID())
		return
	}
	f.Measure = Measure{uint64(mine), uint64(of), uint64(bound)}
	for _, x := range slices.Backward(n.events) {
		if x.what == e.what && x.owner == e.owner && x.with == e.with && x.height >= f.From && len(f.Records) < 200 {
			f.Records = append(f.Records, x.id)
		}
	}
	n.found[f.ID()] = f
}
