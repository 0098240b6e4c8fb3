package words

import (
	"strconv"
	"strings"

	"stele/node/ledger/record"
)

// Record returns what a record with a payload does, as a sentence without its full stop:
// "The seller or maker offers a refund of 0.53 coins". The author is named by the part
// that everybody plays who may write such a record.
func (c *Catalog) Record(p record.Payload) string {
	part := ""
	if parts := record.SignerParts(p); len(parts) > 0 {
		part = parts[0]
	}
	return c.RecordBy(p, part)
}

// RecordBy is [Catalog.Record] for an author whose part in the case is known: "maker".
func (c *Catalog) RecordBy(p record.Payload, part string) string {
	return sentence(c.fill(recordKey(p), append(values(c, p), "who", c.Part(part))...))
}

// recordKey returns the key of the sentence for a payload.
func recordKey(p record.Payload) string {
	key := []string{"record", p.Type().String()}
	refund := func(r record.Remedy) {
		if r == record.Refund {
			key = append(key, "refund")
		}
	}
	switch p := p.(type) {
	case record.Pay:
		if p.Reference != (record.ID{}) {
			key = append(key, "reference")
		}
	case record.VoucherVoid:
		key = append(key, p.Cause.String())
	case record.ShipmentCreate:
		key = append(key, p.Leg.String())
	case record.DeliveryException:
		key = append(key, p.Kind.String())
	case record.ClaimOpen:
		key = append(key, p.Ground.String())
	case record.ClaimRespond:
		key = append(key, p.Action.String())
		refund(p.Remedy)
	case record.ClaimAnswer:
		key = append(key, choice(p.Accept, "decline"))
	case record.InspectionReport:
		key = append(key, p.Finding.String())
	case record.Ruling:
		key = append(key, p.Outcome.String())
		refund(p.Remedy)
	case record.SettleExecute:
		key = append(key, p.Remedy.String())
	case record.SettleConfirm:
		key = append(key, choice(p.Accept, "dispute"))
	case record.RecallNotice:
		if p.Serial != "" {
			key = append(key, "item")
		}
	case record.Correction:
		key = append(key, p.Cause.String())
	}
	return strings.Join(key, ".")
}

func choice(accept bool, otherwise string) string {
	if accept {
		return "accept"
	}
	return otherwise
}

// values returns the placeholders of the sentences for a payload, and their values.
func values(c *Catalog, p record.Payload) []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	scores := func(product, service, logistics uint8) []string {
		return []string{"product", number(uint64(product)), "service", number(uint64(service)), "logistics", number(uint64(logistics))}
	}
	switch p := p.(type) {
	case record.Coinbase:
		return []string{"amount", c.Amount(p.Value), "height", number(uint64(p.Height))}
	case record.Pay:
		return []string{"amount", c.Amount(p.Amount)}
	case record.RoleGrant:
		return []string{"role", c.Role(p.Role)}
	case record.RoleRevoke:
		return []string{"role", c.Role(p.Role)}
	case record.ProductRegister:
		return []string{"gtin", p.GTIN.String(), "days", c.Days(uint64(p.WarrantyDays))}
	case record.VoucherIssue:
		return []string{
			"serial", string(p.Serial), "gtin", p.GTIN.String(), "amount", c.Amount(p.Price), "quantity", number(uint64(p.Quantity)),
			"days", c.Days(uint64(p.WarrantyDays)), "burn", c.Amount(p.Burn),
		}
	case record.ClaimOpen:
		return []string{"remedy", c.Remedy(p.Remedy), "fault", number(uint64(p.FaultCode))}
	case record.ClaimRespond:
		return []string{"remedy", c.Remedy(p.Remedy), "amount", c.Amount(p.Refund), "cause", c.word("cause", p.Cause.String())}
	case record.Ruling:
		return []string{"remedy", c.Remedy(p.Remedy), "amount", c.Amount(p.Refund), "days", c.Days(uint64(p.ExecuteDays))}
	case record.Evaluate:
		return scores(p.Product, p.Service, p.Logistics)
	case record.EvaluateAmend:
		return scores(p.Product, p.Service, p.Logistics)
	case record.RecallNotice:
		return []string{"gtin", p.GTIN.String(), "serial", string(p.Serial)}
	case record.SellerSuspend:
		return []string{"cause", c.word("cause", p.Cause.String())}
	case record.SellerRestore:
		return []string{"cause", c.word("cause", p.Cause.String())}
	}
	return nil
}

// Detail returns what else a payload says that readers want to know, as a sentence
// without its full stop; "" if there is nothing.
func (c *Catalog) Detail(p record.Payload) string {
	var parts []string
	add := func(key string, when bool, pairs ...string) {
		if when {
			parts = append(parts, c.fill("detail."+key, pairs...))
		}
	}
	switch p := p.(type) {
	case record.VoucherIssue:
		v := values(c, p)
		add("quantity", p.Quantity != 1, v...)
		add("distance", p.Distance)
		add("warranty", true, v...)
		add("burn", true, v...)
	case record.ClaimRespond:
		add("return", p.Action != record.Reject && p.ReturnNeeded)
		add("no-return", p.Action != record.Reject && !p.ReturnNeeded)
		add("servicer", p.Servicer != (record.Key{}))
	case record.DeliveryConfirm:
		add("pickup", true)
	case record.ClaimAnswer:
		add("declined", !p.Accept)
	case record.SettleConfirm:
		add("disputed", !p.Accept)
	case record.SettleExecute:
		add("consent", p.Holder != (record.Key{}))
	}
	return sentence(strings.Join(parts, c.fill("detail.and")))
}
