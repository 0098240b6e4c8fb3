package traffic

import (
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// tryEvery is the number of records of players for each one that a dishonest
// party tries, and the rules reject.
const tryEvery = 12

// attempt is a case as a dishonest party sees it.
type attempt struct {
	*Generator
	chainView
	sc       *saleCase
	voucher  *rules.Voucher
	claim    *rules.Claim      // nil: none
	shipment *rules.Shipment   // nil: none
	opinion  *rules.Evaluation // nil: none
	stranger *player           // has no part in the case
}

// try returns what a dishonest party tries in some case, or nil if there is
// nothing to try. It leaves out cases with a pending record: what the rules say
// about them is not known yet.
func (g *Generator) try() (*draft, error) {
	p := &g.players
	if len(p.cases) == 0 {
		return nil, nil
	}
	sc := p.cases[g.random.IntN(len(p.cases))]
	if sc.over || sc.pending != (record.ID{}) && g.o.Pool.Get(sc.pending) != nil {
		return nil, nil
	}
	s := attempt{Generator: g, sc: sc}
	s.View, s.Context = g.view()
	var err error
	if s.voucher, err = rules.GetVoucher(s.View, s.Context, sc.voucher); err != nil || s.voucher == nil {
		return nil, err
	}
	if s.voucher.Claim != (record.ID{}) {
		if s.claim, err = rules.GetClaim(s.View, s.Context, s.voucher.Claim); err != nil {
			return nil, err
		}
	}
	if s.voucher.Shipment != (record.ID{}) {
		if s.shipment, err = rules.GetShipment(s.View, s.voucher.Shipment); err != nil {
			return nil, err
		}
	}
	if s.opinion, err = rules.GetEvaluation(s.View, sc.voucher); err != nil {
		return nil, err
	}
	for first := g.random.IntN(len(p.people)); ; first++ {
		s.stranger = p.people[first%len(p.people)]
		if id := s.stranger.id(); id != s.voucher.Holder && id != s.voucher.Buyer {
			break
		}
	}
	for _, i := range g.random.Perm(len(tries)) {
		t := &tries[i]
		if d := t.make(&s); d != nil && d.author != nil && !d.author.resting {
			d.try = t.name
			return d, nil
		}
	}
	return nil, nil
}

// tries are what dishonest parties try. Each returns nil where the rules might
// allow it.
var tries = []struct {
	name string
	make func(s *attempt) *draft
}{
	{"sell an item twice", func(s *attempt) *draft {
		if s.voucher.State.Final() {
			return nil
		}
		return s.sale(s.seller(), func(*record.VoucherIssue) {}, s.stranger.key)
	}},
	{"sell without the buyer's signature", func(s *attempt) *draft {
		return s.sale(s.seller(), func(p *record.VoucherIssue) { p.Serial += "-x" })
	}},
	{"sell without burning the fee", func(s *attempt) *draft {
		return s.sale(s.seller(), func(p *record.VoucherIssue) { p.Serial, p.Burn = p.Serial+"-x", 1 }, s.stranger.key)
	}},
	{"sell without being a seller", func(s *attempt) *draft {
		return s.sale(s.players.makers[0].author, func(p *record.VoucherIssue) { p.Serial += "-x" }, s.stranger.key)
	}},
	{"sell while suspended", func(s *attempt) *draft {
		if x := s.players.player(s.voucher.Seller); x == nil || !x.suspended {
			return nil
		}
		return s.sale(s.seller(), func(p *record.VoucherIssue) { p.Serial += "-x" }, s.stranger.key)
	}},
	{"give away what others hold", func(s *attempt) *draft {
		return s.by(s.stranger.author, record.VoucherTransfer{Time: s.now(), Voucher: s.voucher.ID, To: s.players.sellers[0].id()}, s.players.sellers[0].key)
	}},
	{"give away what is under a claim", func(s *attempt) *draft {
		if !s.voucher.ClaimLive {
			return nil
		}
		return s.party(s.voucher.Holder, record.VoucherTransfer{Time: s.now(), Voucher: s.voucher.ID, To: s.stranger.id()}, s.stranger.key)
	}},
	{"undo a sale after the goods left", func(s *attempt) *draft {
		if s.shipment == nil || s.shipment.State != rules.ShipmentInTransit && s.shipment.State != rules.ShipmentDelivered {
			return nil
		}
		return s.void(s.voucher)
	}},
	{"hand over what others have", func(s *attempt) *draft {
		if s.shipment == nil {
			return nil
		}
		by, to := s.otherCarrier(s.shipment.Custodian()), s.otherCarrier(s.shipment.Custodian())
		if by == to {
			return nil
		}
		return s.by(by.author, record.CustodyHandover{Time: s.now(), Shipment: s.shipment.ID, To: to.id()}, to.key)
	}},
	{"deliver to somebody else", func(s *attempt) *draft {
		if s.shipment == nil || s.shipment.State != rules.ShipmentInTransit {
			return nil
		}
		return s.party(s.shipment.Carrier, record.DeliveryConfirm{
			Time: s.now(), Shipment: s.shipment.ID, PickupKey: s.stranger.id(), ChallengeHeight: s.Height - 1,
		}, s.stranger.key)
	}},
	{"deliver by a challenge that is not yet made", func(s *attempt) *draft {
		if s.shipment == nil || s.shipment.State != rules.ShipmentInTransit {
			return nil
		}
		x := s.parcel(s.sc, s.shipment.Leg, s.shipment.Claim)
		return s.party(s.shipment.Carrier, record.DeliveryConfirm{
			Time: s.now(), Shipment: s.shipment.ID, PickupKey: record.PublicOf(x.pickup), ChallengeHeight: s.Height + 5,
		}, x.pickup)
	}},
	{"give up goods that are on their way", func(s *attempt) *draft {
		if s.shipment == nil || s.shipment.State != rules.ShipmentInTransit || uint64(s.MedianTime) > s.shipment.LostFrom(&s.Params.AfterSales) {
			return nil
		}
		return s.party(s.shipment.Sender, record.DeliveryException{Time: s.now(), Shipment: s.shipment.ID, Kind: record.Lost})
	}},
	{"deliver twice", func(s *attempt) *draft {
		if s.shipment == nil || s.shipment.State != rules.ShipmentDelivered || !s.shipment.Left {
			return nil
		}
		x := s.parcel(s.sc, s.shipment.Leg, s.shipment.Claim)
		return s.party(s.shipment.Carrier, record.DeliveryConfirm{
			Time: s.now(), Shipment: s.shipment.ID, PickupKey: record.PublicOf(x.pickup), ChallengeHeight: s.Height - 1, ChallengeNonce: record.Nonce{1},
		}, x.pickup)
	}},
	{"claim under others' voucher", func(s *attempt) *draft {
		return s.by(s.stranger.author, s.open(record.Repair))
	}},
	{"claim before delivery", func(s *attempt) *draft {
		if s.voucher.State != rules.VoucherIssued {
			return nil
		}
		return s.party(s.voucher.Holder, s.open(record.Repair))
	}},
	{"claim twice", func(s *attempt) *draft {
		if !s.voucher.ClaimLive {
			return nil
		}
		return s.party(s.voucher.Holder, s.open(record.Repair))
	}},
	{"claim money for old goods", func(s *attempt) *draft {
		v := s.voucher
		if v.State != rules.VoucherActive || v.Recalled || v.ClaimLive || v.Repairs > 0 || s.days(v.Delivered) <= uint64(s.Params.AfterSales.ExchangeDays) {
			return nil
		}
		return s.party(v.Holder, s.open(record.Refund))
	}},
	{"answer a claim against somebody else", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimOpen {
			return nil
		}
		return s.by(s.stranger.author, record.ClaimRespond{Time: s.now(), Claim: s.claim.ID, Action: record.Reject, Cause: record.Misuse})
	}},
	{"inspect without being asked", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimReceived {
			return nil
		}
		for _, x := range s.players.servicers {
			if x.id() != s.claim.Servicer {
				return s.by(x.author, record.InspectionReport{Time: s.now(), Claim: s.claim.ID, Finding: record.NoFault})
			}
		}
		return nil
	}},
	{"ask for goods that never arrived", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimOpen || s.claim.Ground != record.Delivery {
			return nil
		}
		return s.party(s.voucher.Seller, record.ClaimRespond{
			Time: s.now(), Claim: s.claim.ID, Action: record.Authorise, Remedy: record.Refund, Refund: s.voucher.Price, ReturnNeeded: true,
		})
	}},
	{"answer twice", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimRejected && s.claim.State != rules.ClaimOffered {
			return nil
		}
		return s.party(s.voucher.Seller, record.ClaimRespond{Time: s.now(), Claim: s.claim.ID, Action: record.Reject, Cause: record.Opened})
	}},
	{"meddle with evidence", func(s *attempt) *draft {
		if s.claim == nil {
			return nil
		}
		return s.by(s.stranger.author, record.EvidenceAdd{Time: s.now(), Claim: s.claim.ID, Evidence: digest("meddling", s.Height)})
	}},
	{"add evidence after the end", func(s *attempt) *draft {
		if s.claim == nil || !s.claim.State.Closed() {
			return nil
		}
		return s.party(s.voucher.Seller, record.EvidenceAdd{Time: s.now(), Claim: s.claim.ID, Evidence: digest("late", s.Height)})
	}},
	{"escalate early", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimOpen && s.claim.State != rules.ClaimAuthorised {
			return nil
		}
		if _, end := s.claim.Deadline(&s.Params.AfterSales); uint64(s.MedianTime) > end {
			return nil
		}
		return s.escalate(s.claim)
	}},
	{"rule without being a supervisor", func(s *attempt) *draft {
		if s.claim == nil {
			return nil
		}
		return s.party(s.voucher.Seller, record.Ruling{Time: s.now(), Subject: record.OnClaim, ID: s.claim.ID, Outcome: record.Dismissed})
	}},
	{"rule where nobody asked", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State == rules.ClaimEscalated {
			return nil
		}
		return s.by(s.players.supervisors[0].author, record.Ruling{Time: s.now(), Subject: record.OnClaim, ID: s.claim.ID, Outcome: record.Dismissed})
	}},
	{"refund without a payment", func(s *attempt) *draft {
		if s.claim == nil || s.claim.Remedy != record.Refund || s.claim.State != rules.ClaimAuthorised && s.claim.State != rules.ClaimInspected && s.claim.State != rules.ClaimOrdered {
			return nil
		}
		return s.party(s.voucher.Seller, record.SettleExecute{Time: s.now(), Claim: s.claim.ID, Remedy: record.Refund, Payment: s.voucher.ID})
	}},
	{"confirm one's own settlement", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimExecuted {
			return nil
		}
		return s.party(s.voucher.Seller, record.SettleConfirm{Time: s.now(), Claim: s.claim.ID, Accept: true})
	}},
	{"close a claim that one has not settled", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimDefaulted {
			return nil
		}
		return s.party(s.voucher.Seller, record.ClaimClose{Time: s.now(), Claim: s.claim.ID})
	}},
	{"withdraw after the goods came back", func(s *attempt) *draft {
		if s.claim == nil || s.claim.State != rules.ClaimReceived && s.claim.State != rules.ClaimInspected {
			return nil
		}
		return s.withdraw(s.claim)
	}},
	{"evaluate others' purchase", func(s *attempt) *draft {
		return s.by(s.stranger.author, s.praise())
	}},
	{"evaluate before delivery", func(s *attempt) *draft {
		if s.voucher.Delivered != 0 {
			return nil
		}
		return s.party(s.voucher.Buyer, s.praise())
	}},
	{"evaluate twice", func(s *attempt) *draft {
		if s.opinion == nil {
			return nil
		}
		return s.party(s.voucher.Buyer, s.praise())
	}},
	{"amend without a claim", func(s *attempt) *draft {
		if s.opinion == nil || s.voucher.ClaimClosed {
			return nil
		}
		return s.party(s.voucher.Buyer, record.EvaluateAmend(s.praise()))
	}},
	{"reply twice", func(s *attempt) *draft {
		if s.opinion == nil || !s.opinion.Replied {
			return nil
		}
		return s.party(s.voucher.Seller, record.SellerReply{Time: s.now(), Voucher: s.voucher.ID})
	}},
	{"take the reward early or twice", func(s *attempt) *draft {
		if s.opinion == nil || !s.opinion.Rewarded && s.Height >= s.opinion.Height+s.Params.AfterSales.RewardDelay {
			return nil
		}
		return s.party(s.voucher.Buyer, record.RewardClaim{Time: s.now(), Voucher: s.voucher.ID})
	}},
	{"correct others' record", func(s *attempt) *draft {
		return s.by(s.stranger.author, record.Correction{Time: s.now(), Record: s.voucher.ID, Cause: record.DidNotOccur})
	}},
	{"suspend a competitor", func(s *attempt) *draft {
		return s.by(s.seller(), record.SellerSuspend{Time: s.now(), Seller: s.players.sellers[0].id(), Cause: record.FalseSales})
	}},
	{"recall a competitor's product", func(s *attempt) *draft {
		return s.by(s.seller(), record.RecallNotice{Time: s.now(), GTIN: s.voucher.GTIN})
	}},
	{"use a sequence number again", func(s *attempt) *draft {
		a, err := rules.GetAccount(s.View, s.stranger.id())
		if err != nil || a.Seq == 0 {
			return nil
		}
		d := s.by(s.stranger.author, record.Pay{To: s.voucher.Seller, Amount: 1})
		d.replay = true
		return d
	}},
}

func (s *attempt) seller() *author { return s.players.byKey[s.voucher.Seller] }

// sale returns a sale of the item, changed.
func (s *attempt) sale(by *author, change func(*record.VoucherIssue), with ...record.PrivateKey) *draft {
	v, product := s.voucher, s.players.product(s.sc)
	p := record.VoucherIssue{
		Time: s.now(), GTIN: v.GTIN, Serial: v.Serial, Buyer: s.stranger.id(), Price: v.Price, Quantity: 1,
		WarrantyDays: v.WarrantyDays, Terms: product.terms, Burn: v.Burn, Stipend: 4 * s.Params.AfterSales.MinStipend,
	}
	change(&p)
	return s.by(by, p, with...)
}

func (s *attempt) open(remedy record.Remedy) record.ClaimOpen {
	return record.ClaimOpen{Time: s.now(), Voucher: s.voucher.ID, Ground: record.Fault, FaultCode: 1, Remedy: remedy}
}

func (s *attempt) praise() record.Evaluate {
	return record.Evaluate{Time: s.now(), Voucher: s.voucher.ID, Product: 5, Service: 5, Logistics: 5}
}
