package api

import "stele/node/query"

// ClaimCase is a claim with the records that decided it. Of several of a type it
// has the last one.
type ClaimCase struct {
	Claim      Claim   `json:"claim"`
	Answer     *Event  `json:"answer,omitempty" doc:"CLAIM_RESPOND"`
	Reply      *Event  `json:"reply,omitempty" doc:"CLAIM_ANSWER, to an offer"`
	Inspection *Event  `json:"inspection,omitempty" doc:"INSPECTION_REPORT"`
	Ruling     *Event  `json:"ruling,omitempty" doc:"RULING on the claim"`
	Settlement *Event  `json:"settlement,omitempty" doc:"SETTLE_EXECUTE"`
	Evidence   []Event `json:"evidence" doc:"EVIDENCE_ADD, the oldest first"`
	Shipments  []Event `json:"shipments" doc:"SHIPMENT_CREATE of goods that go back or come again"`
	AnswerHeight
}

func newClaimCase(c *query.ClaimCase) ClaimCase {
	one := func(e *query.Event) *Event {
		if e == nil {
			return nil
		}
		event := newEvent(e)
		return &event
	}
	all := func(events []query.Event) []Event {
		list := []Event{}
		for i := range events {
			list = append(list, newEvent(&events[i]))
		}
		return list
	}
	return ClaimCase{
		Claim: newClaim(&c.Claim), Answer: one(c.Answer), Reply: one(c.Reply), Inspection: one(c.Inspection), Ruling: one(c.Ruling),
		Settlement: one(c.Settlement), Evidence: all(c.Evidence), Shipments: all(c.Shipments),
	}
}
