package api

import (
	"encoding/hex"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// Voucher is a voucher as the next block finds it.
type Voucher struct {
	ID           string        `json:"id"`
	State        string        `json:"state" enum:"issued,active,expired,void,refunded,replaced"`
	GTIN         string        `json:"gtin"`
	Serial       record.Serial `json:"serial"`
	Seller       record.Key    `json:"seller" doc:"parties are named by the first keys of their accounts"`
	Buyer        record.Key    `json:"buyer" doc:"the first one"`
	Holder       record.Key    `json:"holder"`
	Price        record.Amount `json:"price"`
	Quantity     uint32        `json:"quantity"`
	Distance     bool          `json:"distance" doc:"sold at a distance"`
	WarrantyDays uint16        `json:"warranty_days"`
	Burn         record.Amount `json:"burn" doc:"what the seller burned"`
	Issued       uint32        `json:"issued" doc:"median time"`
	Delivered    uint32        `json:"delivered,omitempty" doc:"median time; missing if it is not"`
	WarrantyEnd  uint64        `json:"warranty_end,omitempty" doc:"last second of the warranty, with the time in repair; missing if it is not delivered"`
	Extended     uint32        `json:"extended_seconds" doc:"time in repair, by which the warranty is longer"`
	Repairs      uint8         `json:"repairs" doc:"of the last fault, one after the other"`
	LastFault    uint16        `json:"last_fault,omitempty"`
	Recalled     bool          `json:"recalled"`
	Shipment     string        `json:"shipment,omitempty" doc:"the last one to the holder"`
	Claim        string        `json:"claim,omitempty" doc:"the last one"`
	ClaimLive    bool          `json:"claim_live" doc:"whether that one is not closed"`
	Replaces     string        `json:"replaces,omitempty" doc:"the claim that was settled with this voucher"`
	Evaluation   *Evaluation   `json:"evaluation,omitempty"`
	Invoice      string        `json:"invoice,omitempty" doc:"SHA-256 of the invoice; missing in lists"`
	Terms        string        `json:"terms,omitempty" doc:"SHA-256 of the terms of the warranty; missing in lists"`
	AnswerHeight
}

// Evaluation is what the first buyer thinks.
type Evaluation struct {
	State     string        `json:"state" enum:"given,amended"`
	Height    uint32        `json:"height" doc:"of the block with the first one"`
	Time      uint32        `json:"time" doc:"median time of that block"`
	Product   uint8         `json:"product" doc:"1 to 5, as the others"`
	Service   uint8         `json:"service"`
	Logistics uint8         `json:"logistics"`
	Replied   bool          `json:"replied" doc:"whether the seller answered"`
	Rewarded  bool          `json:"rewarded" doc:"whether the reward was paid"`
	Reward    record.Amount `json:"reward" doc:"what it is worth, whatever the scores"`
}

// Claim is a claim as the next block finds it.
type Claim struct {
	ID           string        `json:"id"`
	State        string        `json:"state" example:"authorised"`
	Closed       bool          `json:"closed"`
	Since        uint32        `json:"since" doc:"median time at which it came to this state"`
	Deadline     *Deadline     `json:"deadline,omitempty" doc:"missing if nothing is waited for"`
	Voucher      string        `json:"voucher"`
	GTIN         string        `json:"gtin"`
	Serial       record.Serial `json:"serial"`
	Seller       record.Key    `json:"seller" doc:"parties are named by the first keys of their accounts"`
	Holder       record.Key    `json:"holder" doc:"who made it"`
	Ground       string        `json:"ground"`
	FaultCode    uint16        `json:"fault_code,omitempty"`
	Asked        string        `json:"asked" doc:"the remedy"`
	Opened       uint32        `json:"opened" doc:"median time"`
	Remedy       string        `json:"remedy,omitempty" doc:"authorised, offered or ordered last"`
	Refund       record.Amount `json:"refund"`
	ReturnNeeded bool          `json:"return_needed"`
	Agreed       uint32        `json:"agreed,omitempty" doc:"median time of the authorisation or the order"`
	Received     uint32        `json:"received,omitempty" doc:"median time at which the goods came back"`
	Executed     uint32        `json:"executed,omitempty" doc:"median time at which the remedy was given"`
	Settlement   string        `json:"settlement,omitempty" doc:"the payment or the voucher with which it was given"`
	Return       string        `json:"return,omitempty" doc:"the last shipment to the seller"`
	SendBack     string        `json:"send_back,omitempty" doc:"the last shipment of repaired goods"`
	Servicer     string        `json:"servicer,omitempty" doc:"who may inspect the goods beside the seller, as the response says"`
	Inspector    string        `json:"inspector,omitempty" doc:"the servicer that inspected the goods"`
	Ruled        bool          `json:"ruled" doc:"a supervisor ruled"`
	Defaulted    bool          `json:"defaulted" doc:"an order was not executed in time"`
	AnswerHeight
}

// Deadline is the period that runs.
type Deadline struct {
	Period string `json:"period" enum:"respond,escalate,execute,order,confirm,ruling,send,arrive"`
	Time   uint64 `json:"time" doc:"its last second, of median time"`
	Passed bool   `json:"passed" doc:"whether the next block comes after it"`
}

// Shipment is where goods are.
type Shipment struct {
	ID          string     `json:"id"`
	State       string     `json:"state" enum:"created,in-transit,attempted,exception,delivered,returned,lost"`
	Since       uint32     `json:"since" doc:"median time of the last change of state or custody"`
	Voucher     string     `json:"voucher"`
	Leg         string     `json:"leg" enum:"outbound,return,replacement"`
	Claim       string     `json:"claim,omitempty"`
	Sender      record.Key `json:"sender" doc:"parties are named by the first keys of their accounts"`
	Carrier     record.Key `json:"carrier" doc:"that has the goods, had them last, or is to get them"`
	Custodian   record.Key `json:"custodian" doc:"who has the goods, or had them last"`
	Exception   string     `json:"exception,omitempty" doc:"what went wrong"`
	LostFrom    uint64     `json:"lost_from,omitempty" doc:"until when it counts as under way although nothing happens; missing if it is not under way"`
	AttemptFrom uint64     `json:"attempt_from,omitempty" doc:"until when the carrier has to try before it can prove the attempt"`
	AnswerHeight
}

// idText returns the text of an id, "" for none.
func idText(id record.ID) string {
	if id == (record.ID{}) {
		return ""
	}
	return id.String()
}

func digestText(d record.Digest) string { return hex.EncodeToString(d[:]) }

func newVoucher(v *query.Voucher) Voucher {
	res := Voucher{
		ID: v.ID.String(), State: v.State.String(), GTIN: v.GTIN.String(), Serial: v.Serial,
		Seller: v.Seller, Buyer: v.Buyer, Holder: v.Holder, Price: v.Price, Quantity: v.Quantity, Distance: v.Distance,
		WarrantyDays: v.WarrantyDays, Burn: v.Burn, Issued: v.Issued, Delivered: v.Delivered, WarrantyEnd: v.WarrantyEnd,
		Extended: v.Extended, Repairs: v.Repairs, LastFault: v.LastFault, Recalled: v.Recalled,
		Shipment: idText(v.Shipment), Claim: idText(v.Claim), ClaimLive: v.ClaimLive, Replaces: idText(v.Replaces),
	}
	if v.Sale != nil {
		res.Invoice, res.Terms = digestText(v.Sale.Invoice), digestText(v.Sale.Terms)
	}
	if v.Evaluation != nil {
		e := newEvaluation(v.Evaluation)
		res.Evaluation = &e
	}
	return res
}

func newEvaluation(e *query.Evaluation) Evaluation {
	return Evaluation{
		State: e.State.String(), Height: e.Height, Time: e.Time, Product: e.Product, Service: e.Service, Logistics: e.Logistics,
		Replied: e.Replied, Rewarded: e.Rewarded, Reward: e.Reward,
	}
}

func newClaim(c *query.Claim) Claim {
	res := Claim{
		ID: c.ID.String(), State: c.State.String(), Closed: c.State.Closed(), Since: c.Since,
		Voucher: c.Voucher.String(), GTIN: c.GTIN.String(), Serial: c.Serial, Seller: c.Seller, Holder: c.Holder, Ground: c.Ground.String(), FaultCode: c.FaultCode,
		Asked: c.Asked.String(), Opened: c.Opened, Refund: c.Refund, ReturnNeeded: c.ReturnNeeded,
		Agreed: c.Agreed, Received: c.Received, Executed: c.Executed, Settlement: idText(c.Settlement),
		Return: idText(c.Return), SendBack: idText(c.SendBack), Ruled: c.Ruled, Defaulted: c.Defaulted,
	}
	if c.Remedy != 0 {
		res.Remedy = c.Remedy.String()
	}
	if c.Servicer != (record.Key{}) {
		res.Servicer = c.Servicer.String()
	}
	if c.Inspector != (record.Key{}) {
		res.Inspector = c.Inspector.String()
	}
	if d := c.Deadline; d != nil {
		res.Deadline = &Deadline{d.Period.String(), d.Time, d.Passed}
	}
	return res
}

func newShipment(h *query.Shipment) Shipment {
	res := Shipment{
		ID: h.ID.String(), State: h.State.String(), Since: h.Since, Voucher: h.Voucher.String(), Leg: h.Leg.String(),
		Claim: idText(h.Claim), Sender: h.Sender, Carrier: h.Carrier, Custodian: h.Custodian(), AttemptFrom: h.AttemptFrom,
		LostFrom: h.LostFrom,
	}
	if h.Kind != 0 {
		res.Exception = h.Kind.String()
	}
	return res
}

func newItem(i *query.Item) Item {
	res := Item{GTIN: i.GTIN.String(), Serial: i.Serial, Recalled: i.Recalled}
	if i.Product != nil {
		p := newProduct(i.Product)
		res.Product = &p
	}
	if i.Voucher != nil {
		v := newVoucher(i.Voucher)
		res.Voucher = &v
	}
	return res
}

func newProduct(p *rules.Product) Product {
	return Product{p.Maker, p.WarrantyDays, p.Terms, p.Recalled}
}
