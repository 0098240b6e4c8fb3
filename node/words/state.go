package words

import (
	"strings"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// VoucherState returns the name of a state: "Under warranty".
func (c *Catalog) VoucherState(s rules.VoucherState) string { return c.State("voucher", s.String()) }

// ClaimState returns the name of a state: "Settled".
func (c *Catalog) ClaimState(s rules.ClaimState) string { return c.State("claim", s.String()) }

// ShipmentState returns the name of a state: "On its way".
func (c *Catalog) ShipmentState(s rules.ShipmentState) string { return c.State("shipment", s.String()) }

// EvaluationState returns the name of a state.
func (c *Catalog) EvaluationState(s rules.EvaluationState) string {
	return c.State("evaluation", s.String())
}

// State returns the name of a state of a voucher, claim, shipment or evaluation, which the
// ledger and the API know by a word: "closed-settled".
func (c *Catalog) State(thing, state string) string { return c.word("state."+thing, state) }

// StateMeaning returns what a state means, as a sentence without its full stop.
func (c *Catalog) StateMeaning(thing, state string) string {
	return c.fill("meaning." + thing + "." + state)
}

// Turn is whose turn it is in a claim, in the words of the API: what [rules.Turn] says.
type Turn struct {
	Role    string // "seller or maker"; "": the claim is closed
	Period  string // that runs; "": none
	Until   uint64 // its last second of median time
	Silence string // state of the claim after that, if nobody writes a record
	Then    string // or the type of the record that becomes possible
	ThenBy  string // and who may write it
}

// TurnOf returns a turn of the rules in words.
func TurnOf(t *rules.Turn) Turn {
	res := Turn{Role: t.Role, Until: t.Until, ThenBy: t.ThenBy}
	if t.Period != 0 {
		res.Period = t.Period.String()
	}
	if t.Silence != 0 {
		res.Silence = t.Silence.String()
	}
	if t.Then != 0 {
		res.Then = t.Then.String()
	}
	return res
}

// Next returns what has to happen next in a claim, as a sentence without its full stop:
// "The seller or maker answers the claim"; "" if it is closed.
func (c *Catalog) Next(state rules.ClaimState, remedy record.Remedy, t Turn) string {
	if t.Role == "" {
		return ""
	}
	key := "next." + state.String()
	if who := key + "." + t.Role; c.has(who) {
		key = who
	}
	return sentence(c.fill(key, "who", c.Part(t.Role), "remedy", c.Remedy(remedy)))
}

// Silence returns what follows if those whose turn it is stay silent until the end of the
// period, as a part of a sentence: "the holder may take the claim to the supervisors";
// "" if nothing does.
func (c *Catalog) Silence(t Turn) string {
	switch {
	case t.Silence != "":
		return c.fill("silence." + t.Silence)
	case t.Then != "":
		return c.fill("then."+t.Then, "who", c.Part(t.ThenBy))
	}
	return ""
}

// Signers returns the parts that have to sign a record: "the seller, the buyer".
func (c *Catalog) Signers(p record.Payload) string {
	var all []string
	for _, part := range record.SignerParts(p) {
		all = append(all, c.Part(part))
	}
	return strings.Join(all, c.fill("list.and"))
}
