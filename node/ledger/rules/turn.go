package rules

import (
	"math"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Turn is whose turn it is in a claim, and what happens if they stay silent.
type Turn struct {
	// Role is what they are in the case: "seller or maker", "holder", "custodian"
	// of the goods that come back, "supervisor", "seller or servicer". It is "" if
	// the claim is closed.
	Role string
	// Accounts are theirs, named by the first keys. There are none if every account
	// with the role may act.
	Accounts []record.Key

	// Period is the period that runs, and Until its last second of median time, in
	// seconds since 1970. They are 0 if there is none.
	Period Period
	Until  uint64
	// Silence is the state of the claim after that, if nobody writes a record; 0 if
	// it stays as it is.
	Silence ClaimState
	// Then is the record that becomes possible after that, and ThenBy who may write
	// it: "holder". They are 0 and "" if there is none.
	Then   record.Type
	ThenBy string
}

// GetTurn returns whose turn it is in a claim, as it is at c. If there is no such
// claim, it returns a [reject.Error]. Other errors come from the View.
func GetTurn(v View, c Context, id record.ID) (Turn, error) {
	claim, err := GetClaim(v, c, id)
	if err != nil {
		return Turn{}, err
	}
	if claim == nil {
		return Turn{}, reject.New(reject.ClaimUnknown, "there is no claim %v", id)
	}
	var turn Turn
	if row, end := claim.deadline(&c.Params.AfterSales); row != nil {
		turn.Period, turn.Until = row.Period, end
		if row.On == 0 {
			turn.Silence = row.To
		} else {
			turn.Then, turn.ThenBy = row.On, row.By.String()
		}
	}
	if claim.State.Closed() {
		return turn, nil
	}
	goods, err := GetShipment(v, claim.Return)
	if err != nil {
		return Turn{}, err
	}
	who := claim.turn(goods)
	turn.Role = who.String()
	turn.Accounts, err = accountsOf(v, c, claim, goods, who)
	return turn, err
}

// turn returns the parts of those whose turn it is. Goods is the last shipment
// to the seller, or nil.
func (c *Claim) turn(goods *Shipment) part {
	switch c.State {
	case ClaimOpen, ClaimInspected, ClaimOrdered, ClaimDefaulted:
		return seller | maker
	case ClaimReceived:
		return seller | servicer
	case ClaimEscalated:
		return supervisor
	case ClaimAuthorised:
		if !c.ReturnNeeded {
			return seller | maker
		}
		if goods == nil || !goods.Left {
			return holder
		}
		switch goods.State {
		case ShipmentInTransit, ShipmentException:
			return custodian
		case ShipmentAttempted:
			return supervisor
		}
	}
	return holder
}

// accountsOf returns the accounts that play the parts in a claim.
func accountsOf(v View, c Context, claim *Claim, goods *Shipment, who part) ([]record.Key, error) {
	voucher, err := GetVoucher(v, c, claim.Voucher)
	if err != nil {
		return nil, err
	}
	if voucher == nil {
		return nil, errNoEntry(voucherEntry, claim.Voucher)
	}
	var all []record.Key
	if who&seller != 0 {
		all = append(all, voucher.Seller)
	}
	if who&maker != 0 {
		product, err := GetProduct(v, voucher.GTIN)
		if err != nil {
			return nil, err
		}
		if product == nil {
			return nil, errNoEntry(productEntry, voucher.ID)
		}
		if product.Maker != voucher.Seller {
			all = append(all, product.Maker)
		}
	}
	if who&holder != 0 {
		all = append(all, claim.Holder)
	}
	if who&servicer != 0 && claim.Servicer != (record.Key{}) && claim.Servicer != voucher.Seller {
		all = append(all, claim.Servicer)
	}
	if who&custodian != 0 {
		all = append(all, goods.Carrier)
	}
	return all, nil
}

// eachEnd calls yield with the last second of each period that runs in the
// claim's state, or will in those to which silence leads. It leaves the claim in
// the last of them.
func (c *Claim) eachEnd(p *network.AfterSales, yield func(end uint64)) {
	for {
		lapse := uint64(never)
		for i := range claimTable {
			row := &claimTable[i]
			if row.From != c.State || row.Period == 0 {
				continue
			}
			end := c.end(row.Period, p)
			if end == never {
				continue
			}
			yield(end)
			if row.On == 0 {
				lapse = min(lapse, end)
			}
		}
		if lapse >= math.MaxUint32 {
			return
		}
		c.lapse(p, uint32(lapse)+1)
	}
}
