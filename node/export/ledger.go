package export

import (
	"fmt"
	"strings"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// tables are all tables.
var tables = []table{
	blocksTable, recordsTable, rulingsTable, recallsTable, suspensionsTable, correctionsTable,
	vouchersTable, claimsTable, shipmentsTable, evaluationsTable, productsTable, accountsTable, sellersTable,
}

var vouchersTable = &tableOf[rules.Voucher]{
	Table: Table{Name: "vouchers", Summary: "Sales and their warranties", Filters: []string{"seller", "holder", "gtin"}},
	columns: []column[rules.Voucher]{
		id("id", "of the VOUCHER_ISSUE", func(v *rules.Voucher) record.ID { return v.ID }),
		word("state", "issued, active, expired, void, refunded or replaced", func(v *rules.Voucher) string { return v.State.String() }),
		text("gtin", "number of the product, 14 digits", func(v *rules.Voucher) string { return v.GTIN.String() }),
		text("serial", "serial number of the item", func(v *rules.Voucher) string { return string(v.Serial) }),
		key("seller", "account of the seller", func(v *rules.Voucher) record.Key { return v.Seller }),
		key("buyer", "account of the first holder", func(v *rules.Voucher) record.Key { return v.Buyer }),
		key("holder", "account of the holder now", func(v *rules.Voucher) record.Key { return v.Holder }),
		amount("price", "", func(v *rules.Voucher) record.Amount { return v.Price }),
		number("quantity", "", func(v *rules.Voucher) uint64 { return uint64(v.Quantity) }),
		flag("distance", "sold at a distance", func(v *rules.Voucher) bool { return v.Distance }),
		number("warranty_days", "as the seller promised", func(v *rules.Voucher) uint64 { return uint64(v.WarrantyDays) }),
		amount("burn", "what the seller burned", func(v *rules.Voucher) record.Amount { return v.Burn }),
		seconds("issued", "median time", func(v *rules.Voucher) uint64 { return uint64(v.Issued) }),
		seconds("delivered", "median time", func(v *rules.Voucher) uint64 { return uint64(v.Delivered) }).optional(),
		number("extended_seconds", "time in repair, by which the warranty is longer", func(v *rules.Voucher) uint64 { return uint64(v.Extended) }),
		number("repairs", "of the last fault, one after the other", func(v *rules.Voucher) uint64 { return uint64(v.Repairs) }),
		number("last_fault", "its code", func(v *rules.Voucher) uint64 { return uint64(v.LastFault) }).optional(),
		flag("recalled", "the item or all of the product", func(v *rules.Voucher) bool { return v.Recalled }),
		id("shipment", "the last one to the holder", func(v *rules.Voucher) record.ID { return v.Shipment }).optional(),
		id("claim", "the last one", func(v *rules.Voucher) record.ID { return v.Claim }).optional(),
		flag("claim_live", "whether that one is not closed", func(v *rules.Voucher) bool { return v.ClaimLive }),
		id("replaces", "the claim that was settled with this voucher", func(v *rules.Voucher) record.ID { return v.Replaces }).optional(),
	},
	each: func(x *exporter, fn func(*rules.Voucher) error) error {
		return rules.EachVoucher(x.state, x.next, func(v *rules.Voucher) error {
			if !x.wants(v) || x.of.Holder != nil && *x.of.Holder != v.Holder {
				return nil
			}
			return fn(v)
		})
	},
}

// claimRow is a claim with its voucher.
type claimRow struct {
	*rules.Claim
	voucher  *rules.Voucher
	period   rules.Period // that runs; 0: none
	deadline uint64
	overdue  bool
}

var claimsTable = &tableOf[claimRow]{
	Table: Table{Name: "claims", Summary: "Claims of holders", Filters: []string{"seller", "holder", "gtin"}},
	columns: []column[claimRow]{
		id("id", "of the CLAIM_OPEN", func(c *claimRow) record.ID { return c.ID }),
		word("state", "as in the API", func(c *claimRow) string { return c.State.String() }),
		flag("closed", "", func(c *claimRow) bool { return c.State.Closed() }),
		seconds("since", "median time at which it came to this state", func(c *claimRow) uint64 { return uint64(c.Since) }),
		word("period", "that runs", func(c *claimRow) string { return wordOf(c.period) }).optional(),
		seconds("deadline", "last second of the period, of median time", func(c *claimRow) uint64 { return c.deadline }).optional(),
		flag("overdue", "whether the next block comes after it", func(c *claimRow) bool { return c.overdue }),
		id("voucher", "", func(c *claimRow) record.ID { return c.Voucher }),
		text("gtin", "number of the product, 14 digits", func(c *claimRow) string { return c.voucher.GTIN.String() }),
		text("serial", "serial number of the item", func(c *claimRow) string { return string(c.voucher.Serial) }),
		key("seller", "account of the seller", func(c *claimRow) record.Key { return c.voucher.Seller }),
		key("holder", "account that made the claim", func(c *claimRow) record.Key { return c.Holder }),
		word("ground", "fault, no-reason, delivery or recall", func(c *claimRow) string { return c.Ground.String() }),
		number("fault_code", "", func(c *claimRow) uint64 { return uint64(c.FaultCode) }).optional(),
		word("asked", "the remedy: refund, replace or repair", func(c *claimRow) string { return c.Asked.String() }),
		seconds("opened", "median time", func(c *claimRow) uint64 { return uint64(c.Opened) }),
		word("remedy", "authorised, offered or ordered last", func(c *claimRow) string { return wordOf(c.Remedy) }).optional(),
		amount("refund", "", func(c *claimRow) record.Amount { return c.Refund }),
		flag("return_needed", "", func(c *claimRow) bool { return c.ReturnNeeded }),
		seconds("agreed", "median time of the authorisation or the order", func(c *claimRow) uint64 { return uint64(c.Agreed) }).optional(),
		seconds("received", "median time at which the goods came back", func(c *claimRow) uint64 { return uint64(c.Received) }).optional(),
		seconds("executed", "median time at which the remedy was given", func(c *claimRow) uint64 { return uint64(c.Executed) }).optional(),
		id("settlement", "the payment or the voucher with which it was given", func(c *claimRow) record.ID { return c.Settlement }).optional(),
		id("return", "the last shipment to the seller", func(c *claimRow) record.ID { return c.Return }).optional(),
		id("send_back", "the last shipment of repaired goods", func(c *claimRow) record.ID { return c.SendBack }).optional(),
		key("servicer", "account that may inspect the goods beside the seller", func(c *claimRow) record.Key { return c.Servicer }).optional(),
		key("inspector", "account of the servicer that inspected them", func(c *claimRow) record.Key { return c.Inspector }).optional(),
		flag("ruled", "a supervisor ruled", func(c *claimRow) bool { return c.Ruled }),
		flag("defaulted", "an order was not executed in time", func(c *claimRow) bool { return c.Defaulted }),
	},
	each: func(x *exporter, fn func(*claimRow) error) error {
		return rules.EachClaim(x.state, x.next, func(c *rules.Claim) error {
			v, err := x.voucher(c.Voucher)
			if err != nil {
				return err
			}
			if !x.wants(v) || x.of.Holder != nil && *x.of.Holder != c.Holder {
				return nil
			}
			row := claimRow{Claim: c, voucher: v}
			if row.period, row.deadline = c.Deadline(&x.params.AfterSales); row.period != 0 {
				row.overdue = uint64(x.next.MedianTime) > row.deadline
			}
			return fn(&row)
		})
	},
}

var shipmentsTable = &tableOf[rules.Shipment]{
	Table: Table{Name: "shipments", Summary: "Goods in transit", Filters: []string{"carrier"}},
	columns: []column[rules.Shipment]{
		id("id", "of the SHIPMENT_CREATE", func(h *rules.Shipment) record.ID { return h.ID }),
		word("state", "created, in-transit, attempted, exception, delivered, returned or lost", func(h *rules.Shipment) string { return h.State.String() }),
		seconds("since", "median time of the last change of state or custody", func(h *rules.Shipment) uint64 { return uint64(h.Since) }),
		id("voucher", "", func(h *rules.Shipment) record.ID { return h.Voucher }),
		word("leg", "outbound, return or replacement", func(h *rules.Shipment) string { return h.Leg.String() }),
		id("claim", "that the goods travel for", func(h *rules.Shipment) record.ID { return h.Claim }).optional(),
		key("sender", "account", func(h *rules.Shipment) record.Key { return h.Sender }),
		key("carrier", "account that has the goods, had them last, or is to get them", func(h *rules.Shipment) record.Key { return h.Carrier }),
		key("custodian", "account that has the goods, or had them last", func(h *rules.Shipment) record.Key { return h.Custodian() }),
		word("exception", "lost, damaged, refused or misdelivered", func(h *rules.Shipment) string { return wordOf(h.Kind) }).optional(),
		seconds("held_since", "median time since when the custodian has the goods", func(h *rules.Shipment) uint64 { return uint64(h.Held) }).optional(),
	},
	each: func(x *exporter, fn func(*rules.Shipment) error) error {
		return rules.EachShipment(x.state, func(h *rules.Shipment) error {
			if x.of.Carrier != nil && *x.of.Carrier != h.Carrier {
				return nil
			}
			return fn(h)
		})
	},
}

// evaluationRow is an evaluation with its voucher.
type evaluationRow struct {
	*rules.Evaluation
	voucher *rules.Voucher
}

var evaluationsTable = &tableOf[evaluationRow]{
	Table: Table{Name: "evaluations", Summary: "What first buyers think of sales", Filters: []string{"seller", "gtin"}},
	columns: []column[evaluationRow]{
		id("voucher", "", func(e *evaluationRow) record.ID { return e.Voucher }),
		word("state", "given or amended", func(e *evaluationRow) string { return e.State.String() }),
		number("height", "of the block with the first one", func(e *evaluationRow) uint64 { return uint64(e.Height) }),
		seconds("time", "median time of that block", func(e *evaluationRow) uint64 { return uint64(e.Time) }),
		text("gtin", "number of the product, 14 digits", func(e *evaluationRow) string { return e.voucher.GTIN.String() }),
		text("serial", "serial number of the item", func(e *evaluationRow) string { return string(e.voucher.Serial) }),
		key("seller", "account of the seller", func(e *evaluationRow) record.Key { return e.voucher.Seller }),
		key("buyer", "account of the first holder", func(e *evaluationRow) record.Key { return e.voucher.Buyer }),
		number("product", "1 to 5", func(e *evaluationRow) uint64 { return uint64(e.Product) }),
		number("service", "1 to 5", func(e *evaluationRow) uint64 { return uint64(e.Service) }),
		number("logistics", "1 to 5", func(e *evaluationRow) uint64 { return uint64(e.Logistics) }),
		flag("replied", "the seller answered", func(e *evaluationRow) bool { return e.Replied }),
		flag("rewarded", "the reward was paid", func(e *evaluationRow) bool { return e.Rewarded }),
		amount("reward", "what it is worth, whatever the scores", func(e *evaluationRow) record.Amount { return rules.EvaluationReward(e.voucher) }),
	},
	each: func(x *exporter, fn func(*evaluationRow) error) error {
		return rules.EachEvaluation(x.state, func(e *rules.Evaluation) error {
			v, err := x.voucher(e.Voucher)
			if err != nil || !x.wants(v) {
				return err
			}
			return fn(&evaluationRow{e, v})
		})
	},
}

var productsTable = &tableOf[rules.Product]{
	Table: Table{Name: "products", Summary: "Registered products", Filters: []string{"maker"}},
	columns: []column[rules.Product]{
		text("gtin", "number of the product, 14 digits", func(p *rules.Product) string { return p.GTIN.String() }),
		key("maker", "account that registered it", func(p *rules.Product) record.Key { return p.Maker }),
		number("warranty_days", "that a seller has to give at least", func(p *rules.Product) uint64 { return uint64(p.WarrantyDays) }),
		digest("terms", "SHA-256 of the terms of the warranty", func(p *rules.Product) record.Digest { return p.Terms }).optional(),
		flag("recalled", "all items of it", func(p *rules.Product) bool { return p.Recalled }),
	},
	each: func(x *exporter, fn func(*rules.Product) error) error {
		return rules.EachProduct(x.state, func(p *rules.Product) error {
			if x.of.Maker != nil && *x.of.Maker != p.Maker {
				return nil
			}
			return fn(p)
		})
	},
}

var accountsTable = &tableOf[rules.Account]{
	Table: Table{Name: "accounts", Summary: "Parties, their roles and balances"},
	columns: []column[rules.Account]{
		key("account", "its first key", func(a *rules.Account) record.Key { return a.ID }),
		key("key", "that signs for it now", func(a *rules.Account) record.Key { return a.Key }),
		amount("balance", "", func(a *rules.Account) record.Amount { return a.Balance }),
		number("records", "that it signed as author", func(a *rules.Account) uint64 { return a.Seq }),
		text("roles", "separated by spaces", func(a *rules.Account) string { return rolesText(a.Roles) }).optional(),
		flag("root", "whether it is one of those that grant roles", func(a *rules.Account) bool { return a.Roles.Root() }),
		flag("suspended", "whether a supervisor keeps it from selling", func(a *rules.Account) bool { return a.Roles.Suspended() }),
	},
	each: func(x *exporter, fn func(*rules.Account) error) error { return rules.EachAccount(x.state, fn) },
}

func rolesText(roles rules.Roles) string {
	var names []string
	for _, role := range record.Roles() {
		if roles.Has(role) {
			names = append(names, role.String())
		}
	}
	return strings.Join(names, " ")
}

// wordOf returns the word for a choice, and "" if none was made.
func wordOf[S interface {
	~uint8
	String() string
}](choice S) string {
	if choice == 0 {
		return ""
	}
	return choice.String()
}

// wants reports whether the filters by seller and product let a voucher through.
func (x *exporter) wants(v *rules.Voucher) bool {
	return (x.of.Seller == nil || *x.of.Seller == v.Seller) && (x.of.Product == nil || *x.of.Product == v.GTIN)
}

// voucher returns a voucher that something names.
func (x *exporter) voucher(id record.ID) (*rules.Voucher, error) {
	v, err := rules.GetVoucher(x.state, x.next, id)
	if err == nil && v == nil {
		err = fmt.Errorf("%w: there is no voucher %v", rules.ErrState, id)
	}
	return v, err
}
