package traffic

import (
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// evaluate does what comes of a sale after delivery: the buyer's opinion, the
// seller's reply, the reward.
func (g *Generator) evaluate(sc *saleCase, b chainView, v *rules.Voucher) (*draft, error) {
	if v.Delivered == 0 {
		return nil, nil
	}
	e, err := rules.GetEvaluation(b, v.ID)
	if err != nil {
		return nil, err
	}
	p := &b.Params.AfterSales
	if e == nil {
		days := b.days(v.Delivered)
		if !chance(v.ID, "evaluate", 75) || days < 1+roll(v.ID, "evaluate after")%20 || days >= uint64(p.EvaluateDays) {
			return nil, nil
		}
		product, service, logistics := scores(v, "first")
		return g.party(v.Buyer, record.Evaluate{
			Time: g.now(), Voucher: v.ID, Product: product, Service: service, Logistics: logistics, Text: digest("evaluation", v.ID),
		}), nil
	}
	switch {
	case !e.Replied && chance(v.ID, "reply", 40):
		return g.party(v.Seller, record.SellerReply{Time: g.now(), Voucher: v.ID, Text: digest("reply", v.ID)}), nil
	case e.State == rules.EvaluationGiven && v.ClaimClosed && chance(v.ID, "amend", 60) && b.days(v.Delivered) < uint64(p.EvaluateDays):
		product, service, logistics := scores(v, "second")
		return g.party(v.Buyer, record.EvaluateAmend{
			Time: g.now(), Voucher: v.ID, Product: product, Service: service, Logistics: logistics, Text: digest("amendment", v.ID),
		}), nil
	case !e.Rewarded && chance(v.ID, "reward", 80) && b.Height >= e.Height+p.RewardDelay:
		return g.party(v.Buyer, record.RewardClaim{Time: g.now(), Voucher: v.ID}), nil
	}
	return nil, nil
}

// scores are mostly good.
func scores(v *rules.Voucher, name string) (product, service, logistics uint8) {
	score := func(of string) uint8 { return 1 + uint8(max(roll(v.ID, name+of)%5, roll(v.ID, name+of+"2")%5)) }
	return score("product"), score("service"), score("logistics")
}
